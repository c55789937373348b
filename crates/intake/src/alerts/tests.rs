//! Each provider's shape, what is wrong with a broken one, and what is not said to be an alert.

use model::AlertStatus;
use serde_json::{Value, json};

use super::*;
use crate::{Limits, record};

const RECEIVED: Nanos = Nanos::from_secs(1_800_000_000); // 2027-01-15T08:00:00Z

const ALERTMANAGER: &str = include_str!("fixtures/alertmanager.json");
const GRAFANA: &str = include_str!("fixtures/grafana.json");
const PAGERDUTY: &str = include_str!("fixtures/pagerduty.json");

fn read_as(body: &[u8], provider: Option<AlertProvider>) -> Result<AlertBatch, DecodeError> {
    let limits = Limits::default();
    from_json(body, provider, &Context { received: RECEIVED, limits: &limits, user_salt: &[7; 16] })
}

fn read(body: &Value) -> AlertBatch {
    read_as(body.to_string().as_bytes(), None).unwrap()
}

fn labels(alert: &Alert) -> Vec<(&str, &str)> {
    alert.labels.iter().map(|(name, value)| (&**name, &**value)).collect()
}

/// The details of what was rejected, with the index.
fn rejects(body: &Value) -> Vec<(usize, String)> {
    read(body).rejected.into_iter().map(|one| (one.index, one.detail)).collect()
}

#[test]
fn every_alert_of_an_alertmanager_group_is_one() {
    let batch = read_as(ALERTMANAGER.as_bytes(), None).unwrap();
    assert_eq!((batch.provider, batch.rejected.len()), (AlertProvider::Alertmanager, 0));
    let [firing, resolved] = &batch.alerts[..] else { panic!("{:?}", batch.alerts) };
    assert_eq!((&*firing.id, firing.status), ("5ef77f1f8a3ecfb8", AlertStatus::Firing));
    assert_eq!((&*firing.title, &*firing.summary), ("PaymentErrors", "Payments fail"));
    assert_eq!((firing.severity, &*firing.value), (AlertSeverity::Critical, "0.61"));
    assert_eq!(firing.started_at.to_rfc3339(), "2027-01-15T07:58:30.500Z");
    assert_eq!((firing.ended_at, firing.at), (None, RECEIVED));
    assert_eq!(
        (firing.service.as_deref(), firing.env.as_deref()),
        (None, None),
        "labels are mapped elsewhere"
    );
    assert!(labels(firing).contains(&("service", "payment")));
    assert_eq!(&*firing.url, "http://prometheus.example:9090/graph?g0.expr=up");
    assert_eq!(resolved.ended_at.map(Nanos::to_rfc3339).as_deref(), Some("2027-01-15T07:59:00Z"));
    assert_eq!((resolved.severity, resolved.status), (AlertSeverity::Info, AlertStatus::Resolved));
}

#[test]
fn grafana_is_told_from_alertmanager_by_its_envelope() {
    let batch = read_as(GRAFANA.as_bytes(), None).unwrap();
    assert_eq!((batch.provider, batch.rejected.len()), (AlertProvider::Grafana, 0));
    let [firing, resolved] = &batch.alerts[..] else { panic!("{:?}", batch.alerts) };
    assert_eq!(
        (&*firing.id, &*firing.title, &*firing.value),
        ("c6eadffa33fcdf37", "Queue is long", "A=412, C=1.5")
    );
    assert_eq!(firing.started_at.to_rfc3339(), "2027-01-15T07:55:00.123456Z");
    assert_eq!(&*firing.url, "https://grafana.example/d/shop?viewPanel=4");
    assert_eq!((&*resolved.value, &*resolved.url), ("[ var='B' labels={} value=0 ]", ""));
}

#[test]
fn an_event_of_pagerduty_is_an_alert_with_the_incidents_id() {
    let batch = read_as(PAGERDUTY.as_bytes(), None).unwrap();
    assert_eq!((batch.provider, batch.rejected.len()), (AlertProvider::Pagerduty, 0));
    let [alert] = &batch.alerts[..] else { panic!("{:?}", batch.alerts) };
    assert_eq!(
        (&*alert.id, alert.status, alert.severity),
        ("PGR0VU2", AlertStatus::Firing, AlertSeverity::Critical)
    );
    assert_eq!(alert.started_at.to_rfc3339(), "2027-01-15T07:59:00Z");
    assert_eq!(alert.at.to_rfc3339(), "2027-01-15T07:59:01.250Z");
    let expected = [
        ("escalation_policy", "Default"),
        ("incident_key", "d3640fbd41094207a1c11e58e46b1662"),
        ("number", "2"),
        ("priority", "P1"),
        ("service", "payment"),
        ("urgency", "high"),
    ];
    assert_eq!(labels(alert), expected);
}

