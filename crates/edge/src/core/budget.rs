//! How much more may be sent than was asked for. Every request earns a share of one, and every extra request costs one;
//! so no burst of failures multiplies the load. It must never know why something is sent again.

use super::Millis;

/// What one extra request costs.
const COST: u64 = 1_000;

/// Counted in thousandths of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    share_permille: u64,
    floor_per_second: u64,
    saved_max: u64,
    saved: u64,
    filled_at: Millis,
}

impl Budget {
    /// At most a share of what is asked for, and that many per second even where next to nothing is. Of what is not
    /// used, no more is kept than `saved_max` requests: over any time, no more is sent than the share and the floor of
    /// that time, and these.
    pub fn new(share_permille: u64, floor_per_second: u64, saved_max: u64) -> Self {
        let saved_max = saved_max.saturating_mul(COST);
        // Where nothing but the share counts, it has to be earned first.
        let saved = if floor_per_second == 0 { 0 } else { saved_max };
        Self { share_permille, floor_per_second, saved_max, saved, filled_at: Millis(0) }
    }

    /// A request was asked for.
    pub fn earn(&mut self) {
        self.saved = self.saved.saturating_add(self.share_permille);
    }

    /// One extra request, if there is one left. What is more than may be kept is forgotten first.
    pub fn spend(&mut self, now: Millis) -> bool {
        self.fill(now);
        let has_one = self.saved >= COST;
        if has_one {
            self.saved -= COST;
        }
        has_one
    }

    /// One that is sent whatever is left; others wait for it.
    pub fn spend_anyway(&mut self, now: Millis) {
        self.fill(now);
        self.saved = self.saved.saturating_sub(COST);
    }

    /// A thousandth of a request a millisecond is one a second.
    fn fill(&mut self, now: Millis) {
        let earned = now.since(self.filled_at).saturating_mul(self.floor_per_second);
        self.saved = self.saved.saturating_add(earned).min(self.saved_max);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests;
