//! A map as a list in order of key: smaller than a tree, and as fast, where there are few keys or they come in order.
//! The first `N` stand in the list itself: where there are very many lists of one entry, none costs an allocation.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sorted<K, V, const N: usize = 0>(SmallVec<[(K, V); N]>);

impl<K, V, const N: usize> Default for Sorted<K, V, N> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<K: Ord, V, const N: usize> Sorted<K, V, N> {
    /// Where the key stands, or where it would.
    fn find(&self, key: &K) -> Result<usize, usize> {
        let Some(((last, _), others)) = self.0.split_last() else { return Err(0) };
        match last.cmp(key) {
            Ordering::Less => Err(self.0.len()),
            Ordering::Equal => Ok(others.len()),
            Ordering::Greater => others.binary_search_by(|(known, _)| known.cmp(key)),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of a key, made where there was none.
    pub(crate) fn entry(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V
    where
        K: Clone,
    {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(at) => {
                if N == 0 && self.0.is_empty() {
                    // Most have one entry for good, and there are very many of them.
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (key.clone(), make()));
                at
            }
        };
        &mut self.0[at].1
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (K, V)> + use<K, V, N> {
        self.0.into_iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn last(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// Takes out what is not to be kept, in order.
    pub(crate) fn take_unless(&mut self, keep: impl Fn(&K) -> bool) -> std::vec::IntoIter<(K, V)> {
        let mut taken = Vec::new();
        if self.keys().any(|key| !keep(key)) {
            for (key, value) in std::mem::take(&mut self.0) {
                if keep(&key) { self.0.push((key, value)) } else { taken.push((key, value)) }
            }
        }
        taken.into_iter()
    }

    /// Adds the entries of another that this one lacks, in one pass.
    pub(crate) fn union(&mut self, other: &Self)
    where
        K: Clone,
        V: Clone,
    {
        let before = self.0.len();
        for (key, value) in &other.0 {
            if self.0[..before].binary_search_by(|(known, _)| known.cmp(key)).is_err() {
                self.0.push((key.clone(), value.clone()));
            }
        }
        if self.0.len() == before {
            return;
        }
        // Two runs in order, one behind the other, which the sort finds and merges.
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn of(entries: &[(u8, u64)]) -> Sorted<u8, u64> {
        let mut map = Sorted::default();
        entries.iter().for_each(|(key, value)| *map.entry(key, || 0) += value);
        map
    }

    proptest! {
        #[test]
        fn it_is_a_map(entries in prop::collection::vec((0u8..20, 0u64..9), 0..60), bar in 0u8..20) {
            let mut tree = BTreeMap::new();
            entries.iter().for_each(|(key, value)| *tree.entry(*key).or_insert(0) += value);
            let mut map = of(&entries);
            prop_assert!(map.iter().eq(tree.iter()));
            prop_assert!((0..20).all(|key| map.get(&key) == tree.get(&key)));
            let taken: Vec<(u8, u64)> = map.take_unless(|key| *key < bar).collect();
            let high = tree.split_off(&bar);
            prop_assert!(taken.into_iter().eq(high) && map.iter().eq(tree.iter()));
        }

        #[test]
        fn a_union_has_the_keys_of_both(
            ours in prop::collection::vec((0u8..30, 1u64..2), 0..30),
            theirs in prop::collection::vec((0u8..30, 2u64..3), 0..30),
        ) {
            let (mut map, mut tree) = (of(&ours), BTreeMap::new());
            map.union(&of(&theirs));
            of(&theirs).iter().chain(of(&ours).iter()).for_each(|(key, value)| { tree.insert(*key, *value); });
            prop_assert!(map.iter().eq(tree.iter()));
        }
    }
}
