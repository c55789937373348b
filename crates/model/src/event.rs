//! One unit of work done by one service: an OTLP span, or a wide event or one of its steps.
//! The mapping from the outside forms to this one is `intake`'s; what an event means for an incident is `engine`'s.

use serde::{Deserialize, Serialize};

use crate::{Nanos, SpanId, Str, TraceId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub trace: TraceId,
    pub span: SpanId,
    pub parent: Option<SpanId>,
    pub kind: EventKind,
    /// `deployment.environment.name`; `unset` where the source did not say.
    pub env: Str,
    /// `service.name`; `unknown_service` where the source did not say.
    pub service: Str,
    pub operation: Str,
    /// `service.version`; empty where unknown.
    pub version: Str,
    /// `service.instance.id`, pod or host; empty where unknown.
    pub instance: Str,
    /// Who a `Client` or `Producer` event called, as the caller names it; empty where unknown.
    pub peer: Str,
    pub start: Nanos,
    pub end: Nanos,
    pub outcome: Outcome,
    /// Salted hash of the user the work was done for.
    pub user: Option<u64>,
    /// Further attributes of the event and its resource, in order of key. Decoded for captured traces alone: what
    /// groups of failures have in common is worked out on those.
    #[serde(default)]
    pub attributes: Vec<(Str, Str)>,
}

/// Which side of a call the event stands on (OTLP span kind). `Server` is the first in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Server,
    Client,
    Producer,
    Consumer,
    Internal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    /// Visible, but never counted as a failure.
    Suppressed,
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub status: FailureStatus,
    /// The last part of the error family: `casebook.error_code`, `error.type`, exception type, status code.
    pub code: Str,
    /// Message for people, cut to a bound at intake; empty where there was none.
    pub reason: Str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureStatus {
    Error,
    Timeout,
    Aborted,
    Partial,
}

impl EventKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Internal => "internal",
        }
    }

    /// The event stands for work that arrived at its service from elsewhere.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Server | Self::Consumer)
    }

    /// The event stands for a call that its service made.
    pub const fn is_outbound(self) -> bool {
        matches!(self, Self::Client | Self::Producer)
    }
}

impl Event {
    pub const UNSET_ENV: &'static str = "unset";
    pub const UNKNOWN_SERVICE: &'static str = "unknown_service";

    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Ok | Outcome::Suppressed => None,
        }
    }

    pub fn duration_ns(&self) -> u64 {
        self.end.since(self.start)
    }
}
