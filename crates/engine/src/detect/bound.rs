//! What a test cannot exceed however it goes on, told without running it: most families are far from an alarm, and what
//! little failed lately cannot bring them near. Never below what the test finds, as a property test shows.

use super::{BASELINE_MINUTES, Counts, Detector, Test};
use crate::fixed::Bits;

const MILLION: u128 = 1_000_000;
/// One over the least first parameter of a share that varies: its spread is six at the most.
const SPREAD_MOST: u64 = 7;

impl Detector {
    /// The most that the evidence can come to by further buckets that lie in these minutes. `counts` is all of those
    /// minutes together, with what the test has seen of them already; `None` where that could be anything.
    ///
    /// What a bucket adds is the logarithm of its likelihood under an alternative, which is at most zero, less that
    /// under the norm. The norm expects a failure with one in `rate_min_inverse` at the least, and with less only as
    /// far as its minute went well; and it expects failures no more often than the baseline and these minutes show.
    pub(crate) fn at_most(
        &self,
        test: Test,
        counts: Counts,
        minutes: std::ops::RangeInclusive<u64>,
    ) -> Option<Bits> {
        let Counts { requests, failures } = counts;
        let length = minutes.end().saturating_sub(*minutes.start()) + 1;
        // What is usual is looked up for the hours of both ends.
        if length > 60 {
            return None;
        }
        let now = self.scores.iter().map(|score| score.bits).max().unwrap_or(Bits::ZERO);
        // So far the share of a minute that fails can be raised by its own failures.
        let raised = failures.saturating_mul(SPREAD_MOST).saturating_add(1);
        let share =
            self.share_at_most(test, counts, (*minutes.start(), length))?.saturating_mul(u128::from(raised));
        if share > MILLION / 2 {
            return None;
        }
        // log2(1 / (1 - x)) is at most 2 x up to a half.
        let successes = (2 * u128::from(requests) * share / MILLION).min(1 << 30);
        let least = test.rate_min_inverse.saturating_add(requests.saturating_mul(SPREAD_MOST));
        let failure = Bits::log2(least).plus(Bits::log2(2));
        // Stirling's series is off by less than a bit where a parameter is small, which it is once a minute, or failure.
        let inexact = length as i64 + 4;
        let whole = Bits((successes as i64 + inexact) << 20);
        Some(now.plus(failure.times(failures)).plus(whole))
    }

    /// The same for a test of slowness: a bucket in which nothing is slow adds nothing, another one a bounded part.
    pub(crate) fn at_most_slow(&self, buckets: u64) -> Bits {
        let now = self.scores.iter().map(|score| score.bits).max().unwrap_or(Bits::ZERO);
        now.plus(super::SLOWNESS.gain_max.times(buckets)).plus(Bits::log2(2))
    }

    /// In millionths, rounded up.
    fn share_at_most(&self, test: Test, counts: Counts, (first, length): (u64, u64)) -> Option<u128> {
        if test.worst_minute {
            return None;
        }
        let of = |failures: u64, requests: u64| {
            let (part, whole) = (
                2 * u128::from(failures) + u128::from(test.prior.0),
                2 * (u128::from(requests) + u128::from(test.prior.1)),
            );
            part * MILLION / whole.max(1) + 1
        };
        let baseline = &self.baseline;
        // Minutes that come make the oldest ones go.
        let coming = self.held.len() + length as usize + 1;
        let going = (baseline.minutes.len() + coming).saturating_sub(BASELINE_MINUTES);
        let gone: u64 = baseline.minutes.iter().take(going).map(|(_, counts)| counts.requests).sum();
        let held: u64 = self.held.iter().map(|(_, counts)| counts.failures).sum();
        let hour = of(baseline.total.failures + held + counts.failures, baseline.total.requests - gone);
        let edges = [first, first + length - 1];
        let usual = edges.into_iter().flat_map(|minute| baseline.season.usual(minute));
        let usual = usual.map(|counts| of(counts.failures, counts.requests));
        let least = MILLION / u128::from(test.rate_min_inverse) + 1;
        usual.chain([hour, least]).max()
    }
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
            for (second, counts) in ahead.iter().enumerate() {
                let bucket = first + second as u64;
                all.add(*counts);
                detector.observe(test, bucket, *counts, u64::MAX, &config);
                if let Some(most) = sealed.at_most(test, all, first / 60..=bucket / 60) {
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
