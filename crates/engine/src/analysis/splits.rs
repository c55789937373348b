//! Parts of the same traffic in the same minutes, side by side: versions, instances, and what was deployed.

use model::{Deployment, Nanos, Str};

use super::{CLOCK_SLACK_NS, Change, Cohort, Hop, Totals, View, total};
use crate::case::Case;
use crate::detect::{self, Counts};
use crate::fixed::Bits;
use crate::origin::{self, Origin};
use crate::self_time::Stretch;
use crate::summary::{Digest, Split};
use crate::window::{FamilyKey, OperationKey, Sign};

/// Odds at which one part of the traffic is said to fail more than the rest.
pub(super) const SPLIT_ODDS: u64 = 100;
/// Means of fewer requests are not compared, and differences below this mean nothing.
const SLOWER_REQUESTS_MIN: u64 = 10;
const SLOWER_US_MIN: u64 = 2_000;

/// How many times more often, in thousandths, than elsewhere; a half is added to each count, so that few prove little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Lift(pub(crate) u64);

impl Lift {
    pub(crate) fn of(inside: Counts, outside: Counts) -> Self {
        let rate =
            |counts: Counts| (2 * u128::from(counts.failures) + 1, 2 * (u128::from(counts.requests) + 1));
        let ((a, n), (b, m)) = (rate(inside), rate(outside));
        Self(u64::try_from(1_000 * a * m / (n * b)).unwrap_or(u64::MAX))
    }

    fn of_means(inside: Split, outside: Split) -> Self {
        Self(inside.mean_us().saturating_mul(1_000) / outside.mean_us().max(1))
    }
}

/// The operation whose traffic is compared: what the origin service was asked to do.
fn origin_operation(origin: &Origin) -> Option<&OperationKey> {
    origin
        .hops
        .iter()
        .find(|hop| hop.service == origin.place.service && &*hop.operation != origin::UNOBSERVED)
}

/// What the origin did since the onset, by version and by instance; slow requests count as failures where they are what
/// it is about.
struct Parts {
    counts: Counts,
    versions: Vec<(Str, Split)>,
    instances: Vec<(Str, Split)>,
}

impl Parts {
    fn of_digest(digest: &Digest) -> Self {
        Self {
            counts: Counts { requests: digest.requests, failures: digest.failures() },
            versions: collected(digest.versions.iter()),
            instances: collected(digest.instances.iter()),
        }
    }

    fn of_stretch(stretch: &Stretch) -> Self {
        Self {
            counts: stretch.counts,
            versions: collected(stretch.versions.iter()),
            instances: collected(stretch.instances.iter()),
        }
    }

    /// All but `part`, which is one of `dimension`. Not every event names both version and instance.
    fn rest(&self, dimension: &[(Str, Split)], part: Split) -> Split {
        let total_us: u64 = dimension.iter().map(|(_, split)| split.total_us).sum();
        Split {
            requests: self.counts.requests.saturating_sub(part.requests),
            failures: self.counts.failures.saturating_sub(part.failures),
            total_us: total_us.saturating_sub(part.total_us),
        }
    }

    /// A version and all others.
    fn split(&self, version: &Str) -> Option<(Split, Split)> {
        let (_, new) = self.versions.iter().find(|(value, _)| value == version)?;
        Some((*new, self.rest(&self.versions, *new)))
    }
}

fn collected<'a>(parts: impl Iterator<Item = (&'a Str, &'a Split)>) -> Vec<(Str, Split)> {
    parts.map(|(value, split)| (value.clone(), *split)).collect()
}

pub(super) fn cohorts(origin: &Origin, totals: &Totals<'_>, view: View<'_>) -> Vec<Cohort> {
    let itself = view.window.self_times.since(&origin.place.step).filter(|_| origin.sign == Sign::SelfTime);
    let parts = match (itself, origin_operation(origin)) {
        (Some(stretch), _) => Parts::of_stretch(stretch),
        (None, Some(key)) => Parts::of_digest(&total(totals, key)),
        (None, None) => return Vec::new(),
    };
    let dimensions = [("version", &parts.versions), ("instance", &parts.instances)];
    let values =
        dimensions.into_iter().flat_map(|(name, values)| values.iter().map(move |part| (name, values, part)));
    let mut found: Vec<Cohort> = values
        .map(|(dimension, values, (value, inside))| {
            let (inside, outside) = (*inside, parts.rest(values, *inside));
            let lift = match origin.sign {
                Sign::Latency => Lift::of_means(inside, outside),
                _ => Lift::of(counts(inside), counts(outside)),
            };
            Cohort { dimension, value: value.clone(), inside, outside, lift }
        })
        .filter(|cohort| match origin.sign {
            Sign::Latency => is_slower(cohort.inside, cohort.outside),
            _ => is_concentrated(cohort.inside, cohort.outside),
        })
        .collect();
    found.sort_by_key(|cohort| std::cmp::Reverse((cohort.inside.failures, cohort.inside.mean_us())));
    found.truncate(5);
    found
}

