//! The latency symptom of one operation. What is slow is derived from its own past: above nearly all of it and well
//! above its middle. From then on the share of slow requests is tested like a share of failures.

use model::SECOND_NS;
use serde::{Deserialize, Serialize};

use super::ahead::{Ahead, Look};
use super::lately::{Lately, counted, minute};
use super::series::Buckets;
use crate::config::Config;
use crate::detect::{Baseline, Counts, Detector, Excess, SLOWNESS};
use crate::fixed::Bits;
use crate::season::Season;
use crate::sketch::Latency;
use crate::summary::{Bucket, Digest};

/// Fewer requests than this have no distribution.
const REQUESTS_MIN: u64 = 100;
/// An operation younger than this has no past, unless somebody says that it has.
const WARM_UP_MS: u64 = 60_000;
/// While nothing speaks against it, the limit follows the last hour at this pace, a young one faster.
const DERIVE_EVERY_NS: u64 = 600 * SECOND_NS;
/// Operations are due at as many different times.
const TURNS: u64 = 256;
/// Less than this above the middle is nothing that anybody waits for.
const ADDED_NS_MIN: u64 = 2_000_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Slowness {
    pub(super) limit: Option<Limit>,
    derived: Bucket,
    detector: Detector,
    #[serde(skip)]
    pub(super) ahead: Ahead,
    /// Digests with slow requests, each at the limit of now.
    #[serde(skip)]
    lately: Lately,
    pub(super) in_incident: bool,
    /// What the test has seen.
    shown: Bucket,
    /// Buckets before it were judged with an incident that is over.
    pub(super) from: Bucket,
    /// The limits of the same hours on other days.
    season: Season<u64>,
}

/// What is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Limit {
    /// A request that takes as long as this, or longer.
    pub(crate) above_ns: u64,
    /// The median that it was derived from.
    pub(crate) p50_ns: u64,
}

/// Whether a limit that was derived `ago` from a past of `past` is to be derived anew.
pub(crate) fn derive_again(ago: u64, past: u64) -> bool {
    ago >= past.min(DERIVE_EVERY_NS)
}

/// A short past has shown few of its slow moments.
pub(crate) fn margin_percent(past_ns: u64) -> u64 {
    match past_ns / SECOND_NS {
        ..120 => 300,
        120..300 => 200,
        300..600 => 150,
        600.. => 100,
    }
}

impl Digest {
    /// Requests, and those that took at least `above_ns`.
    pub(crate) fn slow(&self, above_ns: u64) -> Counts {
        Counts { requests: self.requests, failures: self.latency.count_from(above_ns) }
    }
}

fn slow_digests(digest: &Digest, limit: Limit) -> u64 {
    u64::from(digest.slow(limit.above_ns).failures > 0)
}

impl Slowness {
    /// Buckets up to `sealed` will not change any more.
    pub(super) fn show(&mut self, buckets: &Buckets, sealed: Bucket, config: &Config) {
        let from = self.shown.max(self.from);
        self.shown = sealed.max(self.shown);
        let Some(limit) = self.limit.filter(|_| from < sealed && !self.in_incident) else { return };
        let slow = buckets.range(from..sealed);
        let slow = slow.map(|(bucket, digest)| (bucket, digest.slow(limit.above_ns), u64::MAX));
        self.detector.observe_all(SLOWNESS, slow, config);
    }

    /// Whether the limit is to be set, or set anew, by what is sealed. `turn` is the operation's own: those that came
    /// together must not all be due together.
    pub(super) fn is_due(&self, first: Bucket, turn: u64, sealed: Bucket, config: &Config) -> bool {
        let past = self.derived.saturating_sub(first) * config.tick_ns();
        let (since, period) = match self.limit {
            None => (first.max(self.from), WARM_UP_MS * 1_000_000),
            Some(_) => (self.derived, past.min(DERIVE_EVERY_NS)),
        };
        // Up to a quarter later, which is nothing to what is normal.
        let later = period / 4 * (turn % TURNS) / TURNS;
        !self.in_incident && sealed.saturating_sub(since) * config.tick_ns() >= period + later
    }

    /// Sets the limit where it is due, unless something speaks against what is normal. Returns whether something else is
    /// slow from here on.
    pub(super) fn derive_due(&mut self, buckets: &Buckets, sealed: Bucket, config: &Config) -> bool {
        // Where there were too few requests, and none came since then, there still are.
        if self.limit.is_none() && buckets.range(self.derived..sealed).next().is_none() {
            self.derived = self.derived.max(sealed);
            return false;
        }
        self.show(buckets, sealed, config);
        let before = self.limit;
        if self.detector.is_calm() {
            self.derive(buckets, sealed, config);
        }
        self.limit != before
    }

