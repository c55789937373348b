//! The digest of the events of one tick. It adds: two halves merged are the whole, whatever way they were cut,
//! so shards, machines and order of arrival cannot change what follows from it.

mod open;

use model::{Event, EventKind, LogRecord, LogSeverity, Nanos, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::hash::{self, StableHash};
use open::{Open, Slot};

use crate::sketch::{Bounded, Largest, Latency, Merge, OTHER, Smallest, Sorted, UserHash, Users};

/// Index of a stretch of time as long as a tick, counted from the epoch.
pub(crate) type Bucket = u64;

/// The operation that stands for what a service logs: its requests are records, its failures those that report an error.
pub(crate) const LOGS: &str = "(logs)";

pub(crate) const SERVICES_MAX: usize = 1_000;
pub(crate) const OPERATIONS_PER_SERVICE_MAX: usize = 500;
pub(crate) const CODES_PER_OPERATION_MAX: usize = 32;
const VERSIONS_MAX: usize = 8;
const INSTANCES_MAX: usize = 32;
const PEERS_MAX: usize = 8;
/// Failing traces kept for a family, and healthy ones for an operation, in a bucket.
pub(crate) const FAILING_TRACES: usize = 8;
const HEALTHY_TRACES: usize = 2;
/// Traces of the requests that took longest, in a bucket.
const SLOWEST_TRACES: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) services: Bounded<ServiceKey, ServiceDigest, SERVICES_MAX>,
    /// What is not in `services` yet; empty once the summary is closed.
    open: Open,
    pub(crate) events: u64,
    /// Ended longer ago than the allowed lateness: kept in the journal, counted here and nowhere else.
    pub(crate) late: u64,
    /// Second deliveries.
    pub(crate) duplicates: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ServiceKey {
    pub(crate) env: Str,
    pub(crate) service: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct OperationName {
    pub(crate) kind: EventKind,
    pub(crate) name: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ServiceDigest {
    pub(crate) operations: Bounded<OperationName, OperationDigest, OPERATIONS_PER_SERVICE_MAX>,
}

/// What one operation did, by the bucket in which its events ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct OperationDigest {
    pub(crate) buckets: Sorted<Bucket, Digest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) requests: u64,
    pub(crate) latency: Latency,
    pub(crate) codes: Bounded<Str, Failures, CODES_PER_OPERATION_MAX>,
    pub(crate) versions: Bounded<Str, Split, VERSIONS_MAX, 1>,
    pub(crate) instances: Bounded<Str, Split, INSTANCES_MAX, 2>,
    pub(crate) healthy: Smallest<TraceId, HEALTHY_TRACES, HEALTHY_TRACES>,
    pub(crate) slowest: Largest<TraceId, SLOWEST_TRACES>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    pub(crate) traces: Smallest<TraceId, FAILING_TRACES>,
    pub(crate) users: Users,
    pub(crate) peers: Bounded<Str, u64, PEERS_MAX>,
    /// End of the first failing event; `None` where there was none.
    pub(crate) first: Option<Nanos>,
    pub(crate) last: Option<Nanos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Split {
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    /// The sum of the durations, in microseconds.
    pub(crate) total_us: u64,
}

impl StableHash for ServiceKey {
    fn stable_hash(&self) -> u64 {
        hash::mix(self.env.stable_hash().rotate_left(1) ^ self.service.stable_hash())
    }
}

impl StableHash for OperationName {
    fn stable_hash(&self) -> u64 {
        hash::mix(self.name.stable_hash() ^ self.kind as u64)
    }
}

impl Summary {
    /// Counts `event` in `bucket`. That it is neither late nor a duplicate is the caller's business; `trace` is the
    /// stable hash of its trace.
    pub(crate) fn add(&mut self, event: &Event, trace: u64, bucket: Bucket) {
        self.events += 1;
        self.open.add(event, trace, bucket);
        if self.open.is_full() {
            self.fold();
        }
    }

    /// Counts a log record, and as a failure of its service's logs if it reports an error.
    pub(crate) fn add_log(&mut self, log: &LogRecord, bucket: Bucket) {
        self.open.add_log(log, bucket);
        if self.open.is_full() {
            self.fold();
        }
    }

    /// Cuts everything to its bound; to be called once, before the summary is merged or read.
    pub(crate) fn close(&mut self) {
        self.fold();
        self.services.cut();
        for service in self.services.values_mut() {
            service.operations.cut();
            for operation in service.operations.values_mut() {
                operation.buckets.values_mut().for_each(Digest::cut);
            }
        }
    }

    /// Hands out what was added, closed, and begins anew.
    pub(crate) fn hand_out(&mut self) -> Self {
        self.close();
        let open = std::mem::take(&mut self.open);
        std::mem::replace(self, Self { open, ..Self::default() })
    }

    fn fold(&mut self) {
        for Slot { service, operation, bucket, digest } in self.open.drain() {
            let operation = self.services.entry(&service).operations.entry(&operation);
            let mut digest = Some(digest);
            let known = operation.buckets.entry(&bucket, || digest.take().unwrap_or_default());
            if let Some(digest) = digest {
                known.merge(&digest);
            }
        }
    }
}

impl Digest {
    fn add(&mut self, event: &Event, trace: u64) {
        let duration_ns = event.duration_ns();
        self.requests += 1;
        self.latency.add(duration_ns);
        self.slowest.add(duration_ns, &event.trace);
        let failure = event.failure();
        let total_us = duration_ns / 1_000;
        let split = Split { requests: 1, failures: u64::from(failure.is_some()), total_us };
        if !event.version.is_empty() {
            self.versions.entry(&event.version).merge(&split);
        }
        if !event.instance.is_empty() {
            self.instances.entry(&event.instance).merge(&split);
        }
        match failure {
            Some(failure) => self.codes.entry(&failure.code).add(event, trace),
            None => self.healthy.add_hashed(trace, &event.trace),
        }
    }

    fn add_log(&mut self, log: &LogRecord) {
        self.requests += 1;
        let error = log.severity >= LogSeverity::Error;
        let split = Split { requests: 1, failures: u64::from(error), total_us: 0 };
        if !log.version.is_empty() {
            self.versions.entry(&log.version).merge(&split);
        }
        if !log.instance.is_empty() {
            self.instances.entry(&log.instance).merge(&split);
        }
        if error {
            let failures = self.codes.entry(&log.pattern);
            failures.count += 1;
            log.trace.iter().for_each(|trace| failures.traces.add(trace));
            failures.span(Some(log.at), Some(log.at));
        }
    }

    fn cut(&mut self) {
        self.codes.cut();
        self.versions.cut();
        self.instances.cut();
        self.codes.values_mut().for_each(|failures| failures.peers.cut());
    }

    /// The failures of one code; `OTHER` names those beyond the bound.
    pub(crate) fn failures_of(&self, code: &Str) -> Option<&Failures> {
        self.codes.get(code).or_else(|| (code.as_ref() == OTHER).then(|| self.codes.other()).flatten())
    }

    /// Failures by code, those beyond the bound last, under `OTHER`.
    pub(crate) fn by_code(&self) -> impl Iterator<Item = (Str, &Failures)> {
        let other = self.codes.other().map(|failures| (OTHER.into(), failures));
        self.codes.iter().map(|(code, failures)| (code.clone(), failures)).chain(other)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.by_code().map(|(_, failures)| failures.count).sum()
    }
}

impl Failures {
    fn add(&mut self, event: &Event, trace: u64) {
        self.count += 1;
        self.traces.add_hashed(trace, &event.trace);
        if let Some(user) = event.user {
            self.users.add(&UserHash(user));
        }
        if !event.peer.is_empty() {
            *self.peers.entry(&event.peer) += 1;
        }
        self.span(Some(event.end), Some(event.end));
    }

    fn span(&mut self, first: Option<Nanos>, last: Option<Nanos>) {
        self.first = [self.first, first].into_iter().flatten().min();
        self.last = self.last.max(last);
    }
}

/// Of summaries that are closed.
impl Merge for Summary {
    fn merge(&mut self, other: &Self) {
        self.services.merge(&other.services);
        self.events += other.events;
        self.late += other.late;
        self.duplicates += other.duplicates;
    }
}

impl Merge for ServiceDigest {
    fn merge(&mut self, other: &Self) {
        self.operations.merge(&other.operations);
    }
}

impl OperationDigest {
    pub(crate) fn requests(&self) -> u64 {
        self.buckets.values().map(|digest| digest.requests).sum()
    }
}

impl Merge for OperationDigest {
    fn merge(&mut self, other: &Self) {
        for (bucket, digest) in other.buckets.iter() {
            self.buckets.entry(bucket, Digest::default).merge(digest);
        }
    }
}

impl Merge for Digest {
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.latency.merge(&other.latency);
        self.codes.merge(&other.codes);
        self.versions.merge(&other.versions);
        self.instances.merge(&other.instances);
        self.healthy.merge(&other.healthy);
        self.slowest.merge(&other.slowest);
    }
}

impl Merge for Failures {
    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.traces.merge(&other.traces);
        self.users.merge(&other.users);
        self.peers.merge(&other.peers);
        self.span(other.first, other.last);
    }
}

impl Merge for Split {
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.total_us = self.total_us.saturating_add(other.total_us);
    }
}

impl Split {
    /// Mean duration in microseconds.
    pub(crate) fn mean_us(self) -> u64 {
        self.total_us / self.requests.max(1)
    }
}

#[cfg(test)]
mod tests;
