//! How much a share of failures varies from minute to minute, and what a minute proves given that: errors come in
//! bursts, so a minute is one observation of a rate that varies, not as many as it has requests. Knows nothing of what
//! fails.

use serde::{Deserialize, Serialize};

use super::{Counts, Fraction};
use crate::fixed::{self, Bits};

/// The variance of the logarithm of the odds of failing from one minute to another, in units of 2^-20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spread(u64);

const ONE: i128 = 1 << 20;
/// Taken for granted before anything was seen: in one minute the odds are half again those of another. It weighs as
/// much as five minutes with enough failures to tell.
const PRIOR: Spread = Spread(1 << 18);
const PRIOR_MINUTES: i128 = 5;
/// No family is so steady, or so unsteady, that more is to be made of it.
const LEAST: u64 = 1 << 14;
const MOST: u64 = 1 << 22;

impl Default for Spread {
    fn default() -> Self {
        PRIOR
    }
}

/// What a minute tells: by how much it differs from the mean more than chance explains, and its weight.
macro_rules! told_in {
    ($name:ident, $word:ty) => {
        fn $name(minute: Counts, total: Counts) -> (i128, i128) {
            const ONE: $word = 1 << 20;
            let (n, k) = ((total.requests as $word).max(1), total.failures as $word);
            let (requests, failures) = (minute.requests as $word, minute.failures as $word);
            let apart = failures * ONE - requests * k * ONE / n;
            let by_chance = requests * k * ONE / n * (n - k) / n;
            let told = (4 * ONE + by_chance) * (4 * ONE + by_chance) / ONE;
            let excess = (apart * apart / ONE - by_chance) * ONE / told;
            (i128::from(excess), i128::from(by_chance * by_chance / told))
        }
    };
}

/// Most minutes are small enough for short words, which take a tenth of the time: with fewer requests than this, of all
/// and of a minute, no product exceeds them.
const SMALL_TOTAL: u64 = 1 << 31;
const SMALL_MINUTE: u64 = 1 << 11;
told_in!(told_in_i64, i64);
told_in!(told_in_i128, i128);

impl Spread {
    /// By how much more than chance the minutes differ from their mean. A minute tells the more, the more failures it
    /// would have on average.
    pub(super) fn of(minutes: impl Iterator<Item = Counts> + Clone) -> Self {
        let mut total = Counts::default();
        minutes.clone().for_each(|minute| total.add(minute));
        let (mut excess, mut weight) = (PRIOR_MINUTES * i128::from(PRIOR.0), PRIOR_MINUTES * ONE);
        let small = total.requests < SMALL_TOTAL;
        for minute in minutes {
            let (more, told) = match small && minute.requests < SMALL_MINUTE {
                true => told_in_i64(minute, total),
                false => told_in_i128(minute, total),
            };
            excess += more;
            weight += told;
        }
        let spread = u64::try_from(excess * ONE / weight.max(1)).unwrap_or(LEAST);
        Self(spread.clamp(LEAST, MOST))
    }

    /// That of a rate which is itself known only from so many failures and successes.
    fn known_from(self, failures: u64, successes: u64) -> Self {
        Self(self.0 + (1 << 20) / failures.max(1) + (1 << 20) / successes.max(1))
    }
}

/// A share of failures that is drawn anew for every minute: the Beta distribution with a mean and a spread, by its
/// parameters in units of 2^-10.
#[derive(Debug, Clone, Copy)]
pub(super) struct Varying {
    failures: u64,
    successes: u64,
}

const UNIT: u64 = 1 << 10;
/// log2(e) / 12, in units of 2^-32 bit.
const STIRLING: u64 = 516_359_580;

impl Varying {
    pub(super) const fn alternative(thousandths: u64) -> Self {
        Self::with(thousandths, 1_000 - thousandths, PRIOR)
    }

    /// The baseline's share, which is known from as many failures as it had.
    pub(super) fn around(rate: Fraction, seen: u64, spread: Spread) -> Self {
        let failures = (u128::from(seen) * u128::from(rate.numerator) / u128::from(rate.denominator)) as u64;
        let spread = spread.known_from(failures, seen - failures);
        Self::with(rate.numerator, rate.denominator - rate.numerator, spread)
    }

    /// 1 / (spread · share of successes) and 1 / (spread · share of failures).
    const fn with(failures: u64, successes: u64, spread: Spread) -> Self {
        const fn over(total: u64, part: u64, spread: Spread) -> u64 {
            let parameter = (total as u128 * UNIT as u128 * (1 << 20)) / (spread.0 as u128 * part as u128);
            // Beyond it a rate does not vary; below it there is none.
            if parameter > 1 << 40 {
                1 << 40
            } else if parameter == 0 {
                1
            } else {
                parameter as u64
            }
        }
        let total = failures + successes;
        Self { failures: over(total, successes, spread), successes: over(total, failures, spread) }
    }