    /// Sets the limit by what was before `until`.
    pub(super) fn derive(&mut self, buckets: &Buckets, until: Bucket, config: &Config) {
        self.derived = until;
        // Most operations that have no limit have few requests: that is found out first.
        let requests = || buckets.range(..until).map(|(_, digest)| digest.requests).sum::<u64>();
        if self.limit.is_none() && requests() < REQUESTS_MIN {
            return;
        }
        let all = Latency::sum(buckets.range(..until).map(|(_, digest)| &digest.latency));
        if all.count() < REQUESTS_MIN {
            return;
        }
        let first = buckets.first().unwrap_or(until);
        let margin = margin_percent(until.saturating_sub(first) * config.tick_ns());
        let Some(limit) = self.limit_of(&all, until * config.tick_ms / 60_000, margin) else { return };
        self.limit = Some(limit);
        (self.ahead, self.lately) = (Ahead::default(), Lately::default());
        let above_ns = limit.above_ns;
        let mut baseline = Baseline::default();
        for (bucket, digest) in buckets.range(..until) {
            baseline.add(bucket * config.tick_ms / 60_000, digest.slow(above_ns));
        }
        self.detector = Detector::with_past(baseline);
    }

    /// What is slow where requests take what these do; the same hour of other days may have been slower.
    fn limit_of(&mut self, all: &Latency, minute: u64, margin: u64) -> Option<Limit> {
        let (p50_ns, p95_ns) = (all.quantile_ns(500)?, all.quantile_ns(950)?);
        let own = (p95_ns.saturating_mul(margin) / 100).max(p50_ns + p50_ns / 2).max(p50_ns + ADDED_NS_MIN);
        self.season.add(minute, own, u64::max);
        let above_ns = Latency::edge_ns(self.season.usual(minute).fold(own, u64::max) + 1);
        Some(Limit { above_ns, p50_ns })
    }

    /// What requests take in `stretch` is normal, whatever they took before.
    pub(super) fn accept(&mut self, buckets: &Buckets, stretch: std::ops::Range<Bucket>, config: &Config) {
        let (until, minute) = (stretch.end, stretch.end * config.tick_ms / 60_000);
        let all = Latency::sum(buckets.range(stretch.clone()).map(|(_, digest)| &digest.latency));
        let mut counts = Counts::default();
        let Some(limit) = self.limit_of(&all, minute, 100) else { return };
        buckets.range(stretch).for_each(|(_, digest)| counts.add(digest.slow(limit.above_ns)));
        (self.limit, self.derived) = (Some(limit), until);
        self.detector.accept(minute, counts);
        (self.ahead, self.lately) = (Ahead::default(), Lately::default());
    }

    /// A digest that comes. Returns whether something in it is slow.
    pub(super) fn note(&mut self, bucket: Bucket, digest: &Digest, config: &Config) -> bool {
        let slow = self.limit.map_or(0, |limit| slow_digests(digest, limit));
        if slow > 0 {
            self.lately.add(minute(bucket, config), slow);
        }
        slow > 0
    }

    /// What its test cannot exceed while no more is slow.
    pub(super) fn at_most(&mut self, buckets: &Buckets, since: u64, config: &Config) -> Option<Bits> {
        let Some(limit) = self.limit.filter(|_| !self.in_incident) else { return Some(Bits::ZERO) };
        if !self.lately.is_known() {
            self.lately = counted(buckets, since, config, |digest| slow_digests(digest, limit));
        }
        self.lately.since(since).map(|slow| self.detector.at_most_slow(slow))
    }

    /// The evidence against its baseline, as if nothing came late any more; may be left out below the threshold.
    pub(super) fn excess(
        &mut self,
        buckets: &Buckets,
        threshold: Bits,
        config: &Config,
    ) -> Option<(Excess, Limit)> {
        let limit = self.limit.filter(|_| !self.in_incident)?;
        let most = self.at_most(buckets, minute(self.shown, config), config);
        if most.is_some_and(|most| most < threshold) {
            return None;
        }
        let counts = |digest: &Digest| digest.slow(limit.above_ns);
        let start = self.shown.max(self.from);
        let look = Look { test: SLOWNESS, buckets, start, first: None, counts, config };
        Some((self.ahead.excess(&self.detector, &look)?, limit))
    }

    /// Its incident is over as of `from`.
    pub(super) fn leave(&mut self, from: Bucket) {
        self.in_incident = false;
        self.from = from;
        self.detector.restart();
        self.ahead.reset();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn operations_that_came_together_are_not_due_together() {
        let (config, first) = (Config::default(), 600_000);
        let young = Slowness::default();
        let old = Slowness { limit: Some(Limit::default()), derived: first + 2_000, ..Slowness::default() };
        for (slowness, since, period) in [(young, first, 60), (old, first + 2_000, 600)] {
            let due = |turn: u64| (since..).find(|to| slowness.is_due(first, turn, *to, &config));
            let times: BTreeSet<Bucket> = (0..TURNS).filter_map(due).collect();
            let latest = since + period + period / 4;
            assert!(times.iter().all(|at| (since + period..=latest).contains(at)), "{times:?}");
            assert!(times.len() as u64 >= (period / 4).min(TURNS) - 1, "{times:?}");
        }
    }
}
