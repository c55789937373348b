//! The core with everything around it replaced by memory: traces that answer what it asks for, and an archive of what
//! it said.

use std::collections::BTreeMap;

use cases::Traces;
use engine::Engine;
use engine::report::Report;
use model::{
    ActionOutcome, Deployment, Effect, Incident, IncidentId, IncidentState, Input, Nanos, ReportDocument,
};

#[derive(Debug)]
pub struct Replica {
    pub engine: Engine,
    traces: Traces,
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
            traces: Traces::default(),
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

    /// Steps, and answers after each tick what was asked for by then, as a server does.
    pub fn feed(&mut self, now: Nanos, input: Input) {
        let input = self.traces.keep(input);
        let is_tick = matches!(input, Input::Tick);
        self.step(now, input);
        if let Some(evidence) = is_tick.then(|| self.traces.capture(now)).flatten() {
            self.step(now, Input::Evidence(evidence));
        }
    }

    /// Steps without answering: for a replay, in which the answers stand in the journal.
    pub fn step(&mut self, now: Nanos, input: Input) {
        if self.record {
            self.journal.push((now, input.clone()));
        }
        self.engine.step(input, now).into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::CaptureEvidence(traces) => self.traces.want(&traces),
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
    }

    /// Forgets what no evidence can ask for any more, for runs over hours.
    pub fn forget(&mut self, now: Nanos) {
        self.traces.forget(now);
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
