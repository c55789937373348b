//! Traces, signals and deployments.

use model::{AlertProvider, AlertRecord, AlertStatus, Deployment, Nanos, Signal, Str};

use super::sample::{HOSTILE, Whole, alert, apply, deployment, incident_id, outage, signal, trace, trace_id};
use crate::{AlertFilter, Change, Store, TimeRange};

fn cited(incident: u64, trace: model::CapturedTrace) -> Change {
    Change::Trace { incident: incident_id(incident), trace }
}

pub(crate) async fn a_trace_is_kept_with_those_who_cite_it(store: &dyn Store) {
    assert_eq!(store.trace(trace_id(1)).await.unwrap(), None);
    apply(store, 1, &[cited(9, trace(1, 2)), cited(3, trace(2, 1))]).await;
    apply(store, 2, &[cited(4, trace(1, 5)), cited(9, trace(1, 6))]).await;
    let kept = store.trace(trace_id(1)).await.unwrap().unwrap();
    assert_eq!(kept.trace, trace(1, 6));
    assert_eq!(kept.incidents, [incident_id(4), incident_id(9)]);
    assert_eq!(store.trace(trace_id(2)).await.unwrap().unwrap().incidents, [incident_id(3)]);
}

pub(crate) async fn a_capture_that_found_less_replaces_nothing(store: &dyn Store) {
    apply(store, 1, &[cited(1, trace(1, 0))]).await;
    assert_eq!(store.trace(trace_id(1)).await.unwrap().unwrap().trace, trace(1, 0));
    apply(store, 2, &[cited(1, trace(1, 4)), cited(2, trace(1, 0)), cited(3, trace(1, 3))]).await;
    let kept = store.trace(trace_id(1)).await.unwrap().unwrap();
    assert_eq!(kept.trace, trace(1, 4));
    assert_eq!(kept.incidents, [incident_id(1), incident_id(2), incident_id(3)]);
}

pub(crate) async fn signals_and_deployments_are_known_by_id(store: &dyn Store) {
    for (number, text) in (1..).zip(HOSTILE) {
        let signal = Signal { message: (*text).into(), ..signal(text, number) };
        let deployment = Deployment { author: Some((*text).into()), ..deployment(text, number) };
        for position in [2 * number, 2 * number + 1] {
            apply(store, position, &[Change::Signal(signal.clone()), Change::Deployment(deployment.clone())])
                .await;
        }
        assert_eq!(store.signals(TimeRange::ALL, 1).await.unwrap(), [signal]);
        assert_eq!(store.deployments(TimeRange::ALL, 1).await.unwrap(), [deployment]);
    }
    assert_eq!(store.signals(TimeRange::ALL, 1000).await.unwrap().len(), HOSTILE.len());
    assert_eq!(store.deployments(TimeRange::ALL, 1000).await.unwrap().len(), HOSTILE.len());
}

pub(crate) async fn facts_are_listed_newest_first_within_a_range(store: &dyn Store) {
    let facts = [("b", 5), ("a", 5), ("c", 1), ("Z", 5), ("é", 5), ("d", 9)];
    let both = |(id, at)| [Change::Signal(signal(id, at)), Change::Deployment(deployment(id, at))];
    apply(store, 1, &facts.into_iter().flat_map(both).collect::<Vec<_>>()).await;
    let range = |from, until| TimeRange { from: Nanos::from_secs(from), until: Nanos::from_secs(until) };
    for (within, limit, expected) in [
        (TimeRange::ALL, 100, &["d", "é", "b", "a", "Z", "c"][..]),
        (range(5, 5), 100, &["é", "b", "a", "Z"]),
        (range(2, 9), 2, &["d", "é"]),
        (range(0, 4), 100, &["c"]),
        (range(9, 0), 100, &[]),
    ] {
        let signals = store.signals(within, limit).await.unwrap();
        let deployments = store.deployments(within, limit).await.unwrap();
        assert_eq!(signals.iter().map(|one| &*one.id).collect::<Vec<_>>(), expected);
        assert_eq!(deployments.iter().map(|one| &*one.id).collect::<Vec<_>>(), expected);
    }
}

pub(crate) async fn alerts_are_one_row_each_and_filtered(store: &dyn Store) {
    let native = AlertRecord { provider: AlertProvider::Native, ..alert("a", 5) };
    let over = AlertRecord {
        status: AlertStatus::Resolved,
        service: None,
        env: Some(HOSTILE[1].into()),
        ..alert("b", 7)
    };
    let changes = [alert("a", 1), native.clone(), alert("b", 6), alert("c", 5)].map(Change::Alert);
    apply(store, 1, &changes).await;
    apply(store, 2, &[Change::Alert(over.clone()), Change::Alert(alert("a", 4))]).await;
    let all = store.alerts(&AlertFilter::default(), 100).await.unwrap();
    assert_eq!(all, [over.clone(), alert("c", 5), native, alert("a", 4)]);
    assert_eq!(store.alerts(&AlertFilter::default(), 1).await.unwrap(), std::slice::from_ref(&over));
    for (filter, expected) in [
        (AlertFilter { status: Some(AlertStatus::Resolved), ..AlertFilter::default() }, 1),
        (AlertFilter { status: Some(AlertStatus::Acknowledged), ..AlertFilter::default() }, 0),
        (AlertFilter { env: Some(HOSTILE[1].to_owned()), ..AlertFilter::default() }, 1),
        (AlertFilter { service: Some("payment".to_owned()), ..AlertFilter::default() }, 3),
        (AlertFilter { service: Some(String::new()), ..AlertFilter::default() }, 0),
    ] {
        assert_eq!(store.alerts(&filter, 100).await.unwrap().len(), expected, "{filter:?}");
    }
    assert_eq!(store.forget_facts(Nanos::from_secs(5)).await.unwrap(), 1);
    assert_eq!(store.alerts(&AlertFilter::default(), 100).await.unwrap().len(), 3);
}

pub(crate) async fn old_facts_are_let_go(store: &dyn Store) {
    let far = Signal { at: Nanos(u64::MAX), ..signal("far", 0) };
    let changes = [
        Change::Signal(signal("old", 4)),
        Change::Signal(signal("new", 5)),
        Change::Signal(far),
        Change::Deployment(deployment("old", 4)),
    ];
    apply(store, 1, &changes).await;
    assert_eq!(store.forget_facts(Nanos::from_secs(5)).await.unwrap(), 2);
    assert_eq!(store.forget_facts(Nanos::from_secs(5)).await.unwrap(), 0);
    let left: Vec<Str> =
        store.signals(TimeRange::ALL, 10).await.unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(left, [Str::from("far"), Str::from("new")]);
    assert!(store.deployments(TimeRange::ALL, 10).await.unwrap().is_empty());
    assert_eq!(store.applied_position().await.unwrap(), Some(1));
}

pub(crate) async fn settling_keeps_everything(store: &dyn Store) {
    for (position, changes) in outage() {
        apply(store, position, &changes).await;
    }
    let whole = Whole::of(store).await;
    store.settle().await.unwrap();
    assert_eq!(Whole::of(store).await, whole);
}
