//! Values of names that are not known yet, of which at most `N` are let in: those whose stable hash is smallest. Which
//! they are depends on the set of names alone, so the order in which they came cannot change them. What is left out is
//! counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Merge;
use crate::hash::StableHash;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, V: Serialize",
    deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"
))]
pub(crate) struct Newcomers<K, V, const N: usize> {
    /// With how often each came.
    kept: BTreeMap<(u64, K), (u64, V)>,
    cut: u64,
}

impl<K, V, const N: usize> Default for Newcomers<K, V, N> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), cut: 0 }
    }
}

impl<K: Ord + StableHash, V: Merge, const N: usize> Newcomers<K, V, N> {
    /// The value of a name that came once more.
    pub(crate) fn entry(&mut self, key: K) -> &mut V {
        self.came(key, 1)
    }

    fn came(&mut self, key: K, times: u64) -> &mut V {
        // Room for twice the bound: what is cut has so many smaller ones before it that it would be cut again.
        if self.kept.len() >= 2 * N {
            self.cut_to(N);
        }
        let (came, value) = self.kept.entry((key.stable_hash(), key)).or_default();
        *came += times;
        value
    }

    fn cut_to(&mut self, room: usize) {
        while self.kept.len() > room {
            let last = self.kept.pop_last();
            self.cut += last.map_or(0, |(_, (came, _))| came);
        }
    }

    /// All that there is room for, and how often others came.
    pub(crate) fn take(&mut self, room: usize) -> (impl Iterator<Item = (K, V)> + use<K, V, N>, u64) {
        self.cut_to(room.min(N));
        let all = std::mem::take(self);
        (all.kept.into_iter().map(|((_, key), (_, value))| (key, value)), all.cut)
    }
}

impl<K: Ord + Clone + StableHash, V: Merge, const N: usize> Merge for Newcomers<K, V, N> {
    fn merge(&mut self, other: &Self) {
        for ((_, key), (came, value)) in &other.kept {
            self.came(key.clone(), *came).merge(value);
        }
        self.cut += other.cut;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Few = Newcomers<model::Str, u64, 4>;

    fn of(keys: &[u8]) -> Few {
        keys.iter().fold(Few::default(), |mut few, key| {
            *few.entry(format!("k{key}").into()) += 1;
            few
        })
    }

    fn taken(mut few: Few, room: usize) -> (Vec<(model::Str, u64)>, u64) {
        let (kept, cut) = few.take(room);
        (kept.collect(), cut)
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(
            keys in prop::collection::vec(0u8..40, 0..120),
            (first, second) in (0usize..120, 0usize..120),
            room in 0usize..6,
        ) {
            let whole = taken(of(&keys), room);
            let mut backwards = keys.clone();
            backwards.reverse();
            prop_assert_eq!(&taken(of(&backwards), room), &whole);
            let (first, second) = (first.min(second).min(keys.len()), first.max(second).min(keys.len()));
            let [a, b, c] = [&keys[..first], &keys[first..second], &keys[second..]].map(of);
            let merged = |parts: [&Few; 2]| {
                parts.into_iter().fold(Few::default(), |mut all, part| { all.merge(part); all })
            };
            prop_assert_eq!(&taken(merged([&merged([&a, &b]), &c]), room), &whole);
            prop_assert_eq!(&taken(merged([&merged([&c, &b]), &a]), room), &whole);
            prop_assert_eq!(&taken(merged([&a, &merged([&c, &b])]), room), &whole);
        }

        #[test]
        fn nothing_is_lost_uncounted(keys in prop::collection::vec(0u8..40, 0..120), room in 0usize..6) {
            let (kept, cut) = taken(of(&keys), room);
            prop_assert!(kept.len() <= room.min(4));
            prop_assert_eq!(kept.iter().map(|(_, n)| n).sum::<u64>() + cut, keys.len() as u64);
        }
    }
}
