//! A token bucket in one word: the time at which it will be full again. Tokens come back at a steady rate, a full bucket
//! holds one burst, and taking more than there is leaves a debt, so that a body need not be known before it is read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nothing is owed for longer than this, whatever was taken.
const DEBT_NS_MAX: u64 = 60_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
pub(crate) const BURST_NS: u64 = 2 * SECOND_NS;

/// How fast tokens come back, and how many a full bucket has: those of two seconds, and at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    per_second: u64,
}

impl Rate {
    pub(crate) const fn per_second(count: u64) -> Self {
        Self { per_second: if count == 0 { 1 } else { count } }
    }

    /// The time in which so many tokens come back.
    fn time_ns(self, tokens: u64) -> u64 {
        let time = (u128::from(tokens) * u128::from(SECOND_NS)).div_ceil(u128::from(self.per_second));
        u64::try_from(time).unwrap_or(u64::MAX)
    }

    const fn burst_ns(self) -> u64 {
        BURST_NS
    }
}

/// When the bucket will be full, in nanoseconds of a clock that never goes back; 0 is full since ever.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_at_ns: AtomicU64,
}

impl Bucket {
    /// How long until there is a token; 0 where there is one.
    #[cfg(test)]
    pub(crate) fn wait_ns(&self, rate: Rate, now_ns: u64) -> u64 {
        self.wait_beside_ns(rate, 0, now_ns)
    }

    /// As `wait_ns`, for whoever has to leave others the tokens of the last `kept_ns` of a burst.
    pub(crate) fn wait_beside_ns(&self, rate: Rate, kept_ns: u64, now_ns: u64) -> u64 {
        let owed_ns = self.full_at_ns(now_ns).saturating_add(rate.time_ns(1) + kept_ns) - now_ns;
        // A rate so low that one token takes longer than a burst still gives one to a full bucket.
        owed_ns.saturating_sub(rate.burst_ns().max(rate.time_ns(1) + kept_ns))
    }

    /// Never before `now_ns`.
    pub(crate) fn full_at_ns(&self, now_ns: u64) -> u64 {
        self.full_at_ns.load(Ordering::Relaxed).max(now_ns)
    }

    /// Takes tokens, also those that are not there; when the bucket will be full then.
    pub(crate) fn take(&self, rate: Rate, tokens: u64, now_ns: u64) -> u64 {
        let latest_ns = now_ns.saturating_add(rate.burst_ns() + DEBT_NS_MAX);
        let after = |full_at_ns: u64| {
            full_at_ns.max(now_ns).saturating_add(rate.time_ns(tokens)).min(latest_ns.max(full_at_ns))
        };
        let before = self.full_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| Some(after(at)));
        before.map_or(latest_ns, after)
    }

    /// Raises the time to this one, if it is later.
    pub(crate) fn raise(&self, full_at_ns: u64) {
        self.full_at_ns.fetch_max(full_at_ns, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a client gets through that asks at these times, each for one token.
    fn passed(rate: Rate, times_ns: &[u64]) -> Vec<u64> {
        let bucket = Bucket::default();
        let pass = |now_ns: &&u64| {
            let passes = bucket.wait_ns(rate, **now_ns) == 0;
            if passes {
                bucket.take(rate, 1, **now_ns);
            }
            passes
        };
        times_ns.iter().filter(pass).copied().collect()
    }

    proptest! {
        /// In no stretch of time does more pass than the rate and one burst allow.
        #[test]
        fn the_rate_holds_in_every_stretch(per_second in 1_u64..5_000, gaps in prop::collection::vec(0_u64..300_000_000, 1..400)) {
            let rate = Rate::per_second(per_second);
            let times: Vec<u64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let passed = passed(rate, &times);
            for (at, from) in passed.iter().enumerate() {
                for (more, to) in passed[at..].iter().enumerate() {
                    let allowed = (to - from) as u128 * u128::from(per_second) / 1_000_000_000 + u128::from(2 * per_second) + 2;
                    prop_assert!(more as u128 <= allowed, "{more} in {} ns", to - from);
                }
            }
        }

        /// Who waits as long as told is let through, and not a moment earlier.
        #[test]
        fn the_wait_is_exact(per_second in 1_u64..1_000_000, taken in 0_u64..3_000_000, now_ns in 0_u64..1 << 50) {
            let (rate, bucket) = (Rate::per_second(per_second), Bucket::default());
            bucket.take(rate, taken, now_ns);
            let wait_ns = bucket.wait_ns(rate, now_ns);
            prop_assert_eq!(bucket.wait_ns(rate, now_ns + wait_ns), 0);
            if wait_ns > 0 {
                prop_assert_eq!(bucket.wait_ns(rate, now_ns + wait_ns - 1), 1);
            }
        }

        /// Whatever is taken, it is forgiven within a bounded time.
        #[test]
        fn a_debt_has_an_end(per_second in 1_u64..1_000, taken in prop::collection::vec(0_u64..u64::MAX, 1..20)) {
            let (rate, bucket) = (Rate::per_second(per_second), Bucket::default());
            for tokens in taken {
                bucket.take(rate, tokens, 7);
            }
            prop_assert!(bucket.wait_ns(rate, 7) <= DEBT_NS_MAX + 1_000_000_000);
        }
    }

    #[test]
    fn a_full_bucket_has_the_tokens_of_two_seconds() {
        let rate = Rate::per_second(10);
        assert_eq!(passed(rate, &[5; 100]).len(), 20);
        assert_eq!(passed(Rate::per_second(1), &[5; 100]).len(), 2);
    }
}
