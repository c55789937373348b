//! Everything that can move the core. Each is one journal entry; `intake::record` holds its written form.

use serde::{Deserialize, Serialize};

use crate::{Alert, Deployment, Event, IncidentId, LogRecord, MetricPoint, Nanos, Signal, Str, TraceId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    Events(Vec<Event>),
    Logs(Vec<LogRecord>),
    Metrics(Vec<MetricPoint>),
    Alerts(Vec<Alert>),
    Signals(Vec<Signal>),
    Deployments(Vec<Deployment>),
    /// Whole traces that the core asked for with `Effect::CaptureEvidence`, as the journal held them then.
    Evidence(Evidence),
    Operator(OperatorAction),
    AcceptBaseline(AcceptBaseline),
    /// The engine's configuration as JSON text, journaled whenever it differs from the one before.
    Configure(Str),
    /// What the server had no room for since it said so last: the numbers of what is counted are too low then.
    Shed(Shed),
    /// The heartbeat at which the core evaluates; its time is the entry's.
    Tick,
}

/// Requests that were refused for want of room, by what they brought. Wide events count with traces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shed {
    #[serde(default)]
    pub traces: u64,
    #[serde(default)]
    pub logs: u64,
    #[serde(default)]
    pub metrics: u64,
    /// Signals, alerts, deployments, and whoever asked for something.
    #[serde(default)]
    pub vital: u64,
}

impl Shed {
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            traces: self.traces.saturating_add(other.traces),
            logs: self.logs.saturating_add(other.logs),
            metrics: self.metrics.saturating_add(other.metrics),
            vital: self.vital.saturating_add(other.vital),
        }
    }
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
    /// What was logged within the trace, in order of (time, span id, template, body), the first of them.
    #[serde(default)]
    pub logs: Vec<LogRecord>,
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
    /// To a person or team; `None` takes it away from whoever had it.
    Assign(Option<Str>),
    Comment(Str),
    /// The action's incident is absorbed by the other.
    Merge {
        into: IncidentId,
    },
    /// The symptoms of these services leave the incident and are an incident of their own.
    Split {
        services: Vec<Str>,
    },
    Resolve,
    /// Nobody is notified until then.
    Silence {
        until: Nanos,
    },
    /// What the incident's symptoms do now is normal from here on.
    AcceptBaseline,
    Link {
        url: Str,
        title: Str,
    },
}

impl OperatorActionKind {
    /// The action's name, the same in the journal, the API and the audit.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Assign(_) => "assign",
            Self::Comment(_) => "comment",
            Self::Merge { .. } => "merge",
            Self::Split { .. } => "split",
            Self::Resolve => "resolve",
            Self::Silence { .. } => "silence",
            Self::AcceptBaseline => "accept_baseline",
            Self::Link { .. } => "link",
        }
    }
}

/// Somebody says that up to an instant nothing was wrong: what was seen is the baseline, however short it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptBaseline {
    pub actor: Str,
    pub until: Nanos,
    /// All of them where it is `None`.
    pub env: Option<Str>,
    pub service: Option<Str>,
}
