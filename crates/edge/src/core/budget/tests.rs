//! The budget keeps its bound over any time.

use proptest::prelude::*;

use super::*;

#[test]
fn a_share_of_what_is_asked_for() {
    let mut hedges = Budget::new(50, 0, 10);
    let mut sent = 0;
    for _ in 0..1_000 {
        hedges.earn();
        sent += u32::from(hedges.spend(Millis(0)));
    }
    assert_eq!(sent, 50);
}

#[test]
fn nothing_is_spent_before_it_is_earned() {
    let mut hedges = Budget::new(50, 0, 10);
    assert!(!hedges.spend(Millis(1_000_000)));
    (0..19).for_each(|_| hedges.earn());
    assert!(!hedges.spend(Millis(1_000_000)));
    hedges.earn();
    assert!(hedges.spend(Millis(1_000_000)));
    assert!(!hedges.spend(Millis(1_000_000)));
}

#[test]
fn low_traffic_has_its_floor() {
    let mut retries = Budget::new(200, 2, 5);
    let spent = |retries: &mut Budget, now| (0..100).filter(|_| retries.spend(Millis(now))).count();
    assert_eq!(spent(&mut retries, 0), 5);
    assert_eq!(spent(&mut retries, 499), 0);
    assert_eq!(spent(&mut retries, 500), 1);
    assert_eq!(spent(&mut retries, 2_500), 4);
    assert_eq!(spent(&mut retries, 1_000_000), 5, "what is saved has a bound");
    assert_eq!(spent(&mut retries, 0), 0, "time that goes back earns nothing");
    assert_eq!(spent(&mut retries, 1_000_500), 1);
}

#[test]
fn what_is_sent_anyway_is_paid_for() {
    let mut retries = Budget::new(1_000, 1, 2);
    retries.spend_anyway(Millis(0));
    assert!(retries.spend(Millis(0)));
    retries.spend_anyway(Millis(0));
    assert!(!retries.spend(Millis(0)));
    retries.earn();
    assert!(retries.spend(Millis(0)));
}

proptest! {
    #[test]
    fn over_any_time_no_more_is_sent_than_was_earned(
        events in prop::collection::vec((0_u64..400, any::<bool>()), 1..300),
        share in 0_u64..500, floor in 0_u64..5, saved_max in 1_u64..10,
    ) {
        let mut budget = Budget::new(share, floor, saved_max);
        let (mut now, mut history) = (0, Vec::new());
        for (wait, is_request) in events {
            now += wait;
            if is_request { budget.earn() }
            let is_sent = !is_request && budget.spend(Millis(now));
            history.push((now, u64::from(is_request), u64::from(is_sent)));
        }
        for from in 0..history.len() {
            let (mut asked, mut sent) = (0, 0);
            for (at, is_request, is_sent) in &history[from..] {
                asked += is_request;
                sent += is_sent;
                let time_ms = at - history[from].0;
                prop_assert!(sent * COST <= saved_max * COST + asked * share + time_ms * floor);
            }
        }
        let (asked, sent) = history.iter().fold((0, 0), |(a, s), (_, is_request, is_sent)| (a + is_request, s + is_sent));
        prop_assert!(floor > 0 || sent * COST <= asked * share, "no more than the share from the beginning");
    }
}
