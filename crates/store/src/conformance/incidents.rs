//! Rows of incidents: the last one counts, lists are ordered, filtered and stable.

use model::{Incident, IncidentId, IncidentState, Nanos};

use super::sample::{HOSTILE, apply, incident, incident_id};
use crate::{Change, IncidentFilter, PAGE_MAX, Place, StateFilter, Store};

async fn put(store: &dyn Store, position: u64, incidents: &[Incident]) {
    let changes: Vec<Change> = incidents.iter().cloned().map(Change::Incident).collect();
    apply(store, position, &changes).await;
}

async fn ids(store: &dyn Store, filter: &IncidentFilter) -> Vec<IncidentId> {
    let listed = store.incidents(filter, None, PAGE_MAX).await.unwrap();
    listed.into_iter().map(|listed| listed.incident.id).collect()
}

fn numbers(numbers: impl IntoIterator<Item = u64>) -> Vec<IncidentId> {
    numbers.into_iter().map(incident_id).collect()
}

pub(crate) async fn the_last_row_of_an_incident_counts(store: &dyn Store) {
    assert_eq!(store.incident(incident_id(1)).await.unwrap(), None);
    let resolved = Incident {
        state: IncidentState::Resolved,
        resolved_at: Some(Nanos(u64::MAX)),
        reopened: u32::MAX,
        cause_subject: None,
        origin_service: None,
        requests_affected: u64::MAX,
        ..incident(1)
    };
    put(store, 1, &[incident(1), resolved.clone()]).await;
    assert_eq!(store.incident(incident_id(1)).await.unwrap(), Some(resolved.clone()));
    assert_eq!(store.incident(incident_id(2)).await.unwrap(), None);
    put(store, 2, &[incident(1)]).await;
    assert_eq!(store.incident(incident_id(1)).await.unwrap(), Some(incident(1)));
    assert_eq!(ids(store, &IncidentFilter::all()).await, numbers([1]));
}

pub(crate) async fn lists_are_newest_first_and_filtered(store: &dyn Store) {
    let resolved = Incident { state: IncidentState::Resolved, ..incident(2) };
    let recovering = Incident { state: IncidentState::Recovering, env: "staging".to_owned(), ..incident(3) };
    let elsewhere = Incident { origin_service: Some("inventory".to_owned()), ..incident(4) };
    let nowhere = Incident { origin_service: None, ..incident(5) };
    put(store, 1, &[nowhere, incident(1), recovering, elsewhere, resolved]).await;
    let filter = |state, env: Option<&str>, service: Option<&str>| IncidentFilter {
        state,
        env: env.map(str::to_owned),
        service: service.map(str::to_owned),
    };
    let (all, open) = (StateFilter::All, StateFilter::Open);
    for (filter, expected) in [
        (filter(all, None, None), &[5, 4, 3, 2, 1][..]),
        (filter(open, None, None), &[5, 4, 3, 1]),
        (filter(all, Some("prod"), None), &[5, 4, 2, 1]),
        (filter(open, Some("staging"), None), &[3]),
        (filter(all, None, Some("payment")), &[3, 2, 1]),
        (filter(open, Some("prod"), Some("payment")), &[1]),
        (filter(open, Some("prod"), Some("inventory")), &[4]),
        (filter(all, Some("PROD"), None), &[]),
        (filter(all, Some(""), None), &[]),
        (filter(all, None, Some("pay%")), &[]),
    ] {
        assert_eq!(ids(store, &filter).await, numbers(expected.iter().copied()), "{filter:?}");
    }
}

/// Incidents that were detected at the same moment are told apart by id.
pub(crate) async fn paging_gives_each_incident_once(store: &dyn Store) {
    let many: Vec<Incident> =
        (0..23).map(|n| Incident { detected_at: Nanos::from_secs(n / 4), ..incident(n) }).collect();
    put(store, 1, &many).await;
    for size in [1, 2, 3, 7, 22, 23, 24] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.incidents(&IncidentFilter::all(), after, size).await.unwrap();
            assert!(page.len() <= size);
            let Some(last) = page.last() else { break };
            after = Some(last.place);
            seen.extend(page.into_iter().map(|listed| listed.incident.id));
        }
        assert_eq!(seen, numbers((0..23).rev()), "pages of {size}");
    }
}

