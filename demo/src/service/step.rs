//! The INTERNAL span around a step of a service's own work.

use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};

use super::Service;
use super::fault::Fault;

impl Service {
    /// Does `work` in a span called `name`; a fault is recorded as an exception.
    pub(super) async fn step<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let parent = Context::current();
        let span = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Internal)
            .start_with_context(&self.tracer, &parent);
        let context = parent.with_span(span);
        let done = work.with_context(context.clone()).await;
        if let Err(fault) = &done {
            record(&context, fault);
        }
        context.span().end();
        done
    }
}

fn record(context: &Context, fault: &Fault) {
    let (span, error_type) = (context.span(), fault.error_type.unwrap_or("error"));
    let exception = vec![
        KeyValue::new("exception.type", error_type),
        KeyValue::new("exception.message", fault.message.clone()),
    ];
    span.add_event("exception", exception);
    span.set_attribute(KeyValue::new("error.type", error_type));
    span.set_status(Status::error(fault.message.clone()));
}
