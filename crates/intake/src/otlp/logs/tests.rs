//! What log records mean, as tables through the JSON form because it is the one that can be read.

use model::{LogRecord, LogSeverity, Nanos, SpanId, TraceId};
use serde_json::{Value, json};

use crate::otlp::logs_from_json;
use crate::{Context, Limits, LogBatch, RejectReason, Warning};

const RECEIVED_S: u64 = 1_800_000_000;

fn decode(request: &Value) -> LogBatch {
    let limits = Limits::default();
    let context = Context { received: Nanos::from_secs(RECEIVED_S), limits: &limits, user_salt: &[7; 16] };
    logs_from_json(request.to_string().as_bytes(), &context).unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, text)| json!({ "key": key, "value": { "stringValue": text } })).collect()
}

fn request(resource: &[(&str, &str)], records: &[Value]) -> Value {
    json!({ "resourceLogs": [{
        "resource": { "attributes": attributes(resource) },
        "scopeLogs": [{ "logRecords": records }],
    }] })
}

fn one(record: Value) -> LogRecord {
    let batch = decode(&request(&[("service.name", "shop")], &[record]));
    assert_eq!(batch.rejected, []);
    batch.logs.into_iter().next().unwrap()
}

fn text(body: &str) -> Value {
    json!({ "timeUnixNano": "1799999999000000000", "body": { "stringValue": body } })
}

