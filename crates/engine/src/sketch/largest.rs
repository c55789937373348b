//! The `N` entries with the largest measure. Which they are depends on the set alone, so order cannot change them.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Merge;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Largest<T, const N: usize> {
    /// Largest first; of equals the smaller entry first. Each entry once, with its largest measure.
    kept: SmallVec<[(u64, T); 2]>,
}

impl<T, const N: usize> Default for Largest<T, N> {
    fn default() -> Self {
        Self { kept: SmallVec::new() }
    }
}

impl<T: Ord + Clone, const N: usize> Largest<T, N> {
    pub(crate) fn add(&mut self, measure: u64, entry: &T) {
        if self.kept.len() >= N && self.kept.last().is_some_and(|(least, _)| measure < *least) {
            return;
        }
        if let Some(known) = self.kept.iter().position(|(_, e)| e == entry) {
            if self.kept[known].0 >= measure {
                return;
            }
            self.kept.remove(known);
        }
        let key = |m: u64, e: &T| (Reverse(m), e.clone());
        let at = self.kept.partition_point(|(m, e)| key(*m, e) < key(measure, entry));
        if at < N {
            self.kept.insert(at, (measure, entry.clone()));
            self.kept.truncate(N);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.kept.iter().map(|(measure, entry)| (*measure, entry))
    }
}

impl<T: Ord + Clone, const N: usize> Merge for Largest<T, N> {
    fn merge(&mut self, other: &Self) {
        other.kept.iter().for_each(|(measure, entry)| self.add(*measure, entry));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(entries: &[(u64, u8)]) -> Largest<u8, 3> {
        entries.iter().fold(Largest::default(), |mut largest, (measure, entry)| {
            largest.add(*measure, entry);
            largest
        })
    }

    proptest! {
        #[test]
        fn halves_make_the_whole(mut entries in prop::collection::vec((0u64..5, 0u8..9), 0..30), cut in 0usize..30) {
            let whole = of(&entries);
            let (left, right) = entries.split_at(cut.min(entries.len()));
            let mut merged = of(right);
            merged.merge(&of(left));
            prop_assert_eq!(&merged, &whole);
            entries.reverse();
            prop_assert_eq!(of(&entries), whole);
        }
    }

    #[test]
    fn the_largest_stay() {
        let kept: Vec<_> =
            of(&[(1, 1), (9, 2), (5, 3), (7, 4), (9, 1)]).iter().map(|(m, e)| (m, *e)).collect();
        assert_eq!(kept, [(9, 1), (9, 2), (7, 4)]);
    }
}
