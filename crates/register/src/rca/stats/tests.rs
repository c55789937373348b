//! Median and worst of few documents.

use model::Nanos;

use super::*;

/// Minutes until it was detected, from then until the owner was known, and from the start until it was mitigated.
fn document(id: &str, layer: &str, status: &'static str, took: [Option<u64>; 3]) -> Entry {
    let minute = |minute: u64| Nanos::from_secs(1_000_000 + minute * 60);
    let [detect, owner, mitigate] = took;
    let times = Times {
        started: Some(minute(0)),
        detected: detect.map(minute),
        owner_identified: owner.zip(detect).map(|(owner, detect)| minute(detect + owner)),
        mitigated: mitigate.map(minute),
        resolved: None,
    };
    Entry { id: id.to_owned(), owner_layer: layer.to_owned(), status, times, ..Entry::default() }
}

fn said(spread: &Spread) -> String {
    let minutes = |nanos: Option<u64>| {
        nanos.map_or("-".to_owned(), |nanos| (nanos / 60 / model::SECOND_NS).to_string())
    };
    let worst_in = spread.worst_in.as_deref().unwrap_or("-");
    format!(
        "{} known, {}, {} in {worst_in}",
        spread.known,
        minutes(spread.median_ns),
        minutes(spread.worst_ns)
    )
}

#[test]
fn median_and_worst_are_told_by_layer_and_for_all() {
    let stats = stats(&[
        document("a", "payments", "closed", [Some(4), Some(16), Some(31)]),
        document("b", "payments", "published", [Some(10), Some(2), None]),
        document("c", "payments", "follow_ups_open", [Some(90), None, Some(100)]),
        document("d", "edge", "closed", [Some(1), Some(1), Some(5)]),
        document("e", "", "in_review", [None, None, Some(7)]),
        document("f", "edge", "draft", [Some(500), Some(500), Some(500)]),
        document("g", "edge", "superseded", [Some(500), Some(500), Some(500)]),
    ]);
    let told: Vec<String> = stats
        .iter()
        .map(|each| {
            let layer = each.layer.as_deref().unwrap_or("all");
            let [detect, owner, mitigate] = [&each.detect, &each.owner, &each.mitigate].map(said);
            format!("{layer} {}: {detect}; {owner}; {mitigate}", each.documents)
        })
        .collect();
    assert_eq!(
        told,
        [
            "all 5: 4 known, 7, 90 in c; 3 known, 2, 16 in a; 4 known, 19, 100 in c",
            "edge 1: 1 known, 1, 1 in d; 1 known, 1, 1 in d; 1 known, 5, 5 in d",
            "payments 3: 3 known, 10, 90 in c; 2 known, 9, 16 in a; 2 known, 65, 100 in c",
        ]
    );
}

#[test]
fn of_nothing_nothing_is_known() {
    let [all] = stats(&[]).try_into().unwrap();
    assert_eq!((all.documents, all.detect), (0, Spread::default()));
}
