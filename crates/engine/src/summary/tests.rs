//! Laws of the summary.

use proptest::prelude::*;

use super::*;
use crate::testing::{EventSpec, event, shuffled};

fn of(specs: &[EventSpec]) -> Summary {
    let mut summary = Summary::default();
    for spec in specs {
        let event = event(spec);
        summary.add(&event, event.trace.stable_hash(), event.end.as_secs());
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

/// Events of which there are more kinds than a bound lets in; in each dimension a bound of its own.
fn flood(dimension: usize) -> Vec<Event> {
    let bounds = [
        SERVICES_MAX,
        OPERATIONS_PER_SERVICE_MAX,
        CODES_PER_OPERATION_MAX,
        VERSIONS_MAX,
        INSTANCES_MAX,
        PEERS_MAX,
        FAILING_TRACES,
    ];
    let named = |n: u64| {
        let code = (dimension > 1).then_some(0);
        let mut event = event(&EventSpec { trace: n, code, end_s: 1_000, ..EventSpec::default() });
        let name: Str = format!("n{n}").into();
        match (dimension, &mut event.outcome) {
            (0, _) => event.service = name,
            (1, _) => event.operation = name,
            (2, model::Outcome::Failed(failure)) => failure.code = name,
            (3, _) => event.version = name,
            (4, _) => event.instance = name,
            (5, _) => event.peer = name,
            _ => {}
        }
        event
    };
    // Each kind twice, so that one that was cut comes again.
    let many = bounds[dimension] as u64 * 7 / 3;
    (0..many).chain(0..many).map(named).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(28))]

    #[test]
    fn beyond_every_bound_any_cut_into_parts_gives_the_whole(dimension in 0usize..7, seed in any::<u64>()) {
        let events = flood(dimension);
        let of = |order: &[usize]| {
            let mut summary = Summary::default();
            order.iter().for_each(|i| summary.add(&events[*i], events[*i].trace.stable_hash(), 1_000));
            summary.close();
            summary
        };
        let whole = of(&(0..events.len()).collect::<Vec<_>>());
        let order = shuffled(seed, events.len());
        prop_assert_eq!(&of(&order), &whole);
        let (first, rest) = order.split_at(seed as usize % events.len());
        let (second, third) = rest.split_at(rest.len() / 3);
        let [a, b, c] = [first, second, third].map(of);
        let merged = |left: &Summary, right: &Summary| {
            let mut all = left.clone();
            all.merge(right);
            all
        };
        prop_assert_eq!(&merged(&merged(&a, &b), &c), &whole);
        prop_assert_eq!(&merged(&a, &merged(&b, &c)), &whole);
        prop_assert_eq!(&merged(&merged(&c, &a), &b), &whole);
    }
}

#[test]
fn a_flood_of_operations_stays_bounded_and_loses_no_count() {
    let mut summary = Summary::default();
    for i in 0..100_000u64 {
        let mut event = event(&EventSpec { trace: i, ..EventSpec::default() });
        event.operation = format!("GET /{i}").into();
        summary.add(&event, event.trace.stable_hash(), 1);
    }
    summary.close();
    let (_, service) = summary.services.iter().next().unwrap();
    assert_eq!(service.operations.iter().count(), OPERATIONS_PER_SERVICE_MAX);
    let requests = |digest: &OperationDigest| digest.buckets.values().map(|d| d.requests).sum::<u64>();
    let kept: u64 = service.operations.iter().map(|(_, d)| requests(d)).sum();
    assert_eq!(kept + requests(service.operations.other().unwrap()), 100_000);
}
