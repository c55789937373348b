//! A fact from outside the request path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Nanos, Str};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The caller's id, or one that intake derived from the content: the same signal twice has one id.
    pub id: Str,
    pub kind: SignalKind,
    /// For `runtime`: `oom_killed`, `crashloop`, `readiness_fail`, `liveness_fail`, `panic`,
    /// `uncaught_exception`, `unhandled_rejection`, `node_pressure`; for other kinds free text, empty where unknown.
    pub subtype: Str,
    pub at: Nanos,
    pub env: Option<Str>,
    pub service: Option<Str>,
    pub instance: Option<Str>,
    /// What the signal is about where that is not a service: a dependency, a setting, a node.
    pub subject: Option<Str>,
    /// `down`, `degraded`, `up`, `firing`, `resolved`; empty where the kind has no status.
    pub status: Str,
    pub message: Str,
    pub attributes: BTreeMap<Str, Str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    Deploy,
    Config,
    Runtime,
    Dependency,
    Healthcheck,
    Alert,
}

impl SignalKind {
    pub const ALL: [Self; 6] =
        [Self::Deploy, Self::Config, Self::Runtime, Self::Dependency, Self::Healthcheck, Self::Alert];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Config => "config",
            Self::Runtime => "runtime",
            Self::Dependency => "dependency",
            Self::Healthcheck => "healthcheck",
            Self::Alert => "alert",
        }
    }
}
