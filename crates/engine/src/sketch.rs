//! Sketches that merge: the same result whatever the order and grouping of what is added.

mod bounded;
mod largest;
mod latency;
mod newcomers;
mod smallest;
mod sorted;

pub(crate) use bounded::{Bounded, OTHER};
pub(crate) use largest::Largest;
pub(crate) use latency::Latency;
pub(crate) use newcomers::Newcomers;
pub(crate) use smallest::{Smallest, UserHash, Users};
pub(crate) use sorted::Sorted;

/// A commutative monoid: `merge` is associative and commutative, and the default value is its identity.
pub(crate) trait Merge: Default {
    fn merge(&mut self, other: &Self);
}

impl Merge for u64 {
    fn merge(&mut self, other: &Self) {
        *self = self.saturating_add(*other);
    }
}
