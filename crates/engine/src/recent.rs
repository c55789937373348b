//! A map by bucket as a line in order of time: what comes is mostly near its end, and what goes near its beginning. A tree
//! would have it in many places of the memory.

use std::collections::VecDeque;
use std::ops::{Bound, RangeBounds};

use serde::{Deserialize, Serialize};

use crate::summary::Bucket;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recent<V>(VecDeque<(Bucket, V)>);

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<V> Recent<V> {
    /// How many are before a bucket.
    fn before(&self, bucket: Bucket) -> usize {
        let (Some((first, _)), Some((last, _))) = (self.0.front(), self.0.back()) else { return 0 };
        if *first >= bucket {
            return 0;
        }
        if *last < bucket {
            return self.0.len();
        }
        // From there on there are no more than one for each; mostly there is one for each, so this is the place.
        let behind = usize::try_from(last - bucket).unwrap_or(usize::MAX);
        let at_least = (self.0.len() - 1).saturating_sub(behind);
        match self.0.get(at_least) {
            Some((known, _)) if *known >= bucket => at_least,
            _ => self.0.partition_point(|(known, _)| *known < bucket),
        }
    }

    fn find(&self, bucket: Bucket) -> Result<usize, usize> {
        let at = self.before(bucket);
        if self.0.get(at).is_some_and(|(known, _)| *known == bucket) { Ok(at) } else { Err(at) }
    }

    /// The value of a bucket, made where there was none.
    pub(crate) fn entry(&mut self, bucket: Bucket, make: impl FnOnce() -> V) -> &mut V {
        let at = self.find(bucket).unwrap_or_else(|at| {
            self.0.insert(at, (bucket, make()));
            at
        });
        &mut self.0[at].1
    }

    pub(crate) fn remove(&mut self, bucket: Bucket) -> Option<V> {
        let at = self.find(bucket).ok()?;
        self.0.remove(at).map(|(_, value)| value)
    }

    /// In order of time.
    pub(crate) fn range<R: RangeBounds<Bucket>>(
        &self,
        range: R,
    ) -> impl DoubleEndedIterator<Item = (Bucket, &V)> + use<'_, V, R> {
        let from = match range.start_bound() {
            Bound::Included(bucket) => self.before(*bucket),
            Bound::Excluded(bucket) => self.before(bucket.saturating_add(1)),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(bucket) => self.before(bucket.saturating_add(1)),
            Bound::Excluded(bucket) => self.before(*bucket),
            Bound::Unbounded => self.0.len(),
        };
        self.0.range(from..to.max(from)).map(|(bucket, value)| (*bucket, value))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn first(&self) -> Option<Bucket> {
        self.0.front().map(|(bucket, _)| *bucket)
    }

    pub(crate) fn last(&self) -> Option<Bucket> {
        self.0.back().map(|(bucket, _)| *bucket)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn forget_before(&mut self, bucket: Bucket) {
        let gone = self.before(bucket);
        self.0.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(
            steps in prop::collection::vec((0u64..30, 1u64..9, any::<bool>()), 0..60),
            (from, to) in (0u64..32, 0u64..32),
            keep in 0u64..10,
        ) {
            let (mut recent, mut tree) = (Recent::default(), BTreeMap::new());
            for (bucket, value, stays) in steps {
                if stays {
                    *recent.entry(bucket, || 0) += value;
                    *tree.entry(bucket).or_insert(0) += value;
                } else {
                    prop_assert_eq!(recent.remove(bucket), tree.remove(&bucket));
                }
            }
            let pairs = |(bucket, value): (&u64, &u64)| (*bucket, *value);
            let ours = |(bucket, value): (u64, &u64)| (bucket, *value);
            let to = from.max(to);
            prop_assert!(recent.range(from..to).map(ours).eq(tree.range(from..to).map(pairs)));
            prop_assert!(recent.range(from..=to).rev().map(ours).eq(tree.range(from..=to).rev().map(pairs)));
            prop_assert!(recent.range(..to).map(ours).eq(tree.range(..to).map(pairs)));
            prop_assert_eq!(postcard::to_stdvec(&recent).unwrap(), postcard::to_stdvec(&tree).unwrap());
            recent.forget_before(keep);
            let tree = tree.split_off(&keep);
            prop_assert!(recent.range(..).map(ours).eq(tree.iter().map(pairs)) && recent.values().eq(tree.values()));
            prop_assert_eq!(recent.first(), tree.keys().next().copied());
            prop_assert_eq!((recent.last(), recent.is_empty()), (tree.keys().last().copied(), tree.is_empty()));
        }
    }
}
