//! What captured requests have in common is found where it is there, and nothing is found where it is not.

use std::collections::BTreeMap;

use model::EventKind;
use proptest::prelude::*;

use super::*;
use crate::origin::{Callee, Place};
use crate::testing::{EventSpec, event, span_id, trace_id};

fn key(service: u8) -> OperationKey {
    OperationKey {
        env: "test".into(),
        service: format!("s{service}").into(),
        kind: EventKind::Server,
        operation: "op0".into(),
    }
}

/// It arises in `s0`, which `s1` calls.
fn origin() -> Origin {
    Origin {
        place: Place {
            service: "s0".into(),
            operation: "op0".into(),
            step: key(0),
            code: "E1".into(),
            callee: Callee::None,
        },
        sign: Sign::Failure,
        gave_up: false,
        charged_ns: None,
        hops: vec![key(0), key(1)],
        edges: vec![key(1)],
        traces_agreeing: Vec::new(),
        traces_examined: 0,
        others: BTreeMap::new(),
        reason: "".into(),
    }
}

/// A request through both services; the attributes are those of the inner one and of the outer one.
fn request(n: u64, fails: bool, inner: &[(&str, &str)], outer: &[(&str, &str)]) -> CapturedTrace {
    let attributes = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let of = |service: u8, list| {
        let code = fails.then_some(1);
        let mut event = event(&EventSpec {
            trace: n,
            span: u64::from(service),
            service,
            code,
            end_s: 100,
            ..EventSpec::default()
        });
        event.parent = (service == 0).then(|| span_id(1));
        event.attributes = attributes(list);
        event
    };
    let (outer, inner) = (of(1, outer), of(0, inner));
    CapturedTrace { trace: trace_id(n), events: vec![outer, inner], events_cut: 0, logs: Vec::new() }
}

fn found(failing: &[CapturedTrace], others: &[CapturedTrace]) -> Vec<Sampled> {
    let (failing, others): (Vec<_>, Vec<_>) = (failing.iter().collect(), others.iter().collect());
    compare(&origin(), &failing, &others)
}

fn names(found: &[Sampled]) -> Vec<String> {
    found.iter().map(|s| format!("{} {} {}", s.service, s.dimension, s.value)).collect()
}

fn requests(
    ids: std::ops::Range<u64>,
    fails: bool,
    region: impl Fn(u64) -> &'static str,
) -> Vec<CapturedTrace> {
    ids.map(|n| request(n, fails, &[("cloud.region", region(n))], &[])).collect()
}

#[test]
fn a_fault_in_one_region_is_that_regions() {
    let failing = requests(0..12, true, |_| "eu");
    let others = requests(20..32, false, |n| if n % 6 == 0 { "eu" } else { "us" });
    let found = found(&failing, &others);
    assert_eq!(names(&found), ["s0 cloud.region eu"]);
    assert_eq!((found[0].failing, found[0].others), (counts(12, 12), counts(12, 2)));
    assert_eq!(found[0].lift, Lift(5_000));
    let of_failing = found[0].traces.iter().filter(|id| failing.iter().any(|trace| trace.trace == **id));
    assert_eq!((of_failing.count(), found[0].traces.len()), (3, 6));
}

fn counts(requests: u64, failures: u64) -> Counts {
    Counts { requests, failures }
}

#[test]
fn what_all_requests_have_is_nobodys() {
    let failing = requests(0..12, true, |_| "eu");
    assert_eq!(names(&found(&failing, &requests(20..32, false, |_| "eu"))), [""; 0]);
    let mixed = |n: u64| if n.is_multiple_of(2) { "eu" } else { "us" };
    let (failing, others) = (requests(0..12, true, mixed), requests(20..32, false, mixed));
    assert_eq!(names(&found(&failing, &others)), [""; 0]);
}

#[test]
fn few_requests_prove_nothing() {
    for few in 0..4 {
        let failing = requests(0..few, true, |_| "eu");
        assert_eq!(names(&found(&failing, &requests(20..32, false, |_| "us"))), [""; 0], "{few} failing");
        let others = requests(20..20 + few, false, |_| "us");
        assert_eq!(names(&found(&requests(0..12, true, |_| "eu"), &others)), [""; 0], "{few} others");
    }
    // One failing request in three has it: that happens.
    let third = |n: u64| if n.is_multiple_of(3) { "eu" } else { "us" };
    let found = found(&requests(0..12, true, third), &requests(20..32, false, |_| "us"));
    assert_eq!(names(&found), [""; 0]);
}

#[test]
fn ids_and_outcomes_are_no_cohorts() {
    let with = |n: u64, fails: bool| {
        let id = format!("order-{n}");
        let status = if fails { "Internal Server Error" } else { "OK" };
        let mut list =
            vec![("order.id", id.as_str()), ("http.status_text", status), ("rpc.status.code", status)];
        // Only who fails says so: a consequence.
        list.extend(fails.then_some(("fallback", "yes")));
        request(n, fails, &list, &[])
    };
    let failing: Vec<_> = (0..12).map(|n| with(n, true)).collect();
    let others: Vec<_> = (20..32).map(|n| with(n, false)).collect();
    assert_eq!(names(&found(&failing, &others)), [""; 0]);
}

