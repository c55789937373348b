//! One trace: its events, and the explanation of its failure.

use serde::{Deserialize, Serialize};

/// Is everything there that there should be?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    Ok,
    /// Parents are missing, or events were cut off at the bound.
    Partial,
    /// Nothing is there any more.
    Missing,
}

/// `GET /v1/traces/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub trace_id: String,
    pub status: Completeness,
    /// In order of start.
    pub events: Vec<TraceEvent>,
    /// How many further events the trace has.
    pub events_cut: u32,
    /// The incidents that cite this trace.
    pub incidents: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    pub span_id: String,
    pub parent_span_id: Option<String>,
    /// `server`, `client`, `producer`, `consumer` or `internal`.
    pub kind: String,
    pub env: String,
    pub service: String,
    pub operation: String,
    pub version: String,
    pub instance: String,
    /// Whom a call went to, as the caller names it.
    pub peer: String,
    pub started_at: String,
    pub duration_ns: u64,
    /// `ok`, `suppressed`, `error`, `timeout`, `aborted` or `partial`.
    pub status: String,
    pub failure: Option<FailureView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureView {
    pub code: String,
    pub reason: String,
}

/// `GET /v1/traces/{id}/explanation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub trace_id: String,
    pub status: Completeness,
    /// One sentence.
    pub summary: String,
    /// Absent where nothing failed.
    pub origin: Option<ExplainedOrigin>,
    /// From the origin outwards, the origin's own hop first.
    pub chain: Vec<Hop>,
    /// What is missing, and what that means for the explanation.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedOrigin {
    pub span_id: String,
    pub service: String,
    pub operation: String,
    pub code: String,
    pub reason: String,
    /// The failure lies in a callee that reported nothing: who that is, as the caller names it.
    pub unobserved_callee: Option<String>,
}

/// One step of the way from the origin to the outermost operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    pub span_id: String,
    pub service: String,
    pub operation: String,
    pub code: String,
    pub started_at: String,
    pub duration_ns: u64,
}

impl Trace {
    pub fn new(trace: &model::CapturedTrace, incidents: &[model::IncidentId]) -> Self {
        let status = match (trace.events.is_empty(), trace.events_cut) {
            (true, _) => Completeness::Missing,
            (false, 0) => Completeness::Ok,
            (false, _) => Completeness::Partial,
        };
        Self {
            trace_id: trace.trace.to_string(),
            status,
            events: trace.events.iter().map(TraceEvent::from).collect(),
            events_cut: trace.events_cut,
            incidents: incidents.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&model::Event> for TraceEvent {
    fn from(event: &model::Event) -> Self {
        Self {
            span_id: event.span.to_string(),
            parent_span_id: event.parent.map(|span| span.to_string()),
            kind: event.kind.as_str().to_owned(),
            env: event.env.to_string(),
            service: event.service.to_string(),
            operation: event.operation.to_string(),
            version: event.version.to_string(),
            instance: event.instance.to_string(),
            peer: event.peer.to_string(),
            started_at: event.start.to_rfc3339(),
            duration_ns: event.duration_ns(),
            status: status_word(&event.outcome).to_owned(),
            failure: event
                .failure()
                .map(|f| FailureView { code: f.code.to_string(), reason: f.reason.to_string() }),
        }
    }
}

fn status_word(outcome: &model::Outcome) -> &'static str {
    use model::{FailureStatus, Outcome};
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Suppressed => "suppressed",
        Outcome::Failed(failure) => match failure.status {
            FailureStatus::Error => "error",
            FailureStatus::Timeout => "timeout",
            FailureStatus::Aborted => "aborted",
            FailureStatus::Partial => "partial",
        },
    }
}
