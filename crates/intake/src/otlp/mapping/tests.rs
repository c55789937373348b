//! The mapping as tables, through the JSON form because it is the one that can be read.

use model::{Event, EventKind, FailureStatus, Outcome};
use serde_json::{Value, json};

use super::operation::generalise;
use crate::otlp::traces_from_json;
use crate::{Batch, Context, Limits, RejectReason, Warning};

mod evidence;

const RECEIVED_S: u64 = 1_800_000_000;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn decode(request: &Value, limits: &Limits) -> Batch {
    let context = Context { received: model::Nanos::from_secs(RECEIVED_S), limits, user_salt: &[7; 16] };
    traces_from_json(request.to_string().as_bytes(), &context).unwrap()
}

fn attributes(pairs: &[(&str, Value)]) -> Value {
    let value = |value: &Value| match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        other => other.clone(),
    };
    pairs.iter().map(|(key, v)| json!({ "key": key, "value": value(v) })).collect()
}

fn span(kind: &str, pairs: &[(&str, Value)]) -> Value {
    json!({
        "traceId": TRACE, "spanId": "00f067aa0ba902b7", "name": "the name", "kind": kind,
        "startTimeUnixNano": "1799999999000000000", "endTimeUnixNano": "1799999999500000000",
        "attributes": attributes(pairs),
    })
}

fn request(resource: &[(&str, Value)], spans: &[Value]) -> Value {
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(resource) },
        "scopeSpans": [{ "scope": { "name": "test" }, "spans": spans }],
    }] })
}

fn one(resource: &[(&str, Value)], span: Value) -> Event {
    let batch = decode(&request(resource, &[span]), &Limits::default());
    assert_eq!(batch.rejected, []);
    batch.events.into_iter().next().unwrap()
}

fn event(kind: &str, pairs: &[(&str, Value)]) -> Event {
    one(&[("service.name", json!("shop"))], span(kind, pairs))
}

/// With the fields of `change` over those of an ordinary server span.
fn changed(pairs: &[(&str, Value)], change: Value) -> Event {
    one(&[("service.name", json!("shop"))], overlay(span("SPAN_KIND_SERVER", pairs), change))
}

fn overlay(mut span: Value, change: Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        span[name] = value.clone();
    }
    span
}

macro_rules! pairs {
    ($($key:literal: $value:expr),* $(,)?) => { &[$(($key, json!($value))),*] };
}

