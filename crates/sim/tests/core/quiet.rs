//! Hours in which nothing breaks open nothing; the same hours with one operation broken open an incident.

use std::collections::BTreeSet;

use engine::{Config, Engine};
use model::{Effect, Input, Nanos};
use sim::quiet::{Plan, Quiet, START_S};

const TICK_S: u64 = 10;

/// How many incidents two hours of a thousand families open.
fn incidents(seed: u64, broken_from_s: Option<u64>) -> usize {
    let plan = Plan { seed, families: 1_000, requests_per_s: 40.0, tick_s: TICK_S, broken_from_s };
    let (mut engine, mut quiet, mut opened) = (Engine::new(1), Quiet::new(plan), BTreeSet::new());
    let config = Config { tick_ms: TICK_S * 1_000, ..Config::default() };
    engine.step(Input::Configure(config.to_json().into()), Nanos::from_secs(START_S));
    for second in (0..7_200).step_by(TICK_S as usize) {
        let now = Nanos::from_secs(START_S + second + TICK_S);
        for input in quiet.tick(START_S + second).into_iter().chain([Input::Tick]) {
            for effect in engine.step(input, now) {
                if let Effect::IncidentChanged(incident) = effect {
                    opened.insert(incident.id);
                }
            }
        }
    }
    assert!(quiet.fed().failures > 1_000, "{:?}", quiet.fed());
    opened.len()
}

#[test]
fn nothing_opens_while_nothing_breaks() {
    assert_eq!(incidents(1, None), 0);
}

#[test]
fn what_breaks_is_seen_in_the_same_noise() {
    assert_eq!(incidents(1, Some(START_S + 7_000)), 1);
}
