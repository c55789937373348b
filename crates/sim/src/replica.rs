//! The core with everything around it replaced by memory: traces that answer what it asks for, and an archive of what
//! it said.

use std::collections::BTreeMap;

use cases::Traces;
use engine::Engine;
use engine::report::Report;
use model::{
    ActionOutcome, Deployment, Effect, Incident, IncidentId, IncidentState, Input, Nanos, ReportDocument,
    TraceId,
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
    /// Traces that were to be kept with an incident, and how many reports there were before that.
    kept: BTreeMap<TraceId, usize>,
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
            kept: BTreeMap::new(),
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
        // The effects of a step are carried out together.
        let reports = self.reports.len();
        self.engine.step(input, now).into_iter().for_each(|effect| self.carry_out(effect, reports));
    }

    fn carry_out(&mut self, effect: Effect, reports: usize) {
        match effect {
            Effect::CaptureEvidence(traces) => self.traces.want(&traces),
            Effect::TraceCaptured { trace, .. } => drop(self.kept.entry(trace.trace).or_insert(reports)),
            Effect::AlertChanged(_) => {}
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

    /// Traces that a report names among its evidence and that were not kept by then: with the journal they would go.
    pub fn cited_and_not_kept(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (number, document) in self.reports.iter().enumerate() {
            let Ok(report) = serde_json::from_slice::<Report>(&document.bytes) else { continue };
            let is_kept = |id: &str| {
                let trace = id.strip_prefix("trace:").and_then(|id| id.parse().ok());
                trace.and_then(|trace: TraceId| self.kept.get(&trace)).is_some_and(|since| *since <= number)
            };
            let missing = report.evidence.iter().filter(|part| part.kind == "trace" && !is_kept(&part.id));
            found.extend(
                missing.map(|part| format!("{} at {}: {}", document.incident, document.tick, part.id)),
            );
        }
        found
    }

    pub fn states(&self) -> Vec<IncidentState> {
        self.transitions.iter().map(|(_, _, state)| *state).collect()
    }
}
