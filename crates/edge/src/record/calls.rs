//! What is counted of calls and of their attempts at nodes. It must never know what was asked.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::PoolRecord;
use crate::core::Class;
use crate::core::{Fault, NodeId, Transport};
use crate::evidence::{Ended, Trial};
use crate::metrics::{Direction, ErrorClass, Outcome, Side};
use crate::status::Latency;

/// Calls by which a node's latency is shown.
const LATENCIES_MAX: usize = 512;

/// The last ones; a new one takes the oldest's place.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    ms: Vec<f32>,
    next: usize,
}

/// One call of a client, from its request to its answer; what it waits for others of its batch is part of that. One that is
/// dropped before was left by the client.
pub(crate) struct CallRecord {
    pool: Arc<PoolRecord>,
    class: Class,
    pub(crate) began: Instant,
    is_over: bool,
    /// Its attempts, where somebody is told of them.
    trials: Option<SmallVec<[Trial; 2]>>,
}

/// One attempt; while it lives the node works on it.
pub(crate) struct AttemptRecord {
    in_flight: Gauge,
}

impl Latencies {
    fn add(&mut self, took: Duration) {
        let ms = took.as_secs_f32() * 1_000.0;
        if self.ms.len() < LATENCIES_MAX {
            self.ms.push(ms);
        } else {
            self.ms[self.next] = ms;
        }
        self.next = (self.next + 1) % LATENCIES_MAX;
    }

    pub(super) fn summary(&self) -> Option<Latency> {
        let mut sorted = self.ms.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |permille: usize| {
            sorted.get((sorted.len() * permille / 1_000).min(sorted.len().saturating_sub(1)))
        };
        Some(Latency { median_ms: f64::from(*at(500)?), p99_ms: f64::from(*at(990)?) })
    }
}

impl CallRecord {
    pub(crate) fn begin(pool: &Arc<PoolRecord>, class: Class, request_bytes: usize, began: Instant) -> Self {
        pool.metrics.bytes(Side::Client, Direction::In).inc_by(request_bytes as u64);
        let trials = pool.witness.follows_calls().then(SmallVec::new);
        Self { pool: Arc::clone(pool), class, began, is_over: false, trials }
    }

    pub(crate) fn retried(&self) {
        self.pool.metrics.retries.of(self.class).inc();
    }

    pub(crate) fn hedged(&self) {
        self.pool.metrics.hedges.of(self.class).inc();
    }

    pub(crate) fn hedge_won(&self) {
        self.pool.metrics.hedge_wins.of(self.class).inc();
    }

    /// A node is asked.
    pub(crate) fn sent(&mut self, attempt: u32, node: NodeId, via: Transport, began: Instant) {
        let trial = Trial { attempt, node, via, began, over: None };
        self.trials.iter_mut().for_each(|trials| trials.push(trial));
    }

    /// It answered, it failed, or nobody waits for it any more; what comes later changes nothing.
    pub(crate) fn ended(&mut self, attempt: u32, ended: Ended) {
        let trials = self.trials.iter_mut().flatten();
        if let Some(trial) = trials.filter(|trial| trial.over.is_none()).find(|one| one.attempt == attempt) {
            trial.over = Some((Instant::now(), ended));
        }
    }

    pub(crate) fn over(self, outcome: Outcome, answer_bytes: usize) {
        self.over_at(Instant::now(), outcome, answer_bytes);
    }

    /// The same, by whoever looked at the clock just now.
    pub(crate) fn over_at(mut self, at: Instant, outcome: Outcome, answer_bytes: usize) {
        self.is_over = true;
        self.pool.metrics.requests(self.class, outcome).inc();
        self.pool
            .metrics
            .request_seconds
            .of(self.class)
            .observe(at.saturating_duration_since(self.began).as_secs_f64());
        self.pool.metrics.bytes(Side::Client, Direction::Out).inc_by(answer_bytes as u64);
        self.tell(outcome);
    }

    fn tell(&self, outcome: Outcome) {
        if let Some(trials) = &self.trials {
            self.pool.witness.call(self.class, outcome, self.began, trials);
        }
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        if !self.is_over {
            self.pool.metrics.requests(self.class, Outcome::Abandoned).inc();
            self.tell(Outcome::Abandoned);
        }
    }
}

impl Drop for AttemptRecord {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

impl PoolRecord {
    pub(crate) fn attempt(&self, node: NodeId, request_bytes: usize) -> Option<AttemptRecord> {
        let record = self.node(node)?;
        record.calls.fetch_add(1, Ordering::Relaxed);
        self.metrics.bytes(Side::Node, Direction::Out).inc_by(request_bytes as u64);
        let in_flight = record.metrics.calls_in_flight.clone();
        in_flight.inc();
        Some(AttemptRecord { in_flight })
    }

    pub(crate) fn attempt_failed(&self, node: NodeId, via: Transport, fault: Fault) {
        let Some(record) = self.node(node) else { return };
        record.failed.fetch_add(1, Ordering::Relaxed);
        record.metrics.attempts(via, fault).inc();
    }

    pub(crate) fn attempt_answered(&self, node: NodeId, via: Transport, took: Duration, answer_bytes: usize) {
        let Some(record) = self.node(node) else { return };
        record.metrics.attempts(via, ErrorClass::NONE).inc();
        record.metrics.attempt_seconds.of(via).observe(took.as_secs_f64());
        record.latencies.lock().unwrap_or_else(PoisonError::into_inner).add(took);
        self.metrics.bytes(Side::Node, Direction::In).inc_by(answer_bytes as u64);
        self.used(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_calls_are_summed_up() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.summary(), None);
        for ms in 0..2_000_u64 {
            latencies.add(Duration::from_millis(ms));
        }
        let summary = latencies.summary().unwrap();
        assert!((1_700.0..1_800.0).contains(&summary.median_ms), "{summary:?}");
        assert!((1_980.0..2_000.0).contains(&summary.p99_ms), "{summary:?}");
    }
}
