//! What an archived report (`casebook.triage/v1`) says, as far as an RCA takes from it. It knows the format and not who
//! makes it; fields that it has no use for are passed over.

use model::{IncidentId, Nanos};
use serde::Deserialize;

const SCHEMA: &str = "casebook.triage/v1";

/// A report that was read.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) said: Said,
    pub started: Nanos,
    pub detected: Nanos,
    pub resolved: Option<Nanos>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Said {
    schema: String,
    pub(super) incident: Incident,
    pub(super) summary: Sentence,
    pub(super) cause: Cause,
    pub(super) hypotheses: Vec<Hypothesis>,
    pub(super) origin: Option<Origin>,
    pub(super) propagation: Vec<Hop>,
    pub(super) blast_radius: BlastRadius,
    pub(super) symptoms: Vec<Symptom>,
    pub(super) alerts: Vec<Alert>,
    pub(super) timeline: Vec<Moment>,
    pub(super) next_checks: Vec<Sentence>,
    pub(super) instrumentation_warnings: Vec<Warning>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Incident {
    pub(super) id: IncidentId,
    /// From 1, the gravest, to 5.
    pub(super) severity: u64,
    started_at: String,
    detected_at: String,
    resolved_at: Option<String>,
}

/// A statement and the ids of the evidence it rests on.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Sentence {
    pub(super) text: String,
    pub(super) cites: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Cause {
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) confidence: f64,
    pub(super) cites: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Hypothesis {
    #[serde(rename = "for")]
    pub(super) in_favour: Vec<Sentence>,
    pub(super) against: Vec<Sentence>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Origin {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) step: String,
    pub(super) code: String,
    /// Text from outside.
    pub(super) reason: String,
    pub(super) cites: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Hop {
    pub(super) service: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct BlastRadius {
    pub(super) requests: Requests,
    pub(super) users: Users,
    pub(super) services: Vec<String>,
    pub(super) cohorts: Vec<Sentence>,
    pub(super) cites: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Requests {
    pub(super) affected: u64,
    pub(super) total: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Users {
    pub(super) affected: u64,
    pub(super) exact: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Symptom {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) code: String,
    pub(super) detected_at: String,
    pub(super) text: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Alert {
    pub(super) id: String,
    /// Texts from outside.
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) first_at: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Moment {
    pub(super) at: String,
    pub(super) text: String,
    pub(super) cites: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Warning {
    pub(super) text: String,
}

impl Report {
    /// Or why it cannot be read. The reason may hold text of the report.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let said: Said = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if said.schema != SCHEMA {
            return Err(format!("its schema is {}, not {SCHEMA}", crate::finding::shown(&said.schema)));
        }
        let time = |key: &str, text: &str| {
            Nanos::parse_rfc3339(text).map_err(|_| format!("incident.{key} is no time with an offset"))
        };
        let incident = &said.incident;
        Ok(Self {
            started: time("started_at", &incident.started_at)?,
            detected: time("detected_at", &incident.detected_at)?,
            resolved: incident.resolved_at.as_deref().map(|text| time("resolved_at", text)).transpose()?,
            said,
        })
    }

    pub fn incident(&self) -> String {
        self.said.incident.id.to_string()
    }
}
