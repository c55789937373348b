//! Buckets, the quantile, and how the past fades.

use proptest::prelude::*;

use super::*;

const DELAY: HedgeDelay = HedgeDelay { min_ms: 10, max_ms: 1_000, half_life_ms: 30_000 };
const NODE: NodeId = NodeId(3);

fn p95(values: &[u64]) -> Option<u64> {
    let mut digest = Digest::default();
    values.iter().for_each(|ms| digest.add(Millis(0), *ms, 1_000));
    digest.p95_ms()
}

#[test]
fn buckets_follow_each_other() {
    for ms in 0..20_000 {
        let bucket = bucket(ms);
        assert!(last_ms_of(bucket) >= ms, "{ms}");
        assert!(bucket == 0 || last_ms_of(bucket - 1) < ms, "{ms}");
        assert!(last_ms_of(bucket) <= ms + ms / 4, "{ms}");
    }
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    assert_eq!(last_ms_of(BUCKETS - 1), 131_071);
}

#[test]
fn the_slowest_twentieth_is_above() {
    assert_eq!(p95(&[3; 19]), None, "too few");
    assert_eq!(p95(&[3; 20]), Some(3));
    let mut values = vec![3; 95];
    values.extend([500; 5]);
    assert_eq!(p95(&values), Some(3));
    values.push(500);
    assert_eq!(p95(&values), Some(511));
}

#[test]
fn the_delay_has_its_bounds() {
    let mut latencies = Latencies::new(DELAY);
    assert_eq!(latencies.hedge_after_ms(NODE, Class::ReadAtTag), 1_000, "nothing is known");
    (0..100).for_each(|_| latencies.add(Millis(0), NODE, Class::ReadAtTag, 1));
    assert_eq!(latencies.hedge_after_ms(NODE, Class::ReadAtTag), 10);
    assert_eq!(latencies.hedge_after_ms(NODE, Class::ImmutableRead), 1_000, "each class for itself");
    assert_eq!(latencies.hedge_after_ms(NodeId(2), Class::ReadAtTag), 1_000, "each node for itself");
    (0..100).for_each(|_| latencies.add(Millis(0), NODE, Class::ImmutableRead, 100));
    assert_eq!(latencies.hedge_after_ms(NODE, Class::ImmutableRead), 111);
    (0..100).for_each(|_| latencies.add(Millis(0), NODE, Class::ImmutableRead, 60_000));
    assert_eq!(latencies.hedge_after_ms(NODE, Class::ImmutableRead), 1_000);
}

#[test]
fn the_past_fades() {
    let mut latencies = Latencies::new(DELAY);
    (0..1_000).for_each(|_| latencies.add(Millis(0), NODE, Class::ReadAtTag, 500));
    // After six half-lives 15 of them are left.
    (0..400).for_each(|_| latencies.add(Millis(6 * 30_000), NODE, Class::ReadAtTag, 20));
    assert_eq!(latencies.hedge_after_ms(NODE, Class::ReadAtTag), 23);
    latencies.add(Millis(u64::MAX), NODE, Class::ReadAtTag, 20);
    assert_eq!(
        latencies.hedge_after_ms(NODE, Class::ReadAtTag),
        1_000,
        "all is forgotten, and one is too few"
    );
}

#[test]
fn what_is_kept_is_bounded() {
    let mut latencies = Latencies::new(DELAY);
    for node in 0..=u8::MAX {
        for class in [Class::ReadAtTag, Class::ImmutableRead, Class::Write, Class::StatefulFilter] {
            latencies.add(Millis(0), NodeId(node), class, 7);
        }
    }
    assert_eq!(latencies.digests.len(), 2 * NodeSet::NODES_MAX);
}

proptest! {
    #[test]
    fn the_quantile_is_within_its_bucket(mut values in prop::collection::vec(0_u64..100_000, 20..300)) {
        let found = p95(&values).unwrap();
        values.sort_unstable();
        let exact = values[values.len() - 1 - values.len() / 20];
        prop_assert!(exact <= found && found <= exact + exact / 4, "{exact} {found}");
    }
}
