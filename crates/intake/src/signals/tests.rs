//! What a signal must say, and what is said of one that does not.

use serde_json::{Value, json};

use super::*;
use crate::Limits;

const RECEIVED: Nanos = Nanos::from_secs(1_800_000_000);

fn with<T>(limits: &Limits, f: impl FnOnce(&Context<'_>) -> T) -> T {
    f(&Context { received: RECEIVED, limits, user_salt: &[7; 16] })
}

fn read(body: &Value) -> (Vec<Signal>, Vec<Rejected>) {
    with(&Limits::default(), |context| from_json(body.to_string().as_bytes(), context).unwrap())
}

fn accepted(body: Value) -> Signal {
    let (signals, rejected) = read(&body);
    assert_eq!(rejected, [], "{body}");
    signals.into_iter().next().unwrap()
}

#[test]
fn a_signal_in_full() {
    let signal = accepted(json!({
        "id": "s-1", "kind": "runtime", "subtype": "oom_killed", "at": "2027-01-15T07:00:00+01:00", "env": "prod",
        "service": "payment", "instance": "pod-1", "subject": "node-3", "message": "killed",
        "attributes": { "limit": "512Mi", "restarts": 3, "final": true, "none": null, "load": 1.5 },
    }));
    assert_eq!((&*signal.id, signal.kind, &*signal.subtype), ("s-1", SignalKind::Runtime, "oom_killed"));
    assert_eq!(signal.at.to_rfc3339(), "2027-01-15T06:00:00Z");
    assert_eq!((signal.env.as_deref(), signal.service.as_deref()), (Some("prod"), Some("payment")));
    assert_eq!((signal.instance.as_deref(), signal.subject.as_deref()), (Some("pod-1"), Some("node-3")));
    assert_eq!((&*signal.status, &*signal.message), ("", "killed"));
    let attributes: Vec<_> = signal.attributes.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(attributes, [("final", "true"), ("limit", "512Mi"), ("load", "1.5"), ("restarts", "3")]);
}

#[test]
fn the_least_of_each_kind() {
    for (body, at_least) in [
        (json!({ "kind": "deploy" }), json!({ "service": "x" })),
        (json!({ "kind": "config" }), json!({ "subject": "flag" })),
        (
            json!({ "kind": "config", "subtype": "feature_flag", "service": "x" }),
            json!({ "subject": "flag" }),
        ),
        (
            json!({ "kind": "config", "subtype": "setting", "service": "x" }),
            json!({ "subject": "pool.size" }),
        ),
        (json!({ "kind": "runtime", "subtype": "panic" }), json!({ "instance": "x" })),
        (json!({ "kind": "dependency", "status": "down" }), json!({ "subject": "card-provider" })),
        (json!({ "kind": "healthcheck", "service": "x" }), json!({ "status": "degraded" })),
        (json!({ "kind": "alert" }), json!({ "status": "firing" })),
    ] {
        assert_eq!(read(&body).1[0].reason, RejectReason::MissingField, "{body}");
        let mut body = body;
        body.as_object_mut().unwrap().append(&mut at_least.as_object().unwrap().clone());
        assert_eq!(accepted(body).at, RECEIVED);
    }
}

#[test]
fn the_same_content_has_the_same_id() {
    let body = json!({ "kind": "config", "subject": "flag", "at": "2027-01-15T07:00:00Z", "attributes": { "a": 1 } });
    let id = accepted(body.clone()).id;
    assert!(id.starts_with("sig_") && id.len() == 20, "{id}");
    assert_eq!(accepted(body.clone()).id, id);
    for (name, value) in [
        ("subject", json!("flags")),
        ("service", json!("flag")),
        ("message", json!("flag")),
        ("at", json!("2027-01-15T07:00:01Z")),
        ("attributes", json!({ "a": 2 })),
        ("env", json!("prod")),
    ] {
        let mut other = body.clone();
        other[name] = value;
        assert_ne!(accepted(other).id, id, "{name}");
    }
}

fn refused(body: &Value, path: &str, reason: RejectReason, words: &str) {
    let (signals, rejected) = read(&json!([body]));
    assert_eq!(signals, [], "{body}");
    let problem = rejected[0].problems.iter().find(|p| p.path == path);
    let problem = problem.unwrap_or_else(|| panic!("{rejected:?}"));
    assert_eq!(problem.reason, reason, "{body}");
    assert!(problem.expected.contains(words), "{problem}");
}

#[test]
fn what_is_wrong_is_said() {
    use RejectReason::*;
    for (body, path, reason, words) in [
        (json!({}), "kind", MissingField, "one of deploy, config, runtime, dependency, healthcheck, alert"),
        (
            json!({ "kind": "config", "subtype": "flag", "subject": "x" }),
            "subtype",
            InvalidField,
            "one of feature_flag, setting",
        ),
        (json!({ "kind": "weather" }), "kind", InvalidField, "one of deploy, config"),
        (json!({ "kind": "deploy", "service": 7 }), "service", InvalidField, "a string"),
        (
            json!({ "kind": "deploy", "service": "x", "svc": 1 }),
            "",
            UnknownField,
            "service, instance, subject",
        ),
        (json!({ "kind": "runtime", "service": "x" }), "subtype", MissingField, "oom_killed, crashloop"),
        (
            json!({ "kind": "runtime", "service": "x", "subtype": "tired" }),
            "subtype",
            InvalidField,
            "oom_killed",
        ),
        (
            json!({ "kind": "dependency", "subject": "x", "status": "gone" }),
            "status",
            InvalidField,
            "down, degraded, up",
        ),
        (
            json!({ "kind": "deploy", "service": "x", "status": "up" }),
            "status",
            InvalidField,
            "no status for deploy",
        ),
        (json!({ "kind": "deploy", "service": "x", "at": 17 }), "at", InvalidField, "an RFC 3339 time"),
        (
            json!({ "kind": "deploy", "service": "x", "at": "2090-01-01T00:00:00Z" }),
            "at",
            InFuture,
            "has come",
        ),
    ] {
        refused(&body, path, reason, words);
    }
}

#[test]
fn what_is_too_large_or_misshapen_is_said() {
    use RejectReason::*;
    for (body, path, reason, words) in [
        (
            json!({ "kind": "deploy", "service": "x", "id": "i".repeat(129) }),
            "id",
            TooLarge,
            "at most 128 bytes",
        ),
        (
            json!({ "kind": "deploy", "service": "x", "message": "m".repeat(1_025) }),
            "message",
            TooLarge,
            "1024",
        ),
        (
            json!({ "kind": "deploy", "service": "x", "attributes": [] }),
            "attributes",
            InvalidField,
            "an object",
        ),
        (
            json!({ "kind": "deploy", "service": "x", "attributes": { "a": [] } }),
            "attributes",
            InvalidField,
            "\"a\"",
        ),
        (
            json!({ "kind": "deploy", "service": "x", "attributes": { "a": "v".repeat(2_000) } }),
            "attributes",
            TooLarge,
            "1024",
        ),
    ] {
        refused(&body, path, reason, words);
    }
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    let twice = br#"{"kind": "deploy", "service": "a", "service": "b"}"#;
    let rejected = with(&Limits::default(), |context| from_json(twice, context).unwrap().1);
    assert!(rejected[0].detail.contains("service: a field that stands twice"), "{}", rejected[0].detail);
}

#[test]
fn too_many_attributes_reject_the_signal() {
    let attributes: serde_json::Map<String, Value> = (0..65).map(|n| (format!("a{n}"), json!(n))).collect();
    let (_, rejected) = read(&json!({ "kind": "deploy", "service": "x", "attributes": attributes }));
    assert_eq!(rejected[0].reason, RejectReason::TooLarge);
}

#[test]
fn batches() {
    let good = json!({ "kind": "deploy", "service": "x" });
    let (signals, rejected) = read(&json!({ "signals": [good, { "id": "bad" }, good] }));
    assert_eq!(signals.len(), 2);
    assert_eq!((rejected[0].index, &*rejected[0].id), (1, "bad"));
    assert_eq!(read(&json!([good])).0.len(), 1);
    let limits = Limits { facts_per_request_max: 2, ..Limits::default() };
    with(&limits, |context| {
        let many = json!([good, good, good]).to_string();
        let too_many = DecodeError::TooMany { what: "signals", max: 2 };
        assert_eq!(from_json(many.as_bytes(), context), Err(too_many));
        assert_eq!(from_json(b"[{]", context).unwrap_err().code(), "malformed_json");
    });
}
