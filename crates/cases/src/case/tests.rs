//! What a `case.toml` may say, and what is refused.

use super::*;

const FULL: &str = r#"
name = "one"
kind = "fault"
start = "2026-01-01T00:00:00Z"
end = "2026-01-01T00:10:00Z"
baseline_until = "2026-01-01T00:05:00.500Z"
note = "made up"

[truth]
at = "2026-01-01T00:06:00Z"
services = ["payment"]
operations = ["POST /charges"]
instances = []
change = "dep-7"
causes = ["deploy", "app"]

[decoys]
changes = ["dep-8"]
"#;

#[test]
fn what_is_written_reads_back() {
    let (case, unknown) = Case::from_toml(FULL).unwrap();
    assert!(unknown.is_empty());
    assert_eq!(case.truth.as_ref().and_then(Truth::guilty_change), Some("dep-7"));
    assert_eq!(Case::from_toml(&case.to_toml().unwrap()), Ok((case, Vec::new())));
}

#[test]
fn what_is_wrong_is_said() {
    for (from, to, said) in [
        ("end = \"2026-01-01T00:10:00Z\"", "end = \"2026-01-01T00:00:00Z\"", "is not after start"),
        ("kind = \"fault\"", "kind = \"quiet\"", "has no [truth]"),
        ("kind = \"fault\"", "kind = \"drill\"", "unknown variant"),
        ("[\"payment\"]", "[]", "truth.services is empty"),
        ("[\"deploy\", \"app\"]", "[\"gremlins\"]", "line 15"),
        ("[\"deploy\", \"app\"]", "[]", "truth.causes is empty"),
        ("at = \"2026-01-01T00:06:00Z\"", "at = \"2026-01-01T01:00:00Z\"", "is not from"),
        ("at = \"2026-01-01T00:06:00Z\"", "at = \"noon\"", "RFC 3339"),
        ("instances = []", "instance = []", "unknown field"),
        ("name = \"one\"", "name = \"\"", "name is empty"),
        ("[\"dep-8\"]", "[\"\"]", "decoys.changes"),
    ] {
        assert!(FULL.contains(from), "{from}");
        let error = Case::from_toml(&FULL.replace(from, to)).unwrap_err();
        assert!(error.contains(said), "{to}: {error}");
    }
    let without = FULL.split("[truth]").next().unwrap();
    assert!(Case::from_toml(without).unwrap_err().contains("needs [truth]"));
}

#[test]
fn a_key_that_is_not_known_is_named() {
    let text = FULL.replace("note =", "comment =");
    assert_eq!(Case::from_toml(&text).unwrap().1, ["comment"]);
}
