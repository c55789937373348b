//! What is sent: the traces of a small shop as OTLP requests, with attributes as instrumentations write them.
//! Ids and times are placeholders (see `stamp`). It must never know how a request travels.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::stamp::{Body, Placeholder};

pub(crate) const SPANS_PER_TRACE: usize = 10;
/// One trace of these fails: 0.5 %.
const TRACES_PER_FAILURE: usize = 200;
/// Each entry route has its own operations behind it.
const ROUTES: [&str; 8] =
    ["checkout", "cart", "refund", "quote", "gift", "subscription", "preorder", "pickup"];
/// Enough that every route has a failing trace.
pub(crate) const TRACES: usize = TRACES_PER_FAILURE * ROUTES.len();
const SERVICES: [&str; 5] = ["gateway", "checkout", "inventory", "payment", "mailer"];

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const CONSUMER: i32 = 5;
const STATUS_ERROR: i32 = 2;

/// A span of the trace that every request of the shop leaves behind.
struct Shape {
    service: usize,
    parent: Option<u32>,
    kind: i32,
    /// Microseconds from the end of the trace back to its start and its end.
    before_us: (u32, u32),
    /// Takes part in the failure of its trace.
    fails: bool,
    attributes: fn(route: &str, trace: usize, failed: bool) -> Vec<KeyValue>,
}

const SHAPES: [Shape; SPANS_PER_TRACE] = [
    shape(0, None, SERVER, (120_000, 0), true, entry),
    shape(0, Some(0), CLIENT, (118_000, 1_000), true, |route, _, failed| call("checkout", route, failed)),
    shape(1, Some(1), SERVER, (117_000, 2_000), true, |route, _, failed| served("orders", route, failed)),
    shape(1, Some(2), CLIENT, (115_000, 85_000), false, |_, _, _| rpc()),
    shape(2, Some(3), SERVER, (114_000, 86_000), false, |_, _, _| rpc()),
    shape(2, Some(4), CLIENT, (112_000, 88_000), false, query),
    shape(1, Some(2), CLIENT, (84_000, 20_000), true, |route, _, failed| call("payment", route, failed)),
    shape(3, Some(6), SERVER, (83_000, 21_000), true, |route, _, failed| served("charges", route, failed)),
    shape(3, Some(7), CLIENT, (81_000, 23_000), true, |route, _, failed| {
        call("cards.example", route, failed)
    }),
    shape(4, Some(2), CONSUMER, (15_000, 3_000), false, message),
];

const fn shape(
    service: usize,
    parent: Option<u32>,
    kind: i32,
    before_us: (u32, u32),
    fails: bool,
    attributes: fn(&str, usize, bool) -> Vec<KeyValue>,
) -> Shape {
    Shape { service, parent, kind, before_us, fails, attributes }
}

/// All traces, cut into requests of `batch` spans; a multiple of the spans of a trace.
pub(crate) fn bodies(batch: usize) -> Vec<Body> {
    let per_request = (batch / SPANS_PER_TRACE).max(1);
    let traces: Vec<usize> = (0..TRACES).collect();
    traces.chunks_exact(per_request).map(request).collect()
}

