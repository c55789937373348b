//! Changes are applied once, in order, all or nothing.

use super::sample::{Whole, apply, incident, outage, report};
use crate::{Applied, Change, Store, WriteError};

pub(crate) async fn a_new_store_is_empty(store: &dyn Store) {
    assert_eq!(store.applied_position().await.unwrap(), None);
    apply(store, 0, &[]).await;
    assert_eq!(store.applied_position().await.unwrap(), Some(0));
}

pub(crate) async fn the_position_only_rises(store: &dyn Store) {
    for (position, expected) in [(5, 5), (3, 5), (5, 5), (6, 6), (0, 6), (1 << 40, 1 << 40), (7, 1 << 40)] {
        store.apply(position, &[]).await.unwrap();
        assert_eq!(store.applied_position().await.unwrap(), Some(expected), "after {position}");
    }
}

pub(crate) async fn a_position_counts_once(store: &dyn Store) {
    assert_eq!(store.apply(5, &[Change::Incident(incident(1))]).await.unwrap(), Applied::Now);
    let whole = Whole::of(store).await;
    for position in [5, 4, 0] {
        let changes = [Change::Incident(incident(2)), Change::Report(report(2, 1, b"{}"))];
        assert_eq!(store.apply(position, &changes).await.unwrap(), Applied::Before);
    }
    assert_eq!(Whole::of(store).await, whole);
}

pub(crate) async fn any_prefix_applied_again_changes_nothing(store: &dyn Store) {
    let outage = outage();
    for (position, changes) in &outage {
        apply(store, *position, changes).await;
    }
    let whole = Whole::of(store).await;
    for length in 0..=outage.len() {
        for (position, changes) in &outage[..length] {
            assert_eq!(store.apply(*position, changes).await.unwrap(), Applied::Before);
        }
        assert_eq!(Whole::of(store).await, whole, "after a prefix of {length}");
    }
}

/// After a restart the journal may be cut into other batches: one that reaches beyond the applied position
/// brings some changes a second time.
pub(crate) async fn other_cuts_of_the_same_changes_end_in_the_same_state(store: &dyn Store) {
    let outage = outage();
    for (position, changes) in &outage {
        apply(store, *position, changes).await;
    }
    let whole = Whole::of(store).await.without_position();
    for from in 0..outage.len() {
        let batch: Vec<Change> = outage[from..].iter().flat_map(|(_, changes)| changes.clone()).collect();
        apply(store, 100 + from as u64, &batch).await;
        assert_eq!(Whole::of(store).await.without_position(), whole, "from {from} on");
    }
}

pub(crate) async fn changes_without_a_sound_report_are_refused_whole(store: &dyn Store) {
    apply(store, 1, &[Change::Incident(incident(1))]).await;
    let whole = Whole::of(store).await;
    let mut unsound = report(2, 1, b"{}");
    unsound.bytes.push(b' ');
    let hash = unsound.hash.clone();
    let changes = [Change::Incident(incident(2)), Change::Report(unsound), Change::Incident(incident(3))];
    match store.apply(2, &changes).await {
        Err(WriteError::WrongHash { hash: named, .. }) => assert_eq!(named, hash),
        other => panic!("{other:?}"),
    }
    assert_eq!(Whole::of(store).await, whole);
}

pub(crate) async fn a_position_beyond_counting_is_refused(store: &dyn Store) {
    let refused = store.apply(u64::MAX, &[Change::Incident(incident(1))]).await;
    assert!(matches!(refused, Err(WriteError::PositionTooLarge { position: u64::MAX })), "{refused:?}");
    assert_eq!(store.applied_position().await.unwrap(), None);
    apply(store, i64::MAX as u64, &[]).await;
}
