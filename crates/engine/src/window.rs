//! What the core remembers of the traffic: per operation the digests of the last hour (in ticks while they can still
//! change, in minutes after that), and per error family the test against its baseline. Knows nothing of incidents
//! except that a family in one does not teach its baseline.

use std::collections::BTreeMap;

use model::{EventKind, Nanos, Str};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detect::{self, Baseline, Counts, Detector};
use crate::fixed::Bits;
use crate::hash::StableHash;
use crate::sketch::{Merge, OTHER};
use crate::summary::{
    Bucket, CODES_PER_OPERATION_MAX, Digest, OPERATIONS_PER_SERVICE_MAX, OperationDigest, OperationName,
    SERVICES_MAX, ServiceKey, Summary,
};

/// Digests are kept by tick for this long beyond the allowed lateness, by minute for `KEEP_MS`.
const FINE_MS: u64 = 60_000;
const KEEP_MS: u64 = 3_600_000;
/// Over all services; beyond it new operations are shown as `__other__` of their service.
const OPERATIONS_MAX: usize = 20_000;
/// A bucket before the onset joins it when no more than this many empty buckets lie between.
const ONSET_GAP: u64 = 2;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct OperationKey {
    pub(crate) env: Str,
    pub(crate) service: Str,
    pub(crate) kind: EventKind,
    pub(crate) operation: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FamilyKey {
    pub(crate) operation: OperationKey,
    pub(crate) code: Str,
}

impl FamilyKey {
    /// The family of the operation's codes that have none of their own.
    pub(crate) fn without_code(&self) -> Self {
        Self { operation: self.operation.clone(), code: OTHER.into() }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Window {
    operations: BTreeMap<OperationKey, Series>,
    /// Operations a service has, to hold the bound.
    per_service: BTreeMap<ServiceKey, usize>,
    /// Buckets before it can no longer change and have been shown to the detectors.
    sealed: Bucket,
    /// Digests before it stand under the first bucket of their minute.
    folded: Bucket,
    pub(crate) overflowed: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Series {
    first: Bucket,
    buckets: BTreeMap<Bucket, Digest>,
    families: BTreeMap<Str, Family>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Family {
    detector: Detector,
    in_incident: bool,
    /// Buckets before it were judged with an incident that is over.
    from: Bucket,
    failures: u64,
    first: Nanos,
    last: Nanos,
}

/// A family that has left its baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alarm {
    pub(crate) family: FamilyKey,
    pub(crate) onset: Bucket,
    pub(crate) baseline: Counts,
}

/// A row for lists of error families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyView {
    pub env: Str,
    pub service: Str,
    pub operation: Str,
    pub operation_kind: EventKind,
    pub code: Str,
    /// Failures of the family, and requests of its operation, in the last hour.
    pub failures: u64,
    pub requests: u64,
    pub first_seen: Nanos,
    pub last_seen: Nanos,
    pub in_incident: bool,
}

impl Window {
    /// An empty window that takes nothing from before `sealed`.
    pub(crate) fn starting_at(sealed: Bucket) -> Self {
        Self { sealed, folded: sealed, ..Self::default() }
    }

    /// Adds the digest of a tick.
    pub(crate) fn absorb(&mut self, summary: &Summary, config: &Config) {
        let other: Str = OTHER.into();
        for (service, digest) in summary.services.iter() {
            for (name, operation) in digest.operations.iter() {
                let (key, cut) = self.admit(service, name, &other);
                if cut {
                    self.overflowed += operation.requests();
                }
                self.absorb_operation(key, operation, config);
            }
            if let Some(operation) = digest.operations.other() {
                self.overflowed += operation.requests();
                self.absorb_operation(overflow_key(service, &other), operation, config);
            }
        }
        if let Some(cut) = summary.services.other() {
            let service = ServiceKey { env: other.clone(), service: other.clone() };
            for operation in cut.operations.iter().map(|(_, o)| o).chain(cut.operations.other()) {
                self.overflowed += operation.requests();
                self.absorb_operation(overflow_key(&service, &other), operation, config);
            }
        }
    }

    /// The key under which an operation is kept, and whether it is an overflow: its own while there is room, else its
    /// service's, or that of all services where even the service has no room.
    fn admit(&mut self, service: &ServiceKey, name: &OperationName, other: &Str) -> (OperationKey, bool) {
        let key = OperationKey {
            env: service.env.clone(),
            service: service.service.clone(),
            kind: name.kind,
            operation: name.name.clone(),
        };
        if self.operations.contains_key(&key) {
            return (key, false);
        }
        let full = self.operations.len() >= OPERATIONS_MAX;
        match self.per_service.get(service).copied() {
            None if full || self.per_service.len() >= SERVICES_MAX => {
                let all = ServiceKey { env: other.clone(), service: other.clone() };
                (overflow_key(&all, other), true)
            }
            Some(operations) if full || operations >= OPERATIONS_PER_SERVICE_MAX => {
                (overflow_key(service, other), true)
            }
            known => {
                self.per_service.insert(service.clone(), known.unwrap_or(0) + 1);
                (key, false)
            }
        }
    }

    fn absorb_operation(&mut self, key: OperationKey, digest: &OperationDigest, config: &Config) {
        let Some((first, _)) = digest.buckets.first_key_value() else { return };
        let series =
            self.operations.entry(key).or_insert_with(|| Series { first: *first, ..Series::default() });
        for (bucket, digest) in &digest.buckets {
            series.absorb(*bucket, digest, self.sealed, config);
        }
    }

    /// Shows the detectors what can no longer change, and forgets what is too old.
    pub(crate) fn advance(&mut self, now: Nanos, config: &Config) {
        let tick = now.0 / config.tick_ns();
        let sealed = tick.saturating_sub(config.ticks(config.lateness_ms)).max(self.sealed);
        let folded = tick.saturating_sub(config.ticks(config.lateness_ms + FINE_MS)).max(self.folded);
        for series in self.operations.values_mut() {
            series.seal(self.sealed, sealed, config);
            series.fold(self.folded, folded, config);
            series.forget(tick, config);
        }
        (self.sealed, self.folded) = (sealed, folded);
        let per_service = &mut self.per_service;
        self.operations.retain(|key, series| {
            let kept = !series.is_forgotten();
            if !kept && &*key.operation != OTHER {
                forget_operation(per_service, key);
            }
            kept
        });
    }

    /// Families outside incidents that have left their baseline, in order of key.
    pub(crate) fn alarms(&self, config: &Config) -> Vec<Alarm> {
        let families = self.operations.values().map(|series| series.families.len()).sum();
        let threshold = detect::threshold(config, families);
        let mut alarms = Vec::new();
        for (key, series) in &self.operations {
            for (code, family) in &series.families {
                if let Some(alarm) = series.test(key, code, family, self.sealed, threshold, config) {
                    alarms.push(alarm);
                }
            }
        }
        alarms
    }

    /// The sum of an operation's digests from `since` on, up to but without `until`. Where `since` lies in folded
    /// time, its whole minute counts.
    pub(crate) fn sum(&self, key: &OperationKey, since: Bucket, until: Bucket, config: &Config) -> Digest {
        let mut sum = Digest::default();
        let since = if since < self.folded { since - since % config.ticks(60_000) } else { since };
        if let Some(series) = self.operations.get(key).filter(|_| since < until) {
            series.buckets.range(since..until).for_each(|(_, digest)| sum.merge(digest));
        }
        sum
    }

    /// Requests and failures of a family from `since` on.
    pub(crate) fn counts(&self, family: &FamilyKey, since: Bucket) -> Counts {
        let mut counts = Counts::default();
        self.digests(&family.operation, since).for_each(|digest| counts.add(digest.counts(&family.code)));
        counts
    }

    /// An operation's digests from `since` on, oldest first.
    pub(crate) fn digests<'a>(
        &'a self,
        key: &OperationKey,
        since: Bucket,
    ) -> impl Iterator<Item = &'a Digest> + use<'a> {
        let series = self.operations.get(key);
        series.into_iter().flat_map(move |series| series.buckets.range(since..).map(|(_, digest)| digest))
    }

    /// Moves an onset back over the buckets before it that show the same excess.
    pub(crate) fn extend_onset(&self, family: &FamilyKey, onset: Bucket, baseline: Counts) -> Bucket {
        let Some(series) = self.operations.get(&family.operation) else { return onset };
        let mut first = onset;
        for (bucket, digest) in series.buckets.range(..onset).rev() {
            let near = first - bucket <= ONSET_GAP + 1;
            if !near || !detect::belongs_to_onset(digest.counts(&family.code), baseline) {
                break;
            }
            first = *bucket;
        }
        first
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey) {
        if let Some(family) = self.family_mut(family) {
            family.in_incident = true;
        }
    }

    /// Its incident is over as of `from`: what was before is not judged again.
    pub(crate) fn leave_incident(&mut self, family: &FamilyKey, from: Bucket) {
        if let Some(family) = self.family_mut(family) {
            family.in_incident = false;
            family.from = from;
            family.detector.restart();
        }
    }

    fn family_mut(&mut self, key: &FamilyKey) -> Option<&mut Family> {
        self.operations.get_mut(&key.operation)?.families.get_mut(&key.code)
    }

    pub(crate) fn sealed(&self) -> Bucket {
        self.sealed
    }

    /// Whether a service of this name reports in `env`.
    pub(crate) fn has_service(&self, env: &Str, service: &str) -> bool {
        let key = ServiceKey { env: env.clone(), service: service.into() };
        self.per_service.contains_key(&key)
    }

    /// The environment in which a service reports, where there is exactly one.
    pub(crate) fn only_env_of(&self, service: &Str) -> Option<&Str> {
        let mut envs = self.per_service.keys().filter(|key| key.service == *service).map(|key| &key.env);
        envs.next().filter(|_| envs.next().is_none())
    }

    pub(crate) fn families(&self) -> Vec<FamilyView> {
        let views = self.operations.iter().flat_map(|(key, series)| {
            let requests = series.buckets.values().map(|digest| digest.requests).sum();
            series.families.iter().map(move |(code, family)| FamilyView {
                env: key.env.clone(),
                service: key.service.clone(),
                operation: key.operation.clone(),
                operation_kind: key.kind,
                code: code.clone(),
                failures: series.buckets.values().map(|digest| digest.counts(code).failures).sum(),
                requests,
                first_seen: family.first,
                last_seen: family.last,
                in_incident: family.in_incident,
            })
        });
        views.filter(|view| view.failures > 0 || view.in_incident).collect()
    }
}

fn forget_operation(per_service: &mut BTreeMap<ServiceKey, usize>, key: &OperationKey) {
    let service = ServiceKey { env: key.env.clone(), service: key.service.clone() };
    if let Some(operations) = per_service.get_mut(&service) {
        *operations -= 1;
        if *operations == 0 {
            per_service.remove(&service);
        }
    }
}

fn overflow_key(service: &ServiceKey, other: &Str) -> OperationKey {
    OperationKey {
        env: service.env.clone(),
        service: service.service.clone(),
        kind: EventKind::Internal,
        operation: other.clone(),
    }
}

impl Digest {
    /// Requests, and the failures of one code.
    pub(crate) fn counts(&self, code: &Str) -> Counts {
        Counts { requests: self.requests, failures: self.failures_of(code).map_or(0, |f| f.count) }
    }
}

impl Series {
    fn absorb(&mut self, bucket: Bucket, digest: &Digest, sealed: Bucket, config: &Config) {
        self.first = self.first.min(bucket);
        let mut codes: Vec<_> = digest.codes.iter().collect();
        let other: Str = OTHER.into();
        codes.extend(digest.codes.other().map(|failures| (&other, failures)));
        codes.sort_by_key(|(code, _)| code.stable_hash());
        for (code, failures) in codes {
            let code = if self.families.contains_key(code) || self.families.len() < CODES_PER_OPERATION_MAX {
                code
            } else {
                &other
            };
            if !self.families.contains_key(code) {
                let detector = Detector::with_past(self.past(sealed, config));
                self.families.insert(code.clone(), Family { detector, ..Family::default() });
            }
            if let Some(family) = self.families.get_mut(code) {
                family.note(failures.count, failures.first, failures.last);
            }
        }
        // Codes without a family of their own are the family `__other__`, in every bucket alike.
        let mut digest = digest.clone();
        digest.codes.keep_only(|code| self.families.contains_key(code));
        self.buckets.entry(bucket).or_default().merge(&digest);
    }

    /// What the operation did before a code first failed, as that code's baseline.
    fn past(&self, sealed: Bucket, config: &Config) -> Baseline {
        let mut baseline = Baseline::default();
        for (bucket, digest) in self.buckets.range(..sealed) {
            baseline.add(bucket * config.tick_ms / 60_000, Counts { requests: digest.requests, failures: 0 });
        }
        baseline
    }

    fn seal(&mut self, from: Bucket, to: Bucket, config: &Config) {
        if from >= to || self.families.is_empty() {
            return;
        }
        for (code, family) in self.families.iter_mut().filter(|(_, family)| !family.in_incident) {
            for (bucket, digest) in self.buckets.range(from.max(family.from).min(to)..to) {
                let age_ms = bucket.saturating_sub(self.first) * config.tick_ms;
                family.detector.observe(*bucket, digest.counts(code), age_ms, config);
            }
        }
    }

    /// Puts the ticks from `from` to `to` together to minutes.
    fn fold(&mut self, from: Bucket, to: Bucket, config: &Config) {
        let minute = config.ticks(60_000);
        let ticks: Vec<Bucket> = self
            .buckets
            .range(from..to)
            .map(|(bucket, _)| *bucket)
            .filter(|bucket| bucket % minute != 0)
            .collect();
        for bucket in ticks {
            if let Some(digest) = self.buckets.remove(&bucket) {
                self.buckets.entry(bucket - bucket % minute).or_default().merge(&digest);
            }
        }
    }

    /// Drops what is too old, and families that are calm and long silent.
    fn forget(&mut self, tick: Bucket, config: &Config) {
        let keep = tick.saturating_sub(config.ticks(KEEP_MS));
        while self.buckets.first_key_value().is_some_and(|(bucket, _)| *bucket < keep) {
            self.buckets.pop_first();
        }
        let keep_ns = Nanos(keep * config.tick_ns());
        self.families
            .retain(|_, family| family.in_incident || family.last >= keep_ns || !family.detector.is_calm());
    }

    fn is_forgotten(&self) -> bool {
        self.buckets.is_empty() && self.families.values().all(|family| !family.in_incident)
    }

    fn test(
        &self,
        key: &OperationKey,
        code: &Str,
        family: &Family,
        sealed: Bucket,
        threshold: Bits,
        config: &Config,
    ) -> Option<Alarm> {
        // Most families are calm and have not failed for a while: nothing to look at.
        let failed_lately = family.last.0 / config.tick_ns() >= sealed;
        if family.in_incident || (family.detector.is_calm() && !failed_lately) {
            return None;
        }
        let mut detector = family.detector.clone();
        for (bucket, digest) in self.buckets.range(sealed.max(family.from)..) {
            let age_ms = bucket.saturating_sub(self.first) * config.tick_ms;
            detector.observe(*bucket, digest.counts(code), age_ms, config);
        }
        let excess = detector.excess();
        (excess.bits >= threshold).then(|| Alarm {
            family: FamilyKey { operation: key.clone(), code: code.clone() },
            onset: excess.onset,
            baseline: excess.baseline,
        })
    }
}

impl Family {
    fn note(&mut self, failures: u64, first: Option<Nanos>, last: Option<Nanos>) {
        if let (Some(first), Some(last)) = (first, last) {
            self.first = if self.failures == 0 { first } else { self.first.min(first) };
            self.last = self.last.max(last);
        }
        self.failures += failures;
    }
}
