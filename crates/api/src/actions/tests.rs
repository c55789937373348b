//! Which bodies pass, and why the others do not.

use serde_json::{Value, json};

use super::*;

const NOW: Nanos = Nanos::from_secs(1_795_228_800);

fn checked(body: Value) -> Result<OperatorActionKind, String> {
    let request: ActionRequest = serde_json::from_value(body).unwrap();
    request.check(NOW).map_err(|problem| {
        assert_eq!(problem.code, ErrorCode::InvalidBody);
        problem.detail
    })
}

fn later(secs: u64) -> String {
    NOW.saturating_add(secs * model::SECOND_NS).to_rfc3339()
}

#[test]
fn an_action_with_what_it_needs_passes() {
    use OperatorActionKind::*;
    let longest = "x".repeat(COMMENT_BYTES_MAX);
    let id = "inc_4f0c2a9d1b7e6358";
    let url: model::Str = "https://wiki.example.org:8080/a?b=c#d".into();
    for (body, kind) in [
        (json!({ "action": "acknowledge", "actor": "ada" }), Acknowledge),
        (json!({ "action": "resolve" }), Resolve),
        (json!({ "action": "accept_baseline" }), AcceptBaseline),
        (json!({ "action": "comment", "text": longest }), Comment(longest.as_str().into())),
        (json!({ "action": "comment", "text": "two\nlines" }), Comment("two\nlines".into())),
        (json!({ "action": "assign", "assignee": "payments" }), Assign(Some("payments".into()))),
        (json!({ "action": "assign" }), Assign(None)),
        (json!({ "action": "merge", "into": id }), Merge { into: id.parse().unwrap() }),
        (
            json!({ "action": "split", "services": ["a", "b"] }),
            Split { services: vec!["a".into(), "b".into()] },
        ),
        (
            json!({ "action": "silence", "until": later(SILENCE_SECS_MAX) }),
            Silence { until: NOW.saturating_add(SILENCE_SECS_MAX * model::SECOND_NS) },
        ),
        (json!({ "action": "link", "url": &*url }), Link { url: url.clone(), title: url.clone() }),
        (
            json!({ "action": "link", "url": &*url, "title": "t" }),
            Link { url: url.clone(), title: "t".into() },
        ),
    ] {
        assert_eq!(checked(body.clone()), Ok(kind), "{body}");
    }
}

#[test]
fn what_is_missing_too_much_or_out_of_bounds_is_said() {
    let long = "x".repeat(COMMENT_BYTES_MAX + 1);
    for (body, said) in [
        (json!({ "action": "comment" }), "text must have between 1 and 4096 bytes"),
        (json!({ "action": "comment", "text": "" }), "text must have"),
        (json!({ "action": "comment", "text": long }), "text must have"),
        (json!({ "action": "resolve", "text": "done" }), "resolve takes no text"),
        (json!({ "action": "acknowledge", "services": [] }), "acknowledge takes no services"),
        (json!({ "action": "resolve", "actor": "" }), "actor must have"),
        (json!({ "action": "resolve", "actor": "a\nb" }), "actor must have no control characters"),
        (json!({ "action": "assign", "assignee": "" }), "assignee must have"),
        (json!({ "action": "assign", "assignee": "\u{1b}[2J" }), "assignee must have no control"),
        (json!({ "action": "merge" }), "merge needs into"),
        (json!({ "action": "merge", "into": "inc_1" }), "into is \"inc_1\""),
        (json!({ "action": "split" }), "split needs between 1 and 64 services"),
        (json!({ "action": "split", "services": [] }), "split needs"),
        (json!({ "action": "split", "services": vec!["x"; 65] }), "split needs"),
        (json!({ "action": "split", "services": [""] }), "services must have"),
        (json!({ "action": "silence" }), "until must be a time"),
        (json!({ "action": "silence", "until": "tomorrow" }), "until must be a time"),
        (json!({ "action": "silence", "until": NOW.to_rfc3339() }), "until must be in the future"),
        (json!({ "action": "silence", "until": later(SILENCE_SECS_MAX + 1) }), "by 30 days at most"),
        (json!({ "action": "link" }), "url must have"),
        (json!({ "action": "link", "url": "https://a.b", "title": "" }), "title must have"),
    ] {
        let detail = checked(body.clone()).unwrap_err();
        assert!(detail.contains(said), "{body}: {detail}");
    }
}

#[test]
fn only_addresses_of_the_web_are_links() {
    for (url, passes) in [
        ("http://a", true),
        ("HTTPS://Wiki.Example.org/x(y)?z=%20", true),
        ("http://[::1]:3000/", true),
        ("javascript:alert(1)", false),
        ("data:text/html,x", false),
        ("file:///etc/passwd", false),
        ("ftp://a/b", false),
        ("https://", false),
        ("https:///x", false),
        ("https://user:secret@host/", false),
        ("https://a b", false),
        ("https://a/<script>", false),
        ("https://a/\\b", false),
        ("https://a/ü", false),
        ("//a", false),
        ("a.example.org", false),
    ] {
        assert_eq!(checked(json!({ "action": "link", "url": url })).is_ok(), passes, "{url}");
    }
}

#[test]
fn a_baseline_is_of_the_past_and_of_what_it_names() {
    let check = |body: Value| {
        let request: BaselineRequest = serde_json::from_value(body).unwrap();
        request.check(NOW, "operator").map_err(|problem| problem.detail)
    };
    let said = check(json!({ "until": NOW.to_rfc3339(), "env": "prod" })).unwrap();
    let expected = model::AcceptBaseline {
        actor: "operator".into(),
        until: NOW,
        env: Some("prod".into()),
        service: None,
    };
    assert_eq!(said, expected);
    assert!(check(json!({ "until": later(1) })).unwrap_err().contains("future"));
    assert!(check(json!({ "until": "now" })).unwrap_err().contains("a time"));
    assert!(check(json!({ "until": NOW.to_rfc3339(), "service": "" })).unwrap_err().contains("service"));
}
