//! The OpenTelemetry SDK as a service sets it up. Knows no request.

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};

use crate::ENVIRONMENT;
use crate::protocol::ServiceConfig;

/// Short, so that a demo of half a minute shows what it does; production keeps the default of five seconds.
const SCHEDULE_DELAY: Duration = Duration::from_millis(200);
/// Spans waiting to be exported; more are dropped by the SDK.
const QUEUE_SPANS_MAX: usize = 16_384;

pub(super) fn start(config: &ServiceConfig) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&config.otlp_grpc)
        .build()
        .with_context(|| format!("no OTLP exporter for {}", config.otlp_grpc))?;
    let batches = BatchConfigBuilder::default()
        .with_scheduled_delay(SCHEDULE_DELAY)
        .with_max_queue_size(QUEUE_SPANS_MAX)
        .build();
    let resource = Resource::builder()
        .with_service_name(config.role.as_str())
        .with_attributes([
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("service.version", config.version.clone()),
            KeyValue::new("service.instance.id", config.instance.clone()),
            KeyValue::new("deployment.environment.name", ENVIRONMENT),
        ])
        .build();
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource)
        .build())
}

pub(super) fn tracer(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer("casebook-demo-shop")
}
