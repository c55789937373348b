//! One journal entry through the engine: what it asks of the store, and which traces it wants to see. The same for
//! the live loop, for recovery and for `replay`, so that the three cannot differ.

use engine::Engine;
use model::{ActionOutcome, AuditEntry, AuditedAction, Effect, Input, Nanos, Str, TraceId};
use store::Change;

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub changes: Vec<Change>,
    /// Traces that the engine wants to see, in order.
    pub wanted: Vec<TraceId>,
}

pub(crate) fn apply(engine: &mut Engine, position: u64, input: Input, now: Nanos) -> Outcome {
    let mut outcome = Outcome { changes: facts(&input), wanted: Vec::new() };
    let acted = acted(&input);
    let audit = |outcome: ActionOutcome| {
        let (actor, action) = acted.clone()?;
        Some(Change::Audit(AuditEntry { position, at: now, actor, action, outcome }))
    };
    if matches!(input, Input::AcceptBaseline(_)) {
        outcome.changes.extend(audit(ActionOutcome::Done { other: None }));
    }
    for effect in engine.step(input, now) {
        match effect {
            Effect::CaptureEvidence(traces) => outcome.wanted.extend(traces),
            Effect::TraceCaptured { incident, trace } => {
                outcome.changes.push(Change::Trace { incident, trace });
            }
            Effect::ActionSettled(settled) => outcome.changes.extend(audit(settled)),
            Effect::IncidentChanged(incident) => outcome.changes.push(Change::Incident(incident)),
            Effect::AlertChanged(alert) => outcome.changes.push(Change::Alert(alert)),
            Effect::DeploymentSeen(deployment) => outcome.changes.push(Change::Deployment(deployment)),
            Effect::ReportChanged(report) => outcome.changes.push(Change::Report(report)),
        }
    }
    outcome
}

/// Signals and deployments are rows of their own, whatever the engine makes of them.
fn facts(input: &Input) -> Vec<Change> {
    match input {
        Input::Signals(signals) => signals.iter().cloned().map(Change::Signal).collect(),
        Input::Deployments(deployments) => deployments.iter().cloned().map(Change::Deployment).collect(),
        _ => Vec::new(),
    }
}

/// Who did what, where the entry is somebody's action.
fn acted(input: &Input) -> Option<(Str, AuditedAction)> {
    match input {
        Input::Operator(action) => {
            let done = AuditedAction::OnIncident { incident: action.incident, kind: action.kind.clone() };
            Some((action.actor.clone(), done))
        }
        Input::AcceptBaseline(accepted) => {
            let (until, env, service) = (accepted.until, accepted.env.clone(), accepted.service.clone());
            Some((accepted.actor.clone(), AuditedAction::AcceptBaseline { until, env, service }))
        }
        _ => None,
    }
}
