//! What stays of lines, and what goes.

use model::Nanos;
use serde_json::{Value, json};

use super::*;

fn kept(kind: InputKind, body: &Value) -> Option<Value> {
    let mut selection = Selection::default();
    selection.add("pay");
    let line =
        InputLine { number: 1, at: Nanos(5), kind, provider: None, body: body.to_string().into_bytes() };
    selection.keep(line).map(|line| serde_json::from_slice(&line.body).unwrap())
}

fn block(service: Option<&str>) -> Value {
    let named = |name: &str| json!({ "key": "service.name", "value": { "stringValue": name } });
    let attributes: Vec<Value> = service.map(named).into_iter().collect();
    json!({ "resource": { "attributes": attributes }, "scopeSpans": [] })
}

#[test]
fn telemetry_of_other_services_goes_and_what_names_none_stays() {
    let body = json!({ "resourceSpans": [block(Some("pay")), block(Some("cart")), block(None)] });
    let expected = json!({ "resourceSpans": [block(Some("pay")), block(None)] });
    assert_eq!(kept(InputKind::OtlpTraces, &body), Some(expected));
    assert_eq!(kept(InputKind::OtlpLogs, &json!({ "resource_logs": [block(Some("cart"))] })), None);
    let metrics = json!({ "resourceMetrics": [block(Some("pay"))] });
    assert_eq!(kept(InputKind::OtlpMetrics, &metrics), Some(metrics.clone()));
}

#[test]
fn wide_events_go_one_by_one_and_facts_stay() {
    let event = |service: &str| json!({ "service": service, "event_id": "x" });
    let both = json!([event("pay"), event("cart")]);
    assert_eq!(kept(InputKind::Events, &both), Some(json!([event("pay")])));
    let wrapped = json!({ "events": [event("cart")] });
    assert_eq!(kept(InputKind::Events, &wrapped), None);
    assert_eq!(kept(InputKind::Events, &event("cart")), None);
    for kind in [InputKind::Signal, InputKind::Deployment, InputKind::Alert, InputKind::Operator] {
        assert_eq!(kept(kind, &event("cart")), Some(event("cart")), "{kind:?}");
    }
}
