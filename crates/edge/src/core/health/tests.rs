//! A node's standing as time and failures pass.

use super::*;

const FAILBACK_MS: u64 = 30_000;

fn up() -> Health {
    let mut health = Health::new(HealthTimes { failback_after_ms: FAILBACK_MS, ..HealthTimes::default() });
    assert_eq!(health.succeeded(Millis(1)), None);
    health
}

#[test]
fn nobody_is_trusted_before_anything_was_seen_and_the_first_success_is_enough() {
    assert_eq!(Health::new(HealthTimes::default()).standing(Millis(0)), Standing::Suspect);
    assert_eq!(up().standing(Millis(1)), Standing::Serving);
}

#[test]
fn a_refused_connection_is_enough_and_a_timeout_alone_is_not() {
    let mut health = up();
    assert_eq!(health.failed(Millis(5), Fault::Refused), Some(Turn::WentDown(Fault::Refused)));
    assert_eq!(health.standing(Millis(5)), Standing::Out);
    assert_eq!(health.failed(Millis(6), Fault::Refused), None, "it is told once");

    let mut health = up();
    assert_eq!(health.failed(Millis(5), Fault::Timeout), None);
    assert_eq!(health.standing(Millis(5)), Standing::Suspect);
    assert_eq!(health.failed(Millis(6), Fault::Timeout), None);
    assert_eq!(health.failed(Millis(7), Fault::Timeout), Some(Turn::WentDown(Fault::Timeout)));
}

#[test]
fn a_success_between_failures_begins_the_count_anew() {
    let mut health = up();
    for at in 0..20 {
        assert_eq!(health.failed(Millis(10 + at), Fault::Reset), None);
        assert_eq!(health.succeeded(Millis(10 + at)), None);
    }
    assert_eq!(health.failed(Millis(40), Fault::Reset), None);
    assert_eq!(health.failed(Millis(41), Fault::Reset), Some(Turn::WentDown(Fault::Reset)));
}

#[test]
fn who_comes_back_is_trusted_after_the_stable_period_and_not_before() {
    let mut health = up();
    health.failed(Millis(100), Fault::Closed);
    assert_eq!(health.succeeded(Millis(1_000)), Some(Turn::CameBack));
    assert_eq!(health.standing(Millis(1_000)), Standing::Suspect);
    assert_eq!(health.wake_at(Millis(1_000)), Some(Millis(1_000 + FAILBACK_MS)));
    assert_eq!(health.standing(Millis(999 + FAILBACK_MS)), Standing::Suspect);
    assert_eq!(health.standing(Millis(1_000 + FAILBACK_MS)), Standing::Serving);
}

#[test]
fn a_failure_in_the_stable_period_begins_it_anew() {
    let mut health = up();
    health.failed(Millis(100), Fault::Closed);
    health.succeeded(Millis(1_000));
    health.failed(Millis(20_000), Fault::Timeout);
    health.succeeded(Millis(20_001));
    assert_eq!(health.standing(Millis(1_000 + FAILBACK_MS)), Standing::Suspect);
    assert_eq!(health.standing(Millis(20_000 + FAILBACK_MS)), Standing::Serving);
}

#[test]
fn a_pause_that_was_asked_for_is_kept_and_bounded() {
    let mut health = up();
    health.failed(Millis(10), Fault::RateLimited { retry_after_ms: Some(2_000) });
    assert_eq!(health.standing(Millis(2_009)), Standing::Out);
    assert_eq!(health.standing(Millis(2_010)), Standing::Serving);
    health.failed(Millis(3_000), Fault::RateLimited { retry_after_ms: Some(u64::MAX) });
    assert_eq!(health.standing(Millis(62_999)), Standing::Out);
    assert_eq!(health.standing(Millis(63_000)), Standing::Serving);
}

#[test]
fn a_liar_is_shunned_and_says_so() {
    let mut health = up();
    health.failed(Millis(10), Fault::Lying);
    assert_eq!((health.standing(Millis(11)), health.fault(Millis(11))), (Standing::Out, Some(Fault::Lying)));
    assert_eq!(health.standing(Millis(60_010)), Standing::Serving);
}

#[test]
fn what_one_call_could_not_get_counts_for_nothing() {
    let mut health = up();
    for _ in 0..100 {
        assert_eq!(health.failed(Millis(5), Fault::Missing), None);
        assert_eq!(health.failed(Millis(5), Fault::TooLarge), None);
    }
    assert_eq!(health.standing(Millis(5)), Standing::Serving);
}

