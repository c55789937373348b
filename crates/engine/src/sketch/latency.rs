//! Durations in buckets of at most 1/16 relative width, by integer arithmetic alone.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Merge;

/// Four bits below the leading one choose the bucket.
const SUB_BITS: u32 = 4;
/// Durations are counted in microseconds: below one they are one.
const UNIT_NS: u64 = 1_000;

/// At most 16 * 60 buckets, a dozen in practice, so a sorted list is smaller and faster than a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// Two take no more room than the place of a longer list.
    buckets: SmallVec<[(u16, u32); 2]>,
}

fn index(duration_ns: u64) -> u16 {
    let units = (duration_ns / UNIT_NS).max(1);
    let exponent = 63 - units.leading_zeros();
    if exponent <= SUB_BITS {
        return units as u16;
    }
    let mantissa = (units >> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    (((exponent - SUB_BITS + 1) << SUB_BITS) as u16) + mantissa as u16
}

/// The lower edge of a bucket, in nanoseconds.
fn lower_ns(index: u16) -> u64 {
    let exponent = u32::from(index) >> SUB_BITS;
    if exponent <= 1 {
        return u64::from(index) * UNIT_NS;
    }
    let mantissa = u64::from(index) & ((1 << SUB_BITS) - 1);
    (((1 << SUB_BITS) + mantissa) << (exponent - 1)).saturating_mul(UNIT_NS)
}

impl Latency {
    pub(crate) fn add(&mut self, duration_ns: u64) {
        self.count_in(index(duration_ns), 1);
    }

    /// All together. Many of them share few buckets, which are looked up by their index.
    pub(crate) fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut counts: Vec<u32> = Vec::new();
        for (index, count) in all.flat_map(|one| &one.buckets) {
            let index = usize::from(*index);
            if index >= counts.len() {
                counts.resize(index + 1, 0);
            }
            counts[index] = counts[index].saturating_add(*count);
        }
        let counted = (0..).zip(counts).filter(|(_, count)| *count > 0);
        Self { buckets: counted.collect() }
    }

    fn count_in(&mut self, index: u16, count: u32) {
        match self.buckets.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (index, count)),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, n)| u64::from(*n)).sum()
    }

    /// The first edge between buckets that is not below `duration_ns`, so that counting above it is exact.
    pub(crate) fn edge_ns(duration_ns: u64) -> u64 {
        let index = index(duration_ns);
        if lower_ns(index) >= duration_ns { lower_ns(index) } else { lower_ns(index.saturating_add(1)) }
    }

    /// How many lasted at least `edge_ns`, which is an edge between buckets.
    pub(crate) fn count_from(&self, edge_ns: u64) -> u64 {
        let first = self.buckets.partition_point(|(index, _)| lower_ns(*index) < edge_ns);
        self.buckets[first..].iter().map(|(_, n)| u64::from(*n)).sum()
    }

    /// The lower edge of the bucket that holds the quantile `permille`; `None` where nothing was added.
    pub(crate) fn quantile_ns(&self, permille: u64) -> Option<u64> {
        let rank = self.count().checked_sub(1)? * permille / 1_000;
        let mut seen = 0;
        self.buckets.iter().find_map(|(index, count)| {
            seen += u64::from(*count);
            (seen > rank).then(|| lower_ns(*index))
        })
    }
}

impl Merge for Latency {
    fn merge(&mut self, other: &Self) {
        for (index, count) in &other.buckets {
            self.count_in(*index, *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_value(duration_ns in 1_000u64..u64::MAX / 2) {
            let lower = lower_ns(index(duration_ns));
            prop_assert!(lower <= duration_ns);
            prop_assert!(duration_ns - lower <= duration_ns / 16 + UNIT_NS);
        }

        #[test]
        fn buckets_are_in_order(a in 0u64..u64::MAX / 2, b in 0u64..u64::MAX / 2) {
            prop_assert_eq!(index(a.min(b)).min(index(a.max(b))), index(a.min(b)));
        }

        #[test]
        fn halves_make_the_whole(values in prop::collection::vec(0u64..10_000_000_000, 0..50), cut in 0usize..50) {
            let of = |values: &[u64]| values.iter().fold(Latency::default(), |mut l, v| { l.add(*v); l });
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(right);
            prop_assert_eq!(Latency::sum([&of(left), &merged].into_iter()), of(&values));
            merged.merge(&of(left));
            prop_assert_eq!(merged, of(&values));
        }
    }

    #[test]
    fn what_is_above_an_edge_is_counted_exactly() {
        let mut latency = Latency::default();
        (1..=100).for_each(|ms| latency.add(ms * 1_000_000));
        let edge = Latency::edge_ns(50_000_000);
        assert!((50_000_000..54_000_000).contains(&edge), "{edge}");
        let above = (1..=100u64).filter(|ms| ms * 1_000_000 >= edge).count() as u64;
        assert_eq!(latency.count_from(edge), above);
        assert_eq!(latency.count_from(0), 100);
    }

    #[test]
    fn quantiles() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile_ns(500), None);
        (1..=100).for_each(|ms| latency.add(ms * 1_000_000));
        let p50 = latency.quantile_ns(500).unwrap();
        assert!((46_000_000..=50_000_000).contains(&p50), "{p50}");
        assert!(latency.quantile_ns(1_000).unwrap() > 93_000_000);
    }
}