#[test]
fn operations() {
    let check = |kind: &str, pairs: &[(&str, Value)], expected: &str| {
        assert_eq!(&*event(kind, pairs).operation, expected, "{kind} {pairs:?}");
    };
    let (server, client) = ("SPAN_KIND_SERVER", "SPAN_KIND_CLIENT");
    let (producer, consumer, internal) = ("SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER", "SPAN_KIND_INTERNAL");
    check(server, pairs! {"http.request.method": "GET", "http.route": "/pay/:id"}, "GET /pay/:id");
    check(server, pairs! {"http.method": "GET", "http.route": "/pay/:id"}, "GET /pay/:id");
    check(server, pairs! {"http.request.method": "_OTHER", "http.route": "/x"}, "HTTP /x");
    check(server, pairs! {"http.route": "/x"}, "/x");
    check(server, pairs! {"http.method": "GET"}, "the name");
    check(internal, pairs! {"http.route": "/x"}, "the name");
    check(server, pairs! {"casebook.operation": "pay", "http.method": "GET", "http.route": "/x"}, "pay");
    check(client, pairs! {"http.request.method": "GET", "url.template": "/u/{id}"}, "GET /u/{id}");
    check(client, pairs! {"http.request.method": "GET", "server.address": "api.bank"}, "GET api.bank");
    check(client, pairs! {"http.method": "GET", "http.url": "https://u:p@api.bank:8443/x?y"}, "GET api.bank");
    check(server, pairs! {"rpc.service": "shop.Pay", "rpc.method": "Charge"}, "shop.Pay/Charge");
    check(client, pairs! {"rpc.method": "shop.Pay/Charge"}, "shop.Pay/Charge");
    check(client, pairs! {"rpc.method": "/shop.Pay/Charge", "rpc.service": "shop.Pay"}, "shop.Pay/Charge");
    check(client, pairs! {"rpc.service": "S3", "http.request.method": "PUT"}, "S3");
    check(
        producer,
        pairs! {"messaging.operation.type": "send", "messaging.destination.name": "orders"},
        "send orders",
    );
    check(producer, pairs! {"messaging.destination": "orders"}, "send orders");
    check(
        consumer,
        pairs! {"messaging.operation": "receive", "messaging.destination": "orders"},
        "receive orders",
    );
    check(consumer, pairs! {"messaging.destination.name": "orders"}, "process orders");
    check(
        consumer,
        pairs! {"messaging.operation.name": "ack", "messaging.operation.type": "settle", "messaging.destination.name": "o"},
        "ack o",
    );
    check(
        consumer,
        pairs! {"messaging.destination.name": "amq.gen-1x", "messaging.destination.temporary": true},
        "process (temporary)",
    );
    check(
        producer,
        pairs! {"messaging.destination.template": "u/{id}", "messaging.destination.name": "u/7"},
        "send u/{id}",
    );
    check(client, pairs! {"db.operation.name": "SELECT", "db.collection.name": "orders"}, "SELECT orders");
    check(
        client,
        pairs! {"db.operation": "SELECT", "db.sql.table": "orders", "db.name": "shop"},
        "SELECT orders",
    );
    check(client, pairs! {"db.operation": "find", "db.mongodb.collection": "orders"}, "find orders");
    check(client, pairs! {"db.operation.name": "GET", "db.namespace": "0"}, "GET 0");
    check(client, pairs! {"db.operation.name": "PING"}, "PING");
    check(client, pairs! {"db.query.summary": "SELECT shop.orders"}, "SELECT shop.orders");
    check(internal, &[], "the name");
}

#[test]
fn a_span_without_any_name_is_unknown() {
    assert_eq!(&*changed(&[], json!({ "name": " " })).operation, "unknown");
}

#[test]
fn names_of_spans_are_generalised() {
    for (name, expected) in [
        ("render page", "render page"),
        ("GET /users/42", "GET /users/{id}"),
        ("GET /users/42/orders/7", "GET /users/{id}/orders/{id}"),
        ("job 550e8400-e29b-41d4-a716-446655440000 done", "job {id} done"),
        ("550E8400-E29B-41D4-A716-446655440000", "{id}"),
        ("blob deadbeef01", "blob {id}"),
        ("blob deadbeef", "blob deadbeef"),
        ("tx 0x1f", "tx {id}"),
        ("user_123", "user_{id}"),
        ("GET /v1/s3/http2", "GET /v1/s3/http2"),
        ("é42 42é 42", "é42 42é {id}"),
        ("550e8400-e29b-41d4-a716-44665544000é", "{id}-e29b-41d4-a716-44665544000é"),
    ] {
        assert_eq!(generalise(name), expected, "{name}");
    }
}

