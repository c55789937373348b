//! What a test cannot exceed however it goes on, told without running it: most families are far from an alarm, and what
//! little failed lately cannot bring them near. Never below what the test finds, as a property test shows.

use super::{BASELINE_MINUTES, Counts, Detector, RATES, Test};
use crate::fixed::Bits;

/// Shares are in millionths here, spreads in thousandths; both are rounded up, or down where that is said.
const MILLION: u128 = 1_000_000;
const THOUSAND: u128 = 1_000;

/// What the norm can be taken to be while further buckets come.
#[derive(Debug, Clone, Copy)]
struct Norms {
    /// The least share, rounded down, and the greatest.
    least: u128,
    most: u128,
    /// How much it varies, with what is not known of it.
    spread: u128,
}

impl Detector {
    /// The most that the evidence can come to by further buckets that lie in these minutes. `counts` is all of those
    /// minutes together, with what the test has seen of them already; `None` where that could be anything.
    ///
    /// What a bucket adds is the logarithm of its likelihood under an alternative less that under the norm. The norm
    /// expects a failure with its least share, and with less only as far as its minute went well; the alternative
    /// expects one with its own share, and with more only as far as its minute failed; a success proves against the
    /// norm what the norm expected of failures, and under the alternative it proves nothing for it.
    pub(crate) fn at_most(
        &self,
        test: Test,
        counts: Counts,
        minutes: std::ops::RangeInclusive<u64>,
    ) -> Option<Bits> {
        let Counts { requests, failures } = counts;
        if failures == 0 && self.is_calm() {
            return Some(Bits::ZERO);
        }
        let length = minutes.end().saturating_sub(*minutes.start()) + 1;
        // What is usual is looked up for the hours of both ends.
        if length > 60 {
            return None;
        }
        let norms = self.norms(test, counts, (*minutes.start(), length))?;
        // So far the share of a minute that fails can be raised by its own failures.
        let raised = norms.most * (THOUSAND + u128::from(failures) * norms.spread) / THOUSAND + 1;
        if raised > MILLION / 2 {
            return None;
        }
        let varies = u128::from(requests) * norms.spread;
        let successes = proved_by_successes(norms.most, raised, counts, varies)?;
        let inverse = u64::try_from(MILLION / norms.least.max(1) + varies / THOUSAND + 2).ok()?;
        let failure = Bits::log2(inverse);
        // The series for likelihoods is off by a quarter of a bit where a parameter is small: at a failure.
        let inexact = Bits(((failures.min(1 << 30) as i64 + 4) << 20) / 2);
        let all = self.scores.iter().zip(RATES).map(|(score, (_, _, varying))| {
            let gain = failure.minus(varying.failure_costs(failures)).min(test.gain_max).max(Bits::ZERO);
            score.bits.plus(gain.times(failures))
        });
        Some(all.max()?.plus(successes).plus(inexact))
    }

    /// The same for a test of slowness: a bucket in which nothing is slow adds nothing, another one a bounded part.
    pub(crate) fn at_most_slow(&self, buckets: u64) -> Bits {
        let now = self.scores.iter().map(|score| score.bits).max().unwrap_or(Bits::ZERO);
        now.plus(super::SLOWNESS.gain_max.times(buckets)).plus(Bits::log2(2))
    }

    fn norms(&self, test: Test, counts: Counts, (first, length): (u64, u64)) -> Option<Norms> {
        if test.worst_minute || !test.varies {
            return None;
        }
        let of = |failures: u64, requests: u64| {
            let (part, whole) = (
                2 * u128::from(failures) + u128::from(test.prior.0),
                2 * (u128::from(requests) + u128::from(test.prior.1)),
            );
            part * MILLION / whole.max(1)
        };
        let baseline = &self.baseline;
        let held = self.held.iter().fold(Counts::default(), |all, (_, counts)| all.plus(*counts));
        let coming = held.plus(counts);
        // Minutes that come make the oldest ones go.
        let going =
            (baseline.minutes.len() + self.held.len() + length as usize + 1).saturating_sub(BASELINE_MINUTES);
        let gone = baseline.minutes.iter().take(going).fold(Counts::default(), |all, (_, c)| all.plus(*c));
        let stays = baseline.total.without(gone);
        let hour_least = of(stays.failures, baseline.total.requests + coming.requests);
        let hour_most = of(baseline.total.failures + coming.failures, stays.requests) + 1;
        let edges = [first, first + length - 1];
        let usual = edges.into_iter().flat_map(|minute| baseline.season.usual(minute));
        let (mut least, mut most, mut known) = (hour_least, hour_most, stays.failures);
        for counts in usual {
            let share = of(counts.failures, counts.requests);
            (least, most, known) = (least.min(share), most.max(share + 1), known.min(counts.failures));
        }
        let rate_min = MILLION / u128::from(test.rate_min_inverse);
        // A share is known from its failures and those taken for granted, and from at least as many successes.
        let known = u128::from(known) + u128::from(test.prior.0 / 2).max(1);
        let spread = self.spread_most(coming, stays.requests) + 2 * THOUSAND / known + 1;
        Some(Norms { least: least.max(rate_min), most: most.max(rate_min + 1), spread })
    }

