//! The traces that incidents look at: which are wanted, which are held, and how complete they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use model::{CapturedTrace, Nanos, TraceId};
use serde::{Deserialize, Serialize};

use crate::canonical;

/// A trace is read again for this long after it was first captured, since its spans may come late.
const SETTLE_NS: u64 = 15 * model::SECOND_NS;
/// Over all incidents. Beyond it the traces with the greatest ids are not captured, and reports say `missing`.
pub(crate) const TRACES_MAX: usize = 2_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Traces {
    held: BTreeMap<TraceId, Held>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Held {
    trace: CapturedTrace,
    first_captured: Nanos,
    /// Of the trace, once somebody asked for it.
    #[serde(skip)]
    digest: OnceLock<String>,
}

impl Traces {
    /// What a trace was seen to have it keeps: a journal may let go of its beginning before the trace is read again.
    pub(crate) fn capture(&mut self, trace: CapturedTrace, now: Nanos) {
        if let Some(held) = self.held.get_mut(&trace.trace) {
            if held.trace != trace && !has_less(&trace, &held.trace) {
                (held.trace, held.digest) = (trace, OnceLock::new());
            }
        } else if self.held.len() < TRACES_MAX {
            let id = trace.trace;
            let held = Held { trace, first_captured: now, digest: OnceLock::new() };
            self.held.insert(id, held);
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &CapturedTrace> {
        self.held.values().map(|held| &held.trace)
    }

    pub(crate) fn get(&self, trace: &TraceId) -> Option<&CapturedTrace> {
        self.held.get(trace).map(|held| &held.trace)
    }

    /// The digest of a trace that is held.
    pub(crate) fn digest(&self, trace: &TraceId) -> Option<&str> {
        let held = self.held.get(trace)?;
        Some(held.digest.get_or_init(|| canonical::digest(&held.trace)))
    }

    /// Of `traces` those that must be read: not held yet, or held so briefly that they may still grow.
    pub(crate) fn to_read(&self, traces: &BTreeSet<TraceId>, now: Nanos) -> Vec<TraceId> {
        let may_grow = |trace: &TraceId| {
            self.held.get(trace).is_none_or(|held| now.since(held.first_captured) < SETTLE_NS)
        };
        traces.iter().copied().filter(may_grow).take(TRACES_MAX).collect()
    }

    pub(crate) fn keep_only(&mut self, needed: &BTreeSet<TraceId>) {
        self.held.retain(|trace, _| needed.contains(trace));
    }
}

fn has_less(trace: &CapturedTrace, than: &CapturedTrace) -> bool {
    let events = |trace: &CapturedTrace| trace.events.len() as u64 + u64::from(trace.events_cut);
    events(trace) < events(than) || trace.logs.len() < than.logs.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{EventSpec, event, trace_id};

    fn captured(spans: u64) -> CapturedTrace {
        let span = |span| event(&EventSpec { span, ..EventSpec::default() });
        crate::assemble(trace_id(0), (0..spans).map(span).collect(), Vec::new())
    }

    #[test]
    fn a_trace_grows_and_loses_nothing_that_it_was_seen_to_have() {
        let mut traces = Traces::default();
        for (read, held) in [(2, 2), (5, 5), (3, 5), (0, 5), (6, 6)] {
            traces.capture(captured(read), Nanos(read));
            assert_eq!(traces.get(&trace_id(0)), Some(&captured(held)), "{read} were read");
        }
    }
}
