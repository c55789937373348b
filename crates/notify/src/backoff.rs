//! How long to wait before the next attempt. Spread by a hash instead of chance, so that a thousand deliveries that
//! failed together do not come back together, and a test knows what to expect.

use std::time::Duration;

use sha2::{Digest, Sha256};

/// A receiver may ask for a longer pause than ours, but not for one without end.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) max: Duration,
    /// The last attempt is this one; then the delivery is a dead letter.
    pub(crate) attempts_max: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(600), attempts_max: 12 }
    }
}

impl Backoff {
    /// After so many failed attempts: twice as long each time up to the bound, of which the second half is spread.
    /// What the receiver asks for is a minimum.
    pub(crate) fn pause(&self, id: &str, attempts: u32, retry_after: Option<Duration>) -> Duration {
        let doubled =
            self.first.saturating_mul(1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.max);
        let spread = whole / 2 + (whole / 2).mul_f64(fraction(id, attempts));
        spread.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
    }
}

/// From 0 up to 1, by the delivery and its attempt.
fn fraction(id: &str, attempts: u32) -> f64 {
    let digest = Sha256::digest(format!("{id}/{attempts}"));
    let bytes = digest.first_chunk::<4>().copied().unwrap_or_default();
    f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_spread_and_stay_bounded() {
        let backoff = Backoff::default();
        for attempts in 1..40 {
            let whole = Duration::from_secs(1 << (attempts - 1).min(20)).min(backoff.max);
            for id in ["a", "b", "c"] {
                let pause = backoff.pause(id, attempts, None);
                assert!(pause >= whole / 2 && pause <= whole, "{attempts}: {pause:?}");
            }
        }
        assert_ne!(backoff.pause("a", 8, None), backoff.pause("b", 8, None));
        assert_eq!(backoff.pause("a", 8, None), backoff.pause("a", 8, None));
    }

    #[test]
    fn what_the_receiver_asks_for_is_a_minimum_and_bounded() {
        let backoff = Backoff::default();
        assert_eq!(backoff.pause("a", 1, Some(Duration::from_secs(30))), Duration::from_secs(30));
        assert_eq!(backoff.pause("a", 1, Some(Duration::from_secs(1 << 40))), RETRY_AFTER_MAX);
        assert!(backoff.pause("a", 12, Some(Duration::ZERO)) >= Duration::from_secs(300));
    }
}
