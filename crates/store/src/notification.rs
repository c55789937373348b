//! What targets outside are to be told of incidents, and how its delivery stands. A notification comes in with the
//! changes of a journal position, so it is there once however often the journal is read; its delivery goes its own way.

use async_trait::async_trait;
use model::{Incident, IncidentId, Nanos, Severity};
use serde::{Deserialize, Serialize};

use crate::{ReadError, WriteError};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The same for the same target, incident, event and report, wherever it is worked out.
    pub id: String,
    /// The name of the target in the configuration.
    pub target: String,
    pub event: NotificationEvent,
    /// The incident as it was then.
    pub incident: Incident,
    /// What the target was told first; labels that must not change are made of it.
    pub severity_told_first: Severity,
    pub at: Nanos,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationEvent {
    Opened,
    /// Its cause or severity is another.
    Changed,
    Acknowledged,
    Resolved,
    Reopened,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub state: DeliveryState,
    pub attempts: u32,
    /// Not before this time.
    pub next_at: Nanos,
    /// Of the last attempt; empty before the first and after a success.
    pub error: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Sent,
    /// Given up; a dead letter.
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNotification {
    /// Rises with every notification.
    pub sequence: u64,
    pub notification: Notification,
    pub delivery: Delivery,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    pub state: Option<DeliveryState>,
    pub target: Option<String>,
    pub incident: Option<IncidentId>,
}

impl NotificationEvent {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
        }
    }
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Sent, Self::Dead];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}

impl NotificationFilter {
    pub(crate) fn matches(&self, listed: &ListedNotification) -> bool {
        self.state.is_none_or(|state| state == listed.delivery.state)
            && self.target.as_ref().is_none_or(|target| *target == listed.notification.target)
            && self.incident.is_none_or(|incident| incident == listed.notification.incident.id)
    }
}

/// The deliveries, beside the changes of the journal.
#[async_trait]
pub trait Outbox: Send + Sync + std::fmt::Debug {
    /// Of this target and not ended, in the order in which they came.
    async fn notifications_pending(
        &self,
        target: &str,
        limit: usize,
    ) -> Result<Vec<ListedNotification>, ReadError>;

    /// Newest first, beginning behind the sequence number `before`.
    async fn notifications(
        &self,
        filter: &NotificationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ListedNotification>, ReadError>;

    async fn notification(&self, id: &str) -> Result<Option<ListedNotification>, ReadError>;

    /// What the target was told of the incident last, or is about to be told.
    async fn notification_last(
        &self,
        incident: IncidentId,
        target: &str,
    ) -> Result<Option<ListedNotification>, ReadError>;

    /// How many there are of this state.
    async fn notifications_count(&self, target: &str, state: DeliveryState) -> Result<u64, ReadError>;

    /// How the delivery stands from now on; whether such a notification is known.
    async fn set_delivery(&self, id: &str, delivery: &Delivery) -> Result<bool, WriteError>;

    /// Lets go of those that ended and are older than `before`, but for the last of each incident and target.
    async fn forget_notifications(&self, before: Nanos) -> Result<u64, WriteError>;
}
