//! The same inputs give the same bytes: in any order within a tick, any batches, any number of shards, from a
//! snapshot, and replayed.

use engine::Engine;
use model::Input;
use sim::{Arrivals, Delivery, Fault, Replica};

use super::{arrivals, delivery, run, traffic};

fn outage(seed: u64) -> (Arrivals, Delivery) {
    let delivery = delivery(seed);
    let noisy = sim::Traffic { noise_per_thousand: 4, ..traffic(seed, 20) };
    let phases = [(30, Fault::None), (25, Fault::CardProviderDown), (60, Fault::None), (20, Fault::Panic)];
    (arrivals(noisy, &phases, &delivery).0, delivery)
}

#[test]
fn order_shards_and_batches_change_no_hash() {
    for seed in 1..=3 {
        let (arrivals, first) = outage(seed);
        let expected = run(&arrivals, &first, 1);
        assert!(expected.reports.len() > 20, "seed {seed}: {} reports", expected.reports.len());
        for (order, shards, batch) in [(11, 2, 7), (12, 4, 1), (13, 1, 500)] {
            let other = Delivery { seed: order, batch, ..first.clone() };
            let replica = run(&arrivals, &other, shards);
            assert_eq!(
                replica.hashes(),
                expected.hashes(),
                "seed {seed}, order {order}, {shards} shards, batches to {batch}"
            );
            assert_eq!(replica.incidents, expected.incidents);
        }
    }
}

#[test]
fn a_replay_of_the_journal_gives_the_same_reports() {
    let (arrivals, delivery) = outage(4);
    let expected = run(&arrivals, &delivery, 1);
    let mut replay = Replica::new(2);
    for (now, input) in &expected.journal {
        replay.step(*now, input.clone());
    }
    assert_eq!(replay.hashes(), expected.hashes());
}

#[test]
fn an_engine_restored_at_any_tick_goes_on_as_if_nothing_had_been() {
    let (arrivals, delivery) = outage(5);
    let expected = run(&arrivals, &delivery, 2);
    let ticks: Vec<usize> = expected
        .journal
        .iter()
        .enumerate()
        .filter(|(_, (_, i))| matches!(i, Input::Tick))
        .map(|(at, _)| at)
        .collect();
    for cut in ticks.iter().step_by(17) {
        let (before, after) = expected.journal.split_at(*cut);
        let mut replica = Replica::new(2);
        before.iter().for_each(|(now, input)| replica.step(*now, input.clone()));
        let mut hashes: Vec<String> = replica.hashes().iter().map(ToString::to_string).collect();
        let mut restored = Replica::over(Engine::restore(&replica.engine.snapshot()).unwrap());
        after.iter().for_each(|(now, input)| restored.step(*now, input.clone()));
        hashes.extend(restored.hashes().iter().map(ToString::to_string));
        assert_eq!(hashes, expected.hashes(), "cut at entry {cut}");
    }
}

#[test]
fn damaged_snapshots_are_refused() {
    let (arrivals, delivery) = outage(6);
    let image = run(&arrivals, &delivery, 1).engine.snapshot();
    for cut in [0, 1, 3, 10, image.len() / 2, image.len() - 1] {
        assert!(Engine::restore(&image[..cut]).is_err(), "cut at {cut}");
    }
}
