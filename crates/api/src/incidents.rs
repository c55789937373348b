//! Incidents, their reports' history, and what an operator may do to them.

use serde::{Deserialize, Serialize};

use crate::{
    ACTOR_BYTES_MAX, COMMENT_BYTES_MAX, ErrorCode, IncidentCursor, Problem, ReportCursor, page_limit,
};

/// `GET /v1/incidents`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateFilter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The origin's service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The same, once it is known to make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedIncidentsQuery {
    pub state: StateFilter,
    pub env: Option<String>,
    pub service: Option<String>,
    pub limit: u32,
    pub after: Option<IncidentCursor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateFilter {
    /// Not resolved: `open` and `recovering`.
    #[default]
    Open,
    All,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentsPage {
    pub incidents: Vec<Incident>,
    /// Where the next page begins; absent on the last one.
    pub next_cursor: Option<String>,
}

/// One incident outside its report. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: String,
    pub env: String,
    /// `open`, `recovering` or `resolved`.
    pub state: String,
    /// 1 is the gravest, 5 the least.
    pub severity: u8,
    pub started_at: String,
    pub detected_at: String,
    pub updated_at: String,
    pub resolved_at: Option<String>,
    pub reopened: u32,
    pub summary: String,
    pub cause: IncidentCause,
    pub origin_service: Option<String>,
    pub requests_affected: u64,
    /// Absent until the first report is made.
    pub report_hash: Option<String>,
    pub evidence_fingerprint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentCause {
    pub kind: String,
    pub subject: Option<String>,
}

/// `GET /v1/incidents/{id}/report` and `GET /v1/reports/{hash}`: the form wins over `Accept`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<ReportFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// The stored canonical bytes; `ETag` is the report hash in quotes.
    Json,
    Markdown,
    /// One page without scripts, to read, print or keep.
    Html,
    /// A message of Slack's Block Kit, as an incoming webhook takes it.
    Slack,
    /// Plain text for a note of a PagerDuty incident.
    Pagerduty,
}

/// `GET /v1/incidents/{id}/reports`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportsQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsPage {
    pub reports: Vec<ReportRef>,
    pub next_cursor: Option<String>,
}

/// An archived report without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRef {
    pub hash: String,
    /// The tick that the report speaks of.
    pub tick: String,
}

/// `POST /v1/incidents/{id}/actions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    pub action: Action,
    /// For `comment` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who acts, for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Acknowledge,
    Comment,
    Resolve,
}

/// The action is in the journal; the incident changes as soon as the engine has read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionAccepted {
    pub incident_id: String,
    pub action: Action,
    /// Where in the journal the action stands.
    pub position: u64,
}

impl IncidentsQuery {
    pub fn check(self) -> Result<CheckedIncidentsQuery, Problem> {
        let after = self.cursor.as_deref().map(str::parse::<IncidentCursor>).transpose();
        Ok(CheckedIncidentsQuery {
            state: self.state.unwrap_or_default(),
            env: self.env,
            service: self.service,
            limit: page_limit(self.limit)?,
            after: after.map_err(|error| Problem::new(ErrorCode::InvalidCursor, error.to_string()))?,
        })
    }
}

impl ReportsQuery {
    /// The limit, and behind which report the page begins.
    pub fn check(self) -> Result<(u32, Option<ReportCursor>), Problem> {
        let after = self.cursor.as_deref().map(str::parse::<ReportCursor>).transpose();
        let after = after.map_err(|error| Problem::new(ErrorCode::InvalidCursor, error.to_string()))?;
        Ok((page_limit(self.limit)?, after))
    }
}

impl ActionRequest {
    pub fn check(&self) -> Result<model::OperatorActionKind, Problem> {
        let refuse = |detail: String| Err(Problem::new(ErrorCode::InvalidBody, detail));
        if self.actor.as_ref().is_some_and(|actor| actor.is_empty() || actor.len() > ACTOR_BYTES_MAX) {
            return refuse(format!("actor must have between 1 and {ACTOR_BYTES_MAX} bytes"));
        }
        match (self.action, self.text.as_deref()) {
            (Action::Acknowledge, None) => Ok(model::OperatorActionKind::Acknowledge),
            (Action::Resolve, None) => Ok(model::OperatorActionKind::Resolve),
            (Action::Comment, Some(text)) if (1..=COMMENT_BYTES_MAX).contains(&text.len()) => {
                Ok(model::OperatorActionKind::Comment(text.into()))
            }
            (Action::Comment, _) => {
                refuse(format!("comment needs text of between 1 and {COMMENT_BYTES_MAX} bytes"))
            }
            (Action::Acknowledge | Action::Resolve, Some(_)) => {
                refuse("text belongs to comment only".to_owned())
            }
        }
    }
}

impl From<&model::Incident> for Incident {
    fn from(incident: &model::Incident) -> Self {
        let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            id: incident.id.to_string(),
            env: incident.env.clone(),
            state: incident.state.as_str().to_owned(),
            severity: incident.severity.0,
            started_at: incident.started_at.to_rfc3339(),
            detected_at: incident.detected_at.to_rfc3339(),
            updated_at: incident.updated_at.to_rfc3339(),
            resolved_at: incident.resolved_at.map(model::Nanos::to_rfc3339),
            reopened: incident.reopened,
            summary: incident.summary.clone(),
            cause: IncidentCause {
                kind: incident.cause.as_str().to_owned(),
                subject: incident.cause_subject.clone(),
            },
            origin_service: incident.origin_service.clone(),
            requests_affected: incident.requests_affected,
            report_hash: present(&incident.report_hash),
            evidence_fingerprint: present(&incident.evidence_fingerprint),
        }
    }
}
