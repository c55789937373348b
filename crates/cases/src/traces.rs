//! The traces of a run by their id, and the answers to what the engine wants to see of them: the part that the
//! journal's index and the evidence desk have in a server, with the same bounds. Every player of inputs without a
//! server answers by this one. Knows nothing of why a trace is wanted.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use model::{CapturedTrace, Event, Evidence, Input, LogRecord, Nanos, SECOND_NS, TraceId};

const TRACES_PER_CAPTURE_MAX: usize = 64;
const UNCHANGED_NS: u64 = 20 * SECOND_NS;
/// Older traces are forgotten; the engine asks for none that ended before the hour that is its baseline.
const KEPT_NS: u64 = 2 * 3_600 * SECOND_NS;

#[derive(Debug, Default)]
pub struct Traces {
    by_id: BTreeMap<TraceId, Held>,
    wanted: BTreeSet<TraceId>,
    shown: BTreeMap<TraceId, (u64, Nanos)>,
}

/// What is known of a trace, in order of arrival.
#[derive(Debug, Default)]
struct Held {
    events: Vec<Event>,
    logs: Vec<LogRecord>,
}

impl Traces {
    /// Keeps what traces are made of, and returns the input as the engine is given it.
    pub fn keep(&mut self, input: Input) -> Input {
        match input {
            Input::Events(events) => {
                // Attributes are for captured traces alone, as a server decodes them.
                let plain = |event: &Event| Event { attributes: Vec::new(), ..event.clone() };
                let given = events.iter().map(plain).collect();
                for event in events {
                    self.by_id.entry(event.trace).or_default().events.push(event);
                }
                Input::Events(given)
            }
            Input::Logs(logs) => {
                for log in &logs {
                    if let Some(trace) = log.trace {
                        self.by_id.entry(trace).or_default().logs.push(log.clone());
                    }
                }
                Input::Logs(logs)
            }
            input => input,
        }
    }

    pub fn want(&mut self, traces: &[TraceId]) {
        self.wanted.extend(traces);
    }

    /// What is wanted and was not shown as it is now; `None` where there is nothing new to show. It counts as shown.
    pub fn capture(&mut self, now: Nanos) -> Option<Evidence> {
        let evidence = self.look(now)?;
        self.shown(&evidence, now);
        Some(evidence)
    }

    /// The same, but it stays wanted until it is shown.
    pub fn look(&mut self, now: Nanos) -> Option<Evidence> {
        // What was never shown comes first.
        let is_new = |trace: &&TraceId| !self.shown.contains_key(*trace);
        let again = self.wanted.iter().filter(|trace| !is_new(trace));
        let asked = self.wanted.iter().filter(is_new).chain(again).copied();
        let asked: Vec<TraceId> = asked.take(TRACES_PER_CAPTURE_MAX).collect();
        let mut traces = Vec::new();
        for id in asked {
            let trace =
                self.by_id.get(&id).map(|held| engine::assemble(id, held.events.clone(), held.logs.clone()));
            let trace = trace.unwrap_or_else(|| engine::assemble(id, Vec::new(), Vec::new()));
            let digest = digest(&trace);
            let shown = self.shown.get(&id).filter(|(_, first)| now.since(*first) < UNCHANGED_NS);
            if shown.is_some_and(|(known, _)| *known == digest) {
                self.wanted.remove(&id);
            } else {
                traces.push(trace);
            }
        }
        (!traces.is_empty()).then_some(Evidence { traces })
    }

    /// The engine is given this.
    pub fn shown(&mut self, evidence: &Evidence, now: Nanos) {
        for trace in &evidence.traces {
            self.wanted.remove(&trace.trace);
            let recent = self.shown.get(&trace.trace).filter(|(_, first)| now.since(*first) < UNCHANGED_NS);
            let first = recent.map_or(now, |(_, first)| *first);
            self.shown.insert(trace.trace, (digest(trace), first));
        }
    }

    /// Forgets what the engine can ask for no more.
    pub fn forget(&mut self, now: Nanos) {
        let from = now.saturating_sub(KEPT_NS);
        self.by_id.retain(|_, held| {
            held.events.iter().any(|event| event.end >= from) || held.logs.iter().any(|log| log.at >= from)
        });
        self.shown.retain(|_, (_, first)| now.since(*first) < UNCHANGED_NS);
    }
}

/// Only for comparing within one run.
fn digest(trace: &CapturedTrace) -> u64 {
    let (_, bytes) = intake::record::encode(&Input::Evidence(Evidence { traces: vec![trace.clone()] }));
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    hasher.finish()
}