/// As a collector sends it: grouped by the service that made the spans.
fn request(traces: &[usize]) -> Body {
    let resource_spans = (0..SERVICES.len()).map(|service| {
        let spans = traces.iter().enumerate().flat_map(|(at, trace)| spans(service, at as u32, *trace));
        let scope = InstrumentationScope {
            name: "shop-instrumentation".to_owned(),
            version: "0.58.1".to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = ScopeSpans { scope: Some(scope), spans: spans.collect(), ..ScopeSpans::default() };
        ResourceSpans {
            resource: Some(resource(SERVICES[service])),
            scope_spans: vec![scope_spans],
            schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
        }
    });
    let request = ExportTraceServiceRequest { resource_spans: resource_spans.collect() };
    Body::new(request.encode_to_vec(), traces.len(), traces.len() * SPANS_PER_TRACE)
}

/// The spans of one service in a trace. `at` is the trace's place in the request, `trace` its number.
fn spans(service: usize, at: u32, trace: usize) -> impl Iterator<Item = Span> {
    let (route, failing) = (ROUTES[trace % ROUTES.len()], is_failing(trace));
    let shapes = SHAPES.iter().enumerate().filter(move |(_, shape)| shape.service == service);
    shapes.map(move |(number, shape)| {
        let failed = failing && shape.fails;
        let id = |number: u32| Placeholder::Span(at * SPANS_PER_TRACE as u32 + number);
        // Traces do not all take equally long.
        let longer = 1 + (trace % 7) as u32;
        let time = |before_us: u32| u64::from_le_bytes(Placeholder::Before { us: before_us * longer }.word());
        Span {
            trace_id: Placeholder::Trace(at).trace_id().to_vec(),
            span_id: id(number as u32).word().to_vec(),
            parent_span_id: shape.parent.map(|parent| id(parent).word().to_vec()).unwrap_or_default(),
            name: format!("{} {route}", SERVICES[service]),
            kind: shape.kind,
            start_time_unix_nano: time(shape.before_us.0),
            end_time_unix_nano: time(shape.before_us.1),
            attributes: (shape.attributes)(route, trace, failed),
            events: if failed { vec![exception(time(shape.before_us.1))] } else { Vec::new() },
            status: failed
                .then(|| Status { code: STATUS_ERROR, message: "card provider timed out".to_owned() }),
            flags: 0x101,
            ..Span::default()
        }
    })
}

/// Spread so that each route gets one.
fn is_failing(trace: usize) -> bool {
    trace % TRACES_PER_FAILURE == trace / TRACES_PER_FAILURE
}

fn resource(service: &str) -> Resource {
    let attributes = vec![
        text("service.name", service),
        text("service.version", "2.4.1"),
        text("service.namespace", "shop"),
        text("service.instance.id", &format!("{service}-7d9f8c6b5d-x2v4q")),
        text("deployment.environment.name", "production"),
        text("k8s.namespace.name", "shop"),
        text("k8s.pod.name", &format!("{service}-7d9f8c6b5d-x2v4q")),
        text("k8s.node.name", "node-17"),
        text("host.arch", "amd64"),
        text("process.runtime.name", "nodejs"),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.language", "nodejs"),
        text("telemetry.sdk.version", "2.1.0"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn entry(route: &str, trace: usize, failed: bool) -> Vec<KeyValue> {
    vec![
        text("http.request.method", "POST"),
        text("http.route", &format!("/{route}/{{id}}")),
        text("url.path", &format!("/{route}/{}", 10_000 + trace)),
        text("url.scheme", "https"),
        text("server.address", "shop.example"),
        number("server.port", 443),
        number("http.response.status_code", if failed { 502 } else { 200 }),
        text("network.protocol.version", "1.1"),
        text("client.address", "203.0.113.24"),
        text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/142.0"),
        text("user.id", &format!("user-{}", trace % 997)),
    ]
}

fn call(peer: &str, route: &str, failed: bool) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("http.request.method", "POST"),
        text("url.full", &format!("http://{peer}:8080/internal/{route}?attempt=1")),
        text("url.template", &format!("/internal/{route}")),
        text("server.address", peer),
        number("server.port", 8080),
        number("http.response.status_code", if failed { 504 } else { 200 }),
        text("network.protocol.version", "1.1"),
        text("network.peer.address", "10.42.3.17"),
        number("network.peer.port", 8080),
        number("http.request.body.size", 412),
    ];
    attributes.extend(failed.then(|| text("error.type", "timeout")));
    attributes
}

fn served(what: &str, route: &str, failed: bool) -> Vec<KeyValue> {
    vec![
        text("http.request.method", "POST"),
        text("http.route", &format!("/internal/{what}/{route}")),
        text("url.path", &format!("/internal/{what}/{route}")),
        text("url.scheme", "http"),
        text("server.address", what),
        number("server.port", 8080),
        number("http.response.status_code", if failed { 504 } else { 200 }),
        text("network.protocol.version", "1.1"),
        text("client.address", "10.42.3.9"),
        text("network.peer.address", "10.42.3.9"),
    ]
}

fn rpc() -> Vec<KeyValue> {
    vec![
        text("rpc.system", "grpc"),
        text("rpc.service", "shop.Inventory"),
        text("rpc.method", "Reserve"),
        number("rpc.grpc.status_code", 0),
        text("server.address", "inventory"),
        number("server.port", 9090),
        text("network.peer.address", "10.42.3.31"),
        number("network.peer.port", 9090),
        text("network.transport", "tcp"),
        text("thread.name", "grpc-worker-3"),
    ]
}

fn query(route: &str, trace: usize, _failed: bool) -> Vec<KeyValue> {
    vec![
        text("db.system.name", "postgresql"),
        text("db.namespace", "inventory"),
        text("db.operation.name", "SELECT"),
        text("db.collection.name", "stock"),
        text("db.query.text", "SELECT sku, amount FROM stock WHERE sku = ANY($1) FOR UPDATE"),
        text("db.query.summary", "SELECT stock"),
        text("server.address", "stock-db"),
        number("server.port", 5432),
        text("shop.route", route),
        number("db.response.returned_rows", (trace % 9) as i64),
    ]
}

fn message(route: &str, trace: usize, _failed: bool) -> Vec<KeyValue> {
    vec![
        text("messaging.system", "kafka"),
        text("messaging.operation.name", "process"),
        text("messaging.operation.type", "process"),
        text("messaging.destination.name", &format!("orders-{route}")),
        text("messaging.consumer.group.name", "mailer"),
        text("messaging.destination.partition.id", "3"),
        number("messaging.kafka.offset", 88_120_000 + trace as i64),
        number("messaging.message.body.size", 740),
        text("server.address", "broker-2"),
        number("server.port", 9092),
    ]
}

fn exception(time_unix_nano: u64) -> Event {
    let stack = "TimeoutError: card provider timed out\n    at Client.post (client.js:118:13)\n".repeat(4);
    let attributes = vec![
        text("exception.type", "TimeoutError"),
        text("exception.message", "card provider timed out after 2000 ms"),
        text("exception.stacktrace", &stack),
    ];
    Event { time_unix_nano, name: "exception".to_owned(), attributes, ..Event::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trace_in_two_hundred_fails_and_every_route_has_one() {
        let failing: Vec<usize> = (0..TRACES).filter(|trace| is_failing(*trace)).collect();
        assert_eq!(failing.len() * TRACES_PER_FAILURE, TRACES);
        let mut routes: Vec<usize> = failing.iter().map(|trace| trace % ROUTES.len()).collect();
        routes.sort_unstable();
        assert_eq!(routes, (0..ROUTES.len()).collect::<Vec<_>>());
    }

    #[test]
    fn every_batch_size_sends_the_same_traces() {
        for batch in [10, 100, 1_000] {
            let bodies = bodies(batch);
            assert!(bodies.iter().all(|body| body.spans == batch), "{batch}");
            assert_eq!(bodies.len() * batch, TRACES * SPANS_PER_TRACE);
        }
    }
}
