//! Captures traces for the engine: reads them out of the journal, and keeps in mind what was journaled of each, so
//! that a trace that did not change is not journaled again. Knows nothing of why a trace is wanted.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use journal::{Position, Reader};
use model::{CapturedTrace, Event, Evidence, Input, LogRecord, Nanos, SECOND_NS, TraceId};

use crate::ingest::DecodeRules;

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

    /// Traces that the engine has never seen wait to be read, so the journal must not let go of them yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.wanted.iter().any(|trace| !self.shown.contains_key(trace))
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
        let traces = self.next();
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

    /// What the engine has never seen comes before what it wants to see again, in case it grew.
    fn next(&self) -> BTreeSet<TraceId> {
        let is_new = |trace: &&TraceId| !self.shown.contains_key(*trace);
        let again = self.wanted.iter().filter(|trace| !is_new(trace));
        self.wanted.iter().filter(is_new).chain(again).copied().take(TRACES_PER_CAPTURE_MAX).collect()
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
    Ok(found.into_iter().map(|(trace, (events, logs))| engine::assemble(trace, events, logs)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_shown_comes_first() {
        let id = |n: u64| TraceId((u128::from(n)).to_be_bytes());
        let mut desk = EvidenceDesk::default();
        let seen = |n| CapturedTrace { trace: id(n), events: Vec::new(), events_cut: 0, logs: Vec::new() };
        desk.shown(&Evidence { traces: (0..200).map(seen).collect() }, Nanos(5));
        desk.want(&(0..210).map(id).collect::<Vec<_>>());
        let next = desk.next();
        assert_eq!(next.len(), TRACES_PER_CAPTURE_MAX);
        assert!((200..210).all(|n| next.contains(&id(n))), "{next:?}");
        assert!(desk.is_behind());
        desk.shown(&Evidence { traces: (200..210).map(seen).collect() }, Nanos(6));
        assert!(
            !desk.is_behind() && !desk.wanted.is_empty(),
            "what is only to be seen again is held already"
        );
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
