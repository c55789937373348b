//! The whole core under simulated traffic.

#[cfg(test)]
mod absorbed;
#[cfg(test)]
mod actions;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod decoy;
#[cfg(test)]
mod determinism;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod quiet;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod service_metrics;
#[cfg(test)]
mod steady;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod work;

use std::collections::BTreeMap;

use model::{Deployment, Nanos, Signal, SignalKind};
use sim::{Arrivals, Delivery, Fault, Replica, Rng, Shop, Traffic};

/// Where simulated time begins: 2026-01-05T12:00:00Z.
const START_S: u64 = 1_767_614_400;

fn traffic(seed: u64, requests_per_s: u64) -> Traffic {
    Traffic { seed, requests_per_s, noise_per_thousand: 0 }
}

fn delivery(seed: u64) -> Delivery {
    Delivery { seed, delay_ns_max: 1_500_000_000, batch: 40, duplicates_per_hundred: 3 }
}

/// Runs phases of (seconds, fault) one after the other, then `drain_s` seconds without traffic. Returns what arrives,
/// and how many requests the client saw fail.
fn arrivals(traffic: Traffic, phases: &[(u64, Fault)], delivery: &Delivery) -> (Arrivals, u64) {
    let (mut shop, mut arrivals, mut failed) = (Shop::new(traffic), Arrivals::default(), 0);
    let mut rng = Rng::new(delivery.seed);
    let mut second = START_S;
    for (seconds, fault) in phases {
        for _ in 0..*seconds {
            for (events, client_failed) in shop.second(Nanos::from_secs(second), *fault) {
                failed += u64::from(client_failed);
                arrivals.add(events, delivery, &mut rng);
            }
            second += 1;
        }
    }
    (arrivals, failed)
}

fn run(arrivals: &Arrivals, delivery: &Delivery, shards: usize) -> Replica {
    let mut replica = Replica::new(shards).recording();
    for second in arrivals.seconds() {
        for (now, input) in arrivals.second(second, delivery) {
            replica.feed(now, input);
        }
    }
    replica
}

fn deployment(service: &str, version: &str, at: Nanos) -> Deployment {
    Deployment {
        id: format!("{service}@{version}").into(),
        service: service.into(),
        env: Some("demo".into()),
        version: version.into(),
        previous_version: None,
        at,
        commit: None,
        pull_request: None,
        author: None,
    }
}

/// A runtime signal of an instance of a service.
fn signal(id: &str, subtype: &str, service: &str, at: Nanos) -> Signal {
    Signal {
        id: id.into(),
        kind: SignalKind::Runtime,
        subtype: subtype.into(),
        at,
        env: Some("demo".into()),
        service: Some(service.into()),
        instance: Some(format!("{service}-0").into()),
        subject: None,
        status: "".into(),
        message: "".into(),
        attributes: BTreeMap::new(),
    }
}
