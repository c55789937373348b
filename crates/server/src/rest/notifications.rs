//! Notifications: how their deliveries stand, and the order to try one again.

use api::{ErrorCode, NotificationCursor, NotificationsPage, NotificationsQuery};
use axum::extract::State;
use axum::{Extension, Json};
use model::{Audited, ServerChange, ServerChangeKind};
use store::{Delivery, DeliveryState, ListedNotification, NotificationFilter, WriteError};

use super::{NoQuery, Reading, StrictPath, StrictQuery, store_failure};
use crate::auth::Caller;
use crate::clock;
use crate::http::Failure;

pub(super) async fn list(
    State(reading): State<Reading>,
    StrictQuery(query): StrictQuery<NotificationsQuery>,
) -> Result<Json<NotificationsPage>, Failure> {
    let query = query.check()?;
    let filter = NotificationFilter {
        state: match query.state {
            api::DeliveryStateFilter::All => None,
            api::DeliveryStateFilter::Pending => Some(DeliveryState::Pending),
            api::DeliveryStateFilter::Sent => Some(DeliveryState::Sent),
            api::DeliveryStateFilter::Dead => Some(DeliveryState::Dead),
        },
        target: query.target,
        incident: query.incident,
    };
    let limit = query.limit as usize;
    let before = query.before.map(|cursor| cursor.sequence);
    let mut found = reading.outbox.notifications(&filter, before, limit + 1).await.map_err(store_failure)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| NotificationCursor { sequence: last.sequence });
    Ok(Json(NotificationsPage {
        notifications: found.into_iter().map(published).collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

/// Begins anew, with all attempts; what was delivered is not delivered again.
pub(super) async fn retry(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<String>,
    Extension(caller): Extension<Caller>,
    _: NoQuery,
) -> Result<Json<api::Notification>, Failure> {
    let found = reading.outbox.notification(&id).await.map_err(store_failure)?;
    let Some(listed) = found else {
        return Err(Failure::new(ErrorCode::NotificationNotFound, format!("no notification {id:?} is kept")));
    };
    let target = &listed.notification.target;
    let refuse = |detail: String| Err(Failure::new(ErrorCode::NotificationNotRetryable, detail));
    if listed.delivery.state == DeliveryState::Sent {
        return refuse(format!("{target} has taken {id} already"));
    }
    if !reading.outgoing.knows(target) {
        return refuse(format!("no target {target:?} is configured"));
    }
    let (state, next_at) = (DeliveryState::Pending, clock::now());
    let delivery = Delivery { state, attempts: 0, next_at, error: String::new() };
    let failed = |error: WriteError| Failure::new(ErrorCode::StorageFailed, error.to_string());
    // Before it is done, so that nothing is done that the audit does not say.
    let (kind, actor) = (ServerChangeKind::RetryNotification, (&*caller.name).into());
    let ordered = ServerChange { at: next_at, actor, kind, detail: format!("{id} to {target}").into() };
    reading.store.record(&[Audited::Server(ordered)]).await.map_err(failed)?;
    reading.outbox.set_delivery(&id, &delivery).await.map_err(failed)?;
    reading.outgoing.wake();
    Ok(Json(published(ListedNotification { delivery, ..listed })))
}

fn published(listed: ListedNotification) -> api::Notification {
    let ListedNotification { notification, delivery, .. } = listed;
    let present = |text: String| (!text.is_empty()).then_some(text);
    let is_pending = delivery.state == DeliveryState::Pending;
    api::Notification {
        id: notification.id,
        target: notification.target,
        event: notification.event.as_str().to_owned(),
        incident_id: notification.incident.id.to_string(),
        report_hash: present(notification.incident.report_hash),
        at: notification.at.to_rfc3339(),
        state: delivery.state.as_str().to_owned(),
        attempts: delivery.attempts,
        next_attempt_at: is_pending.then(|| delivery.next_at.to_rfc3339()),
        error: present(delivery.error),
    }
}
