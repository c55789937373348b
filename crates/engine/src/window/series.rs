//! One operation over the last hour: its digests, in ticks while they can still change, in minutes after that, and the
//! tests that run on them. Knows nothing of other operations.

use std::sync::Arc;

use model::{Nanos, Str};
use serde::{Deserialize, Serialize};

use super::ahead::{Ahead, Changes, Look};
use super::lately::{Lately, counted, minute};
use super::ruled::Ruled;
use super::slowness::Slowness;
use super::{Alarm, Counted, FamilyKey, Norm, OperationKey, Sign};
use crate::config::Config;
use crate::detect::{Baseline, Counts, Detector, Excess, FAILURES, LOG_ERRORS, Test};
use crate::fixed::Bits;
use crate::hash::{StableHash, mix};
use crate::recent::Recent;
use crate::sketch::{Merge, OTHER, Sorted};
use crate::summary::{Bucket, CODES_PER_OPERATION_MAX, Digest, LOGS, OperationDigest};

const KEEP_MS: u64 = 3_600_000;
/// So often the tests of an operation are shown what is sealed, its ticks are put together to minutes and what is too old
/// goes, each operation's at its turn: all of it is far away in memory.
const TURN_MS: u64 = 8_000;

/// What an operation did, by when. Shared with copies of the state: what is sealed does not change any more.
pub(super) type Buckets = Recent<Arc<Digest>>;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Series {
    first: Bucket,
    pub(super) buckets: Buckets,
    pub(super) families: Sorted<Str, Family>,
    pub(super) slowness: Slowness,
    /// Everything before it was said to be normal.
    accepted: Bucket,
    /// What the tests of failures have seen; in between it follows what is sealed.
    shown: Bucket,
    /// Digests before it stand by minute.
    folded: Bucket,
    /// At which of the ticks it is shown more.
    turn: u64,
    /// It stands for log records.
    logs: bool,
    /// Work arrives at it: whoever waits, waits for that.
    inbound: bool,
    #[serde(skip)]
    changes: Changes,
    /// No bucket is later.
    #[serde(skip)]
    newest: Bucket,
    /// No family failed last before it.
    #[serde(skip)]
    failed_since: Nanos,
    #[serde(skip)]
    requests: Lately,
    /// What no test of it can exceed for a while; unknown where something came that may raise it.
    #[serde(skip)]
    ruled: Option<Ruled>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Family {
    detector: Detector,
    #[serde(skip)]
    ahead: Ahead,
    #[serde(skip)]
    lately: Lately,
    pub(super) in_incident: bool,
    /// Buckets before it were judged with an incident that is over.
    from: Bucket,
    failures: u64,
    pub(super) first: Nanos,
    pub(super) last: Nanos,
}

/// Where a tick is, and what is sealed and what stands by minute as of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edges {
    pub(super) tick: Bucket,
    pub(super) sealed: Bucket,
    pub(super) folded: Bucket,
}

/// What all families of an operation look at beyond what is sealed.
struct Stretch<'a> {
    test: Test,
    first: Bucket,
    buckets: &'a Buckets,
    /// From the one in which the first bucket lies that is not sealed, with the requests since it began.
    since: u64,
    last: u64,
    requests: Option<u64>,
    sealed: Bucket,
    threshold: Bits,
}

impl Digest {
    /// Requests, and the failures of one code.
    pub(crate) fn counts(&self, code: &Str) -> Counts {
        Counts { requests: self.requests, failures: self.failures_of(code).map_or(0, |f| f.count) }
    }

    /// Requests, and those that show the family's symptom.
    pub(crate) fn showing(&self, family: &FamilyKey, norm: Norm) -> Counts {
        match norm {
            Norm::Failure(_) => self.counts(&family.code),
            Norm::Latency(_, limit) => self.slow(limit.above_ns),
            Norm::Flow(_) | Norm::Level(_) | Norm::Behaviour(_) | Norm::SelfTime(..) | Norm::Metric(_) => {
                Counts { requests: self.requests, failures: 0 }
            }
        }
    }
}

impl Series {
    pub(super) fn of(key: &OperationKey, digest: &OperationDigest) -> Self {
        let first = digest.buckets.keys().next().copied().unwrap_or_default();
        let turn = mix(key.service.stable_hash() ^ key.operation.stable_hash());
        let (logs, inbound) = (&*key.operation == LOGS, key.kind.is_inbound());
        Self { first, turn, logs, inbound, ..Self::default() }
    }

