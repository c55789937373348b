//! Every fault at once, and no secret in any of them.

use super::*;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn targets_of_every_kind_are_read_and_secrets_may_stand_in_files() {
    let (dir, path) = file(
        r#"
        public_url = "https://casebook.example/"
        retry_first = "10ms"
        [[target]]
        name = "chat"
        kind = "slack"
        url_file = "slack.url"
        severity_min = 3
        env = ["prod"]
        [[target]]
        name = "page"
        kind = "pagerduty"
        secret = "R0UT1NG"
        [[target]]
        name = "hook"
        kind = "webhook"
        url = "http://127.0.0.1:8080/in"
        secret = "whsec_Z2VoZWlt"
        [[target]]
        name = "am"
        kind = "alertmanager"
        url = "http://127.0.0.1:9093"
        "#,
    );
    std::fs::write(dir.path().join("slack.url"), "https://hooks.example/T0KEN\n").unwrap();
    let read = read(&path).unwrap();
    let kinds: Vec<_> = read.targets.iter().map(|target| target.kind.as_str()).collect();
    assert_eq!(kinds, ["slack", "pagerduty", "webhook", "alertmanager"]);
    assert_eq!(read.targets[0].url.expose(), "https://hooks.example/T0KEN");
    assert_eq!(read.targets[1].url.expose(), PAGERDUTY_URL);
    assert_eq!(read.public_url.as_deref(), Some("https://casebook.example"));
    let shown = format!("{read:?}");
    for secret in ["T0KEN", "R0UT1NG", "Z2VoZWlt"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn every_fault_is_told_and_none_shows_a_secret() {
    let (_dir, path) = file(
        r#"
        public_url = "ftp://x"
        attempts_max = 0
        timeout = "soon"
        [[target]]
        name = "a b"
        kind = "slack"
        url = "https://T0KEN.example"
        [[target]]
        name = "b"
        kind = "carrier-pigeon"
        url = "https://T0KEN.example"
        [[target]]
        name = "c"
        kind = "webhook"
        url = "https://T0KEN.example"
        [[target]]
        name = "d"
        kind = "slack"
        url = "T0KEN"
        [[target]]
        name = "e"
        kind = "slack"
        url = "https://user:T0KEN@example.org/"
        [[target]]
        name = "f"
        kind = "webhook"
        url = "https://T0KEN.example"
        secret = "T0KEN"
        secret_file = "x"
        [[target]]
        name = "g"
        kind = "pagerduty"
        secret_file = "missing"
        [[target]]
        name = "h"
        kind = "slack"
        url = "https://T0KEN.example"
        severity_min = 9
        "#,
    );
    let faults = read(&path).unwrap_err();
    assert_eq!(faults.len(), 11, "{faults:#?}");
    assert!(!faults.join("\n").contains("T0KEN"), "{faults:#?}");
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_not_shown() {
    for text in ["x = 1\n", "[[target]]\nname = \"a\"\nsecret = T0KEN\n", "[[target]]\nsekret = \"T0KEN\"\n"]
    {
        let (_dir, path) = file(text);
        let faults = read(&path).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("notify.toml line "), "{faults:?}");
        assert!(!faults[0].contains("T0KEN"), "{faults:?}");
    }
}