#[test]
fn peers() {
    let check = |kind: &str, pairs: &[(&str, Value)], expected: &str| {
        assert_eq!(&*event(kind, pairs).peer, expected, "{kind} {pairs:?}");
    };
    let client = "SPAN_KIND_CLIENT";
    check(client, pairs! {"peer.service": "bank", "server.address": "api.bank"}, "bank");
    check(client, pairs! {"service.peer.name": "bank"}, "bank");
    check(client, pairs! {"db.system.name": "postgresql", "db.namespace": "shop"}, "postgresql/shop");
    check(client, pairs! {"db.system": "mysql", "db.name": "shop"}, "mysql/shop");
    check(client, pairs! {"db.system": "redis", "db.redis.database_index": 3}, "redis/3");
    check(client, pairs! {"db.system": "redis"}, "redis");
    check(
        "SPAN_KIND_PRODUCER",
        pairs! {"messaging.system": "kafka", "messaging.destination.name": "orders"},
        "kafka/orders",
    );
    check(client, pairs! {"server.address": "api.bank", "server.port": 443}, "api.bank");
    check(client, pairs! {"server.address": "10.0.0.7", "server.port": 8080}, "10.0.0.7:8080");
    check(client, pairs! {"server.address": "::1", "server.port": 8080}, "[::1]:8080");
    check(client, pairs! {"server.address": "localhost", "server.port": 8080}, "localhost:8080");
    check(client, pairs! {"server.address": "10.0.0.7", "rpc.service": "shop.Pay"}, "shop.Pay");
    check(client, pairs! {"server.address": "pay.shop", "rpc.service": "shop.Pay"}, "pay.shop");
    check(client, pairs! {"net.peer.name": "api.bank"}, "api.bank");
    check(client, pairs! {"net.peer.ip": "10.0.0.7", "net.peer.port": 9}, "10.0.0.7:9");
    check(client, pairs! {"url.full": "https://user:secret@api.bank/x"}, "api.bank");
    check(client, pairs! {"url.full": "http://[::1]:81/x"}, "[::1]:81");
    check(client, pairs! {"http.url": "http://127.0.0.1:81?q"}, "127.0.0.1:81");
    check(client, pairs! {"url.full": "no url"}, "");
    check("SPAN_KIND_SERVER", pairs! {"peer.service": "bank"}, "");
    check("SPAN_KIND_INTERNAL", pairs! {"server.address": "api.bank"}, "");
}

#[test]
fn kinds() {
    let kinds = [
        (json!(0), EventKind::Internal),
        (json!(1), EventKind::Internal),
        (json!(2), EventKind::Server),
        (json!(3), EventKind::Client),
        (json!(4), EventKind::Producer),
        (json!(5), EventKind::Consumer),
        (json!(99), EventKind::Internal),
        (json!("SPAN_KIND_SERVER"), EventKind::Server),
        (json!("SPAN_KIND_OF_TOMORROW"), EventKind::Internal),
        (json!(null), EventKind::Internal),
    ];
    for (kind, expected) in kinds {
        assert_eq!(changed(&[], json!({ "kind": kind })).kind, expected, "{kind}");
    }
}

/// `kind status code`, or `ok`, or `suppressed`.
fn told(event: &Event) -> String {
    match &event.outcome {
        Outcome::Ok => "ok".to_owned(),
        Outcome::Suppressed => "suppressed".to_owned(),
        Outcome::Failed(f) => {
            let status = match f.status {
                FailureStatus::Error => "error",
                FailureStatus::Timeout => "timeout",
                FailureStatus::Aborted => "aborted",
                FailureStatus::Partial => "partial",
            };
            format!("{status} {}", f.code)
        }
    }
}