    fn test(&self) -> Test {
        if self.logs { LOG_ERRORS } else { FAILURES }
    }

    pub(super) fn stands_for_logs(&self) -> bool {
        self.logs
    }

    /// How many tests run on it.
    pub(super) fn tests(&self) -> usize {
        self.families.len() + usize::from(self.slowness.limit.is_some())
    }

    pub(super) fn absorb_all(&mut self, digest: OperationDigest, sealed: Bucket, config: &Config) {
        digest.buckets.into_iter().for_each(|(bucket, digest)| self.absorb(bucket, digest, sealed, config));
    }

    fn absorb(&mut self, bucket: Bucket, mut digest: Digest, sealed: Bucket, config: &Config) {
        // Where the operation is older than was known, so is every bucket of it that was not sealed yet.
        let changed = if bucket < self.first { 0 } else { bucket };
        if bucket < self.first {
            self.show(sealed, config);
        }
        self.changes.note(changed);
        self.newest = self.newest.max(bucket);
        self.first = self.first.min(bucket);
        self.requests.add(minute(bucket, config), digest.requests);
        if self.inbound && self.slowness.note(bucket, &digest, config) {
            self.ruled = None;
        }
        if !digest.codes.is_empty() {
            self.absorb_codes(bucket, &mut digest, config);
        }
        let mut digest = Some(digest);
        let known = self.buckets.entry(bucket, || Arc::new(digest.take().unwrap_or_default()));
        if let Some(digest) = digest {
            Arc::make_mut(known).merge(&digest);
        }
    }

    /// Codes without a family of their own are the family `__other__`, in every bucket alike.
    fn absorb_codes(&mut self, bucket: Bucket, digest: &mut Digest, config: &Config) {
        let mut codes: Vec<_> = digest.codes.iter().collect();
        let other: Str = OTHER.into();
        codes.extend(digest.codes.other().map(|failures| (&other, failures)));
        codes.sort_by_key(|(code, _)| code.stable_hash());
        self.ruled = None;
        for (code, failures) in codes {
            let code = if self.families.contains(code) || self.families.len() < CODES_PER_OPERATION_MAX {
                code
            } else {
                &other
            };
            if !self.families.contains(code) {
                self.failed_since = self.failed_since.min(failures.last.unwrap_or_default());
                let detector = Detector::with_past(self.past(self.shown.max(self.accepted), config));
                let family = Family { detector, from: self.accepted, ..Family::default() };
                self.families.entry(code, || family);
            }
            if let Some(family) = self.families.get_mut(code) {
                family.note(failures.count, failures.first, failures.last);
                family.lately.add(minute(bucket, config), failures.count);
            }
        }
        digest.codes.keep_only(|code| self.families.contains(code));
    }

    /// What the operation did before a code first failed, as that code's baseline.
    fn past(&self, until: Bucket, config: &Config) -> Baseline {
        let mut baseline = Baseline::default();
        for (bucket, digest) in self.buckets.range(..until) {
            baseline.add(bucket * config.tick_ms / 60_000, Counts { requests: digest.requests, failures: 0 });
        }
        baseline
    }

    /// Moves on by a tick: at its turn through all that is far away, at any other through next to nothing.
    pub(super) fn advance(&mut self, edges: Edges, config: &Config) {
        let (ticks, sealed) = (config.ticks(TURN_MS), edges.sealed);
        if sealed % ticks == self.turn % ticks || sealed.saturating_sub(self.shown) >= ticks {
            self.show(sealed, config);
            self.fold(edges.folded, config);
            self.forget(edges.tick, sealed, config);
        }
        if self.inbound && self.slowness.is_due(self.first, self.turn, sealed, config) {
            self.fold(edges.folded, config);
            if self.slowness.derive_due(&self.buckets, sealed, config) {
                self.ruled = None;
            }
        }
    }

    /// Shows the tests what is sealed.
    fn show(&mut self, sealed: Bucket, config: &Config) {
        if self.shown >= sealed {
            return;
        }
        let from = std::mem::replace(&mut self.shown, sealed);
        let buckets: Vec<(Bucket, &Digest)> =
            self.buckets.range(from..sealed).map(|(bucket, digest)| (bucket, &**digest)).collect();
        let (test, first) = (self.test(), self.first);
        for (code, family) in self.families.iter_mut().filter(|(_, family)| !family.in_incident) {
            let own = buckets.iter().filter(|(bucket, _)| *bucket >= family.from);
            let own = own.map(|(bucket, digest)| {
                (*bucket, digest.counts(code), bucket.saturating_sub(first) * config.tick_ms)
            });
            family.detector.observe_all(test, own, config);
        }
        if self.inbound {
            self.slowness.show(&self.buckets, sealed, config);
        }
    }

