//! A count of what came, by minute, as far back as a test can still change: told at once where going through the buckets
//! would take its time. Derived from them: it is no part of the state.

use super::series::Buckets;
use crate::config::Config;
use crate::summary::{Bucket, Digest};

const MINUTES: usize = 8;

/// Unknown until it is counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Lately(Option<Counted>);

#[derive(Debug, Clone, Default)]
struct Counted {
    /// Each minute in the place of its remainder.
    minutes: [(u64, u64); MINUTES],
    /// Nothing is known of this minute and of those before it.
    forgotten: Option<u64>,
}

impl Lately {
    /// Counts everything anew, from a minute on.
    pub(super) fn of(since: u64, counts: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut lately = Self(Some(Counted { forgotten: since.checked_sub(1), ..Counted::default() }));
        counts.for_each(|(minute, count)| lately.add(minute, count));
        lately
    }

    pub(super) fn is_known(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn add(&mut self, minute: u64, count: u64) {
        let Some(Counted { minutes, forgotten }) = &mut self.0 else { return };
        let place = &mut minutes[(minute % MINUTES as u64) as usize];
        if minute > place.0 {
            let gone = std::mem::replace(place, (minute, 0)).0;
            *forgotten = (*forgotten).max(Some(gone));
        }
        if place.0 == minute {
            place.1 = place.1.saturating_add(count);
        } else {
            *forgotten = (*forgotten).max(Some(minute));
        }
    }

    /// What came in a minute and in those after it; `None` where that is not known.
    pub(super) fn since(&self, minute: u64) -> Option<u64> {
        let Counted { minutes, forgotten } = self.0.as_ref()?;
        let is_known = forgotten.is_none_or(|forgotten| forgotten < minute);
        let counts = minutes.iter().filter(|(known, _)| *known >= minute).map(|(_, count)| count);
        is_known.then(|| counts.sum())
    }
}

pub(super) fn minute(bucket: Bucket, config: &Config) -> u64 {
    bucket * config.tick_ms / 60_000
}

/// What buckets hold, from a minute on.
pub(super) fn counted(
    buckets: &Buckets,
    since: u64,
    config: &Config,
    count: impl Fn(&Digest) -> u64,
) -> Lately {
    let buckets = buckets.range((since * 60_000).div_ceil(config.tick_ms)..);
    Lately::of(since, buckets.map(|(bucket, digest)| (minute(bucket, config), count(digest))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_says_what_came_or_that_it_does_not_know(
            counts in prop::collection::vec((1_000u64..1_014, 0u64..5), 0..40),
            since in 1_000u64..1_014,
        ) {
            let lately = Lately::of(1_000, counts.iter().copied());
            let exact: u64 = counts.iter().filter(|(minute, _)| *minute >= since).map(|(_, count)| count).sum();
            prop_assert!(lately.since(since).is_none_or(|told| told == exact));
            let newest = counts.iter().map(|(minute, _)| *minute).max().unwrap_or(since);
            prop_assert!(since + MINUTES as u64 <= newest || lately.since(since).is_some());
            prop_assert_eq!(Lately::default().since(since), None);
        }
    }
}
