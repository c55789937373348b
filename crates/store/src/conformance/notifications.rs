//! Notifications and their deliveries.

use model::{Incident, Nanos, Severity};

use super::sample::{HOSTILE, apply, incident, incident_id};
use crate::{
    Change, Delivery, DeliveryState, ListedNotification, Notification, NotificationEvent, NotificationFilter,
    Outbox, Store,
};

pub(crate) fn notification(id: &str, target: &str, incident_number: u64, at_s: u64) -> Change {
    let notification = Notification {
        id: id.to_owned(),
        target: target.to_owned(),
        event: NotificationEvent::Opened,
        incident: Incident { summary: HOSTILE[4].to_owned(), ..incident(incident_number) },
        severity_told_first: Severity(1),
        at: Nanos::from_secs(at_s),
    };
    Change::Notification { notification, delivery: delivery(DeliveryState::Pending) }
}

fn delivery(state: DeliveryState) -> Delivery {
    Delivery { state, attempts: 0, next_at: Nanos(0), error: String::new() }
}

fn ids(listed: &[ListedNotification]) -> Vec<&str> {
    listed.iter().map(|one| one.notification.id.as_str()).collect()
}

async fn all(store: &dyn Outbox) -> Vec<ListedNotification> {
    store.notifications(&NotificationFilter::default(), None, 100).await.unwrap()
}

pub(crate) async fn a_notification_comes_in_once<S: Store + Outbox>(store: &S) {
    apply(store, 1, &[notification("a", "chat", 1, 5)]).await;
    let sent = Delivery { attempts: 3, error: HOSTILE[4].to_owned(), ..delivery(DeliveryState::Sent) };
    assert!(store.set_delivery("a", &sent).await.unwrap());
    // The same again, at the same position and at a later one: what became of it stays.
    apply(store, 1, &[notification("a", "chat", 1, 5)]).await;
    apply(store, 2, &[notification("a", "chat", 1, 9), notification("b", "chat", 1, 9)]).await;
    let found = store.notification("a").await.unwrap().unwrap();
    assert_eq!((found.delivery, found.notification.at), (sent, Nanos::from_secs(5)));
    assert_eq!(ids(&all(store).await), ["b", "a"]);
    assert_eq!(store.notification("c").await.unwrap(), None);
    assert!(!store.set_delivery("c", &delivery(DeliveryState::Dead)).await.unwrap());
}

pub(crate) async fn what_is_pending_comes_in_order_for_each_target<S: Store + Outbox>(store: &S) {
    let changes = [("a", "chat"), ("b", "page"), ("c", "chat"), ("d", "chat")];
    let changes: Vec<Change> = changes.iter().map(|(id, target)| notification(id, target, 1, 5)).collect();
    apply(store, 1, &changes).await;
    store.set_delivery("c", &delivery(DeliveryState::Dead)).await.unwrap();
    assert_eq!(ids(&store.notifications_pending("chat", 10).await.unwrap()), ["a", "d"]);
    assert_eq!(ids(&store.notifications_pending("chat", 1).await.unwrap()), ["a"]);
    assert_eq!(store.notifications_count("chat", DeliveryState::Pending).await.unwrap(), 2);
    assert_eq!(store.notifications_count("chat", DeliveryState::Dead).await.unwrap(), 1);
    assert_eq!(store.notifications_count("'; --", DeliveryState::Dead).await.unwrap(), 0);
}

pub(crate) async fn notifications_are_listed_newest_first_and_filtered<S: Store + Outbox>(store: &S) {
    for number in 0..12 {
        let target = if number % 2 == 0 { "chat" } else { "page" };
        apply(store, number, &[notification(&format!("n{number}"), target, number % 3, number)]).await;
    }
    store.set_delivery("n4", &delivery(DeliveryState::Dead)).await.unwrap();
    let filter = NotificationFilter { target: Some("chat".to_owned()), ..NotificationFilter::default() };
    let first = store.notifications(&filter, None, 4).await.unwrap();
    assert_eq!(ids(&first), ["n10", "n8", "n6", "n4"]);
    let next = store.notifications(&filter, Some(first[3].sequence), 4).await.unwrap();
    assert_eq!(ids(&next), ["n2", "n0"]);
    let filter = NotificationFilter { incident: Some(incident_id(1)), ..NotificationFilter::default() };
    assert_eq!(ids(&store.notifications(&filter, None, 9).await.unwrap()), ["n10", "n7", "n4", "n1"]);
    let filter = NotificationFilter { state: Some(DeliveryState::Dead), ..NotificationFilter::default() };
    assert_eq!(ids(&store.notifications(&filter, Some(u64::MAX), 9).await.unwrap()), ["n4"]);
}

pub(crate) async fn what_was_told_last_is_kept_when_the_old_are_let_go<S: Store + Outbox>(store: &S) {
    let row = |id, target, number, at| notification(id, target, number, at);
    apply(store, 1, &[row("a", "chat", 1, 1), row("b", "chat", 1, 2), row("c", "chat", 1, 3)]).await;
    apply(store, 2, &[row("d", "page", 1, 1), row("e", "chat", 2, 1), row("f", "chat", 1, 60)]).await;
    for id in ["a", "c", "d", "e", "f"] {
        store.set_delivery(id, &delivery(DeliveryState::Sent)).await.unwrap();
    }
    assert_eq!(store.notification_last(incident_id(1), "chat").await.unwrap().unwrap().notification.id, "f");
    assert_eq!(store.forget_notifications(Nanos::from_secs(50)).await.unwrap(), 2);
    assert_eq!(ids(&all(store).await), ["f", "e", "d", "b"]);
    assert_eq!(store.notification_last(incident_id(1), "page").await.unwrap().unwrap().notification.id, "d");
    assert_eq!(store.notification_last(incident_id(3), "page").await.unwrap(), None);
    // A number is never given twice.
    let newest = all(store).await[0].sequence;
    apply(store, 3, &[row("g", "chat", 4, 70)]).await;
    assert!(all(store).await[0].sequence > newest);
}
