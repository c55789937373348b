//! What people do with `casebook incident ID ACTION`, and what `casebook audit` shows of it.

use api::{
    Action, ActionAccepted, AuditAction, AuditDenied, AuditDetails, AuditEntry, AuditOutcome, AuditPage,
    ErrorCode, Problem,
};
use serde_json::{Value, json};

use super::answers::HOSTILE;
use super::fake::Fake;
use super::{ask, code, shown, stderr};

const INCIDENT: &str = "inc_4f0c2a9d1b7e6358";
const OTHER: &str = "inc_00c1d2e3f4a5b697";

fn accepted() -> ActionAccepted {
    ActionAccepted { incident_id: INCIDENT.to_owned(), action: Action::Resolve, position: 1234 }
}

#[test]
fn each_action_is_sent_as_it_was_said() {
    for (arguments, body) in [
        (&["ack", "--actor", "ada"][..], json!({ "action": "acknowledge", "actor": "ada" })),
        (&["assign", "on call"], json!({ "action": "assign", "assignee": "on call" })),
        (&["assign", "--nobody"], json!({ "action": "assign" })),
        (&["comment", "it's <b>"], json!({ "action": "comment", "text": "it's <b>" })),
        (&["merge", OTHER], json!({ "action": "merge", "into": OTHER })),
        (&["split", "a", "b"], json!({ "action": "split", "services": ["a", "b"] })),
        (&["resolve"], json!({ "action": "resolve" })),
        (
            &["silence", "--until", "2026-11-21T18:00:00Z"],
            json!({ "action": "silence", "until": "2026-11-21T18:00:00Z" }),
        ),
        (&["accept-baseline"], json!({ "action": "accept_baseline" })),
        (
            &["link", "https://a.example/1", "--title", "t"],
            json!({ "action": "link", "url": "https://a.example/1", "title": "t" }),
        ),
    ] {
        let fake = Fake::json(&accepted());
        let said = shown(&fake, &[&["incident", INCIDENT][..], arguments].concat());
        assert!(said.contains("journaled at 1234"), "{said}");
        let asked = fake.asked();
        assert_eq!(asked.line, format!("POST /v1/incidents/{INCIDENT}/actions"));
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(serde_json::from_slice::<Value>(&asked.body).unwrap(), body, "{arguments:?}");
    }
}

#[test]
fn a_silence_for_a_while_ends_in_the_future() {
    let fake = Fake::json(&accepted());
    shown(&fake, &["incident", INCIDENT, "silence", "--for", "2h"]);
    let body: Value = serde_json::from_slice(&fake.asked().body).unwrap();
    let until = model::Nanos::parse_rfc3339(body["until"].as_str().unwrap()).unwrap();
    assert!(until.since(server::now()) > 3_600 * model::SECOND_NS, "{body}");
}

#[test]
fn what_makes_no_sense_is_not_sent() {
    for arguments in [
        &["assign"][..],
        &["assign", "ada", "--nobody"],
        &["silence"],
        &["silence", "--for", "1h", "--until", "2026-11-21T18:00:00Z"],
        &["silence", "--until", "tomorrow"],
        &["merge", "inc_1"],
        &["split"],
        &["forget"],
    ] {
        let output = ask(&Fake::json(&accepted()), &[&["incident", INCIDENT][..], arguments].concat());
        assert_eq!(code(&output), 1, "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_refused_action_says_why_and_what_to_do() {
    let problem = Problem::new(ErrorCode::IncidentClosed, format!("merged into {OTHER}"));
    let output = ask(&Fake::problem(&problem), &["incident", INCIDENT, "ack"]);
    assert_eq!(code(&output), 3);
    let said = stderr(&output);
    assert!(said.contains("incident_closed") && said.contains(OTHER), "{said}");
    assert!(said.contains("casebook incident ID"), "{said}");
}

fn entry(action: AuditAction, details: AuditDetails) -> AuditEntry {
    AuditEntry {
        sequence: 9,
        hash: "0".repeat(64),
        position: Some(7),
        at: "2026-11-21T02:39:01.5Z".to_owned(),
        actor: "ada".to_owned(),
        action,
        incident_id: Some(INCIDENT.to_owned()),
        other_incident_id: None,
        outcome: AuditOutcome::Done,
        reason: None,
        details,
    }
}

#[test]
fn the_audit_is_a_table() {
    let comment = AuditDetails { text: Some(HOSTILE.to_owned()), ..AuditDetails::default() };
    let global = AuditDetails { until: Some("2026-11-21T02:00:00Z".to_owned()), ..AuditDetails::default() };
    let denied = AuditDenied {
        listener: "otlp_http".to_owned(),
        from: Some("2001:db8::/64".to_owned()),
        requests: 41,
        first_at: "2026-11-21T02:38:05Z".to_owned(),
    };
    let denied = AuditDetails { denied: Some(denied), ..AuditDetails::default() };
    let page = AuditPage {
        entries: vec![
            AuditEntry {
                other_incident_id: Some(OTHER.to_owned()),
                ..entry(AuditAction::Merge, AuditDetails::default())
            },
            AuditEntry { actor: HOSTILE.to_owned(), ..entry(AuditAction::Comment, comment) },
            AuditEntry {
                outcome: AuditOutcome::Refused,
                reason: Some("resolved already".to_owned()),
                ..entry(AuditAction::Resolve, AuditDetails::default())
            },
            AuditEntry { incident_id: None, ..entry(AuditAction::AcceptBaseline, global) },
            AuditEntry {
                actor: String::new(),
                incident_id: None,
                outcome: AuditOutcome::Denied,
                reason: Some("unknown_key".to_owned()),
                ..entry(AuditAction::Request, denied)
            },
        ],
        next_cursor: Some("a1".to_owned()),
    };
    let fake = Fake::json(&page);
    let arguments =
        ["audit", "--incident", INCIDENT, "--action", "merge", "--outcome", "done", "--limit", "4"];
    insta::assert_snapshot!(shown(&fake, &arguments));
    let expected = format!("GET /v1/audit?incident={INCIDENT}&action=merge&outcome=done&limit=4");
    assert_eq!(fake.asked().line, expected);
    let none = AuditPage { entries: vec![], next_cursor: None };
    assert_eq!(shown(&Fake::json(&none), &["audit"]), "Nobody did anything.\n");
}
