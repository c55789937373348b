//! Laws of the summary.

use proptest::prelude::*;

use super::*;
use crate::testing::{EventSpec, event};

fn of(specs: &[EventSpec]) -> Summary {
    let mut summary = Summary::default();
    for spec in specs {
        let event = event(spec);
        summary.add(&event, event.end.as_secs());
    }
    summary.close();
    summary
}

proptest! {
    #[test]
    fn any_cut_into_parts_gives_the_whole(
        specs in prop::collection::vec(any::<EventSpec>(), 0..80),
        parts in prop::collection::vec(0usize..4, 80),
    ) {
        let whole = of(&specs);
        let mut merged = Summary::default();
        // Parts are merged from the last to the first, so that order is tested with grouping.
        for part in (0..4).rev() {
            let mine: Vec<EventSpec> =
                specs.iter().zip(&parts).filter(|(_, p)| **p == part).map(|(s, _)| s.clone()).collect();
            merged.merge(&of(&mine));
        }
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn arrival_order_does_not_matter(mut specs in prop::collection::vec(any::<EventSpec>(), 0..80)) {
        let whole = of(&specs);
        specs.reverse();
        prop_assert_eq!(of(&specs), whole);
    }
}

#[test]
fn a_flood_of_operations_stays_bounded_and_loses_no_count() {
    let mut summary = Summary::default();
    for i in 0..100_000u64 {
        let mut event = event(&EventSpec { trace: i, ..EventSpec::default() });
        event.operation = format!("GET /{i}").into();
        summary.add(&event, 1);
    }
    summary.close();
    let (_, service) = summary.services.iter().next().unwrap();
    assert_eq!(service.operations.iter().count(), OPERATIONS_PER_SERVICE_MAX);
    let requests = |digest: &OperationDigest| digest.buckets.values().map(|d| d.requests).sum::<u64>();
    let kept: u64 = service.operations.iter().map(|(_, d)| requests(d)).sum();
    assert_eq!(kept + requests(service.operations.other().unwrap()), 100_000);
}
