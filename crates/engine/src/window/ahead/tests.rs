//! What is remembered between ticks changes nothing but the cost: a window that forgets all that is derived after every
//! tick, as one that is restored from a snapshot, finds the same alarms.

use proptest::prelude::*;

use crate::config::Config;
use crate::hash::StableHash;
use crate::sketch::Merge;
use crate::summary::Summary;
use crate::testing::{EventSpec, event};
use crate::window::{FamilyKey, Scope, Sign, Window};
use model::Nanos;

const START: u64 = 600_000;

/// What comes in one tick: requests of two operations that took so long, failed or not, and how late they come.
#[derive(Debug, Clone)]
struct Batch {
    requests: Vec<(u8, Option<u8>, u64)>,
    late_s: u64,
    /// What happens to the families after the tick.
    turn: Option<(bool, u8)>,
}

fn batch(failing: bool) -> impl Strategy<Value = Batch> {
    let code =
        if failing { prop::option::weighted(0.7, 0u8..2) } else { prop::option::weighted(0.02, 0u8..2) };
    let slow = prop::bool::weighted(if failing { 0.6 } else { 0.03 });
    let request = (0u8..2, code, slow).prop_map(|(op, code, slow)| (op, code, if slow { 900 } else { 5 }));
    let late = prop_oneof![8 => 0u64..3, 2 => 0u64..20, 1 => 40u64..70];
    let turn = prop::option::weighted(0.05, (any::<bool>(), 0u8..2));
    (prop::collection::vec(request, 0..12), late, turn).prop_map(|(requests, late_s, turn)| Batch {
        requests,
        late_s,
        turn,
    })
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let calm = prop::collection::vec(batch(false), 70..110);
    let failing = prop::collection::vec(batch(true), 0..40);
    let again = prop::collection::vec(batch(false), 0..80);
    (calm, failing, again).prop_map(|(a, b, c)| [a, b, c].concat())
}

fn summary(second: u64, batch: &Batch) -> Summary {
    let mut summary = Summary::default();
    let end_s = START + second.saturating_sub(batch.late_s);
    for (i, (operation, code, ms)) in batch.requests.iter().enumerate() {
        let id = second * 100 + i as u64;
        let spec = EventSpec {
            trace: id,
            span: id,
            operation: *operation,
            code: *code,
            end_s,
            ..EventSpec::default()
        };
        let mut event = event(&spec);
        event.start = event.end.saturating_sub(ms * 1_000_000);
        let mut one = Summary::default();
        one.add(&event, event.trace.stable_hash(), end_s);
        one.close();
        summary.merge(&one);
    }
    summary
}

fn turn(window: &mut Window, second: u64, (enters, code): (bool, u8), config: &Config) {
    let operation = window.operations.iter().next().map(|(key, _)| key.clone());
    let Some(operation) = operation else { return };
    let failure = FamilyKey::failure(operation.clone(), format!("E{code}").into());
    for family in [failure, FamilyKey::of(operation, Sign::Latency)] {
        if enters {
            window.enter_incident(&family, START + second, config);
        } else {
            window.leave_incident(&family, START + second + 1, config);
        }
    }
}

fn forgetful(window: &Window) -> Window {
    postcard::from_bytes(&postcard::to_stdvec(window).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_remembered_changes_no_alarm(batches in batches()) {
        // A small budget, so that there are many alarms to compare.
        let config = Config { false_alarm_every_ms: 60_000, ..Config::default() };
        let (mut window, mut other) = (Window::starting_at(START), Window::starting_at(START));
        for (second, batch) in batches.iter().enumerate() {
            let second = second as u64;
            let now = Nanos::from_secs(START + second + 1);
            let summary = summary(second, batch);
            other = forgetful(&other);
            for window in [&mut window, &mut other] {
                window.absorb(summary.clone(), &config);
                window.advance(now, &config);
            }
            let found = window.alarms(now, &config);
            prop_assert_eq!(found, other.alarms(now, &config), "second {}", second);
            if let Some(what) = batch.turn {
                turn(&mut window, second, what, &config);
                turn(&mut other, second, what, &config);
            }
            if second == 60 {
                window.accept(START + second, &Scope::default(), &config);
                other.accept(START + second, &Scope::default(), &config);
            }
        }
        prop_assert_eq!(postcard::to_stdvec(&window).unwrap(), postcard::to_stdvec(&other).unwrap());
    }
    /// Operations put their ticks together to minutes each at its turn. Until then more traces of such a minute are known,
    /// and nothing else is different.
    #[test]
    fn it_shows_in_nothing_whether_minutes_are_put_together_yet(batches in batches()) {
        let (config, mut window) = (Config::default(), Window::starting_at(START));
        for (second, batch) in (0..).zip(&batches) {
            window.absorb(summary(second, batch), &config);
            window.advance(Nanos::from_secs(START + second + 1), &config);
        }
        let (mut whole, end) = (forgetful(&window), START + batches.len() as u64 + 1);
        let folded = whole.folded;
        whole.operations.each_mut().for_each(|(_, series)| series.fold(folded, &config));
        for (key, _) in window.operations.iter() {
            for at in START - 60..end {
                let told = |window: &Window| {
                    let requests: u64 = window.digests(key, at).map(|digest| digest.requests).sum();
                    let sums = [(at, end), (0, at)].map(|(from, to)| window.sum(key, from, to, &config));
                    let arrived = window.arrivals(&key.env, &key.service, at).requests;
                    (requests, sums, arrived)
                };
                prop_assert_eq!(told(&window), told(&whole), "from {}", at - START + 60);
            }
        }
    }
}
