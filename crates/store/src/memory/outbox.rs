//! Notifications in memory, as the store in SQLite keeps them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use model::{IncidentId, Nanos};

use super::MemoryStore;
use crate::page::counted;
use crate::{
    Delivery, DeliveryState, ListedNotification, Notification, NotificationFilter, Outbox, PAGE_MAX,
    ReadError, WriteError,
};

/// By sequence number; numbers are never given twice.
#[derive(Debug, Default)]
pub(super) struct Notifications {
    rows: BTreeMap<u64, ListedNotification>,
    given: u64,
}

impl Notifications {
    pub(super) fn add(&mut self, notification: &Notification, delivery: &Delivery) {
        if self.rows.values().any(|row| row.notification.id == notification.id) {
            return;
        }
        self.given += 1;
        let (notification, delivery) = (notification.clone(), delivery.clone());
        self.rows.insert(self.given, ListedNotification { sequence: self.given, notification, delivery });
    }

    fn last(&self, incident: IncidentId, target: &str) -> Option<&ListedNotification> {
        let is_it = |row: &&ListedNotification| {
            row.notification.incident.id == incident && row.notification.target == target
        };
        self.rows.values().rfind(is_it)
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn notifications_pending(
        &self,
        target: &str,
        limit: usize,
    ) -> Result<Vec<ListedNotification>, ReadError> {
        let state = self.state();
        let pending =
            state.notifications.rows.values().filter(|row| {
                row.delivery.state == DeliveryState::Pending && row.notification.target == target
            });
        Ok(pending.take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ListedNotification>, ReadError> {
        let state = self.state();
        let rows = state.notifications.rows.values().rev();
        let behind = rows.filter(|row| before.is_none_or(|before| row.sequence < before));
        Ok(behind.filter(|row| filter.matches(row)).take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn notification(&self, id: &str) -> Result<Option<ListedNotification>, ReadError> {
        Ok(self.state().notifications.rows.values().find(|row| row.notification.id == id).cloned())
    }

    async fn notification_last(
        &self,
        incident: IncidentId,
        target: &str,
    ) -> Result<Option<ListedNotification>, ReadError> {
        Ok(self.state().notifications.last(incident, target).cloned())
    }

    async fn notifications_count(&self, target: &str, state: DeliveryState) -> Result<u64, ReadError> {
        let held = self.state();
        let rows = held.notifications.rows.values();
        Ok(rows.filter(|row| row.delivery.state == state && row.notification.target == target).count() as u64)
    }

    async fn set_delivery(&self, id: &str, delivery: &Delivery) -> Result<bool, WriteError> {
        let mut state = self.state();
        let row = state.notifications.rows.values_mut().find(|row| row.notification.id == id);
        Ok(row.map(|row| row.delivery.clone_from(delivery)).is_some())
    }

    async fn forget_notifications(&self, before: Nanos) -> Result<u64, WriteError> {
        let mut state = self.state();
        let held = &state.notifications;
        let goes = |row: &&ListedNotification| {
            let last = held.last(row.notification.incident.id, &row.notification.target);
            row.delivery.state != DeliveryState::Pending
                && counted(row.notification.at) < counted(before)
                && last.is_some_and(|last| last.sequence != row.sequence)
        };
        let gone: Vec<u64> = held.rows.values().filter(goes).map(|row| row.sequence).collect();
        gone.iter().for_each(|sequence| drop(state.notifications.rows.remove(sequence)));
        Ok(gone.len() as u64)
    }
}
