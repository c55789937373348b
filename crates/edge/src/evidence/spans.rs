//! What was told, as spans of OTLP. A call of a client is a span of the kind `server`, and each attempt at a node one of the
//! kind `client` in it that names the node: so attempts can fail while their call goes well. It must never write more of an
//! address than host and port, and knows nothing of what was asked.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::signal::Speaker;
use super::told::{Attempt, Ended, Told, What, threshold};
use crate::core::{Fault, NodeId, Transport};
use crate::metrics::{Label as _, Outcome};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// All of it in one request, as the work of one service.
pub(super) fn request(told: &[Told], speaker: &Speaker) -> ExportTraceServiceRequest {
    let mut attributes = vec![
        text("service.name", &speaker.service),
        text("service.version", VERSION),
        text("service.instance.id", &speaker.instance),
    ];
    attributes.extend(speaker.env.as_ref().map(|env| text("deployment.environment.name", env)));
    let scope = InstrumentationScope {
        name: "casebook-edge".to_owned(),
        version: VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = told.iter().flat_map(spans).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: String::new() }],
            schema_url: String::new(),
        }],
    }
}

/// The spans of one trace, the outermost first.
fn spans(told: &Told) -> Vec<Span> {
    let pool = &told.names.pool;
    match &told.what {
        What::Call { class, outcome, attempts } => {
            let mut root = outermost(told, SpanKind::Server, format!("call {pool}"));
            root.attributes.push(text("edge.class", class.word()));
            root.attributes.push(text("edge.outcome", outcome.word()));
            if matches!(outcome, Outcome::Failed | Outcome::Deadline) {
                fail(&mut root, outcome.word(), "no node answered the call");
            }
            let attempts = attempts.iter().zip(1..).map(|(attempt, at)| attempt_span(told, attempt, at));
            std::iter::once(root).chain(attempts).collect()
        }
        What::Watch { node, fault } => {
            let root = outermost(told, SpanKind::Internal, format!("watch {pool}"));
            let times = (told.began_ns, told.ended_ns);
            let mut span = at_node(told, *node, "watch", 1, times);
            if let Some(fault) = fault {
                fail_by(&mut span, *fault);
            }
            vec![root, span]
        }
        What::Failover { from, to, fault } => {
            let mut span = outermost(told, SpanKind::Internal, format!("failover {pool}"));
            span.attributes.push(text("edge.from", told.names.name(*from)));
            span.attributes.push(text("edge.to", told.names.name(*to)));
            span.attributes.push(text("edge.fault", fault.class()));
            vec![span]
        }
        What::Gap { blocks, is_closed } => {
            let mut span = outermost(told, SpanKind::Internal, format!("bridge {pool}"));
            let blocks = i64::try_from(*blocks).unwrap_or(i64::MAX);
            span.attributes.push(attribute("edge.blocks", Value::IntValue(blocks)));
            if !is_closed {
                fail(&mut span, "gap", "blocks are missing that cannot be had");
            }
            vec![span]
        }
    }
}

fn outermost(told: &Told, kind: SpanKind, name: String) -> Span {
    // A sample says how many others it stands for.
    let trace_state = match told.halvings {
        0 => String::new(),
        by => format!("ot=th:{}", format!("{:014x}", threshold(by)).trim_end_matches('0')),
    };
    Span {
        trace_id: told.ids.trace().to_vec(),
        span_id: told.ids.span(0).to_vec(),
        trace_state,
        kind: kind as i32,
        start_time_unix_nano: told.began_ns,
        end_time_unix_nano: told.ended_ns.max(told.began_ns),
        // What a name has of numbers stands in it on purpose, so the operation is said beside the name.
        attributes: vec![text("casebook.operation", &name), text("edge.pool", &told.names.pool)],
        name,
        ..Span::default()
    }
}

fn attempt_span(told: &Told, attempt: &Attempt, at: u64) -> Span {
    let mut span = at_node(told, attempt.node, "call", at, (attempt.began_ns, attempt.ended_ns));
    if attempt.via == Transport::Stream {
        span.attributes.push(text("edge.transport", attempt.via.word()));
    }
    match attempt.ended {
        Ended::Answered => {}
        Ended::Failed(fault) => fail_by(&mut span, fault),
        Ended::GivenUp => span.attributes.push(attribute("edge.given_up", Value::BoolValue(true))),
    }
    span
}

/// Something that a node was asked, as a part of the trace.
fn at_node(told: &Told, node: NodeId, verb: &str, at: u64, (began_ns, ended_ns): (u64, u64)) -> Span {
    let names = &told.names;
    let operation = format!("{verb} {}/{}", names.pool, names.name(node));
    let mut span = Span {
        span_id: told.ids.span(at).to_vec(),
        parent_span_id: told.ids.span(0).to_vec(),
        start_time_unix_nano: began_ns,
        end_time_unix_nano: ended_ns.max(began_ns),
        ..outermost(told, SpanKind::Client, operation)
    };
    span.attributes.push(text("peer.service", names.name(node)));
    if let Some(node) = names.node(node) {
        span.attributes.push(text("server.address", &node.host));
        let port = node.port.map(|port| attribute("server.port", Value::IntValue(port.into())));
        span.attributes.extend(port);
    }
    span
}

fn fail_by(span: &mut Span, fault: Fault) {
    match fault {
        Fault::Status(status) => fail(span, fault.class(), &format!("HTTP status {status}")),
        _ => fail(span, fault.class(), ""),
    }
}

fn fail(span: &mut Span, code: &str, message: &str) {
    span.attributes.push(text("error.type", code));
    span.status = Some(Status { message: message.to_owned(), code: StatusCode::Error as i32 });
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

#[cfg(test)]
mod tests;
