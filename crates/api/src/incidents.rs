//! Incidents, and their reports' history.

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, IncidentCursor, Problem, ReportCursor, page_limit};

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
    /// Who has taken notice of it since it was opened or reopened, the last to say so.
    #[serde(default)]
    pub acknowledged_by: Option<String>,
    #[serde(default)]
    pub acknowledged_at: Option<String>,
    #[serde(default)]
    pub assignee: Option<String>,
    /// Nobody is notified before this time.
    #[serde(default)]
    pub silenced_until: Option<String>,
    /// The incident that absorbed it.
    #[serde(default)]
    pub merged_into: Option<String>,
    #[serde(default)]
    pub links: Vec<IncidentLink>,
}

/// An address that somebody put to an incident, `http` or `https`; text from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentLink {
    pub url: String,
    pub title: String,
    pub by: String,
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
            acknowledged_by: incident.acknowledged_by.clone(),
            acknowledged_at: incident.acknowledged_at.map(model::Nanos::to_rfc3339),
            assignee: incident.assignee.clone(),
            silenced_until: incident.silenced_until.map(model::Nanos::to_rfc3339),
            merged_into: incident.merged_into.map(|id| id.to_string()),
            links: incident.links.iter().map(IncidentLink::from).collect(),
        }
    }
}

impl From<&model::Link> for IncidentLink {
    fn from(link: &model::Link) -> Self {
        Self { url: link.url.to_string(), title: link.title.to_string(), by: link.by.to_string() }
    }
}
