//! The core with everything around it replaced by memory: a journal that remembers events by trace, and an archive of
//! what the core said.

use std::collections::BTreeMap;

use engine::Engine;
use engine::report::Report;
use model::{
    ActionOutcome, CapturedTrace, Deployment, Effect, Event, Evidence, Incident, IncidentId, IncidentState,
    Input, LogRecord, Nanos, ReportDocument, TraceId,
};

#[derive(Debug)]
pub struct Replica {
    pub engine: Engine,
    by_trace: BTreeMap<TraceId, Vec<Event>>,
    logs_by_trace: BTreeMap<TraceId, Vec<LogRecord>>,
    pub reports: Vec<ReportDocument>,
    /// Those that the core registered by itself.
    pub deployments: Vec<Deployment>,
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// Every change of state, in order.
    pub transitions: Vec<(Nanos, IncidentId, IncidentState)>,
    /// What became of each operator's action, in order.
    pub settled: Vec<ActionOutcome>,
    /// What a real server would have journaled, for a replay.
    pub journal: Vec<(Nanos, Input)>,
    record: bool,
}

impl Replica {
    pub fn new(shards: usize) -> Self {
        Self::over(Engine::new(shards))
    }

    pub fn over(engine: Engine) -> Self {
        Self {
            engine,
            by_trace: BTreeMap::new(),
            logs_by_trace: BTreeMap::new(),
            reports: Vec::new(),
            deployments: Vec::new(),
            incidents: BTreeMap::new(),
            transitions: Vec::new(),
            settled: Vec::new(),
            journal: Vec::new(),
            record: false,
        }
    }

    /// Keeps all inputs in `journal`.
    pub fn recording(mut self) -> Self {
        self.record = true;
        self
    }

    pub fn feed(&mut self, now: Nanos, input: Input) {
        if let Input::Events(events) = &input {
            events.iter().for_each(|event| self.by_trace.entry(event.trace).or_default().push(event.clone()));
        }
        if let Input::Logs(logs) = &input {
            for log in logs {
                if let Some(trace) = log.trace {
                    self.logs_by_trace.entry(trace).or_default().push(log.clone());
                }
            }
        }
        let effects = self.step(now, input);
        for wanted in effects {
            let traces = wanted.into_iter().map(|trace| self.read(trace)).collect();
            self.step(now, Input::Evidence(Evidence { traces }));
        }
    }

    /// Steps without answering: for a replay, in which the answers stand in the journal.
    pub fn step(&mut self, now: Nanos, input: Input) -> Vec<Vec<TraceId>> {
        if self.record {
            self.journal.push((now, input.clone()));
        }
        let effects = self.engine.step(input, now);
        effects.into_iter().filter_map(|effect| self.carry_out(effect)).collect()
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Vec<TraceId>> {
        match effect {
            Effect::CaptureEvidence(traces) => return Some(traces),
            Effect::TraceCaptured { .. } | Effect::AlertChanged(_) => {}
            Effect::DeploymentSeen(deployment) => self.deployments.push(deployment),
            Effect::ActionSettled(outcome) => self.settled.push(outcome),
            Effect::IncidentChanged(incident) => {
                let before = self.incidents.get(&incident.id).map(|known| known.state);
                if before != Some(incident.state) {
                    self.transitions.push((incident.updated_at, incident.id, incident.state));
                }
                self.incidents.insert(incident.id, incident);
            }
            Effect::ReportChanged(report) => self.reports.push(report),
        }
        None
    }

    fn read(&self, trace: TraceId) -> CapturedTrace {
        let events = self.by_trace.get(&trace).cloned().unwrap_or_default();
        engine::assemble(trace, events, self.logs_by_trace.get(&trace).cloned().unwrap_or_default())
    }

    /// Forgets events that no evidence can ask for any more, for runs over hours.
    pub fn forget_before(&mut self, time: Nanos) {
        self.by_trace.retain(|_, events| events.iter().any(|event| event.end >= time));
        self.logs_by_trace.retain(|_, logs| logs.iter().any(|log| log.at >= time));
    }

    pub fn hashes(&self) -> Vec<&str> {
        self.reports.iter().map(|report| report.hash.as_str()).collect()
    }

    /// The newest report of an incident.
    pub fn report(&self, id: IncidentId) -> Option<Report> {
        let newest = self.reports.iter().rev().find(|report| report.incident == id)?;
        serde_json::from_slice(&newest.bytes).ok()
    }

    pub fn states(&self) -> Vec<IncidentState> {
        self.transitions.iter().map(|(_, _, state)| *state).collect()
    }
}
