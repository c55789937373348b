//! Generated OTLP requests, in the types that `prost` made of the protocol's own definition.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::collection::vec;
use proptest::prelude::*;

const KEYS: [&str; 34] = [
    "casebook.operation",
    "casebook.error_code",
    "casebook.suppressed",
    "service.name",
    "service.version",
    "service.instance.id",
    "k8s.pod.name",
    "deployment.environment.name",
    "deployment.environment",
    "user.id",
    "error.type",
    "exception.type",
    "exception.message",
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "http.status_code",
    "url.full",
    "url.template",
    "rpc.service",
    "rpc.method",
    "rpc.grpc.status_code",
    "rpc.response.status_code",
    "messaging.system",
    "messaging.destination.name",
    "messaging.destination.temporary",
    "db.system.name",
    "db.operation.name",
    "db.collection.name",
    "peer.service",
    "server.address",
    "server.port",
    "something.else",
    "",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z]{1,8}",
        "[A-Z_]{2,20}",
        "/[a-z0-9/{}-]{0,20}",
        "https?://[a-z0-9.:@\\[\\]/?]{0,24}",
        "(500|503|404|14|4|timeout|UNAVAILABLE|true|127\\.0\\.0\\.1|localhost)",
        "\\PC{0,40}",
        any::<String>(),
        "x{250,270}é?",
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Option<Value>> {
    let scalar = prop_oneof![
        6 => text().prop_map(Value::StringValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        2 => prop_oneof![any::<i64>(), 0..600i64].prop_map(Value::IntValue),
        // JSON has no number for what is not finite; that it is ignored there and here is another test's.
        1 => any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::DoubleValue),
        1 => vec(any::<u8>(), 0..8).prop_map(Value::BytesValue),
    ];
    let nested = scalar.prop_recursive(3, 8, 3, |inner| {
        let any_value = inner.prop_map(|value| AnyValue { value: Some(value) });
        prop_oneof![
            vec(any_value.clone(), 0..3).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(any_value, 0..3).prop_map(|values| {
                let pair =
                    |value| KeyValue { key: "user.id".into(), value: Some(value), ..Default::default() };
                Value::KvlistValue(KeyValueList { values: values.into_iter().map(pair).collect() })
            }),
        ]
    });
    prop_oneof![1 => Just(None), 20 => nested.prop_map(Some)]
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (prop::sample::select(&KEYS[..]), value());
    vec(pair, 0..8).prop_map(|pairs| {
        let pair = |(key, value): (&str, Option<Value>)| KeyValue {
            key: key.to_owned(),
            value: value.map(|value| AnyValue { value: Some(value) }),
            ..Default::default()
        };
        pairs.into_iter().map(pair).collect()
    })
}

pub(crate) fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => vec(any::<u8>(), length),
        1 => Just(vec![0; length]),
        1 => vec(any::<u8>(), 0..length + 2),
    ]
}

pub(crate) fn time() -> impl Strategy<Value = u64> {
    let now = crate::RECEIVED.0;
    prop_oneof![12 => now - 1_000..now + 1_000, 1 => Just(0), 1 => any::<u64>()]
}

fn event() -> impl Strategy<Value = span::Event> {
    (prop_oneof![Just("exception".to_owned()), text()], attributes(), any::<u64>()).prop_map(
        |(name, attributes, time_unix_nano)| span::Event {
            name,
            attributes,
            time_unix_nano,
            dropped_attributes_count: 1,
        },
    )
}

fn link() -> impl Strategy<Value = span::Link> {
    (id(16), id(8), attributes()).prop_map(|(trace_id, span_id, attributes)| span::Link {
        trace_id,
        span_id,
        attributes,
        ..Default::default()
    })
}

prop_compose! {
    fn span()(
        ids in (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)]),
        name in text(),
        kind in -1..8i32,
        times in (time(), time()),
        attributes in attributes(),
        events in vec(event(), 0..3),
        links in vec(link(), 0..2),
        status in proptest::option::of((text(), 0..4i32)),
        other in (text(), any::<u32>()),
    ) -> Span {
        Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: other.0,
            flags: other.1,
            name,
            kind,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            dropped_attributes_count: other.1,
            events,
            dropped_events_count: 0,
            links,
            dropped_links_count: 3,
            status: status.map(|(message, code)| Status { message, code }),
        }
    }
}

pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (attributes(), vec(span(), 0..4)).prop_map(|(attributes, spans)| ScopeSpans {
        scope: Some(InstrumentationScope { name: "scope".into(), attributes, ..Default::default() }),
        spans,
        schema_url: "https://opentelemetry.io/schemas/1.40.0".into(),
    });
    let resource = attributes().prop_map(|attributes| Resource { attributes, ..Default::default() });
    let block = (proptest::option::of(resource), vec(scope, 0..3)).prop_map(|(resource, scope_spans)| {
        ResourceSpans { resource, scope_spans, schema_url: String::new() }
    });
    vec(block, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}
