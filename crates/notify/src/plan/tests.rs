//! When somebody is told, and when not.

use model::{IncidentState, Severity};
use store::{MemoryStore, Store};

use super::*;
use crate::secret::Secret;
use crate::target::Kind;

fn target(name: &str, severity_min: u8, envs: &[&str]) -> Target {
    Target {
        name: name.to_owned(),
        kind: Kind::Slack,
        url: Secret::new("http://127.0.0.1:9/"),
        severity_min: Severity(severity_min),
        envs: envs.iter().map(|env| (*env).to_owned()).collect(),
    }
}

fn incident(at_s: u64) -> Incident {
    let form = serde_json::json!({
        "id": "inc_00000000000000ab", "env": "prod", "state": "open", "severity": 3,
        "started_at": 0, "detected_at": 0, "updated_at": at_s * SECOND_NS, "resolved_at": null, "reopened": 0,
        "summary": "checkout fails", "cause": "unknown", "cause_subject": null, "origin_service": "checkout",
        "requests_affected": 9, "report_hash": format!("{at_s:064}"), "evidence_fingerprint": "",
    });
    serde_json::from_value(form).unwrap()
}

struct Desk {
    store: Arc<MemoryStore>,
    planner: Planner,
    position: u64,
}

impl Desk {
    fn new(targets: Vec<Target>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let planner = Self::planner(targets, &store);
        Self { store, planner, position: 0 }
    }

    fn planner(targets: Vec<Target>, store: &Arc<MemoryStore>) -> Planner {
        let notifications = Notifications { targets, ..Notifications::default() };
        Planner::new(Arc::new(notifications), Arc::clone(store) as Arc<dyn Outbox>)
    }

    /// What each target is told of this row, `target event`.
    async fn tell(&mut self, incident: &Incident) -> Vec<String> {
        let mut changes = vec![Change::Incident(incident.clone())];
        let planned = self.planner.plan(&changes, incident.updated_at).await.unwrap();
        let told = planned.iter().filter_map(|change| match change {
            Change::Notification { notification, delivery } if delivery.state == DeliveryState::Pending => {
                Some(format!("{} {}", notification.target, notification.event.as_str()))
            }
            Change::Notification { delivery, .. } => Some(format!("dead {}", delivery.error)),
            _ => None,
        });
        let told = told.collect();
        changes.extend(planned);
        self.position += 1;
        self.store.apply(self.position, &changes).await.unwrap();
        told
    }
}

#[tokio::test]
async fn a_life_is_told_in_a_few_words() {
    let mut desk = Desk::new(vec![target("chat", 5, &[])]);
    let unreported = Incident { report_hash: String::new(), ..incident(1) };
    assert!(desk.tell(&unreported).await.is_empty());
    assert_eq!(desk.tell(&incident(2)).await, ["chat opened"]);
    for at in 3..60 {
        assert!(desk.tell(&incident(at)).await.is_empty(), "a report more is no news");
    }
    let found = |at| Incident { cause: CauseKind::Deploy, ..incident(at) };
    assert!(desk.tell(&found(61)).await.is_empty(), "too soon after the opening");
    assert_eq!(desk.tell(&found(62)).await, ["chat changed"]);
    assert!(desk.tell(&incident(500)).await.is_empty(), "a lost cause is nothing to act on");
    let milder = Incident { severity: Severity(4), ..found(600) };
    assert!(desk.tell(&milder).await.is_empty());
    let graver = Incident { severity: Severity(1), ..found(601) };
    assert_eq!(desk.tell(&graver).await, ["chat changed"]);
    let recovering = Incident { state: IncidentState::Recovering, ..graver.clone() };
    assert!(desk.tell(&recovering).await.is_empty());
    let resolved = |at| Incident { state: IncidentState::Resolved, ..incident(at) };
    assert_eq!(desk.tell(&resolved(700)).await, ["chat resolved"]);
    assert!(desk.tell(&resolved(701)).await.is_empty());
    assert_eq!(desk.tell(&incident(800)).await, ["chat reopened"]);
    assert_eq!(desk.tell(&resolved(900)).await, ["chat resolved"]);
}