    /// The logarithm of the likelihood of `counts`, after `before` was seen in the same minute.
    pub(super) fn log_likelihood(self, before: Counts, counts: Counts) -> Bits {
        let after = Counts {
            requests: before.requests.saturating_add(counts.requests),
            failures: before.failures.saturating_add(counts.failures),
        };
        let (then, now) = (self.parameters(before), self.parameters(after));
        // Mostly nothing fails, and what did not change takes nothing away from itself.
        let gained = |then: u64, now: u64| if then == now { 0 } else { part(now) - part(then) };
        let sum = |(failures, successes): (u64, u64)| failures.saturating_add(successes);
        let log_beta = gained(then.0, now.0) + gained(then.1, now.1) - gained(sum(then), sum(now));
        Bits((log_beta >> 12) as i64)
    }

    /// What each of so many failures takes away from the likelihood at the least.
    pub(super) fn failure_costs(self, failures: u64) -> Bits {
        let before = failures.saturating_sub(1).saturating_mul(UNIT);
        let failing = self.failures.saturating_add(before);
        Bits::ratio(failing.saturating_add(self.successes), failing)
    }

    /// After so much was seen.
    fn parameters(self, seen: Counts) -> (u64, u64) {
        let failures = self.failures.saturating_add(seen.failures.saturating_mul(UNIT));
        let successes = seen.requests.saturating_sub(seen.failures).saturating_mul(UNIT);
        (failures, self.successes.saturating_add(successes))
    }
}

/// What a parameter adds to log2 of the Beta function, and their sum takes away, by Stirling's series, in units of 2^-32
/// bit, but for a constant.
fn part(x: u64) -> i128 {
    let log2 = i128::from(fixed::log2_fine(x)) - (10 << 32);
    let twice = 2 * i128::from(x) - i128::from(UNIT);
    twice * log2 / (2 * i128::from(UNIT)) + i128::from(STIRLING * UNIT / x.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(model: Varying, failures: u64, requests: u64) -> f64 {
        let counts = Counts { requests, failures };
        model.log_likelihood(Counts::default(), counts).0 as f64 / f64::from(1 << 20)
    }

    #[test]
    fn likelihoods_are_those_of_urns() {
        // With parameters 4 and 36: each draw puts back one more of its kind.
        let model = Varying { failures: 4 * UNIT, successes: 36 * UNIT };
        let one_by_one = |failures: u64, requests: u64| {
            let failed = (0..failures).map(|i| (4 + i) as f64);
            let went_well = (0..requests - failures).map(|i| (36 + i) as f64);
            let drawn = failed.chain(went_well).zip(0..requests);
            drawn.map(|(own, draws)| (own / (40 + draws) as f64).log2()).sum::<f64>()
        };
        for (failures, requests) in [(1, 1), (0, 1), (3, 3), (5, 50), (500, 600), (2_000, 30_000)] {
            let (ours, exact) = (bits(model, failures, requests), one_by_one(failures, requests));
            assert!((ours - exact).abs() < 0.01, "{failures} of {requests}: {ours} {exact}");
        }
    }

    #[test]
    fn a_stretch_is_worth_the_same_however_it_is_cut() {
        let model = Varying::alternative(300);
        let part = |requests, failures| Counts { requests, failures };
        let whole = model.log_likelihood(Counts::default(), part(90, 20));
        let first = model.log_likelihood(Counts::default(), part(50, 3));
        let both = first.plus(model.log_likelihood(part(50, 3), part(40, 17)));
        assert!((both.0 - whole.0).abs() < 4, "{both:?} {whole:?}");
    }

    proptest::proptest! {
        #[test]
        fn short_words_say_the_same(
            requests in 0..SMALL_MINUTE,
            failures in 0..SMALL_MINUTE,
            (others, failed) in (0..SMALL_TOTAL - SMALL_MINUTE, 0..SMALL_TOTAL),
        ) {
            let minute = Counts { requests, failures: failures.min(requests) };
            let total = minute.plus(Counts { requests: others, failures: failed.min(others) });
            proptest::prop_assert_eq!(told_in_i64(minute, total), told_in_i128(minute, total));
        }
    }

    #[test]
    fn short_words_suffice_at_the_ends() {
        for (requests, failures) in [(SMALL_MINUTE - 1, 0), (SMALL_MINUTE - 1, SMALL_MINUTE - 1)] {
            for failed in [0, 1, SMALL_TOTAL / 2, SMALL_TOTAL - SMALL_MINUTE] {
                let minute = Counts { requests, failures };
                let others = Counts { requests: SMALL_TOTAL - SMALL_MINUTE, failures: failed };
                let total = minute.plus(others);
                assert_eq!(told_in_i64(minute, total), told_in_i128(minute, total));
            }
        }
    }

    #[test]
    fn bursts_are_told_from_chance() {
        let steady = (0..60).map(|i| Counts { requests: 1_000, failures: 95 + i % 11 });
        let bursts = (0..60).map(|i| Counts { requests: 1_000, failures: if i % 2 == 0 { 50 } else { 150 } });
        let none = (0..60).map(|_| Counts { requests: 1_000, failures: 0 });
        assert!(Spread::of(steady).0 < PRIOR.0 / 4);
        let found = Spread::of(bursts).0 as f64 / f64::from(1 << 20);
        assert!((0.25..0.35).contains(&found), "(0.05 / 0.09)^2 is 0.31: {found}");
        assert_eq!(Spread::of(none), PRIOR);
    }
}
