//! The `K` values with the smallest stable hash. Two sets over the same population pick the same values, so the
//! failing traces that one service keeps are those that the next one keeps; and the number of distinct values
//! follows from how dense the kept hashes lie (exact while nothing was cut).

use serde::{Deserialize, Serialize};

use super::{Merge, Sorted};
use crate::hash::StableHash;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Smallest<T, const K: usize, const INLINE: usize = 0> {
    by_hash: Sorted<u64, T, INLINE>,
    cut: bool,
}

impl<T, const K: usize, const INLINE: usize> Default for Smallest<T, K, INLINE> {
    fn default() -> Self {
        Self { by_hash: Sorted::default(), cut: false }
    }
}

impl<T: Clone + StableHash, const K: usize, const INLINE: usize> Smallest<T, K, INLINE> {
    pub(crate) fn add(&mut self, value: &T) {
        self.add_hashed(value.stable_hash(), value);
    }

    /// Where the value's stable hash is known already.
    pub(crate) fn add_hashed(&mut self, hash: u64, value: &T) {
        let full = self.by_hash.len() >= K;
        if full && self.by_hash.last().is_some_and(|(last, _)| hash > *last) {
            self.cut = true;
            return;
        }
        self.by_hash.entry(&hash, || value.clone());
        self.cut_to_bound();
    }

    fn cut_to_bound(&mut self) {
        self.cut |= self.by_hash.len() > K;
        self.by_hash.truncate(K);
    }

    /// In order of hash.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_hash.values()
    }

    /// How many distinct values were added, and whether that is exact.
    pub(crate) fn distinct(&self) -> (u64, bool) {
        let kept = self.by_hash.len() as u64;
        match self.by_hash.last() {
            Some((last, _)) if self.cut => {
                let estimate = (u128::from(kept.saturating_sub(1)) << 64) / u128::from((*last).max(1));
                (u64::try_from(estimate).unwrap_or(u64::MAX), false)
            }
            _ => (kept, true),
        }
    }
}

impl<T: Clone + StableHash, const K: usize, const INLINE: usize> Merge for Smallest<T, K, INLINE> {
    fn merge(&mut self, other: &Self) {
        self.by_hash.union(&other.by_hash);
        self.cut |= other.cut;
        self.cut_to_bound();
    }
}

/// Users, by salted hash; exact to 10 000.
pub(crate) type Users = Smallest<UserHash, 10_000>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UserHash(pub(crate) u64);

impl StableHash for UserHash {
    fn stable_hash(&self) -> u64 {
        crate::hash::mix(self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Few = Smallest<UserHash, 8>;

    fn of(values: &[u64]) -> Few {
        values.iter().fold(Few::default(), |mut set, v| {
            set.add(&UserHash(*v));
            set
        })
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(mut values in prop::collection::vec(0u64..30, 0..60), cut in 0usize..60) {
            let whole = of(&values);
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut halves = of(right);
            halves.merge(&of(left));
            prop_assert_eq!(&halves, &whole);
            values.reverse();
            prop_assert_eq!(of(&values), whole);
        }
    }

    #[test]
    fn exact_below_the_bound_and_close_above() {
        let mut users = Users::default();
        (0..10_000).for_each(|user| users.add(&UserHash(user)));
        (0..10_000).for_each(|user| users.add(&UserHash(user)));
        assert_eq!(users.distinct(), (10_000, true));
        (0..200_000).for_each(|user| users.add(&UserHash(user)));
        let (estimate, exact) = users.distinct();
        assert!(!exact && (190_000..210_000).contains(&estimate), "{estimate}");
    }
}
