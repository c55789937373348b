//! What no test of an operation can exceed for a while: told once, it holds until something fails or more comes than was
//! allowed for. So most operations cost a tick a glance. Derived: to forget it changes nothing but the cost.

use super::lately::Lately;
use crate::fixed::Bits;

/// Minutes that may begin until it has to be told anew.
const MINUTES_AHEAD: u64 = 2;

#[derive(Debug, Clone, Copy)]
pub(super) struct Ruled {
    /// For all tests, as long as nothing fails or is slow.
    pub(super) most: Bits,
    /// In these minutes, with no more requests than this.
    pub(super) since: u64,
    pub(super) last: u64,
    pub(super) requests: u64,
}

impl Ruled {
    /// Allows for about twice of what there is; what it comes to is to be found out.
    pub(super) fn ahead_of((since, last): (u64, u64), requests: u64) -> Self {
        let requests = requests.saturating_mul(2).saturating_add(60);
        Self { most: Bits::ZERO, since, last: last + MINUTES_AHEAD, requests }
    }

    /// Whether all tests stay below the threshold, with requests up to minute `last`.
    pub(super) fn holds(&self, requests: &Lately, last: u64, threshold: Bits) -> bool {
        let enough = |requests| requests <= self.requests;
        self.most < threshold && last <= self.last && requests.since(self.since).is_some_and(enough)
    }
}
