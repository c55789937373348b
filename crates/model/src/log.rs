//! A log record, decoded once: what it says is text from outside, what it looks like is its template.

use serde::{Deserialize, Serialize};

use crate::{Nanos, SpanId, Str, TraceId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    pub env: Str,
    pub service: Str,
    pub version: Str,
    pub instance: Str,
    /// When it happened, or when it was observed where the source gave no time.
    pub at: Nanos,
    pub severity: LogSeverity,
    /// The message with what changes from line to line taken out, or the template that the source named.
    pub template: Str,
    /// The masked message, whatever the template is: what different places of code, or services, can say alike.
    pub pattern: Str,
    /// The message as it came, cut to a bound at intake.
    pub body: Str,
    /// `exception.type`; empty where there was none.
    pub exception: Str,
    pub trace: Option<TraceId>,
    pub span: Option<SpanId>,
}

impl LogRecord {
    /// How the template of an event of Kubernetes begins; its reason follows, and nothing else.
    pub const KUBERNETES_EVENT: &'static str = "k8s.event ";
}

/// The ranges of OTLP severity numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSeverity {
    Unset,
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl LogSeverity {
    /// Of an OTLP severity number; numbers outside 1 to 24 say nothing.
    pub const fn from_number(number: i32) -> Self {
        match number {
            1..=4 => Self::Trace,
            5..=8 => Self::Debug,
            9..=12 => Self::Info,
            13..=16 => Self::Warn,
            17..=20 => Self::Error,
            21..=24 => Self::Fatal,
            _ => Self::Unset,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}