/// One part takes clearly longer than the rest of the same traffic in the same time.
pub(crate) fn is_slower(inside: Split, outside: Split) -> bool {
    let enough = inside.requests >= SLOWER_REQUESTS_MIN && outside.requests >= SLOWER_REQUESTS_MIN;
    let (mine, theirs) = (inside.mean_us(), outside.mean_us());
    enough && mine >= theirs + theirs / 2 && mine >= theirs + SLOWER_US_MIN
}

/// One part fails more than the rest of the same traffic in the same time.
pub(crate) fn is_concentrated(inside: Split, outside: Split) -> bool {
    outside.requests > 0 && detect::odds_beside(counts(inside), counts(outside)) >= Bits::log2(SPLIT_ODDS)
}

/// What two versions of a service, side by side, say of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versions {
    /// The new one does worse.
    Differ,
    /// The old one does as badly, and worse than before.
    Alike,
    /// Too few requests went to one of them.
    Untold,
}

/// What tells two versions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SplitBy {
    Failed,
    /// Requests that took long by themselves.
    Slow,
    /// The mean of all durations.
    Duration,
}

impl SplitBy {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Slow => "slow",
            Self::Duration => "duration",
        }
    }
}

impl Change<'_> {
    /// What stands for or against the new version: durations where they alone differ, or are all that is known.
    pub(crate) fn split_by(&self) -> SplitBy {
        let Some((new, old)) = self.split else { return SplitBy::Failed };
        match is_concentrated(new, old) {
            _ if self.slow => SplitBy::Slow,
            false if self.slow_alike || is_slower(new, old) => SplitBy::Duration,
            _ => SplitBy::Failed,
        }
    }

    pub(crate) fn versions(&self) -> Versions {
        let Some((new, old)) = self.split.filter(|(new, old)| new.requests > 0 && old.requests > 0) else {
            return Versions::Untold;
        };
        if is_concentrated(new, old) || is_slower(new, old) {
            return Versions::Differ;
        }
        let old_fails = detect::still_exceeds(counts(old), self.norm);
        let slow =
            self.slow_alike && old.requests >= SLOWER_REQUESTS_MIN && new.requests >= SLOWER_REQUESTS_MIN;
        if old_fails || slow { Versions::Alike } else { Versions::Untold }
    }
}

fn counts(split: Split) -> Counts {
    Counts { requests: split.requests, failures: split.failures }
}

pub(super) fn changes<'a>(
    case: &Case,
    origin: &Origin,
    hops: &[Hop],
    started_at: Nanos,
    totals: &Totals<'_>,
    view: View<'a>,
) -> Vec<Change<'a>> {
    let from = started_at.saturating_sub(view.config.change_window_ms * 1_000_000);
    let on_chain =
        |deployment: &&Deployment| hops.iter().any(|hop| hop.operation.service == deployment.service);
    let itself = view.window.self_times.since(&origin.place.step).filter(|_| origin.sign == Sign::SelfTime);
    let norm = case.members.get(&FamilyKey::of(origin.place.step.clone(), Sign::SelfTime));
    let change = |deployment: &'a Deployment| {
        let key = hops.iter().map(|hop| &hop.operation).find(|hop| hop.service == deployment.service);
        let on_origin = deployment.service == origin.place.service;
        let rate_before = key.map(|key| case.past(key).counts).unwrap_or_default();
        let itself = itself.filter(|_| on_origin);
        let parts = match (itself, key) {
            (Some(stretch), _) => Some(Parts::of_stretch(stretch)),
            // Some of its events are missing: all work that arrived at it tells its versions apart.
            (None, Some(key)) if &*key.operation == origin::UNOBSERVED => {
                Some(Parts::of_digest(&view.window.arrivals(&key.env, &key.service, case.onset)))
            }
            (None, key) => key.map(|key| Parts::of_digest(&total(totals, key))),
        };
        let split = parts.and_then(|parts| parts.split(&deployment.version));
        Change {
            before_onset: deployment.at <= started_at.saturating_add(CLOCK_SLACK_NS),
            gap_ns: started_at.since(deployment.at).max(deployment.at.since(started_at)),
            on_origin,
            split,
            slow: itself.is_some(),
            slow_alike: origin.sign == Sign::Latency,
            norm: itself.and(norm).map_or(rate_before, |member| member.norm.counts()),
            rate_before,
            deployment,
        }
    };
    view.facts.deployments(&case.env, from, view.now).filter(on_chain).map(change).collect()
}
