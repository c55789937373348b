//! What the calls of one pool share: how much may be sent twice, how long nodes take, and whose turn it is. It must never
//! know a call. A worker may have one of its own: nothing here has to be counted in one place.

use crate::core::{Budget, HedgeDelay, Latencies};

/// The golden section of a turn. Its multiples never bunch up, however many share the turns and however they change.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Clone)]
pub struct Pace {
    pub retries: Budget,
    pub hedges: Budget,
    pub latencies: Latencies,
    /// Where the last turn ended, as a fraction of 2^64.
    place: u64,
}

impl Pace {
    pub fn new(retries: Budget, hedges: Budget, delay: HedgeDelay) -> Self {
        Self { retries, hedges, latencies: Latencies::new(delay), place: 0 }
    }

    /// The next place below `of`. Places follow each other so that every stretch is met as often as it is long.
    pub(super) fn turn(&mut self, of: u64) -> u64 {
        self.place = self.place.wrapping_add(STEP);
        ((u128::from(self.place) * u128::from(of)) >> 64) as u64
    }
}