/// Eight values are few, nine are not: whatever the key is called.
#[test]
fn the_number_of_values_decides_what_is_an_id() {
    for (values, expected) in [(8, vec!["s0 shard 0"]), (9, vec![])] {
        let shard = |n: u64| format!("{}", n % (values - 1) + 1);
        let failing: Vec<_> = (0..12).map(|n| request(n, true, &[("shard", "0")], &[])).collect();
        let others: Vec<_> = (20..32).map(|n| request(n, false, &[("shard", &shard(n))], &[])).collect();
        assert_eq!(names(&found(&failing, &others)), expected, "{values}");
    }
}

#[test]
fn values_on_the_same_requests_are_one_cohort_and_a_part_of_a_better_one_is_none() {
    let of = |n: u64, fails: bool| {
        let (region, zone, node) = match (fails, n % 3) {
            (true, 0) => ("eu", "eu-a", "n1"),
            (true, 1) => ("eu", "eu-b", "n2"),
            (true, _) => ("eu", "eu-c", "n3"),
            (false, _) => ("us", "us-a", "n9"),
        };
        let list = [("cloud.region", region), ("host.image", region), ("zone", zone), ("node", node)];
        request(n, fails, &list, &[("cloud.region", region), ("tier", "free")])
    };
    let failing: Vec<_> = (0..12).map(|n| of(n, true)).collect();
    let others: Vec<_> = (20..32).map(|n| of(n, false)).collect();
    let found = found(&failing, &others);
    assert_eq!(names(&found), ["s0 cloud.region eu"]);
    assert_eq!(found[0].alike, [("host.image".into(), "eu".into())]);
}

#[test]
fn an_attribute_of_the_edge_counts_too_and_versions_there() {
    let of = |n: u64, fails: bool| {
        let mut trace = request(n, fails, &[], &[("tenant.tier", if fails { "free" } else { "paid" })]);
        trace.events[0].version = if (6..26).contains(&n) { "3" } else { "2" }.into();
        trace
    };
    let failing: Vec<_> = (0..12).map(|n| of(n, true)).collect();
    let others: Vec<_> = (20..32).map(|n| of(n, false)).collect();
    assert_eq!(names(&found(&failing, &others)), ["s1 tenant.tier free"]);
}

/// Who fails tries again, and comes to more places by that.
#[test]
fn of_several_tries_the_first_counts() {
    let tries = |n: u64, fails: bool| {
        let mut trace = request(n, fails, &[("replica", if n.is_multiple_of(2) { "a" } else { "b" })], &[]);
        let mut again = trace.events[1].clone();
        (again.span, again.start) = (span_id(9), again.start.saturating_add(1_000));
        again.attributes = vec![("replica".into(), "c".into())];
        trace.events.extend(fails.then_some(again));
        trace
    };
    let failing: Vec<_> = (0..12).map(|n| tries(n, true)).collect();
    let others: Vec<_> = (20..32).map(|n| tries(n, false)).collect();
    assert_eq!(names(&found(&failing, &others)), [""; 0]);
}

/// (key, value) of the inner and of the outer service.
type Attributes = Vec<(u8, u8)>;

fn attributes() -> impl Strategy<Value = Vec<(Attributes, Attributes)>> {
    let list = || prop::collection::btree_map(0u8..4, 0u8..3, 0..4).prop_map(|map| map.into_iter().collect());
    prop::collection::vec((list(), list()), 0..16)
}

fn texts(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

fn traces(list: &[(Attributes, Attributes)], first: u64, fails: bool) -> Vec<CapturedTrace> {
    let trace = |(n, (inner, outer)): (u64, &(Attributes, Attributes))| {
        let named = |list: &Attributes| -> Vec<(String, String)> {
            list.iter().map(|(k, v)| (format!("k{k}"), format!("v{v}"))).collect()
        };
        let (inner, outer) = (named(inner), named(outer));
        request(n, fails, &texts(&inner), &texts(&outer))
    };
    (first..).zip(list).map(trace).collect()
}

proptest! {
    #[test]
    fn neither_the_order_of_traces_nor_of_events_matters(
        failing in attributes(),
        others in attributes(),
        turn in 0usize..16,
    ) {
        // So that there is something to find.
        let with = |list: Vec<(Attributes, Attributes)>, of: (u8, u8)| -> Vec<_> {
            list.into_iter().map(|(inner, outer)| ([vec![of], inner].concat(), outer)).collect()
        };
        let (failing, others) = (with(failing, (9, 1)), with(others, (9, 2)));
        let (mut failing, mut others) = (traces(&failing, 0, true), traces(&others, 100, false));
        let expected = found(&failing, &others);
        prop_assert_eq!(expected.is_empty(), failing.len() < 4 || others.len() < 4);
        for side in [&mut failing, &mut others] {
            let len = side.len().max(1);
            side.rotate_left(turn % len);
            side.iter_mut().for_each(|trace| trace.events.reverse());
        }
        prop_assert_eq!(found(&failing, &others), expected);
    }
}
