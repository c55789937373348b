//! From traces to journal entries: each service sends its events in batches after a delay of its own, and ticks come
//! every second.

use std::collections::BTreeMap;

use model::{Event, Input, Nanos, SECOND_NS};

use crate::Rng;

/// How events travel.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub seed: u64,
    /// Each event arrives up to this long after its end.
    pub delay_ns_max: u64,
    /// Largest number of events in a batch.
    pub batch: usize,
    /// Of a hundred events so many are sent twice.
    pub duplicates_per_hundred: u64,
}

/// Inputs by the tick that closes them, so that an interval can be dealt out in another order.
#[derive(Debug, Clone, Default)]
pub struct Arrivals {
    by_second: BTreeMap<u64, Vec<Event>>,
    facts: BTreeMap<u64, Vec<Input>>,
}

impl Arrivals {
    pub fn add(&mut self, events: Vec<Event>, delivery: &Delivery, rng: &mut Rng) {
        for event in events {
            let copies = 1 + u64::from(rng.chance(delivery.duplicates_per_hundred, 100));
            for _ in 0..copies {
                let arrival = event.end.0 + rng.below(delivery.delay_ns_max + 1);
                self.by_second.entry(arrival / SECOND_NS).or_default().push(event.clone());
            }
        }
    }

    pub fn add_fact(&mut self, at: Nanos, fact: Input) {
        self.facts.entry(at.as_secs()).or_default().push(fact);
    }

    pub fn seconds(&self) -> std::ops::RangeInclusive<u64> {
        let first = self.by_second.keys().next().copied().unwrap_or(1);
        let last = self.by_second.keys().next_back().copied().unwrap_or(0);
        first..=last
    }

    /// What arrives in a second, dealt out by `delivery`: in an order and in batches that its seed decides. The tick
    /// that ends the second comes last.
    pub fn second(&self, second: u64, delivery: &Delivery) -> Vec<(Nanos, Input)> {
        let mut rng = Rng::new(delivery.seed ^ second.wrapping_mul(0x9e37_79b9));
        let mut events = self.by_second.get(&second).cloned().unwrap_or_default();
        rng.shuffle(&mut events);
        let mut inputs: Vec<Input> = self.facts.get(&second).cloned().unwrap_or_default();
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let size = (rng.below(delivery.batch as u64) as usize + 1).min(rest.len());
            inputs.push(Input::Events(rest[..size].to_vec()));
            rest = &rest[size..];
        }
        rng.shuffle(&mut inputs);
        let count = inputs.len() as u64 + 1;
        let at = |i: usize| Nanos(second * SECOND_NS + SECOND_NS * i as u64 / count);
        let mut entries: Vec<_> = inputs.into_iter().enumerate().map(|(i, input)| (at(i), input)).collect();
        entries.push((Nanos::from_secs(second + 1), Input::Tick));
        entries
    }
}