    /// How much the minutes of the baseline can come to vary. Each counts for no more than the square of its failures,
    /// unless more were expected of it.
    fn spread_most(&self, coming: Counts, stays: u64) -> u128 {
        const MOST: u128 = 4 * THOUSAND;
        let minutes = self.baseline.minutes.iter().map(|(_, counts)| *counts);
        let (mut squares, mut requests_most, mut last) = (0, coming.requests, Counts::default());
        for minute in minutes {
            squares += u128::from(minute.failures) * u128::from(minute.failures);
            requests_most = requests_most.max(minute.requests);
            last = minute;
        }
        let joined = u128::from(last.failures + coming.failures);
        let failures = u128::from(self.baseline.total.failures + coming.failures);
        // The minute that goes on does not count yet.
        let whole = stays.saturating_sub(last.requests).max(1);
        let expected = THOUSAND * failures * u128::from(requests_most + last.requests) / u128::from(whole);
        // Chance alone makes the square of what was expected no larger where that is less than one and fails seldom.
        let chance = if 10 * failures <= u128::from(whole) { THOUSAND * 9 / 10 } else { 0 };
        let beyond = failures * (expected + 1).saturating_sub(chance);
        // A quarter is taken for granted with the weight of five minutes, and no minute tells more than a sixteenth.
        let told = (THOUSAND * (squares + joined * joined) + beyond) / 16;
        ((THOUSAND * 5 / 4 + told) / 5 + THOUSAND / 64).min(MOST)
    }
}

/// What successes can prove: of n of them and f failures, n shares, raised by the failures ever less as there are more.
fn proved_by_successes(share: u128, raised: u128, counts: Counts, varies: u128) -> Option<Bits> {
    // 1 + n · spread · share, in millionths.
    let long = u64::try_from(MILLION + varies * share / THOUSAND).ok()?;
    // ln x is less than 0.7 log2 x, in millionths.
    let raising = (u128::try_from(Bits::ratio(long, MILLION as u64).0 + 1).ok()? * MILLION * 7 / 10) >> 20;
    let shares = u128::from(counts.requests) * share + u128::from(counts.failures) * (raising + 1);
    // log2(1 / (1 - x)) is at most 2 x up to a half, and 1.7 x up to a quarter.
    let tenths = if raised > MILLION / 4 { 20 } else { 17 };
    let bits = (shares * tenths / 10).min(MILLION << 30);
    Some(Bits(i64::try_from((bits << 20) / MILLION).ok()? + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{FAILURES, LOG_ERRORS};
    use super::*;
    use crate::config::Config;

    const START: u64 = 600_000;

    /// Requests and failures of seconds, calm ones or such as fail often.
    fn seconds(count: std::ops::Range<usize>, permille: u64) -> impl Strategy<Value = Vec<Counts>> {
        let second = (0u64..60, prop::collection::vec(0u64..1_000, 4)).prop_map(move |(requests, dice)| {
            let failures = dice.into_iter().filter(|drawn| *drawn < permille).count() as u64;
            Counts { requests, failures: failures.min(requests) }
        });
        prop::collection::vec(second, count)
    }

    proptest! {
        #[test]
        fn a_test_never_finds_more(
            (past, ahead) in (0u64..120, 0u64..300)
                .prop_flat_map(|(past, ahead)| (seconds(0..4_200, past), seconds(1..150, ahead))),
            logs in any::<bool>(),
        ) {
            let (test, config) = (if logs { LOG_ERRORS } else { FAILURES }, Config::default());
            let mut detector = Detector::default();
            for (second, counts) in past.iter().enumerate() {
                detector.observe(test, START + second as u64, *counts, u64::MAX, &config);
            }
            let first = START + past.len() as u64;
            // What the test has seen of the first minute counts as well.
            let seen = past.iter().rev().take((first % 60) as usize);
            let mut all = Counts::default();
            seen.for_each(|counts| all.add(*counts));
            let sealed = detector.clone();
            // What was told at the beginning for all that came holds all the time.
            let whole = ahead.iter().fold(all, |all, counts| all.plus(*counts));
            let last = (first + ahead.len() as u64 - 1) / 60;
            let ever = sealed.at_most(test, whole, first / 60..=last);
            for (second, counts) in ahead.iter().enumerate() {
                let bucket = first + second as u64;
                all.add(*counts);
                detector.observe(test, bucket, *counts, u64::MAX, &config);
                let so_far = sealed.at_most(test, all, first / 60..=bucket / 60);
                for most in [so_far, ever].into_iter().flatten() {
                    prop_assert!(detector.excess().bits <= most, "{:?} {most:?}", detector.excess());
                }
            }
        }
    }

    #[test]
    fn a_calm_family_with_a_failure_is_far_from_an_alarm() {
        let (config, one) = (Config::default(), Counts { requests: 2, failures: 0 });
        let mut detector = Detector::default();
        (0..600).for_each(|second| detector.observe(FAILURES, START + second, one, u64::MAX, &config));
        let minutes = (START + 600) / 60..=(START + 660) / 60;
        let most = |failures| detector.at_most(FAILURES, Counts { requests: 120, failures }, minutes.clone());
        let limit = super::super::threshold(&config, 10_000);
        assert!(most(1).is_some_and(|most| most < limit), "{:?} {limit:?}", most(1));
        assert!(most(20).is_none_or(|most| most >= limit), "{:?} {limit:?}", most(20));
    }
}
