//! Captures traces for the engine: reads them out of the journal, and keeps in mind what was journaled of each, so
//! that a trace that did not change is not journaled again. Knows nothing of why a trace is wanted.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use journal::{Position, Reader};
use model::{CapturedTrace, Event, Evidence, Input, LogRecord, Nanos, SECOND_NS, SpanId, TraceId};

use crate::ingest::DecodeRules;

/// Of one trace; further events are counted and left out, failures last.
pub(crate) const EVENTS_PER_TRACE_MAX: usize = 512;
const LOGS_PER_TRACE_MAX: usize = 200;
/// In one evidence entry; the others follow in the next.
const TRACES_PER_CAPTURE_MAX: usize = 64;
/// For how long "the same as last time" is reason enough not to journal a trace again. The engine asks for a trace
/// anew while it may still grow; if it asks later, it no longer holds what it was given.
const UNCHANGED_NS: u64 = 20 * SECOND_NS;
/// Further traces are forgotten, the oldest first, which costs an entry more in the journal and nothing else.
const REMEMBERED_MAX: usize = 4096;

/// What the engine wants to see and what it was shown last.
#[derive(Debug, Default)]
pub(crate) struct EvidenceDesk {
    wanted: BTreeSet<TraceId>,
    shown: BTreeMap<TraceId, Shown>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    digest: u64,
    first: Nanos,
}

/// What a capture found.
#[derive(Debug)]
pub(crate) enum Capture {
    /// The engine wants nothing.
    Nothing,
    /// All is as the engine was shown it.
    Unchanged,
    Changed(Evidence),
}

impl EvidenceDesk {
    pub(crate) fn want(&mut self, traces: &[TraceId]) {
        self.wanted.extend(traces);
    }

    /// An evidence entry has reached the engine.
    pub(crate) fn shown(&mut self, evidence: &Evidence, now: Nanos) {
        for trace in &evidence.traces {
            self.wanted.remove(&trace.trace);
            let digest = digest(trace);
            let fresh = Shown { digest, first: now };
            let shown = self.shown.entry(trace.trace).or_insert(fresh);
            *shown = if is_recent(shown, now) { Shown { digest, ..*shown } } else { fresh };
        }
        if self.shown.len() > REMEMBERED_MAX {
            self.shown.retain(|_, shown| is_recent(shown, now));
        }
        while self.shown.len() > REMEMBERED_MAX {
            self.shown.pop_first();
        }
    }

    /// Reads what is wanted, as the journal held it before a position. What is unchanged is no longer wanted.
    pub(crate) fn capture(
        &mut self,
        journal: &Reader,
        rules: &DecodeRules,
        before: Position,
        now: Nanos,
    ) -> Result<Capture, journal::ReadError> {
        if self.wanted.is_empty() {
            return Ok(Capture::Nothing);
        }
        let traces: BTreeSet<TraceId> = self.wanted.iter().copied().take(TRACES_PER_CAPTURE_MAX).collect();
        let mut captured = read_traces(journal, rules, &traces, before)?;
        captured.retain(|trace| {
            let known = self.shown.get(&trace.trace);
            known.is_none_or(|shown| !is_recent(shown, now) || shown.digest != digest(trace))
        });
        let changed: BTreeSet<TraceId> = captured.iter().map(|trace| trace.trace).collect();
        self.wanted.retain(|trace| changed.contains(trace) || !traces.contains(trace));
        Ok(if captured.is_empty() {
            Capture::Unchanged
        } else {
            Capture::Changed(Evidence { traces: captured })
        })
    }
}

fn is_recent(shown: &Shown, now: Nanos) -> bool {
    now.since(shown.first) < UNCHANGED_NS
}

/// Only for comparing within one process.
fn digest(trace: &CapturedTrace) -> u64 {
    let (_, bytes) = intake::record::encode(&Input::Evidence(Evidence { traces: vec![trace.clone()] }));
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    hasher.finish()
}

