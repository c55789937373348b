//! The archive: the same bytes, under their hash, in the order in which they came.

use super::sample::{apply, incident_id, report};
use crate::{Change, Store};

async fn archive(store: &dyn Store, position: u64, reports: &[model::ReportDocument]) {
    let changes: Vec<Change> = reports.iter().cloned().map(Change::Report).collect();
    apply(store, position, &changes).await;
}

pub(crate) async fn bytes_come_back_identical(store: &dyn Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let samples = [&b""[..], b"{}", b"{ \"b\": 1.0,\n\"a\":\"\\u0000\" }", &every_byte, &large];
    for (position, bytes) in (1..).zip(samples) {
        let sent = report(1, position, bytes);
        archive(store, position, std::slice::from_ref(&sent)).await;
        assert_eq!(store.report_by_hash(&sent.hash).await.unwrap().as_ref(), Some(&sent));
        assert_eq!(store.report_latest(incident_id(1)).await.unwrap(), Some(sent));
    }
}

/// A later report may speak of the same tick, when evidence came in after it.
pub(crate) async fn the_newest_report_is_the_one_that_came_last(store: &dyn Store) {
    let (first, second) = (report(1, 5, b"first"), report(1, 5, b"second"));
    archive(store, 1, &[first, second.clone(), report(2, 9, b"other")]).await;
    assert_eq!(store.report_latest(incident_id(1)).await.unwrap(), Some(second));
}

pub(crate) async fn references_stand_in_the_order_of_coming(store: &dyn Store) {
    for tick in 0..20 {
        let reports = [report(tick % 2, tick, format!("{tick}").as_bytes())];
        archive(store, tick, &reports).await;
    }
    let all = store.report_refs(None, 0, 1000).await.unwrap();
    assert_eq!(all.iter().map(|one| one.tick.as_secs()).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    assert_eq!(all.iter().map(|one| one.sequence).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    let odd = store.report_refs(Some(incident_id(1)), 0, 1000).await.unwrap();
    assert_eq!(odd, all.iter().filter(|one| one.incident == incident_id(1)).cloned().collect::<Vec<_>>());
    let page = store.report_refs(Some(incident_id(1)), odd[3].sequence, 2).await.unwrap();
    assert_eq!(page, odd[4..6]);
    assert!(store.report_refs(None, 20, 10).await.unwrap().is_empty());
    assert!(store.report_refs(None, u64::MAX, 10).await.unwrap().is_empty());
    assert!(store.report_refs(Some(incident_id(3)), 0, 10).await.unwrap().is_empty());
}

pub(crate) async fn the_same_report_is_archived_once(store: &dyn Store) {
    let (one, other) = (report(1, 1, b"one"), report(1, 2, b"other"));
    archive(store, 1, &[one.clone(), one.clone()]).await;
    archive(store, 2, &[one, other]).await;
    let references = store.report_refs(None, 0, 10).await.unwrap();
    assert_eq!(references.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2]);
}

pub(crate) async fn unknown_reports_are_none(store: &dyn Store) {
    let known = report(1, 1, b"{}");
    archive(store, 1, std::slice::from_ref(&known)).await;
    let upper = known.hash.to_uppercase();
    for hash in ["", "%", &known.hash[..63], &upper, "0".repeat(64).as_str()] {
        assert_eq!(store.report_by_hash(hash).await.unwrap(), None, "{hash}");
    }
    assert_eq!(store.report_latest(incident_id(2)).await.unwrap(), None);
}
