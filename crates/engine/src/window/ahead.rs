//! A sequential test beyond what is sealed, as it would be if nothing came late any more. Remembers how far it got, so
//! that a tick costs what changed in it. Follows from the sealed test and the buckets alone: it is no part of the state,
//! and to forget it changes nothing but the cost.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::detect::{Counts, Detector, Excess, Test};
use crate::summary::{Bucket, Digest};

#[derive(Debug, Clone, Default)]
pub(super) struct Ahead {
    /// The test as it stands before a bucket, none before which changed since.
    reached: Option<(Bucket, Detector)>,
    /// In the buckets before it, as far as they are not sealed, nothing fails.
    clean_until: Bucket,
    /// The earliest bucket that changed since the last look.
    changed: Option<Bucket>,
    /// What the last look found; nothing changed since.
    found: Option<Option<Excess>>,
}

/// What a test looks at.
pub(super) struct Look<'a, F> {
    pub(super) test: Test,
    pub(super) buckets: &'a BTreeMap<Bucket, Digest>,
    /// The first bucket that the sealed test did not see.
    pub(super) start: Bucket,
    /// Since when the operation is known; `None` where its age does not matter.
    pub(super) first: Option<Bucket>,
    pub(super) counts: F,
    pub(super) config: &'a Config,
}

impl Ahead {
    /// Buckets from this one on may have changed.
    pub(super) fn changed(&mut self, from: Bucket) {
        self.found = None;
        self.changed = Some(self.changed.map_or(from, |earliest| earliest.min(from)));
        self.clean_until = self.clean_until.min(from);
        if self.reached.as_ref().is_some_and(|(until, _)| *until > from) {
            self.reached = None;
        }
    }

    /// The sealed test is another one now.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The evidence against the baseline; `None` where nothing speaks against it.
    pub(super) fn excess(
        &mut self,
        sealed: &Detector,
        look: &Look<'_, impl Fn(&Digest) -> Counts>,
    ) -> Option<Excess> {
        if let Some(found) = self.found {
            return found;
        }
        let changed = self.changed.take();
        self.reached.take_if(|(until, _)| *until <= look.start);
        let is_clean = self.reached.is_none() && sealed.is_calm() && self.is_clean(look);
        let found = (!is_clean).then(|| self.observed(sealed, changed, look).excess());
        self.found = Some(found);
        found
    }

    fn is_clean(&mut self, look: &Look<'_, impl Fn(&Digest) -> Counts>) -> bool {
        let from = look.start.max(self.clean_until);
        let failing = look.buckets.range(from..).find(|(_, digest)| (look.counts)(digest).failures > 0);
        let last = || look.buckets.last_key_value().map_or(from, |(bucket, _)| bucket + 1);
        self.clean_until = failing.map_or_else(last, |(bucket, _)| *bucket);
        failing.is_none()
    }

    /// Senders deliver in batches, so what changes next is likely no older than what changed last: the test is kept as
    /// it stands before that.
    fn observed(
        &mut self,
        sealed: &Detector,
        changed: Option<Bucket>,
        look: &Look<'_, impl Fn(&Digest) -> Counts>,
    ) -> Detector {
        let (mut at, mut detector) = self.reached.take().unwrap_or_else(|| (look.start, sealed.clone()));
        if let Some(changed) = changed.filter(|changed| *changed > at) {
            look.observe(&mut detector, at..changed);
            at = changed;
        }
        self.reached = (at > look.start).then(|| (at, detector.clone()));
        look.observe(&mut detector, at..Bucket::MAX);
        detector
    }
}

impl<F: Fn(&Digest) -> Counts> Look<'_, F> {
    fn observe(&self, detector: &mut Detector, range: std::ops::Range<Bucket>) {
        for (bucket, digest) in self.buckets.range(range) {
            let age_ms =
                self.first.map_or(u64::MAX, |first| bucket.saturating_sub(first) * self.config.tick_ms);
            detector.observe(self.test, *bucket, (self.counts)(digest), age_ms, self.config);
        }
    }
}

#[cfg(test)]
mod tests;