/// Whole traces from the journal, in order of trace id. Each entry is decoded once, however many of the traces it
/// holds parts of.
pub(crate) fn read_traces(
    journal: &Reader,
    rules: &DecodeRules,
    traces: &BTreeSet<TraceId>,
    before: Position,
) -> Result<Vec<CapturedTrace>, journal::ReadError> {
    let mut seen = BTreeSet::new();
    let mut found: BTreeMap<TraceId, (Vec<Event>, Vec<LogRecord>)> = BTreeMap::new();
    for trace in traces {
        found.entry(*trace).or_default();
        for entry in journal.lookup(&trace.0, before)? {
            if !seen.insert(entry.position) {
                continue;
            }
            let context = rules.context(Nanos(entry.received_ns));
            match intake::record::decode_evidence(entry.kind, &entry.payload, &context) {
                Ok(Input::Events(events)) => {
                    for event in events.into_iter().filter(|event| traces.contains(&event.trace)) {
                        found.entry(event.trace).or_default().0.push(event);
                    }
                }
                Ok(Input::Logs(logs)) => {
                    for log in logs {
                        if let Some(trace) = log.trace.filter(|trace| traces.contains(trace)) {
                            found.entry(trace).or_default().1.push(log);
                        }
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
    Ok(found.into_iter().map(|(trace, (events, logs))| assemble(trace, events, logs)).collect())
}

/// Each span once, as it came first; in order of start. If the trace is too long, its failures stay before others.
/// Logs in order of time, the first of them.
fn assemble(trace: TraceId, mut events: Vec<Event>, mut logs: Vec<LogRecord>) -> CapturedTrace {
    let mut spans: BTreeSet<SpanId> = BTreeSet::new();
    events.retain(|event| spans.insert(event.span));
    let events_cut = events.len().saturating_sub(EVENTS_PER_TRACE_MAX);
    if events_cut > 0 {
        events.sort_by_key(|event| (event.failure().is_none(), event.start, event.span));
        events.truncate(EVENTS_PER_TRACE_MAX);
    }
    events.sort_by_key(|event| (event.start, event.span));
    logs.sort_by(|a, b| {
        let key = |log: &LogRecord| (log.at, log.span);
        key(a).cmp(&key(b)).then_with(|| (&a.template, &a.body).cmp(&(&b.template, &b.body)))
    });
    logs.truncate(LOGS_PER_TRACE_MAX);
    CapturedTrace { trace, events, events_cut: u32::try_from(events_cut).unwrap_or(u32::MAX), logs }
}

#[cfg(test)]
mod tests {
    use model::{EventKind, Failure, FailureStatus, Outcome, Str};

    use super::*;

    fn event(span: u64, start: u64, failed: bool) -> Event {
        let text: Str = "x".into();
        let failure = Failure { status: FailureStatus::Error, code: text.clone(), reason: text.clone() };
        Event {
            trace: TraceId([1; 16]),
            span: SpanId(span.to_be_bytes()),
            parent: None,
            kind: EventKind::Server,
            env: text.clone(),
            service: text.clone(),
            operation: text.clone(),
            version: text.clone(),
            instance: text.clone(),
            peer: text,
            start: Nanos(start),
            end: Nanos(start + 1),
            outcome: if failed { Outcome::Failed(failure) } else { Outcome::Ok },
            user: None,
            attributes: Vec::new(),
        }
    }

    fn spans(trace: &CapturedTrace) -> Vec<u64> {
        trace.events.iter().map(|event| u64::from_be_bytes(event.span.0)).collect()
    }

    #[test]
    fn a_trace_is_in_order_and_each_span_is_in_it_once() {
        let events = vec![event(3, 20, false), event(1, 10, false), event(3, 99, true), event(2, 20, false)];
        let trace = assemble(TraceId([1; 16]), events, Vec::new());
        assert_eq!(spans(&trace), [1, 2, 3]);
        assert_eq!(trace.events_cut, 0);
    }

    #[test]
    fn a_long_trace_keeps_its_failures() {
        let mut events: Vec<_> = (0..600).map(|n| event(n, n, false)).collect();
        events.push(event(1000, 1000, true));
        let trace = assemble(TraceId([1; 16]), events, Vec::new());
        assert_eq!(trace.events.len(), EVENTS_PER_TRACE_MAX);
        assert_eq!(trace.events_cut, 89);
        assert_eq!(spans(&trace).last(), Some(&1000));
    }

    #[test]
    fn logs_are_in_order_of_time_and_the_first_of_them() {
        let log = |at: u64| LogRecord {
            env: "e".into(),
            service: "s".into(),
            version: "".into(),
            instance: "".into(),
            at: Nanos(at),
            severity: model::LogSeverity::Error,
            template: "t".into(),
            body: "b".into(),
            exception: "".into(),
            trace: Some(TraceId([1; 16])),
            span: None,
        };
        let trace = assemble(TraceId([1; 16]), Vec::new(), (0..300).rev().map(log).collect());
        let at: Vec<u64> = trace.logs.iter().map(|log| log.at.0).collect();
        assert_eq!(at, (0..LOGS_PER_TRACE_MAX as u64).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_shown_is_forgotten_at_the_bound_and_wanted_no_more() {
        let mut desk = EvidenceDesk::default();
        let trace = |n: u64| {
            let mut id = [0; 16];
            id[8..].copy_from_slice(&n.to_be_bytes());
            CapturedTrace { trace: TraceId(id), events: Vec::new(), events_cut: 0, logs: Vec::new() }
        };
        desk.want(&[trace(1).trace, trace(9999).trace]);
        let traces = (0..5000).map(trace).collect();
        desk.shown(&Evidence { traces }, Nanos(5));
        assert_eq!(desk.shown.len(), REMEMBERED_MAX);
        assert_eq!(desk.wanted, BTreeSet::from([trace(9999).trace]));
    }
}
