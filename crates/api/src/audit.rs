//! The audit as it is listed: what people did, what the server did by itself, and who was refused.

use model::{
    ActionOutcome, Audited, AuditedAction, AuditedOutcome, DeniedRequests, IncidentId, OperatorActionKind,
    ServerChangeKind,
};
use serde::{Deserialize, Serialize};

use crate::{AuditCursor, ErrorCode, IncidentLink, Problem, page_limit};

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
    pub action: Option<AuditAction>,
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
    /// Whoever asked may not.
    Denied,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    Acknowledge,
    Assign,
    Comment,
    Merge,
    Split,
    Resolve,
    Silence,
    AcceptBaseline,
    Link,
    /// Requests that were refused.
    Request,
    /// The server started.
    Start,
    ChangeKeys,
    /// The listeners show other certificates, or ask clients for those of other authorities.
    ChangeCertificates,
    RetryNotification,
    /// A person began a session.
    Login,
    /// A person ended a session.
    Logout,
}

/// The same, once it is known to make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedAuditQuery {
    pub incident: Option<IncidentId>,
    pub actor: Option<String>,
    pub action: Option<AuditAction>,
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
    /// From 1, without gaps.
    pub sequence: u64,
    /// SHA-256 over the entry and the hash of the one before it.
    pub hash: String,
    /// Where in the journal the action stands; absent for what is not an action on incidents or baselines.
    pub position: Option<u64>,
    pub at: String,
    /// Empty where nobody is known.
    pub actor: String,
    pub action: AuditAction,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<AuditDenied>,
}

/// Requests that were refused for one reason, in summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditDenied {
    pub listener: String,
    /// The client's network; absent where there were too many to name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub requests: u64,
    /// When the first of them came; the entry's own time is the last one's.
    pub first_at: String,
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

impl AuditEntry {
    pub fn new(sequence: u64, hash: &str, entry: &Audited) -> Self {
        let (reason, details) = match entry {
            Audited::Action(acted) => {
                let reason = match &acted.outcome {
                    ActionOutcome::Done { .. } => None,
                    ActionOutcome::Refused { reason } => Some(reason.to_string()),
                };
                (reason, AuditDetails::of(&acted.action, &acted.actor))
            }
            Audited::Denied(denied) => (Some(denied.reason.to_string()), AuditDetails::of_denied(denied)),
            Audited::Server(change) => {
                (None, AuditDetails { text: Some(change.detail.to_string()), ..AuditDetails::default() })
            }
        };
        Self {
            sequence,
            hash: hash.to_owned(),
            position: entry.position(),
            at: entry.at().to_rfc3339(),
            actor: entry.actor().to_owned(),
            action: AuditAction::of(entry),
            incident_id: entry.incident().map(|id| id.to_string()),
            other_incident_id: entry.other().map(|id| id.to_string()),
            outcome: match entry.outcome() {
                AuditedOutcome::Done => AuditOutcome::Done,
                AuditedOutcome::Refused => AuditOutcome::Refused,
                AuditedOutcome::Denied => AuditOutcome::Denied,
            },
            reason,
            details,
        }
    }
}

impl From<AuditOutcome> for AuditedOutcome {
    fn from(outcome: AuditOutcome) -> Self {
        match outcome {
            AuditOutcome::Done => Self::Done,
            AuditOutcome::Refused => Self::Refused,
            AuditOutcome::Denied => Self::Denied,
        }
    }
}

impl AuditAction {
    pub const ALL: [Self; 16] = [
        Self::Acknowledge,
        Self::Assign,
        Self::Comment,
        Self::Merge,
        Self::Split,
        Self::Resolve,
        Self::Silence,
        Self::AcceptBaseline,
        Self::Link,
        Self::Request,
        Self::Start,
        Self::ChangeKeys,
        Self::ChangeCertificates,
        Self::RetryNotification,
        Self::Login,
        Self::Logout,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Assign => "assign",
            Self::Comment => "comment",
            Self::Merge => "merge",
            Self::Split => "split",
            Self::Resolve => "resolve",
            Self::Silence => "silence",
            Self::AcceptBaseline => "accept_baseline",
            Self::Link => "link",
            Self::Request => "request",
            Self::Start => "start",
            Self::ChangeKeys => "change_keys",
            Self::ChangeCertificates => "change_certificates",
            Self::RetryNotification => "retry_notification",
            Self::Login => "login",
            Self::Logout => "logout",
        }
    }

    fn of(entry: &Audited) -> Self {
        let acted = match entry {
            Audited::Action(acted) => &acted.action,
            Audited::Denied(_) => return Self::Request,
            Audited::Server(change) => {
                return match change.kind {
                    ServerChangeKind::Start => Self::Start,
                    ServerChangeKind::ChangeKeys => Self::ChangeKeys,
                    ServerChangeKind::ChangeCertificates => Self::ChangeCertificates,
                    ServerChangeKind::RetryNotification => Self::RetryNotification,
                    ServerChangeKind::Login => Self::Login,
                    ServerChangeKind::Logout => Self::Logout,
                };
            }
        };
        let AuditedAction::OnIncident { kind, .. } = acted else { return Self::AcceptBaseline };
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
    fn of_denied(denied: &DeniedRequests) -> Self {
        let summary = AuditDenied {
            listener: denied.listener.to_string(),
            from: denied.from.as_ref().map(ToString::to_string),
            requests: denied.requests,
            first_at: denied.first.to_rfc3339(),
        };
        Self { denied: Some(summary), ..Self::default() }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter compares names, so the two lists must be one.
    #[test]
    fn names_of_actions_are_those_that_are_written() {
        for action in AuditAction::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
        for kind in ServerChangeKind::ALL {
            let (at, actor, detail) = (model::Nanos(0), "a".into(), "d".into());
            let entry = Audited::Server(model::ServerChange { at, actor, kind, detail });
            assert_eq!(AuditAction::of(&entry).as_str(), entry.action());
        }
    }
}
