//! What counts as a drop, a surge, silence, and what does not.

use super::*;

const START: Bucket = 600_000;

/// Feeds requests a second; the second of the alarm, its onset and whether it is silence.
fn run(seconds: impl IntoIterator<Item = u64>) -> Option<(u64, u64, bool)> {
    let config = Config::default();
    let threshold = crate::detect::threshold(&config, 1_000);
    let mut flow = Flow::starting_at(START, &config);
    for (second, requests) in seconds.into_iter().enumerate() {
        let now = START + second as u64;
        if requests > 0 {
            flow.add(now, requests);
        }
        flow.seal(now.saturating_sub(60), &config);
        if let Some(found) = flow.departure(now, threshold, &config) {
            return Some((second as u64, found.onset - START, found.silent));
        }
    }
    None
}

#[test]
fn a_flow_that_stops_is_silent_within_a_minute() {
    let (seen, onset, silent) = run((0..2_000).map(|s| if s < 900 { 5 } else { 0 })).unwrap();
    assert_eq!((onset, silent), (900, true));
    assert!(seen < 975, "{seen}");
}

#[test]
fn rare_and_uneven_traffic_is_silent_after_a_pause_longer_than_any() {
    let uneven = |s: u64| u64::from(s * 37 % 100 < 45);
    let (seen, onset, silent) = run((0..2_000).map(|s| if s < 900 { uneven(s) } else { 0 })).unwrap();
    assert!(silent && onset.abs_diff(900) <= 3, "{onset}");
    assert!(seen < 1_080, "{seen}");
    // Ten at once every half a minute, and a pause of a minute now and then.
    let bursts = |s: u64| if s.is_multiple_of(30) && s % 600 != 30 { 10 } else { 0 };
    assert_eq!(run((0..4_000).map(bursts)), None);
}

#[test]
fn requests_that_come_together_are_missed_as_one() {
    // Twelve at once every six seconds, and none for ten times as long.
    let together =
        |s: u64, pause: u64| if s.is_multiple_of(6) && !(900..900 + pause).contains(&s) { 12 } else { 0 };
    assert_eq!(run((0..2_000).map(|s| together(s, 60))), None);
    let (_, onset, silent) = run((0..2_000).map(|s| together(s, 900))).unwrap();
    assert!(silent && onset.abs_diff(900) <= 6, "{onset}");
}

#[test]
fn a_drop_and_a_surge_are_no_silence() {
    let (_, onset, silent) = run((0..2_000).map(|s| if s < 900 { 20 } else { 2 })).unwrap();
    assert_eq!((onset, silent), (900, false));
    let (_, onset, silent) = run((0..2_000).map(|s| if s < 1_200 { 5 } else { 40 })).unwrap();
    assert_eq!((onset, silent), (1_200, false));
}

#[test]
fn doubling_halving_bursts_and_rare_traffic_are_nothing() {
    assert_eq!(run((0..4_000).map(|s| if s < 1_200 { 10 } else { 20 })), None);
    assert_eq!(run((0..4_000).map(|s| if s < 1_200 { 20 } else { 10 })), None);
    assert_eq!(
        run((0..4_000).map(|s| if s % 300 < 3 { 400 } else { 10 })),
        None,
        "a burst every five minutes"
    );
    assert_eq!(
        run((0..4_000).map(|s| u64::from(s % 20 == 0 && s < 3_000))),
        None,
        "three a minute, then none"
    );
}

/// A steady flow that nobody saw for more than an hour, and when it is seen again.
fn after_a_gap(config: &Config) -> (Flow, Bucket) {
    let mut flow = Flow::starting_at(START, config);
    for now in START..START + 900 {
        flow.add(now, 5);
        flow.seal(now - 60, config);
    }
    let back = START + 5_000;
    flow.was_blind_until(back, config);
    (flow, back)
}

#[test]
fn what_nobody_saw_is_no_silence() {
    let config = Config::default();
    let threshold = crate::detect::threshold(&config, 1_000);
    let (mut flow, back) = after_a_gap(&config);
    for now in back..back + 300 {
        flow.add(now, 5);
        flow.seal(now - 60, &config);
        assert_eq!(flow.departure(now, threshold, &config), None, "{}", now - back);
    }
}

#[test]
fn silence_after_a_gap_begins_after_it() {
    let config = Config::default();
    let threshold = crate::detect::threshold(&config, 1_000);
    let (mut flow, back) = after_a_gap(&config);
    let found = (back..back + 120).find_map(|now| flow.departure(now, threshold, &config));
    assert_eq!(found.map(|found| (found.onset, found.silent)), Some((back, true)));
}

#[test]
fn a_flow_goes_on_at_half_of_its_least_rate_however_long_a_tick_is() {
    for tick_ms in [100, 1_000, 10_000] {
        let config = Config { tick_ms, ..Config::default() };
        let mut flow = Flow::starting_at(START, &config);
        let until = START + config.ticks(600_000);
        (START..until).for_each(|bucket| flow.add(bucket, 8));
        flow.seal(until, &config);
        let lately = |rate: u64| {
            let mut flow = flow.clone();
            (until..until + config.ticks(30_000)).for_each(|bucket| flow.add(bucket, rate));
            flow.goes_on(tick_ms)
        };
        assert_eq!([lately(5), lately(3)], [true, false], "{tick_ms}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    /// Traffic with pauses and surges, parts of which come late: what is remembered between ticks changes nothing.
    #[test]
    fn what_is_remembered_changes_no_departure(
        parts in proptest::collection::vec((0u64..9, 20u64..200, 0u64..25), 12..24),
    ) {
        let config = Config::default();
        let mut flow = Flow::starting_at(START, &config);
        let (mut second, mut departures) = (0, 0);
        for (rate, length, late) in std::iter::once((5, 660, 0)).chain(parts) {
            for _ in 0..length {
                let now = START + second;
                // Without requests there is nothing to add: a pause is a bucket of which nothing came.
                for (bucket, requests) in [(now, rate), (now - late.min(second), rate / 3)] {
                    if requests > 0 {
                        flow.add(bucket, requests);
                    }
                }
                flow.seal(now.saturating_sub(60), &config);
                let mut forgetful = Flow { ahead: None, ..flow.clone() };
                let found = flow.departure(now, Bits::log2(8), &config);
                proptest::prop_assert_eq!(found, forgetful.departure(now, Bits::log2(8), &config));
                departures += u64::from(found.is_some());
                second += 1;
            }
        }
        proptest::prop_assume!(departures > 0);
    }
}
