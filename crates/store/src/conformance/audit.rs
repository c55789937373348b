//! What people did: every action once, found by whom and whatever it concerns.

use model::{ActionOutcome, AuditEntry, AuditedAction, Nanos, OperatorActionKind};

use super::sample::{HOSTILE, action, apply, incident_id};
use crate::{AuditFilter, Change, PAGE_MAX, Store, WriteError};

async fn positions(store: &dyn Store, filter: &AuditFilter, after: Option<u64>, limit: usize) -> Vec<u64> {
    let found = store.audit(filter, after, limit).await.unwrap();
    found.into_iter().map(|entry| entry.position).collect()
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
    let mut newest_first = entries.to_vec();
    newest_first.reverse();
    assert_eq!(store.audit(&AuditFilter::default(), None, 10).await.unwrap(), newest_first);
    let of = |number| AuditFilter { incident: Some(incident_id(number)), ..AuditFilter::default() };
    let by = |actor: &str| AuditFilter { actor: Some(actor.to_owned()), ..AuditFilter::default() };
    let named = |action: &str| AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let refused = |refused| AuditFilter { refused: Some(refused), ..AuditFilter::default() };
    for (filter, expected) in [
        (of(1), &[3, 2, 1][..]),
        (of(2), &[2]),
        (of(3), &[4, 3]),
        (of(9), &[]),
        (by("ada"), &[4, 3, 1]),
        (by("Ada"), &[]),
        (named("merge"), &[2]),
        (named("accept_baseline"), &[5]),
        (refused(true), &[4]),
        (refused(false), &[5, 3, 2, 1]),
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
    assert_eq!(store.audit(&AuditFilter::default(), None, 9).await.unwrap(), [action(1, 1, "ada")]);
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
        assert_eq!(store.audit(&filter, None, 9).await.unwrap(), [entry], "{text:?}");
    }
}
