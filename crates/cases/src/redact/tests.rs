//! What is gone, what stays, and that the core reads the same from both.

use model::{Input, Nanos, Outcome};
use serde_json::json;

use super::*;
use crate::{Provider, decode};

const SECRETS: [&str; 6] =
    ["ada@example.org", "4111-1111", "4111222233334444", "Lovelace", "sesame", "/private/"];

fn line(kind: InputKind, provider: Option<Provider>, body: &Value) -> InputLine {
    let body = body.to_string().into_bytes();
    InputLine { number: 1, at: Nanos::from_secs(1_800_000_000), kind, provider, body }
}

fn redacted(line: &InputLine) -> InputLine {
    let copy = InputLine { body: line.body.clone(), ..*line };
    let redacted = Redaction::new([3; 16]).redact(copy).unwrap();
    let text = String::from_utf8(redacted.body.clone()).unwrap();
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    redacted
}

fn attribute(key: &str, text: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": text } })
}

fn span(user: &str, message: &str) -> Value {
    json!({
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "kind": 3,
        "name": "GET /users/42", "startTimeUnixNano": "1799999999000000000", "endTimeUnixNano": "1799999999500000000",
        "attributes": [attribute("http.request.method", "GET"), attribute("user.id", user),
            attribute("url.full", "https://sesame@shop.example:8443/private/ada@example.org"),
            attribute("card", "4111-1111"), { "key": "age", "value": { "intValue": "41" } }],
        "events": [{ "name": "exception", "attributes": [attribute("exception.type", "CardError"),
            attribute("exception.message", "Lovelace"), attribute("exception.stacktrace", "at Lovelace")] }],
        "status": { "code": 2, "message": message }, "unknown": "sesame",
    })
}

fn traces(spans: &[Value]) -> InputLine {
    let resource =
        json!({ "attributes": [attribute("service.name", "pay"), attribute("owner", "Lovelace")] });
    let body = json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "spans": spans }] }] });
    line(InputKind::OtlpTraces, None, &body)
}

#[test]
fn spans_mean_the_same_to_the_core_and_say_no_secret() {
    let plain = traces(&[
        span("ada@example.org", "card 4111-1111 of Lovelace timed out"),
        span("ada@example.org", "card of Lovelace"),
    ]);
    let events = |line: &InputLine| match decode(line).unwrap().input {
        Input::Events(events) => events,
        other => panic!("{other:?}"),
    };
    let (before, after) = (events(&plain), events(&redacted(&plain)));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(
            (&before.service, &before.operation, &before.peer),
            (&after.service, &after.operation, &after.peer)
        );
        assert_eq!((before.start, before.end, before.kind), (after.start, after.end, after.kind));
        let (Outcome::Failed(before), Outcome::Failed(after)) = (&before.outcome, &after.outcome) else {
            panic!("{before:?}")
        };
        assert_eq!((before.status, &before.code), (after.status, &after.code));
        assert_ne!(before.reason, after.reason);
    }
    assert_eq!(after.len(), 2);
    assert_eq!(after[0].user, after[1].user);
    assert!(after[0].user.is_some() && after[0].user != before[0].user);
}

#[test]
fn logs_keep_their_template() {
    let record = |body: Value| {
        let record = json!({ "timeUnixNano": "1799999999000000000", "severityNumber": 17, "body": body,
            "attributes": [attribute("customer", "Lovelace")] });
        let resource = json!({ "attributes": [attribute("service.name", "pay")] });
        let body =
            json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": [record] }] }] });
        line(InputKind::OtlpLogs, None, &body)
    };
    let template = |line: &InputLine| match decode(line).unwrap().input {
        Input::Logs(logs) => logs[0].template.clone(),
        other => panic!("{other:?}"),
    };
    for body in [
        json!({ "stringValue": "card 4111-1111 of user \"ada@example.org\" was declined" }),
        json!({ "stringValue": "{\"message\":\"order 17 is lost\",\"who\":\"Lovelace\"}" }),
        json!({ "kvlistValue": { "values": [attribute("who", "Lovelace"), attribute("msg", "order 9 is lost")] } }),
    ] {
        let plain = record(body);
        assert_eq!(template(&redacted(&plain)), template(&plain));
    }
}

#[test]
fn documents_keep_names_and_lose_texts() {
    let at = "2027-01-15T07:59:00Z";
    let deployment = json!({ "id": "d-1", "service": "pay", "version": "2", "at": at, "author": "Lovelace",
        "pull_request": "https://code.example/private/1" });
    let signal = json!([{ "kind": "runtime", "subtype": "panic", "service": "pay", "at": at,
        "message": "Lovelace", "attributes": { "who": "ada@example.org", "card": "4111222233334444" } }]);
    let alert = json!({ "version": "4", "status": "firing", "alerts": [{ "status": "firing", "fingerprint": "f1",
        "labels": { "alertname": "Down", "service": "pay" }, "annotations": { "summary": "Lovelace called", "call": "4111222233334444" },
        "startsAt": at, "generatorURL": "https://sesame.example/" }] });
    for (plain, stays) in [
        (line(InputKind::Deployment, None, &deployment), "\"d-1\""),
        (line(InputKind::Signal, None, &signal), "\"panic\""),
        (line(InputKind::Alert, Some(Provider::Alertmanager), &alert), "\"Down\""),
    ] {
        let after = redacted(&plain);
        assert!(String::from_utf8_lossy(&after.body).contains(stays));
        let (before, after) = (decode(&plain).unwrap(), decode(&after).unwrap());
        assert_eq!((before.rejected, after.rejected), (0, 0), "{:?} {:?}", before.reason, after.reason);
    }
    let comment =
        json!({ "incident": "inc_0000000000000001", "actor": "Lovelace", "kind": { "comment": "sesame" } });
    let plain = line(InputKind::Operator, None, &comment);
    assert!(decode(&plain).is_ok() && decode(&redacted(&plain)).is_ok());
}

#[test]
fn words_differ_from_bundle_to_bundle_and_what_is_no_json_is_left_out() {
    assert_ne!(Redaction::new([1; 16]).word("a"), Redaction::new([2; 16]).word("a"));
    let broken = InputLine { body: b"{".to_vec(), ..traces(&[]) };
    assert!(Redaction::new([1; 16]).redact(broken).is_none());
}
