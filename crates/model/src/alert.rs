//! An alert that another system raised, as one notification of it tells; the core folds those of one id together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Nanos, Str};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alert {
    /// The provider's own id of the alert (fingerprint, incident id); the same alert has the same id each time.
    pub id: Str,
    pub provider: AlertProvider,
    pub status: AlertStatus,
    pub severity: AlertSeverity,
    pub title: Str,
    pub summary: Str,
    pub env: Option<Str>,
    pub service: Option<Str>,
    pub operation: Option<Str>,
    pub code: Option<Str>,
    pub started_at: Nanos,
    pub ended_at: Option<Nanos>,
    /// When this notification was received, or said to have been sent.
    pub at: Nanos,
    pub labels: BTreeMap<Str, Str>,
    /// The value that raised it, as the provider wrote it; empty where it gave none.
    pub value: Str,
    /// Where the provider shows it; empty where it gave none.
    pub url: Str,
}

/// All that was told of one alert, folded together: what it says now, and what became of it over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRecord {
    pub id: Str,
    pub provider: AlertProvider,
    pub status: AlertStatus,
    pub severity: AlertSeverity,
    pub title: Str,
    pub summary: Str,
    pub env: Option<Str>,
    pub service: Option<Str>,
    pub operation: Option<Str>,
    pub code: Option<Str>,
    pub labels: BTreeMap<Str, Str>,
    pub value: Str,
    pub url: Str,
    /// Of the episode that runs, or of the last one.
    pub started_at: Nanos,
    pub ended_at: Option<Nanos>,
    /// When it was told of first and last.
    pub first_at: Nanos,
    pub last_at: Nanos,
    /// How often it was told of, resends included.
    pub times: u64,
    /// How often it began to fire.
    pub episodes: u64,
    /// Each change of its status, oldest first.
    pub history: Vec<AlertChange>,
    /// Older changes beyond the bound.
    pub history_cut: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    pub at: Nanos,
    pub status: AlertStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertProvider {
    Alertmanager,
    Grafana,
    Pagerduty,
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    Firing,
    /// Somebody has seen it (PagerDuty); it still fires.
    Acknowledged,
    Resolved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    Critical,
    Warning,
    Info,
}

impl AlertProvider {
    pub const ALL: [Self; 4] = [Self::Alertmanager, Self::Grafana, Self::Pagerduty, Self::Native];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Pagerduty => "pagerduty",
            Self::Native => "native",
        }
    }
}

impl AlertStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

impl AlertSeverity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}
