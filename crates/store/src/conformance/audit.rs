//! What people did: every action once, found by whom and whatever it concerns.

use model::{
    ActionOutcome, AuditEntry, Audited, AuditedAction, AuditedOutcome, DeniedRequests, Nanos,
    OperatorActionKind, ServerChange, ServerChangeKind,
};

use super::sample::{HOSTILE, action, apply, incident_id};
use crate::{AuditFilter, Change, PAGE_MAX, Store, WriteError};

async fn entries(store: &dyn Store, filter: &AuditFilter) -> Vec<Audited> {
    store.audit(filter, None, 10).await.unwrap().into_iter().map(|record| record.entry).collect()
}

async fn positions(store: &dyn Store, filter: &AuditFilter, after: Option<u64>, limit: usize) -> Vec<u64> {
    let found = store.audit(filter, after, limit).await.unwrap();
    found.into_iter().filter_map(|record| record.entry.position()).collect()
}

pub(crate) async fn actions_are_listed_newest_first_and_filtered(store: &dyn Store) {
    let merge = AuditedAction::OnIncident {
        incident: incident_id(2),
        kind: OperatorActionKind::Merge { into: incident_id(1) },
    };
    let split = AuditedAction::OnIncident {
        incident: incident_id(1),
        kind: OperatorActionKind::Split { services: vec!["payment".into()] },
    };
    let everywhere = AuditedAction::AcceptBaseline { until: Nanos(7), env: None, service: None };
    let reason = "resolved already".into();
    let entries = [
        action(1, 1, "ada"),
        AuditEntry { action: merge, ..action(2, 2, "bob") },
        AuditEntry {
            action: split,
            outcome: ActionOutcome::Done { other: Some(incident_id(3)) },
            ..action(3, 1, "ada")
        },
        AuditEntry { outcome: ActionOutcome::Refused { reason }, ..action(4, 3, "ada") },
        AuditEntry { action: everywhere, ..action(5, 0, "bob") },
    ];
    let changes: Vec<Change> = entries.iter().cloned().map(Change::Audit).collect();
    apply(store, 9, &changes).await;
    let newest_first: Vec<Audited> = entries.into_iter().rev().map(Audited::Action).collect();
    assert_eq!(self::entries(store, &AuditFilter::default()).await, newest_first);
    let of = |number| AuditFilter { incident: Some(incident_id(number)), ..AuditFilter::default() };
    let by = |actor: &str| AuditFilter { actor: Some(actor.to_owned()), ..AuditFilter::default() };
    let named = |action: &str| AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let ended = |outcome| AuditFilter { outcome: Some(outcome), ..AuditFilter::default() };
    for (filter, expected) in [
        (of(1), &[3, 2, 1][..]),
        (of(2), &[2]),
        (of(3), &[4, 3]),
        (of(9), &[]),
        (by("ada"), &[4, 3, 1]),
        (by("Ada"), &[]),
        (named("merge"), &[2]),
        (named("accept_baseline"), &[5]),
        (ended(AuditedOutcome::Refused), &[4]),
        (ended(AuditedOutcome::Done), &[5, 3, 2, 1]),
        (AuditFilter { actor: Some("ada".to_owned()), ..of(3) }, &[4, 3]),
    ] {
        assert_eq!(positions(store, &filter, None, 10).await, expected, "{filter:?}");
    }
    let all = AuditFilter::default();
    assert_eq!(positions(store, &all, Some(4), 2).await, [3, 2]);
    assert_eq!(positions(store, &all, Some(1), 2).await, [0; 0]);
    assert_eq!(positions(store, &all, Some(u64::MAX), PAGE_MAX + 1).await.len(), 5);
}

pub(crate) async fn an_action_is_kept_once_and_outlives_retention(store: &dyn Store) {
    apply(store, 1, &[Change::Audit(action(1, 1, "ada"))]).await;
    apply(store, 2, &[Change::Audit(action(1, 2, "somebody else"))]).await;
    store.forget_facts(Nanos(u64::MAX)).await.unwrap();
    assert_eq!(entries(store, &AuditFilter::default()).await, [Audited::Action(action(1, 1, "ada"))]);
    let uncountable = store.apply(3, &[Change::Audit(action(u64::MAX, 1, "ada"))]).await;
    assert!(
        matches!(uncountable, Err(WriteError::PositionTooLarge { position: u64::MAX })),
        "{uncountable:?}"
    );
}

pub(crate) async fn hostile_actions_come_back_unchanged(store: &dyn Store) {
    for (position, text) in (1..).zip(HOSTILE) {
        let incident = incident_id(1);
        let kind = OperatorActionKind::Comment((*text).into());
        let said = AuditedAction::OnIncident { incident, kind };
        let entry = AuditEntry { action: said, ..action(position, 1, text) };
        apply(store, position, &[Change::Audit(entry.clone())]).await;
        let filter = AuditFilter { actor: Some((*text).to_owned()), ..AuditFilter::default() };
        assert_eq!(entries(store, &filter).await, [Audited::Action(entry)], "{text:?}");
    }
}

pub(crate) async fn what_the_server_adds_stands_between_actions_in_one_chain(store: &dyn Store) {
    let denied = Audited::Denied(DeniedRequests {
        at: Nanos(9),
        first: Nanos(3),
        listener: "api".into(),
        reason: "no_key".into(),
        from: Some("192.0.2.7/32".into()),
        actor: None,
        requests: u64::MAX,
    });
    let (kind, detail) = (ServerChangeKind::Start, HOSTILE[0].into());
    let started = Audited::Server(ServerChange { at: Nanos(1), actor: "casebook".into(), kind, detail });
    store.record(&[]).await.unwrap();
    store.record(std::slice::from_ref(&started)).await.unwrap();
    apply(store, 4, &[Change::Audit(action(4, 1, "ada"))]).await;
    // The same summary twice is two entries: only places in the journal are known again.
    store.record(&[denied.clone(), denied.clone()]).await.unwrap();
    let found = store.audit(&AuditFilter::default(), None, 10).await.unwrap();
    let acted = Audited::Action(action(4, 1, "ada"));
    let told: Vec<Audited> = found.iter().map(|record| record.entry.clone()).collect();
    assert_eq!(told, [denied.clone(), denied.clone(), acted, started]);
    assert_eq!(found.iter().map(|record| record.sequence).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_ne!(found[0].hash, found[1].hash);
    let only = AuditFilter { outcome: Some(AuditedOutcome::Denied), ..AuditFilter::default() };
    assert_eq!(entries(store, &only).await, [denied.clone(), denied]);
    let page = store.audit(&AuditFilter::default(), Some(3), 1).await.unwrap();
    assert_eq!(page, found[2..3]);
}
