//! What the core asks the world to do. Effects come back, if at all, as inputs.

use serde::{Deserialize, Serialize};

use crate::{ActionOutcome, AlertRecord, CapturedTrace, Deployment, Incident, IncidentId, Nanos, TraceId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Read these traces from the journal, up to the entry that was just applied, and hand them in as
    /// `Input::Evidence`. In order of trace id.
    CaptureEvidence(Vec<TraceId>),
    /// Keep a trace that the incident cites, so that it outlives the journal; a later capture replaces it.
    TraceCaptured { incident: IncidentId, trace: CapturedTrace },
    /// Write the incident's row.
    IncidentChanged(Incident),
    /// Write the alert's row.
    AlertChanged(AlertRecord),
    /// Write the row of a deployment that nobody announced: a new version reports.
    DeploymentSeen(Deployment),
    /// An operator's action was carried out or refused; follows each one.
    ActionSettled(ActionOutcome),
    /// Archive a report whose bytes differ from the one before.
    ReportChanged(ReportDocument),
}

/// A report in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDocument {
    pub incident: IncidentId,
    /// The tick that it speaks of.
    pub tick: Nanos,
    /// SHA-256 of `bytes`, lower-case hex.
    pub hash: String,
    /// RFC 8785 canonical JSON of `casebook.triage/v1`.
    pub bytes: Vec<u8>,
}