    /// Everything before `until` is normal. The operation counts as known from then on.
    pub(super) fn accept(&mut self, sealed: Bucket, until: Bucket, config: &Config) {
        self.show(sealed, config);
        (self.first, self.ruled) = (0, None);
        self.accepted = self.accepted.max(until);
        for (code, family) in self.families.iter_mut() {
            family.ahead.reset();
            for (bucket, digest) in self.buckets.range(sealed.max(family.from).min(until)..until) {
                family.detector.learn(bucket, digest.counts(code), config);
            }
            family.from = family.from.max(until);
        }
        if self.inbound {
            self.slowness.derive(&self.buckets, until, config);
        }
        self.slowness.from = self.slowness.from.max(until);
    }

    /// What a family shows in `stretch` is normal for it from here on.
    pub(super) fn accept_present(
        &mut self,
        family: &FamilyKey,
        present: Counts,
        (sealed, stretch): (Bucket, std::ops::Range<Bucket>),
        config: &Config,
    ) {
        self.show(sealed, config);
        self.ruled = None;
        if family.sign == Sign::Latency {
            self.slowness.accept(&self.buckets, stretch, config);
        } else if let Some(family) = self.families.get_mut(&family.code) {
            family.detector.accept(stretch.end * config.tick_ms / 60_000, present);
            family.ahead.reset();
        }
    }

    pub(super) fn enter_incident(&mut self, family: &FamilyKey, sealed: Bucket, config: &Config) {
        self.show(sealed, config);
        match family.sign.counted() {
            None => {}
            Some(Counted::Slow) => self.slowness.in_incident = true,
            Some(Counted::Failed) => {
                if let Some(family) = self.families.get_mut(&family.code) {
                    family.in_incident = true;
                }
            }
        }
    }

    pub(super) fn leave_incident(
        &mut self,
        family: &FamilyKey,
        (sealed, from): (Bucket, Bucket),
        config: &Config,
    ) {
        self.show(sealed, config);
        self.ruled = None;
        match family.sign.counted() {
            None => {}
            Some(Counted::Slow) => self.slowness.leave(from),
            Some(Counted::Failed) => {
                if let Some(family) = self.families.get_mut(&family.code) {
                    family.in_incident = false;
                    family.from = from;
                    family.detector.restart();
                    family.ahead.reset();
                }
            }
        }
    }

    /// Puts ticks before `to` together to minutes.
    pub(super) fn fold(&mut self, to: Bucket, config: &Config) {
        let (minute, mut from) = (config.ticks(60_000), self.folded);
        self.folded = to.max(from);
        while from < to {
            let Some((bucket, _)) = self.buckets.range(from..to).next() else { return };
            from = bucket + 1;
            if bucket % minute != 0
                && let Some(digest) = self.buckets.remove(bucket)
            {
                let whole = self.buckets.entry(bucket - bucket % minute, Arc::default);
                Arc::make_mut(whole).merge(&digest);
            }
        }
    }

    /// Drops what is too old, and families that are calm and long silent.
    fn forget(&mut self, tick: Bucket, sealed: Bucket, config: &Config) {
        let keep = tick.saturating_sub(config.ticks(KEEP_MS));
        self.buckets.forget_before(keep);
        let keep_ns = Nanos(keep * config.tick_ns());
        if self.failed_since >= keep_ns {
            return;
        }
        if self.families.values().any(|family| family.last < keep_ns) {
            self.show(sealed, config);
            self.families.retain(|_, family| {
                family.in_incident || family.last >= keep_ns || !family.detector.is_calm()
            });
        }
        self.failed_since = self.families.values().map(|family| family.last).min().unwrap_or(keep_ns);
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.buckets.is_empty()
            && !self.slowness.in_incident
            && self.families.values().all(|family| !family.in_incident)
    }

