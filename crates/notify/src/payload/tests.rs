//! The payloads word by word, and that hostile text in an incident stays text.

use std::collections::BTreeSet;

use model::{CauseKind, Incident, IncidentState, Severity};
use serde_json::Value;

use super::*;
use crate::secret::Secret;

const HOSTILE: &str = "<!channel> <https://evil.example|x> *b* @here \u{1b}[2J\u{202e}\n{{x}}";

fn notification(event: NotificationEvent, text: &str) -> Notification {
    let form = serde_json::json!({
        "id": "inc_00000000000000ab", "env": text, "state": "open", "severity": 2,
        "started_at": 1_000_000_000u64, "detected_at": 2_000_000_000u64, "updated_at": 3_000_000_000u64,
        "resolved_at": null, "reopened": 0, "summary": format!("{text} fails"), "cause": "deploy",
        "cause_subject": text, "origin_service": text, "requests_affected": 9,
        "report_hash": "00ff", "evidence_fingerprint": "ff00",
    });
    let mut incident: Incident = serde_json::from_value(form).unwrap();
    if event == NotificationEvent::Resolved {
        incident.state = IncidentState::Resolved;
        incident.resolved_at = Some(Nanos::from_secs(9));
        incident.cause = CauseKind::Unknown;
        incident.severity = Severity(4);
    }
    let (id, target) = ("ntf_1".to_owned(), "chat".to_owned());
    Notification { id, target, event, incident, severity_told_first: Severity(2), at: Nanos::from_secs(3) }
}

fn told(notification: &Notification) -> Told<'_> {
    Told { notification, report: None, public_url: Some("https://casebook.example") }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn pagerduty_has_one_alert_of_an_incident_from_trigger_to_resolve() {
    let key = Secret::new("KEY");
    let events = [
        (NotificationEvent::Opened, "trigger"),
        (NotificationEvent::Changed, "trigger"),
        (NotificationEvent::Acknowledged, "acknowledge"),
        (NotificationEvent::Reopened, "trigger"),
        (NotificationEvent::Resolved, "resolve"),
    ];
    let mut keys = BTreeSet::new();
    for (event, action) in events {
        let body = json(&pagerduty::body(told(&notification(event, "shop")), &key));
        assert_eq!(body["event_action"], action);
        assert_eq!(body["payload"].is_object(), action == "trigger");
        keys.insert(body["dedup_key"].to_string());
    }
    assert_eq!(keys.len(), 1);
    let opened = pagerduty::body(told(&notification(NotificationEvent::Opened, "shop")), &key);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&opened)).unwrap());
}

#[test]
fn alertmanager_knows_the_end_by_the_labels_of_the_opening() {
    let body = |event| json(&alertmanager::body(told(&notification(event, "shop"))));
    let (opened, resolved) = (body(NotificationEvent::Opened), body(NotificationEvent::Resolved));
    assert_eq!(opened[0]["labels"], resolved[0]["labels"]);
    assert_eq!(resolved[0]["endsAt"], "1970-01-01T00:00:09Z");
    insta::assert_snapshot!(serde_json::to_string_pretty(&opened).unwrap());
}

#[test]
fn a_webhook_has_everything_of_the_incident() {
    let body = webhook::body(told(&notification(NotificationEvent::Opened, "shop")));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&body)).unwrap());
}

#[test]
fn slack_without_a_report_says_the_summary_and_a_link_leads_to_the_report() {
    let body = slack::body(told(&notification(NotificationEvent::Opened, "shop")));
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&body)).unwrap());
}

#[test]
fn hostile_text_stays_text() {
    let hostile = notification(NotificationEvent::Opened, HOSTILE);
    let slack = slack::body(told(&hostile)).replace("<https://casebook.example/", "");
    assert!(!slack.contains("<!") && !slack.contains("<http") && !slack.contains('@'), "{slack}");
    let page = pagerduty::body(told(&hostile), &Secret::new("KEY"));
    let alert = alertmanager::body(told(&hostile));
    for text in [&slack, &page, &alert] {
        for acting in ["\\u001b", "\\n", "\u{202e}"] {
            assert!(!text.contains(acting), "{acting} in {text}");
        }
    }
    // For programs the text is what it was.
    let body = json(&webhook::body(told(&hostile)));
    assert_eq!(body["incident"]["env"], HOSTILE);
}

#[test]
fn the_path_of_alertmanager_is_found_from_its_address() {
    for (base, path) in [
        ("http://am:9093", "/api/v2/alerts"),
        ("http://am:9093/", "/api/v2/alerts"),
        ("http://am/prefix", "/prefix/api/v2/alerts"),
        ("http://am/prefix/api/v2/alerts/", "/prefix/api/v2/alerts"),
    ] {
        assert_eq!(alertmanager::uri(&base.parse().unwrap()).unwrap().path(), path);
    }
}