#[test]
fn outcomes_by_the_status_of_the_span() {
    let check = |pairs: &[(&str, Value)], status: Value, expected: &str| {
        assert_eq!(told(&changed(pairs, json!({ "status": status }))), expected, "{pairs:?} {status}");
    };
    let error = || json!({ "code": 2 });
    check(&[], json!({}), "ok");
    check(&[], json!({ "code": "STATUS_CODE_OK" }), "ok");
    check(&[], error(), "error ERROR");
    check(&[], json!({ "code": "STATUS_CODE_ERROR" }), "error ERROR");
    check(pairs! {"casebook.error_code": "CARD", "error.type": "x"}, error(), "error CARD");
    check(
        pairs! {"error.type": "java.io.IOException", "exception.type": "x"},
        error(),
        "error java.io.IOException",
    );
    check(pairs! {"error.type": "_OTHER"}, error(), "error ERROR");
    check(pairs! {"error.type": "500", "http.response.status_code": 500}, error(), "error HTTP_500");
    check(pairs! {"http.status_code": "500"}, error(), "error HTTP_500");
    check(
        pairs! {"error.type": "500", "http.response.status_code": 500, "exception.type": "Boom"},
        error(),
        "error Boom",
    );
    check(pairs! {"http.response.status_code": 200}, error(), "error ERROR");
    check(pairs! {"rpc.grpc.status_code": 13}, error(), "error INTERNAL");
    check(
        pairs! {"rpc.response.status_code": "UNAVAILABLE", "error.type": "UNAVAILABLE"},
        error(),
        "error UNAVAILABLE",
    );
    check(pairs! {"rpc.connect_rpc.error_code": "canceled"}, error(), "aborted CANCELLED");
    check(pairs! {"rpc.system": "jsonrpc", "rpc.response.status_code": "13"}, error(), "error ERROR");
    check(pairs! {"rpc.grpc.status_code": 4}, error(), "timeout DEADLINE_EXCEEDED");
    check(pairs! {"http.response.status_code": 504}, error(), "timeout HTTP_504");
    check(pairs! {"error.type": "SocketTimeoutException"}, error(), "timeout SocketTimeoutException");
    check(
        pairs! {"error.type": "context.deadlineExceededError"},
        error(),
        "timeout context.deadlineExceededError",
    );
    check(pairs! {"casebook.error_code": "X", "exception.type": "CancelledError"}, error(), "aborted X");
    check(&[], json!({ "code": 2, "message": "upstream timed out" }), "timeout ERROR");
    check(&[], json!({ "code": 2, "message": "cancelled order failed" }), "error ERROR");
    check(pairs! {"casebook.suppressed": true}, error(), "suppressed");
    check(pairs! {"casebook.suppressed": "true"}, json!({}), "suppressed");
    check(pairs! {"casebook.suppressed": false}, error(), "error ERROR");
}

#[test]
fn outcomes_by_the_status_of_the_protocol() {
    let check = |kind: &str, status: u8, pairs: &[(&str, Value)], expected: &str| {
        let span = overlay(span(kind, pairs), json!({ "status": { "code": status } }));
        assert_eq!(told(&one(&[], span)), expected, "{kind} {status} {pairs:?}");
    };
    let (server, client) = ("SPAN_KIND_SERVER", "SPAN_KIND_CLIENT");
    check(server, 0, pairs! {"http.response.status_code": 500}, "error HTTP_500");
    check(server, 1, pairs! {"http.status_code": 503}, "error HTTP_503");
    check(server, 0, pairs! {"http.response.status_code": 404}, "ok");
    check(server, 0, pairs! {"http.response.status_code": 499}, "ok");
    check(client, 0, pairs! {"http.response.status_code": 503}, "error HTTP_503");
    check(client, 1, pairs! {"http.response.status_code": 503}, "ok");
    check("SPAN_KIND_INTERNAL", 0, pairs! {"http.response.status_code": 503}, "ok");
    for (number, expected) in [
        (0, "ok"),
        (1, "ok"),
        (2, "error UNKNOWN"),
        (3, "ok"),
        (4, "timeout DEADLINE_EXCEEDED"),
        (5, "ok"),
        (12, "error UNIMPLEMENTED"),
        (13, "error INTERNAL"),
        (14, "error UNAVAILABLE"),
        (15, "error DATA_LOSS"),
        (16, "ok"),
        (17, "ok"),
    ] {
        check(server, 0, pairs! {"rpc.grpc.status_code": number}, expected);
    }
}

#[test]
fn the_last_exception_and_the_reason() {
    let exception = |kind: &str, message: &str| {
        let attributes = attributes(pairs! {"exception.type": kind, "exception.message": message});
        json!({ "name": "exception", "attributes": attributes })
    };
    let events = json!([exception("First", "one"), exception("Last", "two"), { "name": "log" }]);
    let event = changed(&[], json!({ "events": events, "status": { "code": 2 } }));
    let failure = event.failure().unwrap();
    assert_eq!((&*failure.code, &*failure.reason), ("Last", "two"));
    let event = changed(&[], json!({ "events": events, "status": { "code": 2, "message": "said" } }));
    assert_eq!(&*event.failure().unwrap().reason, "said");
    let event = changed(pairs! {"error.message": "of the span"}, json!({ "status": { "code": 2 } }));
    assert_eq!(&*event.failure().unwrap().reason, "of the span");
}

