//! Sends one known trace through the OpenTelemetry SDK for Rust, as an application would.
//!
//! Endpoint, compression and resource come from the SDK's own environment variables and defaults.
//! Prints what it sent as one line of JSON. It must not know that the receiver is Casebook.
#![allow(clippy::print_stdout, reason = "the runner reads standard output")]

use anyhow::{Context, bail};
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;

fn main() -> anyhow::Result<()> {
    let protocol = std::env::args().nth(1).context("name a protocol")?;
    // The gRPC exporter needs a runtime to build its channel in; the SDK exports from its own thread.
    let runtime = tokio::runtime::Runtime::new()?;
    let entered = runtime.enter();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter(&protocol)?).build();
    drop(entered);

    let (parent, child) = send(&provider.tracer("casebook.client"));
    provider.force_flush().context("the SDK could not export")?;
    provider.shutdown()?;
    let sent = serde_json::json!({
        "trace_id": parent.trace_id().to_string(),
        "parent": parent.span_id().to_string(),
        "child": child.span_id().to_string(),
        // The SDK records an error's message but no type, so nothing more exact can be known.
        "code": "ERROR",
    });
    println!("{sent}");
    Ok(())
}

fn exporter(protocol: &str) -> anyhow::Result<SpanExporter> {
    let exporter = match protocol {
        "grpc" => SpanExporter::builder().with_tonic().build(),
        "http-protobuf" => SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build(),
        "http-json" => SpanExporter::builder().with_http().with_protocol(Protocol::HttpJson).build(),
        unknown => bail!("unknown protocol {unknown}"),
    };
    Ok(exporter?)
}

fn send(tracer: &impl Tracer<Span: Send + Sync + 'static>) -> (SpanContext, SpanContext) {
    let parent = tracer
        .span_builder("POST /orders/{id}")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", "/orders/{id}"),
            KeyValue::new("http.response.status_code", 200),
        ])
        .start(tracer);
    let outer = opentelemetry::Context::new().with_span(parent);
    let child = tracer
        .span_builder("charge card")
        .with_kind(SpanKind::Client)
        .with_attributes([KeyValue::new("server.address", "cards.example")])
        .start_with_context(tracer, &outer);
    let inner = outer.with_span(child);
    let span = inner.span();
    let delays = Value::Array(Array::I64(vec![10, 20]));
    span.add_event("retry", vec![KeyValue::new("attempt", 2), KeyValue::new("delays_ms", delays)]);
    span.record_error(&std::io::Error::other("card refused"));
    span.set_status(Status::error("card refused"));
    span.end();
    outer.span().end();
    (outer.span().span_context().clone(), span.span_context().clone())
}