#[test]
fn the_type_of_an_event_says_the_status_and_others_are_ignored_with_a_reason() {
    for (kind, status) in [
        ("incident.triggered", Some(AlertStatus::Firing)),
        ("incident.unacknowledged", Some(AlertStatus::Firing)),
        ("incident.reopened", Some(AlertStatus::Firing)),
        ("incident.acknowledged", Some(AlertStatus::Acknowledged)),
        ("incident.resolved", Some(AlertStatus::Resolved)),
        ("incident.annotated", None),
        ("incident.responder.added", None),
        ("pagey.ping", None),
        ("service.created", None),
        ("something.new", None),
    ] {
        let body = PAGERDUTY.replace("incident.triggered", kind);
        let batch = read_as(body.as_bytes(), None).unwrap();
        assert_eq!(batch.alerts.first().map(|alert| alert.status), status, "{kind}");
        let reasons: Vec<&str> = batch.ignored.iter().map(|one| &*one.reason).collect();
        match status {
            Some(_) => assert_eq!(reasons, [""; 0]),
            None => assert_eq!(reasons, [format!("{kind:?} changes no alert's status")]),
        }
    }
}

#[test]
fn our_own_shape_in_full_and_its_three_envelopes() {
    let alert = json!({
        "id": "a-1", "status": "resolved", "severity": "info", "title": "Disk full", "summary": "of orders-db",
        "service": "orders", "env": "prod", "operation": "POST /orders", "code": "ENOSPC",
        "started_at": "2027-01-15T07:00:00Z", "ended_at": "2027-01-15T07:30:00Z",
        "labels": { "disk": "sda", "percent": 100 }, "value": 99.5, "url": "https://example.com/a-1",
    });
    for body in [alert.clone(), json!([alert]), json!({ "alerts": [alert] })] {
        let batch = read(&body);
        assert_eq!((batch.provider, batch.rejected.len()), (AlertProvider::Native, 0));
        let one = &batch.alerts[0];
        assert_eq!(
            (&*one.id, one.service.as_deref(), one.env.as_deref()),
            ("a-1", Some("orders"), Some("prod"))
        );
        assert_eq!((one.operation.as_deref(), one.code.as_deref()), (Some("POST /orders"), Some("ENOSPC")));
        assert_eq!((labels(one), &*one.value), (vec![("disk", "sda"), ("percent", "100")], "99.5"));
    }
    let least = read(&json!({ "title": "Disk full", "status": "firing" })).alerts.remove(0);
    assert_eq!((least.severity, least.started_at), (AlertSeverity::Warning, RECEIVED));
    let over = read(&json!({ "title": "Disk full", "status": "resolved" })).alerts.remove(0);
    assert_eq!(over.id, least.id, "the same alert, whatever its status");
    assert_ne!(read(&json!({ "title": "Disk full", "status": "firing", "env": "x" })).alerts[0].id, least.id);
}

