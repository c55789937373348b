//! What people did, and what became of it: one entry for each action in the journal.

use serde::{Deserialize, Serialize};

use crate::{IncidentId, Nanos, OperatorActionKind, Str};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Where in the journal the action stands; no two actions share one.
    pub position: u64,
    pub at: Nanos,
    pub actor: Str,
    pub action: AuditedAction,
    pub outcome: ActionOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditedAction {
    OnIncident {
        incident: IncidentId,
        kind: OperatorActionKind,
    },
    /// The baseline of everything, of an environment or of a service.
    AcceptBaseline {
        until: Nanos,
        env: Option<Str>,
        service: Option<Str>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// `other` is the incident that a split made.
    Done { other: Option<IncidentId> },
    /// It was journaled, but did not fit the incident any more when its turn came; nothing changed.
    Refused { reason: Str },
}

impl AuditedAction {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::OnIncident { kind, .. } => kind.as_str(),
            Self::AcceptBaseline { .. } => "accept_baseline",
        }
    }

    /// The incident that it was done to.
    pub const fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::OnIncident { incident, .. } => Some(*incident),
            Self::AcceptBaseline { .. } => None,
        }
    }
}

impl AuditEntry {
    /// The other incident that it concerns: that which absorbs, or that which a split made.
    pub const fn other(&self) -> Option<IncidentId> {
        match (&self.action, &self.outcome) {
            (AuditedAction::OnIncident { kind: OperatorActionKind::Merge { into }, .. }, _) => Some(*into),
            (_, ActionOutcome::Done { other }) => *other,
            (_, ActionOutcome::Refused { .. }) => None,
        }
    }
}