#[test]
fn a_node_without_a_sign_of_life_is_silent_until_there_is_one() {
    let mut health = up();
    health.fell_silent();
    assert_eq!(health.standing(Millis(5)), Standing::Silent);
    assert_eq!(health.failed(Millis(6), Fault::Reset), None);
    assert_eq!(health.standing(Millis(6)), Standing::Silent, "a reset is no answer");
    health.served_a_call(Millis(7));
    assert_eq!(health.standing(Millis(7 + SUSPECT_MS)), Standing::Serving);

    health.fell_silent();
    health.failed(Millis(2_000), Fault::Status(500));
    assert_eq!(health.standing(Millis(2_000)), Standing::Suspect, "it said something");
}

#[test]
fn one_timeout_of_a_silent_node_is_enough() {
    let mut health = up();
    health.fell_silent();
    assert_eq!(health.failed(Millis(5), Fault::Timeout), Some(Turn::WentDown(Fault::Timeout)));
    assert_eq!(health.succeeded(Millis(6)), Some(Turn::CameBack));
    assert_eq!(health.standing(Millis(6 + FAILBACK_MS)), Standing::Serving);
}

#[test]
fn a_success_ends_every_row_of_failures() {
    for (fault, enough) in
        [(Fault::Timeout, 3), (Fault::NodeError, 5), (Fault::Malformed, 5), (Fault::Status(500), 5)]
    {
        let mut health = up();
        for at in 1..=20 {
            let told = (1..enough).find_map(|_| health.failed(Millis(at), fault));
            assert_eq!(told, None, "{fault:?}");
            health.served_a_call(Millis(at));
        }
        let told = (0..enough).find_map(|_| health.failed(Millis(30), fault));
        assert_eq!(told, Some(Turn::WentDown(fault)));
    }
}

// rca: 2026-11-proxy-believed-its-own-answers
#[test]
fn an_answer_to_a_call_brings_nobody_back_and_makes_nobody_known() {
    let mut health = up();
    health.failed(Millis(5), Fault::Refused);
    health.served_a_call(Millis(6));
    assert_eq!((health.standing(Millis(6)), health.fault(Millis(6))), (Standing::Out, Some(Fault::Refused)));

    let mut unknown = Health::new(HealthTimes::default());
    unknown.served_a_call(Millis(6));
    assert_eq!(unknown.standing(Millis(6)), Standing::Suspect);
}

#[test]
fn once_trusted_again_a_single_failure_is_as_harmless_as_before() {
    let mut health = up();
    health.failed(Millis(100), Fault::Closed);
    health.succeeded(Millis(1_000));
    let trusted = 1_000 + FAILBACK_MS;
    health.succeeded(Millis(trusted));
    health.failed(Millis(trusted), Fault::Timeout);
    assert_eq!(health.standing(Millis(trusted + SUSPECT_MS - 1)), Standing::Suspect);
    assert_eq!(health.standing(Millis(trusted + SUSPECT_MS)), Standing::Serving);
}

#[test]
fn of_two_pauses_the_longer_counts_and_one_without_a_length_has_the_usual() {
    let mut health = up();
    health.failed(Millis(0), Fault::RateLimited { retry_after_ms: Some(5_000) });
    health.failed(Millis(1), Fault::RateLimited { retry_after_ms: Some(10) });
    assert_eq!(health.standing(Millis(4_999)), Standing::Out);
    let left = Fault::RateLimited { retry_after_ms: Some(4_000) };
    assert_eq!(health.fault(Millis(1_000)), Some(left));
    assert_eq!((health.standing(Millis(5_000)), health.fault(Millis(5_000))), (Standing::Serving, None));

    health.failed(Millis(6_000), Fault::RateLimited { retry_after_ms: None });
    assert_eq!(health.standing(Millis(6_999)), Standing::Out);
    assert_eq!(health.standing(Millis(7_000)), Standing::Serving);
}

#[test]
fn it_wakes_when_a_pause_or_a_shunning_is_over_and_never_for_what_is_past() {
    let mut health = up();
    health.failed(Millis(0), Fault::RateLimited { retry_after_ms: Some(2_000) });
    assert_eq!(health.wake_at(Millis(1)), Some(Millis(2_000)));
    health.failed(Millis(10), Fault::Lying);
    assert_eq!(health.wake_at(Millis(2_000)), Some(Millis(60_010)));
    assert_eq!(health.wake_at(Millis(60_010)), None);
}

#[test]
fn times_that_were_read_again_count_at_once() {
    let mut health = up();
    health.failed(Millis(0), Fault::Closed);
    health.succeeded(Millis(0));
    health.set_times(HealthTimes { failback_after_ms: 50, ..HealthTimes::default() });
    assert_eq!(health.standing(Millis(49)), Standing::Suspect);
    assert_eq!(health.standing(Millis(50)), Standing::Serving);
}
