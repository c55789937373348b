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

#[cfg(test)]
mod tests {
    use model::{LogSeverity, Nanos};

    use super::*;
    use crate::testing::{EventSpec, event, trace_id};

    fn span(span: u64, end_s: u64, failed: bool) -> Event {
        event(&EventSpec { span, end_s, code: failed.then_some(1), ..EventSpec::default() })
    }

    fn spans(trace: &CapturedTrace) -> Vec<u64> {
        trace.events.iter().map(|event| u64::from_be_bytes(event.span.0) - 1).collect()
    }

    #[test]
    fn a_trace_is_in_order_and_each_span_is_in_it_once() {
        let events = vec![span(3, 20, false), span(1, 10, false), span(3, 99, true), span(2, 20, false)];
        let trace = assemble(trace_id(0), events, Vec::new());
        assert_eq!(spans(&trace), [1, 2, 3]);
        assert_eq!(trace.events_cut, 0);
    }

    #[test]
    fn a_long_trace_keeps_its_failures_and_its_errors() {
        let mut events: Vec<_> = (0..600).map(|n| span(n, n + 1, false)).collect();
        events.push(span(1000, 1000, true));
        let log = |at: u64| LogRecord {
            env: "e".into(),
            service: "s".into(),
            version: "".into(),
            instance: "".into(),
            at: Nanos(at),
            severity: if at == 299 { LogSeverity::Error } else { LogSeverity::Info },
            template: "t".into(),
            pattern: "t".into(),
            body: "b".into(),
            exception: "".into(),
            trace: Some(trace_id(0)),
            span: None,
        };
        let logs = (0..300).rev().chain([0]).map(log).collect();
        let trace = assemble(trace_id(0), events, logs);
        assert_eq!((trace.events.len(), trace.events_cut), (EVENTS_PER_TRACE_MAX, 89));
        assert_eq!(spans(&trace).last(), Some(&1000));
        assert_eq!(trace.logs.len(), LOGS_PER_TRACE_MAX);
        assert_eq!(trace.logs.last().map(|log| log.at), Some(Nanos(299)));
        assert!(trace.logs.is_sorted_by_key(|log| log.at));
    }
}
