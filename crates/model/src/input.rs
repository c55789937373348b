//! Everything that can move the core. Each is one journal entry; `intake::record` holds its written form.

use serde::{Deserialize, Serialize};

use crate::{Deployment, Event, IncidentId, Signal, Str, TraceId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    Events(Vec<Event>),
    Signals(Vec<Signal>),
    Deployments(Vec<Deployment>),
    /// Whole traces that the core asked for with `Effect::CaptureEvidence`, as the journal held them then.
    Evidence(Evidence),
    Operator(OperatorAction),
    /// The engine's configuration as JSON text, journaled whenever it differs from the one before.
    Configure(Str),
    /// The heartbeat at which the core evaluates; its time is the entry's.
    Tick,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// In order of trace id, each trace once.
    pub traces: Vec<CapturedTrace>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedTrace {
    pub trace: TraceId,
    /// In order of (start, span id), each span once; empty where the journal no longer holds the trace.
    pub events: Vec<Event>,
    /// How many further events the trace has beyond the bound on events a trace.
    pub events_cut: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorAction {
    pub incident: IncidentId,
    pub actor: Str,
    pub kind: OperatorActionKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorActionKind {
    Acknowledge,
    Comment(Str),
    Resolve,
}
