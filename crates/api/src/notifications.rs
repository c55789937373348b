//! Notifications and how their deliveries stand.

use model::IncidentId;
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, NotificationCursor, Problem, page_limit};

/// `GET /v1/notifications`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationsQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<DeliveryStateFilter>,
    /// The name of a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStateFilter {
    #[default]
    All,
    Pending,
    Sent,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedNotificationsQuery {
    pub state: DeliveryStateFilter,
    pub target: Option<String>,
    pub incident: Option<IncidentId>,
    pub limit: u32,
    pub before: Option<NotificationCursor>,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationsPage {
    pub notifications: Vec<Notification>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub id: String,
    pub target: String,
    /// `opened`, `changed`, `acknowledged`, `resolved` or `reopened`.
    pub event: String,
    pub incident_id: String,
    pub report_hash: Option<String>,
    /// The tick that it speaks of.
    pub at: String,
    /// `pending`, `sent` or `dead`.
    pub state: String,
    pub attempts: u32,
    pub next_attempt_at: Option<String>,
    /// Of the last attempt. Text from outside.
    pub error: Option<String>,
}

impl NotificationsQuery {
    pub fn check(self) -> Result<CheckedNotificationsQuery, Problem> {
        let invalid = |code, detail: String| Problem::new(code, detail);
        let incident = self.incident.as_deref().map(str::parse::<IncidentId>).transpose();
        let before = self.cursor.as_deref().map(str::parse::<NotificationCursor>).transpose();
        Ok(CheckedNotificationsQuery {
            state: self.state.unwrap_or_default(),
            target: self.target,
            incident: incident
                .map_err(|error| invalid(ErrorCode::InvalidParameter, format!("incident: {error}")))?,
            limit: page_limit(self.limit)?,
            before: before.map_err(|error| invalid(ErrorCode::InvalidCursor, error.to_string()))?,
        })
    }
}
