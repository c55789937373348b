//! Labelled cases from seeds: random systems, what goes wrong in them, and all that an engineer would have to find out.
//! The same seed and noise give the same case, byte for byte. Every number is documented in
//! `doc/reference/generator.md`.

mod attributes;
pub(crate) mod dice;
mod facts;
mod label;
mod otlp;
mod plan;
mod state;
mod topology;
mod traffic;

use std::collections::BTreeMap;

use cases::Case;
use model::{Input, Nanos, SECOND_NS};

pub use otlp::lines;
pub use plan::FaultKind;

use dice::Dice;
use plan::Plan;
use topology::Topology;
use traffic::Traffic;

/// 2026-03-02T00:00:00Z; each case begins at a time of its own in the days after.
const EPOCH: Nanos = Nanos::from_secs(1_772_409_600);
/// Arrivals before this second of the case's end are part of it.
const BATCH_AT_NS: u64 = 400_000_000;

/// A case and what arrives in it.
#[derive(Debug)]
pub struct Generated {
    pub case: Case,
    pub kind: FaultKind,
    pub services: usize,
    /// In order of arrival.
    pub inputs: Vec<(Nanos, Input)>,
}

/// The case of a seed. `noise` of 1 is usual; 2 is twice the errors, bursts, jitter and innocent changes.
pub fn generate(seed: u64, noise: f64) -> Generated {
    let (topology, plan, dice) = system(seed, noise);
    case_of(seed, noise, &topology, &plan, dice)
}

fn case_of(seed: u64, noise: f64, topology: &Topology, plan: &Plan, mut dice: Dice) -> Generated {
    let start = Nanos(EPOCH.0 + dice.index(5 * 86_400) as u64 * SECOND_NS);
    let end = plan.times.end.ceil() as usize;
    let mut arrivals = Arrivals::default();
    let mut traffic = Traffic::new(topology, plan, &mut dice, start, noise);
    for second in 0..end {
        traffic.second(second);
        for event in traffic.events.drain(..) {
            let delay = delay_s(event.service.len(), event.span.0[1]);
            arrivals.second(event.end, delay).events.push(event);
        }
        for log in traffic.logs.drain(..) {
            let delay = delay_s(log.service.len(), log.body.len() as u8);
            arrivals.second(log.at, delay).logs.push(log);
        }
    }
    facts::add(topology, plan, start, noise, seed, &mut arrivals);
    let case = label::case(seed, topology, plan, start);
    let inputs = arrivals.into_inputs(case.end);
    Generated { case, kind: plan.kind, services: topology.services.len(), inputs }
}

/// What there is, and what will happen to it.
fn system(seed: u64, noise: f64) -> (Topology, Plan, Dice) {
    let mut dice = Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x0ca5_eb00);
    let topology = Topology::random(&mut dice, noise);
    let plan = Plan::random(&topology, &mut dice, noise);
    (topology, plan, dice)
}

/// Exporters send every few seconds.
fn delay_s(phase: usize, jitter: u8) -> u64 {
    1 + (phase % 3) as u64 + u64::from(jitter.is_multiple_of(8))
}

/// What arrives, by second.
#[derive(Debug, Default)]
struct Arrivals(BTreeMap<u64, Arrival>);

#[derive(Debug, Default)]
struct Arrival {
    events: Vec<model::Event>,
    logs: Vec<model::LogRecord>,
    metrics: Vec<model::MetricPoint>,
    facts: Vec<Input>,
}

impl Arrivals {
    fn second(&mut self, at: Nanos, delay_s: u64) -> &mut Arrival {
        self.0.entry(at.as_secs() + delay_s).or_default()
    }

    /// What would arrive after the end does not.
    fn into_inputs(self, end: Nanos) -> Vec<(Nanos, Input)> {
        let mut inputs = Vec::new();
        for (second, arrival) in self.0 {
            let at = Nanos::from_secs(second).saturating_add(BATCH_AT_NS);
            if at > end {
                break;
            }
            let Arrival { events, logs, metrics, facts } = arrival;
            inputs.extend(facts.into_iter().map(|fact| (at, fact)));
            if !events.is_empty() {
                inputs.push((at, Input::Events(events)));
            }
            if !logs.is_empty() {
                inputs.push((at, Input::Logs(logs)));
            }
            if !metrics.is_empty() {
                inputs.push((at, Input::Metrics(metrics)));
            }
        }
        inputs
    }
}

#[cfg(test)]
mod tests;
