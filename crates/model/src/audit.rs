//! What the audit holds: what people did and what became of it, one entry for each action in the journal; what the server
//! did by itself; and who was refused, in summary.

use serde::{Deserialize, Serialize};

use crate::{IncidentId, Nanos, OperatorActionKind, Str};

/// One entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audited {
    Action(AuditEntry),
    Denied(DeniedRequests),
    Server(ServerChange),
}

/// Requests that were refused for the same reason within a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeniedRequests {
    /// The last of them.
    pub at: Nanos,
    pub first: Nanos,
    pub listener: Str,
    pub reason: Str,
    /// The client's network; absent where there were too many to name.
    pub from: Option<Str>,
    /// Whose key it was, where that is known.
    pub actor: Option<Str>,
    pub requests: u64,
}

/// Something changed in the server that no entry of the journal says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerChange {
    pub at: Nanos,
    pub actor: Str,
    pub kind: ServerChangeKind,
    pub detail: Str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerChangeKind {
    Start,
    ChangeKeys,
    ChangeCertificates,
    RetryNotification,
    Login,
    Logout,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditedOutcome {
    Done,
    /// It was journaled, but did not fit any more when its turn came.
    Refused,
    /// Whoever asked may not.
    Denied,
}

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

impl ServerChangeKind {
    pub const ALL: [Self; 6] = [
        Self::Start,
        Self::ChangeKeys,
        Self::ChangeCertificates,
        Self::RetryNotification,
        Self::Login,
        Self::Logout,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::ChangeKeys => "change_keys",
            Self::ChangeCertificates => "change_certificates",
            Self::RetryNotification => "retry_notification",
            Self::Login => "login",
            Self::Logout => "logout",
        }
    }
}

impl AuditedOutcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Denied => "denied",
        }
    }
}

impl Audited {
    /// Where in the journal it stands, if it does.
    pub const fn position(&self) -> Option<u64> {
        match self {
            Self::Action(entry) => Some(entry.position),
            Self::Denied(_) | Self::Server(_) => None,
        }
    }

    pub const fn at(&self) -> Nanos {
        match self {
            Self::Action(entry) => entry.at,
            Self::Denied(denied) => denied.at,
            Self::Server(change) => change.at,
        }
    }

    /// Empty where nobody is known.
    pub fn actor(&self) -> &str {
        match self {
            Self::Action(entry) => &entry.actor,
            Self::Denied(denied) => denied.actor.as_deref().unwrap_or_default(),
            Self::Server(change) => &change.actor,
        }
    }

    pub const fn action(&self) -> &'static str {
        match self {
            Self::Action(entry) => entry.action.as_str(),
            Self::Denied(_) => "request",
            Self::Server(change) => change.kind.as_str(),
        }
    }

    pub const fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::Action(entry) => entry.action.incident(),
            Self::Denied(_) | Self::Server(_) => None,
        }
    }

    pub const fn other(&self) -> Option<IncidentId> {
        match self {
            Self::Action(entry) => entry.other(),
            Self::Denied(_) | Self::Server(_) => None,
        }
    }

    pub const fn outcome(&self) -> AuditedOutcome {
        match self {
            Self::Action(AuditEntry { outcome: ActionOutcome::Refused { .. }, .. }) => {
                AuditedOutcome::Refused
            }
            Self::Action(_) | Self::Server(_) => AuditedOutcome::Done,
            Self::Denied(_) => AuditedOutcome::Denied,
        }
    }
}