    /// Failure families first, then latency.
    pub(super) fn alarms(&mut self, key: &OperationKey, threshold: Bits, config: &Config) -> Vec<Alarm> {
        let newest = minute(self.newest, config);
        if self.ruled.is_some_and(|ruled| ruled.holds(&self.requests, newest, threshold)) {
            return Vec::new();
        }
        self.changes.close();
        self.newest = self.buckets.last().unwrap_or(0);
        let since = minute(self.shown, config);
        if !self.requests.is_known() {
            self.requests = counted(&self.buckets, since, config, |digest| digest.requests);
        }
        let ahead = Stretch {
            test: self.test(),
            first: self.first,
            buckets: &self.buckets,
            since,
            last: minute(self.newest, config).max(since),
            requests: self.requests.since(since),
            sealed: self.shown,
            threshold,
        };
        let slowness = &mut self.slowness;
        self.ruled = ahead.rule(&mut self.families, slowness, config);
        if self.ruled.is_some() {
            return Vec::new();
        }
        slowness.ahead.follow(self.changes);
        let failures = self.families.iter_mut().filter_map(|(code, family)| {
            let excess = family.excess(code, &ahead, self.changes, config)?;
            (excess.bits >= threshold).then(|| Alarm {
                family: FamilyKey::failure(key.clone(), code.clone()),
                onset: excess.onset,
                norm: Norm::Failure(excess.baseline),
            })
        });
        let slow = slowness.excess(&self.buckets, threshold, config).and_then(|(excess, limit)| {
            (excess.bits >= threshold).then(|| Alarm {
                family: FamilyKey::of(key.clone(), Sign::Latency),
                onset: excess.onset,
                norm: Norm::Latency(excess.baseline, limit),
            })
        });
        failures.chain(slow).collect()
    }
}

impl Stretch<'_> {
    /// What none of the tests can exceed, also if more comes, where that is below the threshold.
    fn rule(
        &self,
        families: &mut Sorted<Str, Family>,
        slowness: &mut Slowness,
        config: &Config,
    ) -> Option<Ruled> {
        let mut ruled = Ruled::ahead_of((self.since, self.last), self.requests?);
        let stretch = Stretch { last: ruled.last, requests: Some(ruled.requests), ..*self };
        let below = |most: &Bits| *most < self.threshold;
        ruled.most = slowness.at_most(self.buckets, self.since, config).filter(below)?;
        for (code, family) in families.iter_mut() {
            ruled.most = ruled.most.max(family.at_most(code, &stretch, config).filter(below)?);
        }
        // They begin anew when they look again.
        families.values_mut().for_each(|family| family.ahead.reset());
        Some(ruled)
    }
}

impl Family {
    /// The evidence against its baseline, as if nothing came late any more; may be left out below the threshold.
    fn excess(
        &mut self,
        code: &Str,
        ahead: &Stretch<'_>,
        changes: Changes,
        config: &Config,
    ) -> Option<Excess> {
        let Stretch { test, first, buckets, sealed, .. } = *ahead;
        let most = self.at_most(code, ahead, config);
        if most.is_some_and(|most| most < ahead.threshold) {
            return None;
        }
        self.ahead.follow(changes);
        let counts = |digest: &Digest| digest.counts(code);
        let start = sealed.max(self.from);
        let look = Look { test, buckets, start, first: Some(first), counts, config };
        self.ahead.excess(&self.detector, &look)
    }

    /// What its test cannot exceed. Under `__other__` stands what was counted for others before.
    fn at_most(&mut self, code: &Str, ahead: &Stretch<'_>, config: &Config) -> Option<Bits> {
        // Most families are calm and have not failed for a while: nothing to look at.
        let failed_lately = self.last.0 / config.tick_ns() >= ahead.sealed;
        if self.in_incident || (self.detector.is_calm() && !failed_lately) {
            return Some(Bits::ZERO);
        }
        if &**code == OTHER {
            return None;
        }
        let since = ahead.since;
        if !self.lately.is_known() {
            self.lately = counted(ahead.buckets, since, config, |digest| digest.counts(code).failures);
        }
        let failures = self.lately.since(since)?;
        let counts = Counts { requests: ahead.requests?, failures };
        self.detector.at_most(ahead.test, counts, since..=ahead.last)
    }

    fn note(&mut self, failures: u64, first: Option<Nanos>, last: Option<Nanos>) {
        if let (Some(first), Some(last)) = (first, last) {
            self.first = if self.failures == 0 { first } else { self.first.min(first) };
            self.last = self.last.max(last);
        }
        self.failures += failures;
    }
}