#[test]
fn resources() {
    let check = |pairs: &[(&str, Value)], expected: [&str; 4]| {
        let event = one(pairs, span("SPAN_KIND_SERVER", &[]));
        assert_eq!([&*event.service, &*event.env, &*event.version, &*event.instance], expected, "{pairs:?}");
    };
    check(&[], ["unknown_service", "unset", "", ""]);
    check(
        pairs! {
            "service.name": "shop", "deployment.environment.name": "prod", "deployment.environment": "old",
            "service.version": "1.2", "service.instance.id": "i-1", "host.name": "h",
        },
        ["shop", "prod", "1.2", "i-1"],
    );
    check(
        pairs! {"service.name": "shop", "deployment.environment": "prod", "k8s.pod.name": "p", "host.name": "h"},
        ["shop", "prod", "", "p"],
    );
    check(pairs! {"service.name": " ", "host.name": "h"}, ["unknown_service", "unset", "", "h"]);
    check(pairs! {"service.version": 3, "service.name": 1.5}, ["1.5", "unset", "3", ""]);
}

#[test]
fn users_are_salted_hashes() {
    let user = |pairs: &[(&str, Value)]| event("SPAN_KIND_SERVER", pairs).user;
    assert_eq!(user(&[]), None);
    assert_eq!(user(pairs! {"user.id": ""}), None);
    // The first eight bytes of SHA-256 over sixteen times 7 and "ada", as another implementation gives them.
    let ada = Some(0xa7cd_a68e_affe_416a);
    assert_eq!(user(pairs! {"user.id": "ada", "enduser.id": "bob"}), ada);
    assert_eq!(user(pairs! {"enduser.id": "ada"}), ada);
    assert_eq!(user(pairs! {"user.id": 7}), user(pairs! {"user.id": "7"}));
    assert_ne!(user(pairs! {"user.id": "ada"}), user(pairs! {"user.id": "bob"}));
    let context = Context {
        received: model::Nanos::from_secs(RECEIVED_S),
        limits: &Limits::default(),
        user_salt: &[8; 16],
    };
    let body = request(&[], &[span("SPAN_KIND_SERVER", pairs! {"user.id": "ada"})]).to_string();
    let other_salt = traces_from_json(body.as_bytes(), &context).unwrap().events[0].user;
    assert_ne!(other_salt, user(pairs! {"user.id": "ada"}));
}

#[test]
fn spans_that_are_rejected() {
    let ns = |s: u64| (s * 1_000_000_000).to_string();
    for (change, reason) in [
        (json!({ "traceId": "" }), RejectReason::InvalidTraceId),
        (json!({ "traceId": "00000000000000000000000000000000" }), RejectReason::InvalidTraceId),
        (json!({ "traceId": "4bf92f35" }), RejectReason::InvalidTraceId),
        (json!({ "traceId": "S/kvNXezTaajzpKdDg5HNg==" }), RejectReason::InvalidTraceId),
        (json!({ "spanId": null }), RejectReason::InvalidSpanId),
        (json!({ "spanId": "0000000000000000" }), RejectReason::InvalidSpanId),
        (json!({ "spanId": "00f067aa0ba902b7ff" }), RejectReason::InvalidSpanId),
        (json!({ "parentSpanId": "00f067aa" }), RejectReason::InvalidParentSpanId),
        (json!({ "startTimeUnixNano": 0 }), RejectReason::MissingStartTime),
        (json!({ "endTimeUnixNano": "0" }), RejectReason::MissingEndTime),
        (json!({ "endTimeUnixNano": "1799999998999999999" }), RejectReason::EndBeforeStart),
        (json!({ "endTimeUnixNano": ns(RECEIVED_S + 301) }), RejectReason::InFuture),
        (json!({ "endTimeUnixNano": "3786912000000000000" }), RejectReason::InFuture),
    ] {
        let good = span("SPAN_KIND_SERVER", &[]);
        let batch = decode(&request(&[], &[good.clone(), overlay(good, change.clone())]), &Limits::default());
        let rejected: Vec<_> = batch.rejected.iter().map(|r| (r.index, r.reason)).collect();
        assert_eq!(rejected, [(1, reason)], "{change}");
        assert_eq!(batch.events.len(), 1, "{change}");
        assert!(
            crate::partial_success(crate::Telemetry::Traces, &batch.rejected, &batch.warnings)
                .unwrap()
                .contains(reason.as_str())
        );
    }
    let edge = changed(&[], json!({ "endTimeUnixNano": ns(RECEIVED_S + 300) }));
    assert_eq!(edge.end, model::Nanos::from_secs(RECEIVED_S + 300));
}

