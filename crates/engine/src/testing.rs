//! Small events for the tests of this crate.

use model::{Event, EventKind, Failure, FailureStatus, Nanos, Outcome, SpanId, TraceId};
use proptest::prelude::*;

/// What a test says of an event; the rest is filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventSpec {
    pub(crate) trace: u64,
    pub(crate) span: u64,
    pub(crate) service: u8,
    pub(crate) operation: u8,
    pub(crate) code: Option<u8>,
    pub(crate) end_s: u64,
    pub(crate) version: u8,
}

impl Arbitrary for EventSpec {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        (0u64..20, 0u64..20, 0u8..3, 0u8..3, prop::option::of(0u8..3), 1_000u64..1_004, 0u8..3)
            .prop_map(|(trace, span, service, operation, code, end_s, version)| Self {
                trace,
                span,
                service,
                operation,
                code,
                end_s,
                version,
            })
            .boxed()
    }
}

/// The numbers below `len` in an order that `seed` chooses.
pub(crate) fn shuffled(seed: u64, len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by_key(|i| crate::hash::mix(seed ^ crate::hash::mix(*i as u64 + 1)));
    order
}

pub(crate) fn trace_id(n: u64) -> TraceId {
    TraceId(((1u128 << 100) | u128::from(n)).to_be_bytes())
}

pub(crate) fn span_id(n: u64) -> SpanId {
    SpanId((n + 1).to_be_bytes())
}

pub(crate) fn event(spec: &EventSpec) -> Event {
    let end = Nanos::from_secs(spec.end_s.max(1));
    let outcome = match spec.code {
        None => Outcome::Ok,
        Some(code) => Outcome::Failed(Failure {
            status: FailureStatus::Error,
            code: format!("E{code}").into(),
            reason: "".into(),
        }),
    };
    Event {
        trace: trace_id(spec.trace),
        span: span_id(spec.span),
        parent: None,
        kind: EventKind::Server,
        env: "test".into(),
        service: format!("s{}", spec.service).into(),
        operation: format!("op{}", spec.operation).into(),
        version: format!("1.{}", spec.version).into(),
        instance: "i".into(),
        peer: "".into(),
        start: end.saturating_sub(5_000_000),
        end,
        outcome,
        user: Some(spec.trace % 7),
        attributes: Vec::new(),
    }
}
