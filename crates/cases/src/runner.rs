//! The core driven through a case: inputs in order of arrival, ticks by the inputs' own clock, evidence answered from
//! memory. Knows nothing of truth.

use std::collections::BTreeMap;

use engine::Engine;
use model::{
    AcceptBaseline, Effect, Evidence, Incident, IncidentId, IncidentState, Input, Nanos, ReportDocument,
    SECOND_NS,
};

use crate::traces::Traces;

const FORGET_EVERY_NS: u64 = 600 * SECOND_NS;

/// Drives one engine.
#[derive(Debug)]
pub struct Runner {
    engine: Engine,
    tick_ns: u64,
    next_tick: Nanos,
    clock: Clock,
    /// Seen at a tick, to be shown when the inputs say so.
    seen: Option<Evidence>,
    baseline_until: Option<Nanos>,
    forget_at: Nanos,
    traces: Traces,
    run: Run,
}

/// Where the ticks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// From the inputs' times.
    Own,
    /// The inputs bring them.
    Ticks,
    /// The inputs bring them, and say when the core was shown the traces that it wanted.
    TicksAndEvidence,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Run {
    /// By id.
    pub incidents: BTreeMap<IncidentId, IncidentRun>,
    pub reports: u64,
    pub inputs: u64,
    pub events: u64,
    pub ticks: u64,
}

/// What the core said of an incident, last and over time.
#[derive(Debug, Clone)]
pub struct IncidentRun {
    /// The tick at which it was opened.
    pub opened_at: Nanos,
    pub row: Incident,
    /// State from each instant on, in order.
    pub states: Vec<(Nanos, IncidentState)>,
    pub report: Option<ReportDocument>,
}

impl Runner {
    /// A run whose clock starts at `start`.
    pub fn new(start: Nanos) -> Self {
        let engine = Engine::new(1);
        let tick_ns = engine.config().tick_ms * 1_000_000;
        let next_tick = Nanos((start.0 / tick_ns + 1) * tick_ns);
        Self {
            engine,
            tick_ns,
            next_tick,
            clock: Clock::Own,
            seen: None,
            baseline_until: None,
            forget_at: start.saturating_add(FORGET_EVERY_NS),
            traces: Traces::default(),
            run: Run::default(),
        }
    }

    /// At that instant the core is told that nothing was wrong so far.
    pub fn baseline_until(mut self, until: Option<Nanos>) -> Self {
        self.baseline_until = until;
        self
    }

    /// The clock makes no tick; they come as inputs.
    pub fn with_ticks_given(mut self) -> Self {
        self.clock = Clock::Ticks;
        self
    }

    /// As a server journaled it: ticks come as inputs, and so does the news that evidence was shown.
    pub fn as_journaled(mut self) -> Self {
        self.clock = Clock::TicksAndEvidence;
        self
    }

    /// The core is shown what it wanted, as it was at the tick at which it was looked at.
    pub fn show_evidence(&mut self, at: Nanos) {
        if let Some(evidence) = self.seen.take() {
            self.traces.shown(&evidence, at);
            self.step(at, Input::Evidence(evidence));
        }
    }

    /// Hands in what arrived at `at`, after all ticks until then.
    pub fn feed(&mut self, at: Nanos, input: Input) {
        self.advance(at);
        self.run.inputs += 1;
        if let Input::Events(events) = &input {
            self.run.events += events.len() as u64;
        }
        match self.traces.keep(input) {
            Input::Tick => self.tick(at),
            input => self.step(at, input),
        }
    }

    /// Drives the clock to `end`.
    pub fn finish(mut self, end: Nanos) -> Run {
        self.advance(end);
        self.run
    }

    /// What came of the run so far.
    pub fn so_far(&self) -> &Run {
        &self.run
    }

    fn advance(&mut self, to: Nanos) {
        while self.clock == Clock::Own && self.next_tick <= to {
            let at = self.next_tick;
            self.accept_baseline(at);
            self.tick(at);
            self.next_tick = at.saturating_add(self.tick_ns);
        }
        self.accept_baseline(to);
    }

    fn accept_baseline(&mut self, now: Nanos) {
        let Some(until) = self.baseline_until.filter(|until| *until <= now) else { return };
        self.baseline_until = None;
        let accepted = AcceptBaseline { actor: "case".into(), until, env: None, service: None };
        self.step(until, Input::AcceptBaseline(accepted));
    }

    fn tick(&mut self, at: Nanos) {
        self.run.ticks += 1;
        self.step(at, Input::Tick);
        match self.clock {
            // One look at a time is on its way.
            Clock::TicksAndEvidence if self.seen.is_some() => {}
            Clock::TicksAndEvidence => self.seen = self.traces.look(at),
            Clock::Own | Clock::Ticks => {
                if let Some(evidence) = self.traces.capture(at) {
                    self.step(at, Input::Evidence(evidence));
                }
            }
        }
        if at >= self.forget_at {
            self.traces.forget(at);
            self.forget_at = at.saturating_add(FORGET_EVERY_NS);
        }
    }

    fn step(&mut self, at: Nanos, input: Input) {
        for effect in self.engine.step(input, at) {
            match effect {
                Effect::CaptureEvidence(traces) => self.traces.want(&traces),
                Effect::TraceCaptured { .. } | Effect::AlertChanged(_) | Effect::DeploymentSeen(_) => {}
                Effect::IncidentChanged(row) => self.run.changed(row, at),
                Effect::ReportChanged(report) => self.run.reported(report),
                // Nobody acts in a case.
                Effect::ActionSettled(_) => {}
            }
        }
    }
}

impl Run {
    fn changed(&mut self, row: Incident, at: Nanos) {
        let state = row.state;
        let fresh = || IncidentRun { opened_at: at, row: row.clone(), states: Vec::new(), report: None };
        let incident = self.incidents.entry(row.id).or_insert_with(fresh);
        if incident.states.last().is_none_or(|(_, last)| *last != state) {
            incident.states.push((at, state));
        }
        incident.row = row;
    }

    fn reported(&mut self, report: ReportDocument) {
        self.reports += 1;
        if let Some(incident) = self.incidents.get_mut(&report.incident) {
            incident.report = Some(report);
        }
    }
}

impl IncidentRun {
    /// It was opened before, and not resolved at that instant.
    pub fn is_open_across(&self, at: Nanos) -> bool {
        let state = self.states.iter().take_while(|(since, _)| *since <= at).last();
        state.is_some_and(|(_, state)| *state != IncidentState::Resolved)
    }
}

#[cfg(test)]
mod tests;
