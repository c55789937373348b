//! One operation over the last hour: its digests, in ticks while they can still change, in minutes after that, and the
//! tests that run on them. Knows nothing of other operations.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::{Nanos, Str};
use serde::{Deserialize, Serialize};

use super::ahead::{Ahead, Look};
use super::lately::{Lately, counted, minute};
use super::slowness::Slowness;
use super::{Alarm, Counted, FamilyKey, Norm, OperationKey, Sign};
use crate::config::Config;
use crate::detect::{Baseline, Counts, Detector, Excess, FAILURES, LOG_ERRORS, Test};
use crate::fixed::Bits;
use crate::hash::StableHash;
use crate::sketch::{Merge, OTHER};
use crate::summary::{Bucket, CODES_PER_OPERATION_MAX, Digest, LOGS, OperationDigest};

const KEEP_MS: u64 = 3_600_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Series {
    first: Bucket,
    pub(super) buckets: BTreeMap<Bucket, Digest>,
    pub(super) families: BTreeMap<Str, Family>,
    pub(super) slowness: Slowness,
    /// Everything before it was said to be normal.
    accepted: Bucket,
    /// It stands for log records.
    logs: bool,
    /// Work arrives at it: whoever waits, waits for that.
    inbound: bool,
    /// The earliest bucket that changed since the tests last looked.
    #[serde(skip)]
    changed: Option<Bucket>,
    #[serde(skip)]
    requests: Lately,
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

/// What all families of an operation look at beyond what is sealed.
struct Stretch<'a> {
    test: Test,
    first: Bucket,
    buckets: &'a BTreeMap<Bucket, Digest>,
    /// From the one in which the first bucket lies that is not sealed, with the requests since it began.
    minutes: std::ops::RangeInclusive<u64>,
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
        Self { first, logs: &*key.operation == LOGS, inbound: key.kind.is_inbound(), ..Self::default() }
    }

    fn test(&self) -> Test {
        if self.logs { LOG_ERRORS } else { FAILURES }
    }

    /// How many tests run on it.
    pub(super) fn tests(&self) -> usize {
        self.families.len() + usize::from(self.slowness.limit.is_some())
    }

    pub(super) fn absorb(&mut self, bucket: Bucket, mut digest: Digest, sealed: Bucket, config: &Config) {
        // Where the operation is older than was known, so is every bucket of it.
        let changed = if bucket < self.first { 0 } else { bucket };
        self.changed = Some(self.changed.map_or(changed, |earliest| earliest.min(changed)));
        self.first = self.first.min(bucket);
        self.requests.add(minute(bucket, config), digest.requests);
        if self.inbound {
            self.slowness.note(bucket, &digest, config);
        }
        if !digest.codes.is_empty() {
            self.absorb_codes(bucket, &mut digest, sealed, config);
        }
        match self.buckets.entry(bucket) {
            Entry::Occupied(mut known) => known.get_mut().merge(&digest),
            Entry::Vacant(place) => {
                place.insert(digest);
            }
        }
    }

    /// Codes without a family of their own are the family `__other__`, in every bucket alike.
    fn absorb_codes(&mut self, bucket: Bucket, digest: &mut Digest, sealed: Bucket, config: &Config) {
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
                let detector = Detector::with_past(self.past(sealed.max(self.accepted), config));
                self.families
                    .insert(code.clone(), Family { detector, from: self.accepted, ..Family::default() });
            }
            if let Some(family) = self.families.get_mut(code) {
                family.note(failures.count, failures.first, failures.last);
                family.lately.add(minute(bucket, config), failures.count);
            }
        }
        digest.codes.keep_only(|code| self.families.contains_key(code));
    }

    /// What the operation did before a code first failed, as that code's baseline.
    fn past(&self, until: Bucket, config: &Config) -> Baseline {
        let mut baseline = Baseline::default();
        for (bucket, digest) in self.buckets.range(..until) {
            baseline.add(bucket * config.tick_ms / 60_000, Counts { requests: digest.requests, failures: 0 });
        }
        baseline
    }

    pub(super) fn seal(&mut self, from: Bucket, to: Bucket, config: &Config) {
        if from >= to {
            return;
        }
        let test = self.test();
        for (code, family) in self.families.iter_mut().filter(|(_, family)| !family.in_incident) {
            for (bucket, digest) in self.buckets.range(from.max(family.from).min(to)..to) {
                let age_ms = bucket.saturating_sub(self.first) * config.tick_ms;
                family.detector.observe(test, *bucket, digest.counts(code), age_ms, config);
            }
        }
        if self.inbound {
            self.slowness.seal(&self.buckets, self.first, from..to, config);
        }
    }

    /// Everything before `until` is normal. The operation counts as known from then on.
    pub(super) fn accept(&mut self, sealed: Bucket, until: Bucket, config: &Config) {
        self.first = 0;
        self.accepted = self.accepted.max(until);
        for (code, family) in &mut self.families {
            family.ahead.reset();
            for (bucket, digest) in self.buckets.range(sealed.max(family.from).min(until)..until) {
                family.detector.learn(*bucket, digest.counts(code), config);
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
        stretch: std::ops::Range<Bucket>,
        config: &Config,
    ) {
        if family.sign == Sign::Latency {
            self.slowness.accept(&self.buckets, stretch, config);
        } else if let Some(family) = self.families.get_mut(&family.code) {
            family.detector.accept(stretch.end * config.tick_ms / 60_000, present);
            family.ahead.reset();
        }
    }

    pub(super) fn enter_incident(&mut self, family: &FamilyKey) {
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

    pub(super) fn leave_incident(&mut self, family: &FamilyKey, from: Bucket) {
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

    /// Puts the ticks from `from` to `to` together to minutes.
    pub(super) fn fold(&mut self, from: Bucket, to: Bucket, config: &Config) {
        let minute = config.ticks(60_000);
        let mut from = from;
        while from < to {
            let Some((bucket, _)) = self.buckets.range(from..to).next() else { return };
            let bucket = *bucket;
            from = bucket + 1;
            if bucket % minute != 0
                && let Some(digest) = self.buckets.remove(&bucket)
            {
                self.buckets.entry(bucket - bucket % minute).or_default().merge(&digest);
            }
        }
    }

    /// Drops what is too old, and families that are calm and long silent.
    pub(super) fn forget(&mut self, tick: Bucket, config: &Config) {
        let keep = tick.saturating_sub(config.ticks(KEEP_MS));
        while self.buckets.first_key_value().is_some_and(|(bucket, _)| *bucket < keep) {
            self.buckets.pop_first();
        }
        let keep_ns = Nanos(keep * config.tick_ns());
        self.families
            .retain(|_, family| family.in_incident || family.last >= keep_ns || !family.detector.is_calm());
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.buckets.is_empty()
            && !self.slowness.in_incident
            && self.families.values().all(|family| !family.in_incident)
    }

    /// Failure families first, then latency.
    pub(super) fn alarms(
        &mut self,
        key: &OperationKey,
        sealed: Bucket,
        threshold: Bits,
        config: &Config,
    ) -> Vec<Alarm> {
        if let Some(changed) = self.changed.take() {
            self.families.values_mut().for_each(|family| family.ahead.changed(changed));
            self.slowness.ahead.changed(changed);
        }
        let since = minute(sealed, config);
        if !self.requests.is_known() {
            self.requests = counted(&self.buckets, since, config, |digest| digest.requests);
        }
        let last =
            self.buckets.last_key_value().map_or(since, |(bucket, _)| minute(*bucket, config).max(since));
        let ahead = Stretch {
            test: self.test(),
            first: self.first,
            buckets: &self.buckets,
            minutes: since..=last,
            requests: self.requests.since(since),
            sealed,
            threshold,
        };
        let failures = self.families.iter_mut().filter_map(|(code, family)| {
            let excess = family.excess(code, &ahead, config)?;
            (excess.bits >= threshold).then(|| Alarm {
                family: FamilyKey::failure(key.clone(), code.clone()),
                onset: excess.onset,
                norm: Norm::Failure(excess.baseline),
            })
        });
        let slow =
            self.slowness.excess(&self.buckets, sealed, threshold, config).and_then(|(excess, limit)| {
                (excess.bits >= threshold).then(|| Alarm {
                    family: FamilyKey::of(key.clone(), Sign::Latency),
                    onset: excess.onset,
                    norm: Norm::Latency(excess.baseline, limit),
                })
            });
        failures.chain(slow).collect()
    }
}

impl Family {
    /// The evidence against its baseline, as if nothing came late any more; may be left out below the threshold.
    fn excess(&mut self, code: &Str, ahead: &Stretch<'_>, config: &Config) -> Option<Excess> {
        let Stretch { test, first, buckets, sealed, .. } = *ahead;
        // Most families are calm and have not failed for a while: nothing to look at.
        let failed_lately = self.last.0 / config.tick_ns() >= sealed;
        if self.in_incident || (self.detector.is_calm() && !failed_lately) {
            return None;
        }
        let most = self.at_most(code, ahead, config);
        if most.is_some_and(|most| most < ahead.threshold) {
            return None;
        }
        let counts = |digest: &Digest| digest.counts(code);
        let start = sealed.max(self.from);
        let look = Look { test, buckets, start, first: Some(first), counts, config };
        self.ahead.excess(&self.detector, &look)
    }

    /// What its test cannot exceed. Under `__other__` stands what was counted for others before.
    fn at_most(&mut self, code: &Str, ahead: &Stretch<'_>, config: &Config) -> Option<Bits> {
        if &**code == OTHER {
            return None;
        }
        let since = *ahead.minutes.start();
        if !self.lately.is_known() {
            self.lately = counted(ahead.buckets, since, config, |digest| digest.counts(code).failures);
        }
        let failures = self.lately.since(since)?;
        let counts = Counts { requests: ahead.requests?, failures };
        self.detector.at_most(ahead.test, counts, ahead.minutes.clone())
    }

    fn note(&mut self, failures: u64, first: Option<Nanos>, last: Option<Nanos>) {
        if let (Some(first), Some(last)) = (first, last) {
            self.first = if self.failures == 0 { first } else { self.first.min(first) };
            self.last = self.last.max(last);
        }
        self.failures += failures;
    }
}