pub(crate) async fn pages_do_not_shift_under_inserts_and_changes(store: &dyn Store) {
    put(store, 1, &(10..20).map(incident).collect::<Vec<_>>()).await;
    let first = store.incidents(&IncidentFilter::all(), None, 4).await.unwrap();
    let after = first.last().map(|listed| listed.place);
    // One ahead of the page, one behind it, and rows of both sides whose every time changes.
    let moved =
        |n| Incident { detected_at: Nanos::from_secs(99), updated_at: Nanos::from_secs(99), ..incident(n) };
    let behind = Incident { detected_at: Nanos::from_secs(12), ..incident(5) };
    put(store, 2, &[incident(30), behind, moved(18), moved(13)]).await;
    let rest = store.incidents(&IncidentFilter::all(), after, 100).await.unwrap();
    let rest: Vec<IncidentId> = rest.into_iter().map(|listed| listed.incident.id).collect();
    assert_eq!(rest, numbers([15, 14, 13, 12, 5, 11, 10]));
    // The last incident of a page may be gone from the filtered list; its place still counts.
    let resolved = Incident { state: IncidentState::Resolved, ..incident(16) };
    put(store, 3, &[resolved]).await;
    let open = store.incidents(&IncidentFilter::default(), after, 1).await.unwrap();
    assert_eq!(open[0].incident.id, incident_id(15));
}

pub(crate) async fn hostile_text_comes_back_unchanged(store: &dyn Store) {
    for (number, text) in (1..).zip(HOSTILE) {
        let hostile = Incident {
            env: (*text).to_owned(),
            summary: (*text).to_owned(),
            cause_subject: Some((*text).to_owned()),
            origin_service: Some((*text).to_owned()),
            ..incident(number)
        };
        put(store, number, std::slice::from_ref(&hostile)).await;
        assert_eq!(store.incident(incident_id(number)).await.unwrap(), Some(hostile), "{text:?}");
    }
    for (number, text) in (1..).zip(HOSTILE) {
        let text = Some((*text).to_owned());
        let filter = IncidentFilter { state: StateFilter::All, env: text.clone(), service: text.clone() };
        assert_eq!(ids(store, &filter).await, numbers([number]), "{text:?}");
        assert_eq!(store.report_by_hash(text.as_deref().unwrap_or_default()).await.unwrap(), None);
    }
}

pub(crate) async fn times_at_both_ends_are_kept(store: &dyn Store) {
    let first = Incident { detected_at: Nanos(0), ..incident(1) };
    let last = Incident { detected_at: Nanos(u64::MAX), ..incident(2) };
    let nearly = Incident { detected_at: Nanos(u64::MAX - 1), ..incident(3) };
    put(store, 1, &[first.clone(), last.clone(), nearly.clone()]).await;
    let mut after: Option<Place> = None;
    for expected in [nearly, last, first] {
        let page = store.incidents(&IncidentFilter::all(), after, 1).await.unwrap();
        assert_eq!(page[0].incident, expected);
        after = Some(page[0].place);
    }
    assert!(store.incidents(&IncidentFilter::all(), after, 1).await.unwrap().is_empty());
}

pub(crate) async fn a_page_is_bounded(store: &dyn Store) {
    put(store, 1, &(0..PAGE_MAX as u64 + 5).map(incident).collect::<Vec<_>>()).await;
    let everything = store.incidents(&IncidentFilter::all(), None, usize::MAX).await.unwrap();
    assert_eq!(everything.len(), PAGE_MAX);
    assert!(store.incidents(&IncidentFilter::all(), None, 0).await.unwrap().is_empty());
}