#[tokio::test]
async fn filters_say_who_is_told_first_and_the_end_comes_to_all_who_were() {
    let mut desk =
        Desk::new(vec![target("page", 2, &[]), target("dev", 5, &["dev"]), target("chat", 5, &["prod"])]);
    assert_eq!(desk.tell(&incident(1)).await, ["chat opened"]);
    let graver = Incident { severity: Severity(2), ..incident(100) };
    assert_eq!(desk.tell(&graver).await, ["page opened", "chat changed"]);
    let resolved = Incident { state: IncidentState::Resolved, ..incident(200) };
    assert_eq!(desk.tell(&resolved).await, ["page resolved", "chat resolved"]);
}

#[tokio::test]
async fn whoever_begins_again_tells_nobody_twice() {
    let targets = || vec![target("chat", 5, &[])];
    let mut desk = Desk::new(targets());
    assert_eq!(desk.tell(&incident(1)).await, ["chat opened"]);
    desk.planner = Desk::planner(targets(), &desk.store);
    assert!(desk.tell(&incident(1)).await.is_empty());
    assert!(desk.tell(&incident(2)).await.is_empty());
    let resolved = Incident { state: IncidentState::Resolved, ..incident(3) };
    assert_eq!(desk.tell(&resolved).await, ["chat resolved"]);
    desk.planner = Desk::planner(targets(), &desk.store);
    assert!(desk.tell(&resolved).await.is_empty());
}

#[tokio::test]
async fn an_acknowledgement_is_told_once() {
    let mut desk = Desk::new(vec![target("chat", 5, &[])]);
    assert_eq!(desk.tell(&incident(1)).await, ["chat opened"]);
    let seen = |at| Incident { acknowledged_at: Some(Nanos::from_secs(2)), ..incident(at) };
    assert_eq!(desk.tell(&seen(2)).await, ["chat acknowledged"]);
    assert!(desk.tell(&seen(3)).await.is_empty());
}

#[tokio::test]
async fn a_silence_is_kept_and_the_end_comes_when_it_is_over() {
    let mut desk = Desk::new(vec![target("chat", 5, &[])]);
    let until = Nanos::from_secs(1000);
    let silent = |at| Incident { silenced_until: Some(until), ..incident(at) };
    assert!(desk.tell(&silent(1)).await.is_empty());
    assert_eq!(desk.tell(&silent(1000)).await, ["chat opened"], "the silence is over");
    let until = Nanos::from_secs(3000);
    let silent = |at| Incident { silenced_until: Some(until), severity: Severity(1), ..incident(at) };
    assert!(desk.tell(&silent(2000)).await.is_empty());
    let resolved = Incident { state: IncidentState::Resolved, ..silent(2001) };
    assert_eq!(desk.tell(&resolved).await, ["chat resolved"]);
    let last = desk.store.notification_last(resolved.id, "chat").await.unwrap().unwrap();
    assert_eq!(last.delivery.next_at, until);
}

#[tokio::test]
async fn history_is_not_told() {
    let mut desk = Desk::new(vec![target("chat", 5, &[])]);
    let changes = [Change::Incident(incident(1))];
    let later = Nanos(incident(1).updated_at.0 + AGE_MAX_NS + 1);
    assert!(desk.planner.plan(&changes, later).await.unwrap().is_empty());
    assert_eq!(desk.planner.plan(&changes, Nanos(later.0 - 1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_no_queue_has_room_for_is_a_dead_letter_at_once() {
    let mut desk = Desk::new(vec![target("chat", 5, &[])]);
    let notifications = Notifications {
        targets: vec![target("chat", 5, &[])],
        pending_max: crate::config::PendingMax(2),
        ..Notifications::default()
    };
    desk.planner = Planner::new(Arc::new(notifications), Arc::clone(&desk.store) as Arc<dyn Outbox>);
    for number in 1..=3u8 {
        let one = Incident { id: IncidentId([number; 8]), ..incident(1) };
        let told = desk.tell(&one).await;
        assert_eq!(told[0].starts_with("dead "), number == 3, "{told:?}");
    }
}

#[test]
fn the_id_is_of_the_target_the_incident_the_event_and_the_report() {
    let base = id(&target("chat", 5, &[]), &incident(1), NotificationEvent::Opened);
    assert_eq!(base, id(&target("chat", 1, &["x"]), &incident(1), NotificationEvent::Opened));
    for other in [
        id(&target("page", 5, &[]), &incident(1), NotificationEvent::Opened),
        id(&target("chat", 5, &[]), &incident(1), NotificationEvent::Reopened),
        id(&target("chat", 5, &[]), &incident(2), NotificationEvent::Opened),
    ] {
        assert_ne!(base, other);
    }
}
