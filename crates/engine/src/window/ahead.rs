//! A sequential test beyond what is sealed, as it would be if nothing came late any more. Remembers how far it got, so
//! that a tick costs what changed in it. Follows from the sealed test and the buckets alone: it is no part of the state,
//! and to forget it changes nothing but the cost.

use super::series::Buckets;
use crate::config::Config;
use crate::detect::{Counts, Detector, Excess, Test};
use crate::summary::{Bucket, Digest};

#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The test as it stands before a bucket, none before which changed since.
    reached: Option<Box<(Bucket, Detector)>>,
    /// In the buckets before it, as far as they are not sealed, nothing fails.
    clean_until: Bucket,
    /// The earliest bucket that changed since the last look.
    changed: Option<Bucket>,
    /// What the last look found; nothing changed since.
    found: Option<Option<Excess>>,
    /// Up to which change it was told of all.
    told: u64,
}

/// A copy of the state begins anew: it is made to be written down, and quickly.
impl Clone for Ahead {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What changed in the buckets that tests look at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    /// How often a look found that something had changed.
    count: u64,
    /// From which bucket on, the last time.
    last: Bucket,
    /// From which bucket on since then.
    open: Option<Bucket>,
}

impl Changes {
    /// Buckets from this one on may have changed.
    pub(super) fn note(&mut self, from: Bucket) {
        self.open = Some(self.open.map_or(from, |earliest| earliest.min(from)));
    }

    /// Before tests look.
    pub(super) fn close(&mut self) {
        if let Some(from) = self.open.take() {
            (self.count, self.last) = (self.count + 1, from);
        }
    }
}

/// What a test looks at.
pub(super) struct Look<'a, F> {
    pub(super) test: Test,
    pub(super) buckets: &'a Buckets,
    /// The first bucket that the sealed test did not see.
    pub(super) start: Bucket,
    /// Since when the operation is known; `None` where its age does not matter.
    pub(super) first: Option<Bucket>,
    pub(super) counts: F,
    pub(super) config: &'a Config,
}

impl Ahead {
    /// To be called before each look. Who did not look for a while begins anew.
    pub(super) fn follow(&mut self, changes: Changes) {
        match changes.count - self.told.min(changes.count) {
            0 => {}
            1 => self.changed(changes.last),
            _ => self.reset(),
        }
        self.told = changes.count;
    }

    fn changed(&mut self, from: Bucket) {
        self.found = None;
        self.changed = Some(self.changed.map_or(from, |earliest| earliest.min(from)));
        self.clean_until = self.clean_until.min(from);
        if self.reached.as_ref().is_some_and(|reached| reached.0 > from) {
            self.reached = None;
        }
    }

    /// The sealed test is another one now.
    pub(super) fn reset(&mut self) {
        *self = Self { told: self.told, ..Self::default() };
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
        self.reached.take_if(|reached| reached.0 <= look.start);
        let is_clean = self.reached.is_none() && sealed.is_calm() && self.is_clean(look);
        let found = (!is_clean).then(|| self.observed(sealed, changed, look).excess());
        self.found = Some(found);
        found
    }

    fn is_clean(&mut self, look: &Look<'_, impl Fn(&Digest) -> Counts>) -> bool {
        let from = look.start.max(self.clean_until);
        let failing = look.buckets.range(from..).find(|(_, digest)| (look.counts)(digest).failures > 0);
        let last = || look.buckets.last().map_or(from, |bucket| bucket + 1);
        self.clean_until = failing.map_or_else(last, |(bucket, _)| bucket);
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
        let reached = self.reached.take().map(|reached| *reached);
        let (mut at, mut detector) = reached.unwrap_or_else(|| (look.start, sealed.clone()));
        if let Some(changed) = changed.filter(|changed| *changed > at) {
            look.observe(&mut detector, at..changed);
            at = changed;
        }
        self.reached = (at > look.start).then(|| Box::new((at, detector.clone())));
        look.observe(&mut detector, at..Bucket::MAX);
        detector
    }
}

impl<F: Fn(&Digest) -> Counts> Look<'_, F> {
    fn observe(&self, detector: &mut Detector, range: std::ops::Range<Bucket>) {
        for (bucket, digest) in self.buckets.range(range) {
            let age_ms =
                self.first.map_or(u64::MAX, |first| bucket.saturating_sub(first) * self.config.tick_ms);
            detector.observe(self.test, bucket, (self.counts)(digest), age_ms, self.config);
        }
    }
}

#[cfg(test)]
mod tests;
