//! One trace explained on its own: its failing path, from the origin outwards.

use model::{CapturedTrace, Event, EventKind, SpanId, TraceId};
use serde::{Deserialize, Serialize};

use crate::assembly::Assembly;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub trace_id: TraceId,
    /// One sentence.
    pub summary: String,
    pub origin: Option<ExplainedEvent>,
    /// The failing event whose callee left no event in the trace, by the name the caller used.
    pub unobserved_callee: Option<String>,
    /// One event for each service that the failure passed, from the origin outwards.
    pub path: Vec<ExplainedEvent>,
    pub events: u64,
    pub failures: u64,
    /// Events whose parent is not in the trace.
    pub missing_parents: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedEvent {
    pub span_id: SpanId,
    pub service: String,
    pub operation: String,
    pub kind: EventKind,
    pub code: Option<String>,
    pub reason: Option<String>,
    pub start: String,
    pub duration_ms: u64,
}

impl From<&Event> for ExplainedEvent {
    fn from(event: &Event) -> Self {
        Self {
            span_id: event.span,
            service: event.service.to_string(),
            operation: event.operation.to_string(),
            kind: event.kind,
            code: event.failure().map(|failure| failure.code.to_string()),
            reason: event
                .failure()
                .map(|failure| failure.reason.to_string())
                .filter(|reason| !reason.is_empty()),
            start: event.start.to_rfc3339(),
            duration_ms: event.duration_ns() / 1_000_000,
        }
    }
}

pub fn explain(trace: &CapturedTrace) -> Explanation {
    let assembly = Assembly::of(trace);
    let origin = assembly.origin();
    let callee = origin.as_ref().filter(|o| o.callee_unobserved).map(|o| {
        if o.event.peer.is_empty() { o.event.operation.to_string() } else { o.event.peer.to_string() }
    });
    let summary = match (&origin, &callee) {
        (None, _) if trace.events.is_empty() => "Nothing is known of this trace.".to_owned(),
        (None, _) => "Nothing failed in this trace.".to_owned(),
        (Some(o), Some(callee)) => {
            format!("{} failed in its call to {callee}, which left no event in this trace.", o.event.service)
        }
        (Some(o), None) => format!("The failure arose in {} {}.", o.event.service, o.event.operation),
    };
    Explanation {
        trace_id: trace.trace,
        summary,
        unobserved_callee: callee,
        path: origin.iter().flat_map(|o| &o.hops).map(|event| ExplainedEvent::from(*event)).collect(),
        origin: origin.as_ref().map(|o| ExplainedEvent::from(o.event)),
        events: trace.events.len() as u64 + u64::from(trace.events_cut),
        failures: trace.events.iter().filter(|event| event.failure().is_some()).count() as u64,
        missing_parents: assembly.missing_parents as u64,
    }
}
