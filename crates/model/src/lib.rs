//! The words of Casebook: what every other crate talks about.
//!
//! Plain data and nothing else: no I/O, no clock, no policy. It may depend on `serde` only, because
//! state that is made of these words must be written to snapshots (see `doc/decisions/0002-words-and-serde.md`).
//! Everything rebuilds when this crate changes, so it stays small and still.

mod alert;
mod audit;
mod deployment;
mod effect;
mod event;
pub mod html;
mod id;
mod incident;
mod input;
mod log;
mod metric;
mod signal;
mod time;

pub use alert::{Alert, AlertChange, AlertProvider, AlertRecord, AlertSeverity, AlertStatus};
pub use audit::{
    ActionOutcome, AuditEntry, Audited, AuditedAction, AuditedOutcome, DeniedRequests, ServerChange,
    ServerChangeKind,
};
pub use deployment::Deployment;
pub use effect::{Effect, ReportDocument};
pub use event::{Event, EventKind, Failure, FailureStatus, Outcome};
pub use id::{IncidentId, ParseIdError, SpanId, TraceId};
pub use incident::{CauseKind, Incident, IncidentState, Link, Severity};
pub use input::{AcceptBaseline, CapturedTrace, Evidence, Input, OperatorAction, OperatorActionKind, Shed};
pub use log::{LogRecord, LogSeverity};
pub use metric::{MetricKind, MetricPoint};
pub use signal::{Signal, SignalKind};
pub use time::{Nanos, ParseTimeError, SECOND_NS};

/// Shared text: one allocation for a name that thousands of events carry.
pub type Str = std::sync::Arc<str>;
