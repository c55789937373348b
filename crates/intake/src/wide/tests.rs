//! Wide events: their mapping, and every problem of one named at once.

use model::{EventKind, FailureStatus, Nanos, Outcome};
use serde_json::{Value, json};

use super::*;
use crate::Warning;
use crate::record::{self, Kind};

const RECEIVED: Nanos = Nanos::from_secs(1_800_000_000);
const ID: &str = "0190a6f2-7c3e-7b1a-9f00-3d2c1b0a9e8f";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn with<T>(limits: &Limits, f: impl FnOnce(&Context<'_>) -> T) -> T {
    f(&Context { received: RECEIVED, limits, user_salt: &[7; 16] })
}

fn read(body: &Value) -> WideBatch {
    with(&Limits::default(), |context| from_json(body.to_string().as_bytes(), context).unwrap())
}

fn failing() -> Value {
    json!({
        "schema_version": "2.0", "event_id": ID, "ts_start": "2027-01-15T07:59:00Z", "duration_ms": 250.5,
        "kind": "http", "service": "checkout", "env": "prod", "version": "2.4.1", "instance": "pod-1",
        "trace_id": TRACE, "span_id": "00f067aa0ba902b7", "parent_span_id": "00f067aa0ba902b6",
        "status": "error", "anchor": { "step": "charge", "error_code": "CARD_DOWN", "kind": "dependency" },
        "steps": [
            { "name": "load cart", "start_ms": 0, "duration_ms": 20, "status": "ok" },
            { "name": "charge", "start_ms": 21.5, "duration_ms": 200, "status": "timeout",
              "span_id": "00f067aa0ba902b8",
              "downstream": { "service": "card-provider", "endpoint": "POST /charge", "kind": "http" },
              "error": { "code": "IGNORED", "reason": "no answer", "cause": "connect timed out" } },
            { "name": "announce", "start_ms": 230, "duration_ms": 1,
              "downstream": { "service": "orders", "kind": "message" } },
        ],
        "logs": [{ "at": "x" }], "errors": [{ "message": "outer" }],
        "fields": { "http.route": "/pay", "http.request.method": "POST", "user.id": "ada", "cart": { "size": 3 } },
    })
}

fn changed(change: Value) -> Value {
    let mut event = failing();
    for (name, value) in change.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[test]
fn an_event_is_a_root_and_a_child_for_each_step() {
    let batch = read(&failing());
    assert_eq!(batch.rejected, []);
    assert_eq!(batch.accepted, [Accepted { index: 0, event_id: ID.to_owned() }]);
    let [root, cart, charge, announce] = &batch.events[..] else { panic!("{:?}", batch.events) };
    assert_eq!((root.kind, &*root.operation, &*root.service), (EventKind::Server, "POST /pay", "checkout"));
    assert_eq!(
        (root.trace.to_string().as_str(), root.span.to_string().as_str()),
        (TRACE, "00f067aa0ba902b7")
    );
    assert_eq!(root.parent.unwrap().to_string(), "00f067aa0ba902b6");
    assert_eq!(root.duration_ns(), 250_500_000);
    assert_eq!((&*root.env, &*root.version, &*root.instance), ("prod", "2.4.1", "pod-1"));
    assert!(root.user.is_some());
    let failure = root.failure().unwrap();
    assert_eq!((failure.status, &*failure.code), (FailureStatus::Error, "CARD_DOWN"));
    assert_eq!(&*failure.reason, "no answer: connect timed out");

    assert_eq!(
        (cart.kind, &*cart.operation, &cart.outcome),
        (EventKind::Internal, "load cart", &Outcome::Ok)
    );
    assert_eq!((charge.kind, &*charge.peer), (EventKind::Client, "card-provider"));
    let failure = charge.failure().unwrap();
    assert_eq!((failure.status, &*failure.code), (FailureStatus::Timeout, "CARD_DOWN"));
    assert_eq!(charge.start, root.start.saturating_add(21_500_000));
    assert_eq!(charge.span.to_string(), "00f067aa0ba902b8");
    assert_eq!((announce.kind, &*announce.peer), (EventKind::Producer, "orders"));
    for step in [cart, charge, announce] {
        assert_eq!((step.parent, step.trace, step.user), (Some(root.span), root.trace, root.user));
    }
}

#[test]
fn ids_that_are_not_given_are_derived_and_stay_the_same() {
    let event = changed(json!({ "trace_id": null, "span_id": null, "parent_span_id": null }));
    let (first, again) = (read(&event), read(&event));
    assert_eq!(first, again);
    let spans: BTreeSet<_> = first.events.iter().map(|e| e.span).collect();
    assert_eq!(spans.len(), 4);
    let mut keys = Vec::new();
    record::keys(Kind::WideJson as u8, event.to_string().as_bytes(), &mut keys);
    assert_eq!(keys, [first.events[0].trace.0]);
    let other = changed(json!({ "event_id": "0190a6f2-7c3e-7b1a-9f00-3d2c1b0a9e80", "trace_id": null,
        "parent_span_id": null }));
    assert_ne!(read(&other).events[0].trace, first.events[0].trace);
}

#[test]
fn statuses_and_kinds() {
    for (status, expected) in [("ok", Outcome::Ok), ("suppressed", Outcome::Suppressed)] {
        let event = changed(json!({ "status": status, "anchor": null, "steps": [] }));
        assert_eq!(read(&event).events[0].outcome, expected);
    }
    for (status, expected) in [
        ("timeout", FailureStatus::Timeout),
        ("partial", FailureStatus::Partial),
        ("aborted", FailureStatus::Aborted),
    ] {
        let event = changed(json!({ "status": status, "steps": [], "anchor": { "error_code": "X" } }));
        let batch = read(&event);
        let failure = batch.events[0].failure().unwrap();
        assert_eq!((failure.status, &*failure.reason), (expected, "outer"));
    }
    for (kind, expected) in [
        ("rpc", EventKind::Server),
        ("job", EventKind::Consumer),
        ("message", EventKind::Consumer),
        ("db", EventKind::Server),
    ] {
        let batch = read(&changed(json!({ "kind": kind, "fields": {} })));
        assert_eq!((batch.events[0].kind, &*batch.events[0].operation), (expected, kind));
    }
}

#[test]
fn an_anchored_step_without_a_status_fails_with_the_event() {
    let steps = json!([{ "name": "charge", "start_ms": 0, "duration_ms": 1 }]);
    let batch = read(&changed(json!({ "steps": steps, "status": "timeout" })));
    let failure = batch.events[1].failure().unwrap();
    assert_eq!((failure.status, &*failure.code), (FailureStatus::Timeout, "CARD_DOWN"));
}

#[test]
fn every_problem_of_an_event_is_said_with_its_place() {
    let batch = read(&changed(json!({
        "schema_version": 2, "event_id": "42", "kind": "web", "service": " ", "ts_start": "yesterday",
        "trace_id": "00", "status": "error", "anchor": { "step": "nowhere" }, "fields": [], "logs": {},
        "steps": [
            { "name": "", "start_ms": -1, "status": "bad" },
            7,
            { "name": "x", "start_ms": "0", "duration_ms": 1, "span_id": "zz", "downstream": {}, "error": "boom" },
        ],
    })));
    assert_eq!(batch.events, []);
    let [rejected] = &batch.rejected[..] else { panic!("{:?}", batch.rejected) };
    assert_eq!((rejected.index, &*rejected.id), (0, "42"));
    let paths: Vec<&str> = rejected.problems.iter().map(|p| &*p.path).collect();
    assert_eq!(
        paths,
        [
            "schema_version",
            "event_id",
            "kind",
            "ts_start",
            "service",
            "trace_id",
            "steps[0].name",
            "steps[0].duration_ms",
            "steps[0].start_ms",
            "steps[0].status",
            "steps[1]",
            "steps[2].start_ms",
            "steps[2].error",
            "steps[2].span_id",
            "steps[2].downstream.service",
            "anchor.error_code",
            "anchor.step",
            "logs",
            "fields",
        ]
    );
    assert!(
        rejected.detail.contains("steps[0].start_ms: -1, expected milliseconds as a number of at least 0")
    );
    assert!(rejected.detail.contains("kind: \"web\", expected one of http, rpc, job, message, db"));
}

#[test]
fn what_is_missing_and_what_contradicts() {
    use RejectReason::*;
    for (change, path, reason) in [
        (json!({ "event_id": null }), "event_id", MissingField),
        (json!({ "schema_version": "1.0" }), "schema_version", InvalidField),
        (json!({ "ts_start": null }), "ts_start", MissingField),
        (json!({ "duration_ms": null }), "ts_end", MissingField),
        (json!({ "ts_end": "2027-01-15T07:58:59Z" }), "ts_end", EndBeforeStart),
        (json!({ "ts_start": "2090-01-01T00:00:00Z" }), "ts_end", InFuture),
        (json!({ "status": null }), "status", MissingField),
        (json!({ "anchor": null }), "anchor", MissingField),
        (json!({ "anchor": { "step": "charge" } }), "anchor.error_code", MissingField),
        (json!({ "anchor": { "error_code": "X" } }), "anchor.step", MissingField),
        (json!({ "anchor": { "error_code": "X", "step": "load cart" } }), "anchor.step", InvalidField),
        (json!({ "trace_id": null }), "trace_id", MissingField),
        (json!({ "parent_span_id": "00f067aa0ba902b7" }), "parent_span_id", InvalidParentSpanId),
        (json!({ "span_id": "00f067aa0ba902b8" }), "steps[1].span_id", InvalidSpanId),
        (json!({ "service": "x".repeat(257) }), "service", TooLarge),
        (json!({ "steps": {} }), "steps", InvalidField),
    ] {
        let batch = read(&changed(change.clone()));
        let found = batch.rejected.first().unwrap_or_else(|| panic!("{change} was accepted"));
        assert!(found.problems.iter().any(|p| p.path == path && p.reason == reason), "{change}: {found:?}");
    }
    assert_eq!(read(&json!([1])).rejected[0].reason, InvalidField);
}

#[test]
fn the_bounds_of_an_event() {
    let small = Limits { steps_per_event_max: 2, ..Limits::default() };
    let reason = |limits: &Limits, event: Value| {
        let body = event.to_string();
        with(limits, |context| from_json(body.as_bytes(), context).unwrap().rejected[0].clone())
    };
    let rejected = reason(&small, failing());
    assert!(rejected.detail.contains("steps: 3 steps, expected at most 2"), "{}", rejected.detail);
    let few = Limits { values_per_item_max: 50, ..Limits::default() };
    assert_eq!(
        reason(&few, changed(json!({ "fields": { "x": vec![0; 100] } }))).reason,
        RejectReason::TooLarge
    );
    let shallow = Limits { item_depth_max: 6, ..Limits::default() };
    let deep = changed(json!({ "fields": { "a": [[[[[[[[1]]]]]]]] } }));
    assert_eq!(reason(&shallow, deep).reason, RejectReason::TooLarge);
    let problems = Limits { problems_per_item_max: 2, ..Limits::default() };
    assert_eq!(reason(&problems, json!({})).problems.len(), 2);
    let long =
        changed(json!({ "errors": ["é".repeat(2_000)], "steps": [], "anchor": { "error_code": "X" } }));
    assert_eq!(read(&long).events[0].failure().unwrap().reason.len(), 1_024);
}

#[test]
fn a_request_has_a_bound_on_events_and_steps() {
    let limits = Limits { events_per_request_max: 4, ..Limits::default() };
    let body = |count| Value::Array(vec![failing(); count]).to_string();
    with(&limits, |context| {
        assert_eq!(from_json(body(1).as_bytes(), context).unwrap().events.len(), 4);
        let too_many = Err(DecodeError::TooMany { what: "events and steps", max: 4 });
        assert_eq!(from_json(body(5).as_bytes(), context), too_many);
        let mut other = failing();
        other["event_id"] = json!("0190a6f2-7c3e-7b1a-9f00-3d2c1b0a9e80");
        assert_eq!(from_json(json!([failing(), other]).to_string().as_bytes(), context), too_many);
        assert_eq!(from_ndjson(b"x\nx\nx\nx\nx", context), too_many);
    });
}

#[test]
fn duplicates_count_once_and_a_rejected_event_does_not_make_one() {
    let bad = changed(json!({ "kind": "web" }));
    let batch = read(&json!({ "events": [bad, failing(), failing()] }));
    assert_eq!(batch.events.len(), 4);
    assert_eq!(batch.rejected[0].index, 0);
    assert_eq!(batch.accepted[0].index, 1);
    assert_eq!(batch.duplicates, [Accepted { index: 2, event_id: ID.to_owned() }]);
}

#[test]
fn the_shapes_mean_the_same() {
    let single = read(&failing());
    assert_eq!(read(&json!([failing()])), single);
    assert_eq!(read(&json!({ "events": [failing()] })), single);
    assert_eq!(read(&json!([])), WideBatch::default());
    let ndjson = format!("\n{}\r\n\n  \n", failing());
    with(&Limits::default(), |context| {
        assert_eq!(from_ndjson(ndjson.as_bytes(), context), Ok(single));
        for body in ["7", "null", "\"x\"", "", "[", "{\"events\": 7}", "{\"events\": [], \"x\": 1}", "[] []"]
        {
            let error = from_json(body.as_bytes(), context).unwrap_err();
            assert_eq!(error.code(), "malformed_json", "{body}");
            assert!(error.to_string().ends_with(SHAPE.expected), "{error}");
        }
    });
}

#[test]
fn a_bad_line_is_a_reject_of_its_own() {
    let body = format!(
        "{}\n{{\"event_id\"\n[]\n{}\n",
        failing(),
        changed(json!({ "event_id": "0190a6f2-7c3e-7b1a-9f00-3d2c1b0a9e80" }))
    );
    let batch = with(&Limits::default(), |context| from_ndjson(body.as_bytes(), context).unwrap());
    assert_eq!(batch.accepted.iter().map(|a| a.index).collect::<Vec<_>>(), [0, 3]);
    let rejected: Vec<_> = batch.rejected.iter().map(|r| (r.index, r.reason)).collect();
    assert_eq!(rejected, [(1, RejectReason::MalformedJson), (2, RejectReason::InvalidField)]);
    assert!(batch.rejected[0].detail.starts_with("line 2 is no JSON"));
    let mut keys = Vec::new();
    record::keys(Kind::WideNdjson as u8, body.as_bytes(), &mut keys);
    assert_eq!(keys.iter().map(|k| model::TraceId(*k).to_string()).collect::<Vec<_>>(), [TRACE]);
}

#[test]
fn unknown_fields_are_ignored_with_a_warning() {
    let batch = read(&changed(json!({ "colour": "red", "svc": "x" })));
    assert_eq!(batch.accepted.len(), 1);
    assert_eq!(batch.warnings.count(Warning::UnknownField), 2);
}

#[test]
fn evidence_keeps_the_fields_that_are_not_mapped() {
    let event = changed(json!({ "fields": {
        "http.route": "/pay", "tenant": "acme", "cart.size": 3, "share": 0.5, "user.id": "ada", "host.name": "h",
    } }));
    let limits = Limits::default().for_evidence();
    let batch = with(&limits, |context| from_json(event.to_string().as_bytes(), context).unwrap());
    for event in &batch.events {
        let kept: Vec<_> = event.attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(kept, [("cart.size", "3"), ("host.name", "h"), ("tenant", "acme")]);
    }
    assert!(read(&event).events.iter().all(|event| event.attributes.is_empty()));
}
