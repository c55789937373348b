//! A map with at most `N` keys, the first `INLINE` of them without an allocation. Which keys stay depends on the
//! set of keys alone: those whose stable hash is smallest; all others are added up in `other`. So the order of
//! arrival cannot change the result.

use serde::{Deserialize, Serialize};

use super::{Merge, Sorted};
use crate::hash::StableHash;

/// The name under which what exceeded a bound is shown.
pub(crate) const OTHER: &str = "__other__";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, V: Serialize",
    deserialize = "K: Deserialize<'de> + Ord, V: Deserialize<'de>"
))]
pub(crate) struct Bounded<K, V, const N: usize, const INLINE: usize = 0> {
    kept: Sorted<K, V, INLINE>,
    /// What was cut, once the bound was reached.
    other: Option<Box<V>>,
}

impl<K, V, const N: usize, const INLINE: usize> Default for Bounded<K, V, N, INLINE> {
    fn default() -> Self {
        Self { kept: Sorted::default(), other: None }
    }
}

impl<K: Ord + Clone + StableHash, V: Merge, const N: usize, const INLINE: usize> Bounded<K, V, N, INLINE> {
    pub(crate) fn entry(&mut self, key: &K) -> &mut V {
        // Room for twice the bound, so that cutting happens once in N insertions.
        if self.kept.len() >= 2 * N && !self.kept.contains(key) {
            self.cut();
        }
        self.kept.entry(key, V::default)
    }

    /// Cuts to the bound. Must be called before the map is read or handed on.
    pub(crate) fn cut(&mut self) {
        if self.kept.len() <= N {
            return;
        }
        let mut order: Vec<(u64, &K)> = self.kept.keys().map(|key| (key.stable_hash(), key)).collect();
        order.sort();
        let Some((hash, key)) = order.get(N).map(|(hash, key)| (*hash, (*key).clone())) else { return };
        self.keep_only(|known| (known.stable_hash(), known) < (hash, &key));
    }

    /// Adds up in `other` what `keep` does not want.
    pub(crate) fn keep_only(&mut self, keep: impl Fn(&K) -> bool) {
        for (_, value) in self.kept.take_unless(keep) {
            self.other.get_or_insert_default().merge(&value);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.kept.iter()
    }

    /// What is kept, and what was cut.
    pub(crate) fn into_parts(self) -> (impl Iterator<Item = (K, V)>, Option<V>) {
        (self.kept.into_iter(), self.other.map(|other| *other))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.len() == 0 && self.other.is_none()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.kept.get(key)
    }

    pub(crate) fn other(&self) -> Option<&V> {
        self.other.as_deref()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.kept.values_mut().chain(self.other.as_deref_mut())
    }
}

impl<K: Ord + Clone + StableHash, V: Merge, const N: usize, const INLINE: usize> Merge
    for Bounded<K, V, N, INLINE>
{
    fn merge(&mut self, other: &Self) {
        for (key, value) in other.kept.iter() {
            self.entry(key).merge(value);
        }
        if let Some(cut) = &other.other {
            self.other.get_or_insert_default().merge(cut);
        }
        self.cut();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Small = Bounded<model::Str, u64, 4>;

    fn of(keys: &[u8]) -> Small {
        let mut map = Small::default();
        for key in keys {
            *map.entry(&model::Str::from(format!("k{key}"))) += 1;
        }
        map.cut();
        map
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(mut keys in prop::collection::vec(0u8..40, 0..120), cut in 0usize..120) {
            let whole = of(&keys);
            let (left, right) = keys.split_at(cut.min(keys.len()));
            let mut halves = of(right);
            halves.merge(&of(left));
            prop_assert_eq!(&halves, &whole);
            keys.reverse();
            prop_assert_eq!(of(&keys), whole);
        }

        #[test]
        fn nothing_is_lost(keys in prop::collection::vec(0u8..40, 0..120)) {
            let map = of(&keys);
            let kept: u64 = map.iter().map(|(_, n)| n).sum();
            prop_assert!(map.iter().count() <= 4);
            prop_assert_eq!(kept + map.other().copied().unwrap_or(0), keys.len() as u64);
        }
    }
}
