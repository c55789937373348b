//! A trace as evidence has it, made of what a journal holds of it: each span once, in order, and bounded.

use std::collections::BTreeSet;

use model::{CapturedTrace, Event, LogRecord, SpanId, TraceId};

/// Events and log records of one captured trace.
const EVENTS_PER_TRACE_MAX: usize = 512;
const LOGS_PER_TRACE_MAX: usize = 256;

/// Each span and record once, as it came first; in order of time. If the trace is too long, its failures stay before
/// others.
pub fn assemble(trace: TraceId, mut events: Vec<Event>, mut logs: Vec<LogRecord>) -> CapturedTrace {
    let mut spans: BTreeSet<SpanId> = BTreeSet::new();
    events.retain(|event| spans.insert(event.span));
    let events_cut = events.len().saturating_sub(EVENTS_PER_TRACE_MAX);
    if events_cut > 0 {
        events.sort_by_key(|event| (event.failure().is_none(), event.start, event.span));
        events.truncate(EVENTS_PER_TRACE_MAX);
    }
    events.sort_by_key(|event| (event.start, event.span));
    let mut said: BTreeSet<u64> = BTreeSet::new();
    logs.retain(|log| said.insert(crate::hash::log(log)));
    logs.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.at.cmp(&b.at)));
    logs.truncate(LOGS_PER_TRACE_MAX);
    logs.sort_by(|a, b| (a.at, a.span, &a.template, &a.body).cmp(&(b.at, b.span, &b.template, &b.body)));
    CapturedTrace { trace, events, events_cut: u32::try_from(events_cut).unwrap_or(u32::MAX), logs }
}
