//! Alerts of other systems: the answer to those sent here, and the list of those known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Problem, RejectedItem, page_limit};

/// The answer to `POST /v1/alerts` and `POST /v1/alerts/{provider}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsReply {
    /// Whose alerts they were: as said in the path, or seen by their shape.
    pub provider: String,
    /// Durable in the journal when this is sent.
    pub accepted: u64,
    /// Understood, and no change of an alert.
    pub ignored: Vec<IgnoredItem>,
    pub rejected: Vec<RejectedItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredItem {
    pub index: u64,
    pub id: Option<String>,
    pub reason: String,
}

/// `GET /v1/alerts`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertsQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<model::AlertStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The one that was told of last first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsPage {
    pub alerts: Vec<Alert>,
    /// Further ones match.
    pub has_more: bool,
}

/// All that was told of one alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The provider's own id.
    pub id: String,
    /// `alertmanager`, `grafana`, `pagerduty` or `native`.
    pub provider: String,
    /// `firing`, `acknowledged` or `resolved`.
    pub status: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    pub title: String,
    pub summary: String,
    pub env: Option<String>,
    pub service: Option<String>,
    pub operation: Option<String>,
    pub code: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub value: String,
    pub url: String,
    /// Of the episode that runs, or of the last one.
    pub started_at: String,
    pub ended_at: Option<String>,
    /// When it was told of first and last, and how often.
    pub first_at: String,
    pub last_at: String,
    pub times: u64,
    /// How often it began to fire.
    pub episodes: u64,
    /// Each change of its status, oldest first.
    pub history: Vec<AlertChange>,
    /// Older changes that are not kept.
    pub history_cut: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChange {
    pub at: String,
    pub status: String,
}

impl AlertsQuery {
    /// How many alerts to show.
    pub fn check_limit(&self) -> Result<u32, Problem> {
        page_limit(self.limit)
    }
}

impl From<&model::AlertRecord> for Alert {
    fn from(alert: &model::AlertRecord) -> Self {
        let text = |text: &Option<model::Str>| text.as_ref().map(ToString::to_string);
        let change = |change: &model::AlertChange| AlertChange {
            at: change.at.to_rfc3339(),
            status: change.status.as_str().to_owned(),
        };
        Self {
            id: alert.id.to_string(),
            provider: alert.provider.as_str().to_owned(),
            status: alert.status.as_str().to_owned(),
            severity: alert.severity.as_str().to_owned(),
            title: alert.title.to_string(),
            summary: alert.summary.to_string(),
            env: text(&alert.env),
            service: text(&alert.service),
            operation: text(&alert.operation),
            code: text(&alert.code),
            labels: alert.labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            value: alert.value.to_string(),
            url: alert.url.to_string(),
            started_at: alert.started_at.to_rfc3339(),
            ended_at: alert.ended_at.map(model::Nanos::to_rfc3339),
            first_at: alert.first_at.to_rfc3339(),
            last_at: alert.last_at.to_rfc3339(),
            times: alert.times,
            episodes: alert.episodes,
            history: alert.history.iter().map(change).collect(),
            history_cut: alert.history_cut,
        }
    }
}