#[test]
fn what_is_wrong_is_said_with_index_and_field() {
    let good = json!({ "title": "t", "status": "firing" });
    assert_eq!(
        rejects(&json!([good, { "title": "t" }, { "status": "on", "heading": "x" }])),
        [
            (1, "status: missing, expected one of firing, resolved".to_owned()),
            (2, "unknown field \"heading\", expected one of id, status, severity, title, summary, service, env, \
                 operation, code, started_at, ended_at, labels, value, url; \
                 title: missing, expected what the alert says, in a line; \
                 status: \"on\", expected one of firing, resolved".to_owned()),
        ]
    );
    let mut group: Value = serde_json::from_str(ALERTMANAGER).unwrap();
    group["alerts"][0]["startsAt"] = json!("yesterday");
    group["alerts"][0]["labels"]["n"] = json!(3);
    group["alerts"][1]["fingerprint"] = json!(null);
    group["alerts"].as_array_mut().unwrap().push(json!("no object"));
    assert_eq!(
        rejects(&group),
        [
            (
                0,
                "startsAt: \"yesterday\", expected an RFC 3339 time such as 2026-01-31T12:00:00Z; \
                 labels: 3, expected a text as \"n\""
                    .to_owned()
            ),
            (1, "fingerprint: missing, expected the alert's fingerprint".to_owned()),
            (2, "\"no object\", expected an object".to_owned()),
        ]
    );
    let mut event: Value = serde_json::from_str(PAGERDUTY).unwrap();
    event["event"]["data"]["id"] = json!(7);
    event["event"]["occurred_at"] = json!("2100-01-01T00:00:00Z");
    let [(0, detail)] = &rejects(&event)[..] else { panic!() };
    assert!(
        detail.starts_with("occurred_at: ") && detail.contains("data.id: 7, expected a string"),
        "{detail}"
    );
    let ended = json!({ "title": "t", "status": "firing", "ended_at": "2027-01-15T07:00:00Z" });
    assert!(rejects(&ended)[0].1.starts_with("ended_at: "), "{:?}", rejects(&ended));
}

#[test]
fn what_is_nobodys_shape_is_refused_whole() {
    for body in [
        r#"{"receiver": "x", "alerts": []}"#,
        r#"{"evalMatches": [], "ruleId": 1, "state": "alerting"}"#,
        "3",
        r#""firing""#,
        "{}",
    ] {
        let error = read_as(body.as_bytes(), None).unwrap_err();
        assert_eq!(error.code(), "unknown_shape", "{body}: {error}");
    }
    let forced = read_as(GRAFANA.as_bytes(), Some(AlertProvider::Alertmanager)).unwrap_err();
    assert!(forced.to_string().starts_with("version: \"1\"; expected a webhook of Alertmanager"), "{forced}");
    for provider in [AlertProvider::Grafana, AlertProvider::Pagerduty] {
        assert!(read_as(b"{}", Some(provider)).is_err());
    }
    assert!(read_as(b"{\"alerts\": [], \"x\": 1}", Some(AlertProvider::Native)).is_err());
    assert_eq!(read_as(b"[", None).unwrap_err().code(), "malformed_json");
    assert_eq!(read_as(b"[] []", None).unwrap_err().code(), "malformed_json");
}

#[test]
fn requests_and_alerts_are_bounded() {
    let many = format!("[{}]", vec!["{\"title\":\"t\",\"status\":\"firing\"}"; 1_001].join(","));
    assert_eq!(read_as(many.as_bytes(), None).unwrap_err().code(), "too_many_items");
    let values = format!("[{{\"labels\":[{}]}}]", vec!["0"; 100_000].join(","));
    assert_eq!(read_as(values.as_bytes(), None).unwrap_err().code(), "too_many_items");
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert_eq!(read_as(deep.as_bytes(), None).unwrap_err().code(), "too_many_items");
    let labels: serde_json::Map<String, Value> =
        (0..70).map(|n| (format!("l{n:02}"), json!("x".repeat(300)))).collect();
    let batch = read(&json!({ "title": "t", "status": "firing", "labels": labels }));
    let alert = &batch.alerts[0];
    assert_eq!((alert.labels.len(), alert.labels["l00"].len()), (64, 256));
    assert_eq!(batch.warnings.count(Warning::AttributesCut), 1);
    assert_eq!(batch.warnings.count(Warning::TextCut), 70);
}

#[test]
fn a_record_reads_back_as_what_was_taken_in() {
    let limits = Limits { body_bytes_max: 1, ..Limits::default() };
    let context = Context { received: RECEIVED, limits: &limits, user_salt: &[7; 16] };
    for body in [ALERTMANAGER, GRAFANA, PAGERDUTY, r#"[{"title": "t", "status": "firing"}, {}]"#] {
        let batch = read_as(body.as_bytes(), None).unwrap();
        let payload = record::alerts_payload(batch.provider, body.as_bytes());
        let input = record::decode(record::Kind::Alerts as u8, &payload, &context).unwrap();
        assert_eq!(input, model::Input::Alerts(batch.alerts));
    }
    for damaged in [&b""[..], b"\x00{}", b"\x05[]"] {
        assert!(record::decode(record::Kind::Alerts as u8, damaged, &context).is_err());
    }
}
