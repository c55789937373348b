//! What targets are to be told: worked out from the rows that incidents get, against what each target was told last.
//! A target hears of an incident when it opens, when its cause or severity is another, when somebody acknowledges it,
//! when it is resolved and when it comes back, and of nothing in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{CauseKind, Incident, IncidentId, IncidentState, Nanos, SECOND_NS};
use sha2::{Digest, Sha256};
use store::{Change, Delivery, DeliveryState, Notification, NotificationEvent, Outbox, ReadError};

use crate::config::Notifications;
use crate::target::Target;

/// A cause that is found, lost and found again is told once in this time.
const CHANGED_EVERY_NS: u64 = 60 * SECOND_NS;
/// What is older is history: a store that is built again from its journal tells nobody of last week.
const AGE_MAX_NS: u64 = 3600 * SECOND_NS;
/// What targets were told is looked up in the store where it is not remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Sees all changes in the order of the journal. There is one, beside whoever writes the store.
#[derive(Debug)]
pub struct Planner {
    notifications: Arc<Notifications>,
    outbox: Arc<dyn Outbox>,
    /// By incident and place of the target.
    told: BTreeMap<(IncidentId, usize), Option<Notification>>,
}

impl Planner {
    pub fn new(notifications: Arc<Notifications>, outbox: Arc<dyn Outbox>) -> Self {
        Self { notifications, outbox, told: BTreeMap::new() }
    }

    /// What has to come in together with these changes.
    pub async fn plan(&mut self, changes: &[Change], now: Nanos) -> Result<Vec<Change>, ReadError> {
        let mut planned = Vec::new();
        let notifications = Arc::clone(&self.notifications);
        for change in changes {
            let Change::Incident(incident) = change else { continue };
            for (place, target) in notifications.targets.iter().enumerate() {
                if let Some(change) = self.plan_one((place, target), incident, now, planned.len()).await? {
                    planned.push(change);
                }
            }
        }
        Ok(planned)
    }

    async fn plan_one(
        &mut self,
        (place, target): (usize, &Target),
        incident: &Incident,
        now: Nanos,
        planned_before: usize,
    ) -> Result<Option<Change>, ReadError> {
        let told = self.told(place, target, incident.id).await?;
        let Some(event) = decide(told, incident) else { return Ok(None) };
        let is_new = told.is_none() && !target.wants(incident);
        let silenced_until = incident.silenced_until.filter(|until| *until > now);
        let is_silent = silenced_until.is_some() && event != NotificationEvent::Resolved;
        if is_new || is_silent || now.since(incident.updated_at) > AGE_MAX_NS {
            return Ok(None);
        }
        let first = told.map_or(incident.severity, |told| told.severity_told_first);
        let notification = Notification {
            id: id(target, incident, event),
            target: target.name.clone(),
            event,
            incident: incident.clone(),
            severity_told_first: first,
            at: incident.updated_at,
        };
        // That a target was told of an end is not lost to a silence; it comes when the silence is over.
        let mut delivery = Delivery {
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: silenced_until.unwrap_or(now),
            error: String::new(),
        };
        let pending = self.outbox.notifications_count(&target.name, DeliveryState::Pending).await?;
        if pending + planned_before as u64 >= self.notifications.pending_max.0 {
            delivery.state = DeliveryState::Dead;
            "as many deliveries wait as may (pending_max)".clone_into(&mut delivery.error);
        }
        self.told.insert((incident.id, place), Some(notification.clone()));
        Ok(Some(Change::Notification { notification, delivery }))
    }

    async fn told(
        &mut self,
        place: usize,
        target: &Target,
        incident: IncidentId,
    ) -> Result<Option<&Notification>, ReadError> {
        if self.told.len() > REMEMBERED_MAX {
            self.told.clear();
        }
        let key = (incident, place);
        if !self.told.contains_key(&key) {
            let last = self.outbox.notification_last(incident, &target.name).await?;
            self.told.insert(key, last.map(|last| last.notification));
        }
        Ok(self.told.get(&key).and_then(Option::as_ref))
    }
}

/// What there is to tell somebody who was told `told` last.
fn decide(told: Option<&Notification>, incident: &Incident) -> Option<NotificationEvent> {
    let is_resolved = incident.state == IncidentState::Resolved;
    let Some(told) = told else {
        // Before its first report an incident has no cause, and after its end nobody needs to begin with it.
        let has_report = !incident.report_hash.is_empty();
        return (has_report && !is_resolved).then_some(NotificationEvent::Opened);
    };
    let was_resolved = told.incident.state == IncidentState::Resolved;
    match (was_resolved, is_resolved) {
        (false, true) => Some(NotificationEvent::Resolved),
        (true, false) => Some(NotificationEvent::Reopened),
        (true, true) => None,
        (false, false) => {
            if is_acknowledged(incident) && !is_acknowledged(&told.incident) {
                return Some(NotificationEvent::Acknowledged);
            }
            let is_due = incident.updated_at.since(told.incident.updated_at) >= CHANGED_EVERY_NS;
            (is_due && is_another(&told.incident, incident)).then_some(NotificationEvent::Changed)
        }
    }
}

/// Graver than was told, or with another cause; that a cause was lost is nothing to act on.
fn is_another(told: &Incident, incident: &Incident) -> bool {
    let is_graver = incident.severity < told.severity;
    let cause = |incident: &Incident| (incident.cause, incident.cause_subject.clone());
    is_graver || incident.cause != CauseKind::Unknown && cause(told) != cause(incident)
}

fn is_acknowledged(incident: &Incident) -> bool {
    incident.acknowledged_at.is_some()
}

/// The same wherever and whenever it is worked out, so that a receiver can know a second delivery.
fn id(target: &Target, incident: &Incident, event: NotificationEvent) -> String {
    let parts = [&target.name, &incident.id.to_string(), event.as_str(), &incident.report_hash];
    let digest = Sha256::digest(parts.join("\n"));
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("ntf_{hex}")
}

#[cfg(test)]
mod tests;