#[test]
fn parents() {
    let parent = |id: &str| changed(&[], json!({ "parentSpanId": id })).parent.map(|p| p.to_string());
    assert_eq!(parent(""), None);
    assert_eq!(parent("0000000000000000"), None);
    assert_eq!(parent("00F067AA0BA902B8").as_deref(), Some("00f067aa0ba902b8"));
    let own = overlay(span("SPAN_KIND_SERVER", &[]), json!({ "parentSpanId": "00f067aa0ba902b7" }));
    let batch = decode(&request(&[], &[own]), &Limits::default());
    assert_eq!(batch.events[0].parent, None);
    assert_eq!(batch.warnings.count(Warning::ParentIsItself), 1);
}

#[test]
fn a_missing_service_name_is_counted_for_each_span() {
    let spans = [span("SPAN_KIND_SERVER", &[]), span("SPAN_KIND_CLIENT", &[])];
    assert_eq!(
        decode(&request(&[], &spans), &Limits::default()).warnings.count(Warning::MissingServiceName),
        2
    );
    let default_name = pairs! {"service.name": "unknown_service:node"};
    let batch = decode(&request(default_name, &spans), &Limits::default());
    assert_eq!(batch.warnings.count(Warning::MissingServiceName), 2);
    assert_eq!(&*batch.events[0].service, "unknown_service:node");
    assert!(decode(&request(pairs! {"service.name": "x"}, &spans), &Limits::default()).warnings.is_empty());
}

#[test]
fn long_texts_are_cut_at_characters_with_a_warning() {
    let limits = Limits { name_bytes_max: 5, text_bytes_max: 7, ..Limits::default() };
    let long = span("SPAN_KIND_SERVER", pairs! {"casebook.operation": "ééé", "error.type": "abcdef"});
    let long = overlay(long, json!({ "status": { "code": 2, "message": "日本語" } }));
    let batch = decode(&request(pairs! {"service.name": "s"}, &[long]), &limits);
    let failure = batch.events[0].failure().unwrap();
    assert_eq!((&*batch.events[0].operation, &*failure.code, &*failure.reason), ("éé", "abcde", "日本"));
    assert_eq!(batch.warnings.count(Warning::TextCut), 3);
}

#[test]
fn further_attributes_than_the_bound_are_left_out_with_a_warning() {
    let limits = Limits { attributes_per_event_max: 2, ..Limits::default() };
    let pairs = pairs! {"a": 1, "casebook.operation": "kept", "user.id": "left out"};
    let batch = decode(&request(pairs! {"service.name": "s"}, &[span("SPAN_KIND_SERVER", pairs)]), &limits);
    assert_eq!((&*batch.events[0].operation, batch.events[0].user), ("kept", None));
    assert_eq!(batch.warnings.count(Warning::AttributesCut), 1);
}

#[test]
fn names_are_shared_within_a_request() {
    let spans = [span("SPAN_KIND_SERVER", &[]), span("SPAN_KIND_CLIENT", &[])];
    let batch = decode(&request(pairs! {"service.name": "shop"}, &spans), &Limits::default());
    let [first, second] = &batch.events[..] else { panic!("two events") };
    assert!(model::Str::ptr_eq(&first.service, &second.service));
    assert!(model::Str::ptr_eq(&first.operation, &second.operation));
    assert!(model::Str::ptr_eq(&first.env, &second.env));
}
