//! What people did, as it is listed.

use model::{ActionOutcome, AuditedAction, IncidentId, OperatorActionKind};
use serde::{Deserialize, Serialize};

use crate::{Action, AuditCursor, ErrorCode, IncidentLink, Problem, page_limit};

/// `GET /v1/audit`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Done to this incident, or concerning it as the other one of a merge or a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AuditOutcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /v1/incidents/{id}/audit`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentAuditQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    Done,
    /// It was journaled, but did not fit any more when its turn came.
    Refused,
}

/// The same, once it is known to make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedAuditQuery {
    pub incident: Option<IncidentId>,
    pub actor: Option<String>,
    pub action: Option<Action>,
    pub outcome: Option<AuditOutcome>,
    pub limit: u32,
    pub after: Option<AuditCursor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Where in the journal the action stands.
    pub position: u64,
    pub at: String,
    pub actor: String,
    pub action: Action,
    /// Absent where the baseline of everything was accepted.
    pub incident_id: Option<String>,
    /// The incident that absorbs, or that a split made.
    pub other_incident_id: Option<String>,
    pub outcome: AuditOutcome,
    /// Why it was refused.
    pub reason: Option<String>,
    pub details: AuditDetails,
}

/// What was said with the action; text from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<IncidentLink>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl AuditQuery {
    pub fn check(self) -> Result<CheckedAuditQuery, Problem> {
        let incident = self.incident.as_deref().map(str::parse::<IncidentId>).transpose();
        let wrong = |error| Problem::new(ErrorCode::InvalidParameter, format!("incident: {error}"));
        Ok(CheckedAuditQuery {
            incident: incident.map_err(wrong)?,
            actor: self.actor,
            action: self.action,
            outcome: self.outcome,
            limit: page_limit(self.limit)?,
            after: cursor(self.cursor.as_deref())?,
        })
    }
}

impl IncidentAuditQuery {
    pub fn check(self, incident: IncidentId) -> Result<CheckedAuditQuery, Problem> {
        let all = AuditQuery { limit: self.limit, cursor: self.cursor, ..AuditQuery::default() };
        Ok(CheckedAuditQuery { incident: Some(incident), ..all.check()? })
    }
}

fn cursor(text: Option<&str>) -> Result<Option<AuditCursor>, Problem> {
    let cursor = text.map(str::parse::<AuditCursor>).transpose();
    cursor.map_err(|error| Problem::new(ErrorCode::InvalidCursor, error.to_string()))
}

impl From<&model::AuditEntry> for AuditEntry {
    fn from(entry: &model::AuditEntry) -> Self {
        let (outcome, reason) = match &entry.outcome {
            ActionOutcome::Done { .. } => (AuditOutcome::Done, None),
            ActionOutcome::Refused { reason } => (AuditOutcome::Refused, Some(reason.to_string())),
        };
        Self {
            position: entry.position,
            at: entry.at.to_rfc3339(),
            actor: entry.actor.to_string(),
            action: Action::of(&entry.action),
            incident_id: entry.action.incident().map(|id| id.to_string()),
            other_incident_id: entry.other().map(|id| id.to_string()),
            outcome,
            reason,
            details: AuditDetails::of(&entry.action, &entry.actor),
        }
    }
}

impl Action {
    fn of(action: &AuditedAction) -> Self {
        let AuditedAction::OnIncident { kind, .. } = action else { return Self::AcceptBaseline };
        match kind {
            OperatorActionKind::Acknowledge => Self::Acknowledge,
            OperatorActionKind::Assign(_) => Self::Assign,
            OperatorActionKind::Comment(_) => Self::Comment,
            OperatorActionKind::Merge { .. } => Self::Merge,
            OperatorActionKind::Split { .. } => Self::Split,
            OperatorActionKind::Resolve => Self::Resolve,
            OperatorActionKind::Silence { .. } => Self::Silence,
            OperatorActionKind::AcceptBaseline => Self::AcceptBaseline,
            OperatorActionKind::Link { .. } => Self::Link,
        }
    }
}

impl AuditDetails {
    fn of(action: &AuditedAction, actor: &str) -> Self {
        let mut details = Self::default();
        let text = |text: &model::Str| text.to_string();
        match action {
            AuditedAction::AcceptBaseline { until, env, service } => {
                details.until = Some(until.to_rfc3339());
                details.env = env.as_ref().map(text);
                details.service = service.as_ref().map(text);
            }
            AuditedAction::OnIncident { kind, .. } => match kind {
                OperatorActionKind::Assign(to) => details.assignee = to.as_ref().map(text),
                OperatorActionKind::Comment(said) => details.text = Some(text(said)),
                OperatorActionKind::Split { services } => {
                    details.services = services.iter().map(text).collect();
                }
                OperatorActionKind::Silence { until } => details.until = Some(until.to_rfc3339()),
                OperatorActionKind::Link { url, title } => {
                    let by = actor.to_owned();
                    details.link = Some(IncidentLink { url: text(url), title: text(title), by });
                }
                OperatorActionKind::Acknowledge
                | OperatorActionKind::Merge { .. }
                | OperatorActionKind::Resolve
                | OperatorActionKind::AcceptBaseline => {}
            },
        }
        details
    }
}