fn with(mut record: Value, change: Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

#[test]
fn a_record_has_its_resource_time_severity_trace_and_exception() {
    let resource = [
        ("service.name", "shop"),
        ("service.version", "1.4"),
        ("deployment.environment.name", "prod"),
        ("service.instance.id", "shop-1"),
    ];
    let record = with(
        text("payment 17 failed"),
        json!({
            "severityNumber": 17, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
            "attributes": attributes(&[("exception.type", "CardRefused"), ("exception.message", "no")]),
        }),
    );
    let batch = decode(&request(&resource, &[record]));
    assert!(batch.warnings.is_empty() && batch.rejected.is_empty());
    let expected = LogRecord {
        env: "prod".into(),
        service: "shop".into(),
        version: "1.4".into(),
        instance: "shop-1".into(),
        at: Nanos::from_secs(RECEIVED_S - 1),
        severity: LogSeverity::Error,
        template: "payment <*> failed".into(),
        pattern: "payment <*> failed".into(),
        body: "payment 17 failed".into(),
        exception: "CardRefused".into(),
        trace: Some(TraceId(*b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36")),
        span: Some(SpanId(*b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7")),
    };
    assert_eq!(batch.logs, [expected]);
}

#[test]
fn a_record_without_a_time_has_the_one_it_was_observed_or_received_at() {
    let observed = json!({ "observedTimeUnixNano": "1799999998000000000" });
    assert_eq!(one(observed).at, Nanos::from_secs(RECEIVED_S - 2));
    assert_eq!(one(json!({})).at, Nanos::from_secs(RECEIVED_S));
    let future = json!({ "timeUnixNano": "1900000000000000000" });
    let batch = decode(&request(&[], &[text("kept"), future]));
    assert_eq!((batch.logs.len(), batch.rejected.len()), (1, 1));
    assert_eq!((batch.rejected[0].index, batch.rejected[0].reason), (1, RejectReason::InFuture));
    assert!(batch.rejected[0].detail.starts_with("it is of 2030-"), "{}", batch.rejected[0].detail);
    assert_eq!(batch.warnings.count(Warning::MissingServiceName), 1);
}

#[test]
fn severities_come_as_numbers_names_and_texts() {
    for (fields, expected) in [
        (json!({ "severityNumber": 24 }), LogSeverity::Fatal),
        (json!({ "severityNumber": "SEVERITY_NUMBER_WARN2" }), LogSeverity::Warn),
        (json!({ "severityNumber": 9, "severityText": "ERROR" }), LogSeverity::Info),
        (json!({ "severityText": " Warning " }), LogSeverity::Warn),
        (json!({ "severityText": "CRITICAL" }), LogSeverity::Fatal),
        (json!({ "severityText": "err" }), LogSeverity::Error),
        (json!({ "severityText": "loud" }), LogSeverity::Unset),
        (json!({ "severityNumber": 99 }), LogSeverity::Unset),
        (json!({}), LogSeverity::Unset),
    ] {
        assert_eq!(one(with(text("x"), fields.clone())).severity, expected, "{fields}");
    }
}

#[test]
fn the_template_is_the_one_that_is_named_or_what_the_message_looks_like() {
    for name in ["log.template", "message_template.text", "log.record.template"] {
        let named =
            with(text("user 7 left"), json!({ "attributes": attributes(&[(name, "user {id} left")]) }));
        assert_eq!(&*one(named).template, "user {id} left", "{name}");
    }
    let map = |pairs: Value| json!({ "body": { "kvlistValue": { "values": pairs } } });
    let pair = |key: &str, value: Value| json!({ "key": key, "value": value });
    let user = pair("user", json!({ "intValue": "7" }));
    let structured = one(map(json!([user, pair("msg", json!({ "stringValue": "user 7 left" }))])));
    assert_eq!((&*structured.template, &*structured.body), ("user <*> left", "user=7 msg=user 7 left"));
    let unnamed = one(map(json!([user, pair("ok", json!({ "boolValue": true }))])));
    assert_eq!((&*unnamed.template, &*unnamed.body), ("user=<*> ok=true", "user=7 ok=true"));
    let line = one(text(r#"{"level":"error","msg":"card 17 refused","n":3}"#));
    assert_eq!(&*line.template, "card <*> refused");
    assert!(line.body.starts_with(r#"{"level""#));
    assert_eq!(&*one(json!({ "eventName": "cart.emptied" })).template, "cart.emptied");
    let named = json!({ "attributes": attributes(&[("event.name", "cart.filled")]) });
    assert_eq!(&*one(named).template, "cart.filled");
    let thrown = json!({ "attributes": attributes(&[("exception.message", "no card 7")]) });
    assert_eq!((&*one(thrown.clone()).template, &*one(thrown).body), ("no card <*>", "no card 7"));
}

#[test]
fn long_bodies_are_cut_and_invalid_ids_are_none() {
    let record = with(text(&"é".repeat(2_000)), json!({ "traceId": "abcd", "spanId": "0000000000000000" }));
    let log = one(record);
    assert_eq!((log.body.len(), log.template.len() <= 256), (1_024, true));
    assert_eq!((log.trace, log.span), (None, None));
}

#[test]
fn events_of_kubernetes_are_about_their_object() {
    let record = with(
        text("Back-off restarting failed container app in pod checkout-7d9f8b6c5-xkz2p_shop(1a2b)"),
        json!({ "severityText": "Warning", "attributes": attributes(&[("k8s.event.reason", "BackOff")]) }),
    );
    let of_pod = [("k8s.object.kind", "Pod"), ("k8s.object.name", "checkout-7d9f8b6c5-xkz2p")];
    let batch = decode(&request(&of_pod, std::slice::from_ref(&record)));
    let log = &batch.logs[0];
    assert_eq!((&*log.service, &*log.instance), ("checkout", "checkout-7d9f8b6c5-xkz2p"));
    assert_eq!((&*log.template, log.severity), ("k8s.event BackOff", LogSeverity::Warn));
    assert!(log.body.starts_with("Back-off restarting failed container"), "{}", log.body);
    assert!(batch.warnings.is_empty());
    let named = [of_pod.as_slice(), &[("service.name", "till")]].concat();
    assert_eq!(&*decode(&request(&named, &[record])).logs[0].service, "till");
}

#[test]
fn events_of_kubernetes_come_in_bodies_too() {
    fn value(json: &Value) -> Value {
        match json {
            Value::Object(map) => {
                let pairs: Vec<_> =
                    map.iter().map(|(key, inner)| json!({ "key": key, "value": value(inner) })).collect();
                json!({ "kvlistValue": { "values": pairs } })
            }
            Value::String(text) => json!({ "stringValue": text }),
            other => json!({ "intValue": other }),
        }
    }
    let event = json!({
        "kind": "Event", "reason": "NodeHasDiskPressure", "message": "Node n1 status is now: NodeHasDiskPressure",
        "type": "Warning", "count": 3, "involvedObject": { "kind": "Node", "name": "n1" },
    });
    let newer = json!({
        "reason": "Unhealthy", "note": "Readiness probe failed: 503", "type": "Warning",
        "regarding": { "kind": "Pod", "name": "postgres-0" },
    });
    let of = |body: &Value| decode(&request(&[], &[json!({ "body": value(body) })])).logs.remove(0);
    let pulled = of(&event);
    assert_eq!((&*pulled.template, &*pulled.instance), ("k8s.event NodeHasDiskPressure", "n1"));
    assert_eq!((&*pulled.service, pulled.severity), ("unknown_service", LogSeverity::Warn));
    let watched = of(&json!({ "type": "ADDED", "object": newer }));
    assert_eq!((&*watched.template, &*watched.service), ("k8s.event Unhealthy", "postgres"));
    assert_eq!(&*watched.body, "Readiness probe failed: 503");
    let forgotten = of(&json!({ "type": "DELETED", "object": event }));
    assert_eq!(&*forgotten.template, "k8s.event DELETED");
}

#[test]
fn a_resource_without_a_service_is_called_by_its_workload() {
    let service = |pairs: &[(&str, &str)]| {
        let batch = decode(&request(pairs, &[text("x")]));
        (batch.logs[0].service.to_string(), batch.warnings.count(Warning::MissingServiceName))
    };
    assert_eq!(service(&[("k8s.deployment.name", "till")]), ("till".into(), 0));
    assert_eq!(service(&[("k8s.pod.name", "till-7d9f8b6c5-xkz2p")]), ("till".into(), 1));
    assert_eq!(
        service(&[("service.name", "unknown_service:java"), ("k8s.statefulset.name", "db")]),
        ("db".into(), 0)
    );
    assert_eq!(service(&[("service.name", "a"), ("k8s.deployment.name", "b")]), ("a".into(), 0));
    assert_eq!(service(&[]), ("unknown_service".into(), 1));
}
