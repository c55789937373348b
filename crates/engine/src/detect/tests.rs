//! When the test speaks up, when it does not, and where it puts the onset.

use proptest::prelude::*;

use super::*;

/// Feeds (requests, failures) a second and returns the second of the alarm with its onset.
fn run(seconds: impl IntoIterator<Item = (u64, u64)>) -> Option<(u64, Bucket)> {
    let config = Config::default();
    let limit = threshold(&config, 10);
    let mut detector = Detector::default();
    for (second, (requests, failures)) in seconds.into_iter().enumerate() {
        let bucket = 600_000 + second as u64;
        detector.observe(FAILURES, bucket, Counts { requests, failures }, second as u64 * 1_000, &config);
        let excess = detector.excess();
        if excess.bits >= limit {
            return Some((second as u64, excess.onset - 600_000));
        }
    }
    None
}

fn healthy_then(healthy_s: usize, rate: u64, fault: (u64, u64)) -> Option<(u64, Bucket)> {
    run((0..healthy_s).map(|_| (rate, 0)).chain((0..600).map(|_| fault)))
}

#[test]
fn two_parts_of_the_same_minutes_that_fail_alike_are_not_told_apart() {
    let bits = |inside: (u64, u64), outside: (u64, u64)| {
        let counts = |(failures, requests)| Counts { requests, failures };
        odds_beside(counts(inside), counts(outside))
    };
    let told_apart = Bits::log2(100);
    for (inside, outside) in [((44, 44), (226, 226)), ((44, 44), (225, 226)), ((10, 100), (10, 100))] {
        assert!(bits(inside, outside) < told_apart, "{inside:?} {outside:?}");
    }
    for (inside, outside) in [((44, 44), (0, 226)), ((44, 44), (113, 226)), ((41, 60), (2, 300))] {
        assert!(bits(inside, outside) >= told_apart, "{inside:?} {outside:?}");
    }
}

#[test]
fn a_total_outage_is_seen_in_its_first_second() {
    assert_eq!(healthy_then(300, 50, (50, 50)), Some((300, 300)));
    assert_eq!(healthy_then(15, 10, (10, 10)), Some((15, 15)));
}

#[test]
fn low_volume_is_not_missed() {
    let one_in_ten_seconds =
        (0..3_600).map(|s| (u64::from(s % 10 == 0), u64::from(s % 10 == 0 && s >= 1_800)));
    let (seen, onset) = run(one_in_ten_seconds).unwrap();
    assert_eq!(onset, 1_800);
    assert!(seen <= 1_840, "{seen}");
}

#[test]
fn a_partial_failure_is_seen() {
    let (seen, onset) = healthy_then(600, 20, (20, 5)).unwrap();
    assert_eq!(onset, 600);
    assert!(seen <= 602, "{seen}");
    assert!(healthy_then(600, 100, (100, 2)).unwrap().0 < 620);
}

#[test]
fn steady_failures_and_doubled_traffic_are_no_symptom() {
    let steady = |rate: u64, every: u64| (0..3_600u64).map(move |s| (rate, u64::from(s % every == 0)));
    assert_eq!(run(steady(20, 10)), None, "0.5 %");
    assert_eq!(run(steady(20, 1)), None, "5 %");
    let doubled = (0..3_600u64)
        .map(|s| if s < 1_800 { (20, u64::from(s % 5 == 0)) } else { (40, u64::from(s % 5 == 0) * 2) });
    assert_eq!(run(doubled), None);
}

#[test]
fn an_outage_does_not_become_its_own_baseline() {
    let config = Config::default();
    let mut detector = Detector::default();
    (0..300).for_each(|s| {
        detector.observe(FAILURES, s, Counts { requests: 20, failures: 0 }, s * 1_000, &config)
    });
    let learned = |detector: &Detector| (detector.baseline.minutes.clone(), detector.baseline.total);
    let before = learned(&detector);
    (300..900).for_each(|s| {
        detector.observe(FAILURES, s, Counts { requests: 20, failures: 20 }, s * 1_000, &config)
    });
    assert_eq!(learned(&detector), before);
}

#[test]
fn a_passing_doubt_joins_the_baseline() {
    let config = Config::default();
    let mut detector = Detector::default();
    (0..120).for_each(|s| {
        detector.observe(FAILURES, s, Counts { requests: 20, failures: 0 }, s * 1_000, &config)
    });
    detector.observe(FAILURES, 120, Counts { requests: 20, failures: 1 }, 120_000, &config);
    (121..400).for_each(|s| {
        detector.observe(FAILURES, s, Counts { requests: 20, failures: 0 }, s * 1_000, &config)
    });
    assert!(detector.is_calm());
    assert_eq!(detector.baseline.total, Counts { requests: 8_000, failures: 1 });
}

proptest! {
    /// The odds of a stretch do not depend on how it is cut into buckets.
    #[test]
    fn odds_add_up(parts in prop::collection::vec((0u64..50, 0u64..50), 1..10), base in 0u64..5_000) {
        let counts: Vec<Counts> = parts.iter().map(|(ok, failures)| Counts { requests: ok + failures, failures: *failures }).collect();
        let mut sum = Counts::default();
        counts.iter().for_each(|c| sum.add(*c));
        let rate = Rate::alternative(300);
        let added = counts.iter().fold(Bits::ZERO, |bits, c| bits.plus(rate.log_likelihood(*c)));
        prop_assert_eq!(added, rate.log_likelihood(sum));
        let (worst, best) = (Counts { requests: base, failures: base }, Counts { requests: base, failures: 0 });
        let ordered = odds(sum, worst) <= odds(sum, best).max(Bits::ZERO);
        prop_assert!(ordered, "a worse baseline cannot make the same counts more surprising");
    }
}

/// Minutes of 30 requests a second whose rate is drawn anew for each, with a mean of 10 %: half the usual to three times.
fn bursts(minutes: u64, seed: u64) -> impl Iterator<Item = (u64, u64)> {
    const SHARES: [u64; 8] = [5, 6, 7, 8, 9, 10, 14, 21];
    (0..60 * minutes).map(move |second| {
        let drawn = |of: u64| crate::hash::mix(seed.rotate_left(32) ^ of);
        let percent = SHARES[(drawn(second / 60) % 8) as usize];
        let fails = |i: &u64| drawn(1_000_000 + 30 * second + i) % 100 < percent;
        (30, (0..30).filter(fails).count() as u64)
    })
}

#[test]
fn bursts_of_steady_errors_are_no_symptom() {
    let opened = (0..40).filter(|seed| run(bursts(60, *seed)).is_some()).count();
    assert!(opened <= 1, "{opened} of 40 hours");
}

#[test]
fn what_bursts_do_not_explain_is_seen_beside_them() {
    let hour = |fault: (u64, u64)| run(bursts(30, 7).chain((0..600).map(move |_| fault)));
    let (all, onset) = hour((10, 10)).unwrap();
    assert!(onset == 1_800 && all <= 1_803, "all fail: {all}, since {onset}");
    let (most, _) = hour((30, 18)).unwrap();
    assert!((1_800..1_860).contains(&most), "60 % fail: {most}");
}

#[test]
fn one_failure_right_before_an_onset_belongs_to_it_where_nothing_ever_failed() {
    let part = |requests, failures| Counts { requests, failures };
    assert!(belongs_to_onset(part(40, 1), part(9_000, 0)));
    assert!(!belongs_to_onset(part(40, 0), part(9_000, 0)));
    assert!(!belongs_to_onset(part(40, 1), part(9_000, 100)));
    assert!(belongs_to_onset(part(40, 20), part(9_000, 100)));
}
