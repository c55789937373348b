//! What is known of an incident outside its report: the row that lists, filters and state changes work on.

use serde::{Deserialize, Serialize};

use crate::{IncidentId, Nanos, Str};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub env: String,
    pub state: IncidentState,
    pub severity: Severity,
    pub started_at: Nanos,
    pub detected_at: Nanos,
    pub updated_at: Nanos,
    pub resolved_at: Option<Nanos>,
    /// How often it came back under the same id.
    pub reopened: u32,
    /// One sentence, as in the report.
    pub summary: String,
    pub cause: CauseKind,
    pub cause_subject: Option<String>,
    pub origin_service: Option<String>,
    pub requests_affected: u64,
    /// Of the newest report; empty until the first one is made.
    pub report_hash: String,
    pub evidence_fingerprint: String,
    /// Who has taken notice of it since it was opened or reopened, the last to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Nanos>,
    /// A person or team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Nobody is notified before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<Nanos>,
    /// The incident that absorbed it; it is resolved for good then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<IncidentId>,
    /// In the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// An address that somebody put to an incident, `http` or `https`. Text from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub url: Str,
    pub title: Str,
    pub by: Str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    Recovering,
    Resolved,
}

/// 1 is the gravest, 5 the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Severity(pub u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    Deploy,
    Config,
    Dependency,
    Runtime,
    Traffic,
    App,
    Unknown,
}

impl IncidentState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recovering => "recovering",
            Self::Resolved => "resolved",
        }
    }
}

impl CauseKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Config => "config",
            Self::Dependency => "dependency",
            Self::Runtime => "runtime",
            Self::Traffic => "traffic",
            Self::App => "app",
            Self::Unknown => "unknown",
        }
    }
}
