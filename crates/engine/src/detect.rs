//! When has a share left its baseline: failures of a family, or slow requests of an operation? A sequential test on
//! rates, by integer arithmetic.
//!
//! For each alternative rate p1 the detector keeps the CUSUM of the likelihood ratio of p1 against the baseline p0.
//! Each ratio is an e-value, so the CUSUM reaches 1/a at most once in 1/a ticks on average while the baseline holds
//! (an e-detector). One number, the mean time between false incidents over all families, therefore sets the
//! threshold; no family has a setting of its own. Where the winning CUSUM last stood at zero is the
//! maximum-likelihood change point: the onset.
//!
//! The baseline takes in a stretch only after the evidence against it has vanished again, so an outage never
//! becomes its own baseline.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::fixed::Bits;
use crate::season::Season;
use crate::summary::Bucket;

mod bound;
mod spread;

use spread::{Spread, Varying};

/// Alternative rates, in thousandths.
const ALTERNATIVES: [u64; 6] = [10, 30, 100, 300, 600, 950];
/// What a test asks for besides the odds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Test {
    /// Smaller alternatives are not tested.
    alternative_min: u64,
    /// What one bucket can add to the evidence. A cut likelihood ratio is still an e-value, a weaker one.
    gain_max: Bits,
    /// Rates below one in so many are not told apart.
    rate_min_inverse: u64,
    /// Compare with the worst minute of the baseline instead of its mean.
    worst_minute: bool,
    /// Taken for granted before anything was seen: half-failures in requests.
    prior: (u64, u64),
    /// Test large rates while there is no baseline yet.
    in_warm_up: bool,
    /// The rate varies from minute to minute.
    varies: bool,
}

/// Failures: each counts at once, and a short past proves little.
pub(crate) const FAILURES: Test = Test {
    alternative_min: 0,
    gain_max: Bits(i64::MAX),
    rate_min_inverse: 1_000,
    worst_minute: false,
    prior: (2 * PRIOR_FAILURES, PRIOR_REQUESTS),
    in_warm_up: true,
    varies: true,
};
/// Log records that report an error, among all: there are many, and few of them tell the tale. Some services log nothing
/// but errors, day in, day out, so nothing is said before that is known.
/// Errors are logged in bursts: one bucket proves little.
pub(crate) const LOG_ERRORS: Test =
    Test { rate_min_inverse: 100_000, in_warm_up: false, gain_max: Bits(8 << 20), ..FAILURES };
/// What no request ever did is rare wherever it was not seen, also where little was seen.
pub(crate) const BEHAVIOUR: Test = Test { prior: (1, 50), varies: false, ..FAILURES };
/// Slowness comes in bursts that mean nothing, so a third of the requests must be slow, for longer than a pause lasts,
/// and more than in any minute of the baseline.
pub(crate) const SLOWNESS: Test =
    Test { alternative_min: 300, gain_max: Bits(2 << 20), worst_minute: true, varies: false, ..FAILURES };

/// Own times vary less than durations, which take in those of all callees.
pub(crate) const SELF_TIME: Test = Test { alternative_min: 100, ..SLOWNESS };

/// While an operation is younger than this, only a rate of at least `WARM_UP_RATE` counts: there is no baseline yet.
const WARM_UP_MS: u64 = 60_000;
const WARM_UP_RATE: u64 = 600;
/// The baseline reaches back this many minutes in which the operation had traffic and no incident.
const BASELINE_MINUTES: usize = 60;
/// What is taken for granted before anything was seen: little, so that a short past proves little.
const PRIOR_REQUESTS: u64 = 10;
const PRIOR_FAILURES: u64 = 2;
/// What an accepted baseline weighs at least: what was seen of it is short, and the prior must not outweigh it.
const ACCEPTED_REQUESTS: u64 = 10_000;
/// Odds at which a stretch is held back from the baseline (10 : 1), and at which a bucket next to the onset
/// belongs to it (3 : 1).
const HOLD_ODDS: u64 = 10;
const ADJACENT_ODDS: u64 = 3;

/// Requests and, of them, failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) failures: u64,
}

impl Counts {
    fn plus(mut self, other: Counts) -> Counts {
        self.add(other);
        self
    }

    pub(crate) fn without(self, part: Counts) -> Counts {
        let requests = self.requests.saturating_sub(part.requests);
        Counts { requests, failures: self.failures.saturating_sub(part.failures).min(requests) }
    }

    /// The one of which more fails; of equal shares the one with more requests.
    pub(crate) fn larger_share(self, other: Counts) -> Counts {
        let key = |a: Counts, b: Counts| u128::from(a.failures) * u128::from(b.requests.max(1));
        let (mine, theirs) = (key(self, other), key(other, self));
        if (theirs, other.requests) > (mine, self.requests) { other } else { self }
    }

    pub(crate) fn add(&mut self, other: Counts) {
        self.requests += other.requests;
        self.failures += other.failures;
    }

    /// Whether its rate is above that of `other`; a rate of nothing is 0.
    pub(crate) fn exceeds(self, other: Counts) -> bool {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        product(self.failures, other.requests.max(1)) > product(other.failures, self.requests.max(1))
    }
}

/// The odds that must be reached for a family to leave its baseline.
pub(crate) fn threshold(config: &Config, families: usize) -> Bits {
    let ticks = config.ticks(config.false_alarm_every_ms);
    let tests = (families.max(1) as u64).saturating_mul(ALTERNATIVES.len() as u64);
    Bits::log2(ticks).plus(Bits::log2(tests))
}

/// Logarithms of a rate and of its complement.
#[derive(Debug, Clone, Copy)]
struct Rate {
    failure: Bits,
    success: Bits,
}

/// The alternatives, as rates that stay and as rates that vary.
const RATES: [(u64, Rate, Varying); ALTERNATIVES.len()] = {
    let mut rates = [(0, Rate::alternative(1), Varying::alternative(1)); ALTERNATIVES.len()];
    let mut i = 0;
    while i < ALTERNATIVES.len() {
        let rate = ALTERNATIVES[i];
        rates[i] = (rate, Rate::alternative(rate), Varying::alternative(rate));
        i += 1;
    }
    rates
};

impl Rate {
    const fn alternative(thousandths: u64) -> Self {
        Self { failure: Bits::ratio(thousandths, 1_000), success: Bits::ratio(1_000 - thousandths, 1_000) }
    }

    fn log_likelihood(self, counts: Counts) -> Bits {
        let successes = counts.requests.saturating_sub(counts.failures);
        self.failure.times(counts.failures).plus(self.success.times(successes))
    }
}

/// A baseline rate as a fraction, never below the smallest rate that is told apart.
#[derive(Debug, Clone, Copy)]
struct Fraction {
    numerator: u64,
    denominator: u64,
}

impl Fraction {
    fn of(counts: Counts, test: Test) -> Self {
        let (numerator, denominator) =
            (2 * counts.failures + test.prior.0, 2 * (counts.requests + test.prior.1));
        if numerator * test.rate_min_inverse < denominator {
            return Self { numerator: 1, denominator: test.rate_min_inverse };
        }
        Self { numerator: numerator.min(denominator - 1), denominator }
    }

    fn beside(counts: Counts) -> Self {
        let (numerator, denominator) = (2 * counts.failures + 1, 2 * (counts.requests + 1));
        Self { numerator: numerator.min(denominator - 1), denominator }
    }

    fn rate(self) -> Rate {
        Rate {
            failure: Bits::ratio(self.numerator, self.denominator),
            success: Bits::ratio(self.denominator - self.numerator, self.denominator),
        }
    }

    /// At least twice the baseline, or at most a third of its successes.
    fn is_exceeded_by(self, thousandths: u64) -> bool {
        let twice = thousandths * self.denominator >= 2_000 * self.numerator;
        let third =
            3 * (1_000 - thousandths) * self.denominator <= 1_000 * (self.denominator - self.numerator);
        twice || third
    }
}

/// The odds, in bits, that `counts` come from a rate above that of `baseline`: the best alternative's.
pub(crate) fn odds(counts: Counts, baseline: Counts) -> Bits {
    odds_over(counts, Fraction::of(baseline, FAILURES))
}

/// The same for two parts of the same minutes: what a baseline takes for granted of a short past, that nearly all went
/// well, is not taken for granted of `others`. Where all of both fail, neither fails more.
pub(crate) fn odds_beside(counts: Counts, others: Counts) -> Bits {
    odds(counts, others).min(odds_over(counts, Fraction::beside(others)))
}

fn odds_over(counts: Counts, fraction: Fraction) -> Bits {
    let base = fraction.rate().log_likelihood(counts);
    RATES
        .into_iter()
        .filter(|(alternative, ..)| fraction.is_exceeded_by(*alternative))
        .map(|(_, rate, _)| rate.log_likelihood(counts).minus(base))
        .max()
        .unwrap_or(Bits::ZERO)
}

/// A bucket right before the onset that shows the same excess belongs to it: where nothing ever failed, any failure.
pub(crate) fn belongs_to_onset(counts: Counts, baseline: Counts) -> bool {
    let is_excess = || baseline.failures == 0 || odds(counts, baseline) >= Bits::log2(ADJACENT_ODDS);
    counts.failures > 0 && is_excess()
}

/// Whether a stretch still shows an excess over the baseline: the lower threshold, for staying open.
pub(crate) fn still_exceeds(counts: Counts, baseline: Counts) -> bool {
    counts.failures > 0 && odds(counts, baseline) >= Bits::log2(HOLD_ODDS)
}

/// What was normal, in minutes with traffic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Baseline {
    minutes: VecDeque<(u64, Counts)>,
    total: Counts,
    /// The whole minute with the largest share, of those with enough requests to tell.
    worst: Counts,
    /// How much the whole minutes differ, once it was asked for.
    spread: Option<Spread>,
    /// The sum of each hour.
    season: Season<Counts>,
}

/// A minute with fewer requests has no share worth the name.
const WORST_REQUESTS_MIN: u64 = 20;

impl Baseline {
    pub(crate) fn add(&mut self, minute: u64, counts: Counts) {
        match self.minutes.back_mut() {
            Some((last, sum)) if *last == minute => sum.add(counts),
            ended => {
                if let Some((minute, counts)) = ended.copied() {
                    self.season.add(minute, counts, Counts::plus);
                }
                self.minutes.push_back((minute, counts));
                let told = self.minutes.iter().map(|(_, counts)| *counts).rev().skip(1);
                self.spread = None;
                let told = told.filter(|counts| counts.requests >= WORST_REQUESTS_MIN);
                self.worst = told.reduce(Counts::larger_share).unwrap_or_default();
            }
        }
        self.total.add(counts);
        while self.minutes.len() > BASELINE_MINUTES {
            if let Some((_, gone)) = self.minutes.pop_front() {
                self.total.requests -= gone.requests;
                self.total.failures -= gone.failures;
            }
        }
    }

    fn spread(&mut self) -> Spread {
        let whole = self.minutes.iter().rev().skip(1).map(|(_, counts)| *counts);
        *self.spread.get_or_insert_with(|| Spread::of(whole))
    }

    /// What is normal in `minute`: the hour before it, or what the same hour of other days showed where that was more.
    fn norm(&self, minute: u64, test: Test) -> Counts {
        let hour = if test.worst_minute { self.total.larger_share(self.worst) } else { self.total };
        self.season.usual(minute).fold(hour, Counts::larger_share)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Score {
    bits: Bits,
    /// The first bucket since the score last stood at zero.
    since: Bucket,
    /// What was seen since then, as far as it belongs to the minute that was last.
    minute: (u64, Counts),
}

/// The test of one family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Detector {
    scores: [Score; ALTERNATIVES.len()],
    baseline: Baseline,
    /// What the baseline was taken to be when the evidence was last weighed.
    norm: Counts,
    /// Seen since the evidence against the baseline began; joins the baseline if that evidence vanishes.
    held: Vec<(u64, Counts)>,
}

/// Evidence at its strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) bits: Bits,
    pub(crate) onset: Bucket,
    pub(crate) baseline: Counts,
}

impl Detector {
    /// A family that failed for the first time on an operation that has a past without it.
    pub(crate) fn with_past(baseline: Baseline) -> Self {
        Self { baseline, ..Self::default() }
    }

    /// Nothing speaks against the baseline.
    pub(crate) fn is_calm(&self) -> bool {
        self.scores.iter().all(|score| score.bits == Bits::ZERO)
    }

    /// Takes in one bucket; `age_ms` is how long the operation has been known at that time.
    pub(crate) fn observe(
        &mut self,
        test: Test,
        bucket: Bucket,
        counts: Counts,
        age_ms: u64,
        config: &Config,
    ) {
        let minute = bucket * config.tick_ms / 60_000;
        if counts.failures > 0 || !self.is_calm() {
            self.norm = self.baseline.norm(minute, test);
            self.score(test, (bucket, minute), counts, age_ms);
        }
        if self.scores.iter().any(|score| score.bits >= Bits::log2(HOLD_ODDS)) {
            self.hold(minute, counts);
        } else {
            self.release();
            self.baseline.add(minute, counts);
        }
    }

    /// Takes in buckets one after the other, with the age of the operation at each. What is calm is taken in by the
    /// minute.
    pub(crate) fn observe_all(
        &mut self,
        test: Test,
        buckets: impl Iterator<Item = (Bucket, Counts, u64)>,
        config: &Config,
    ) {
        let mut calm: Option<(Bucket, Counts)> = None;
        let minute = |bucket: Bucket| bucket * config.tick_ms / 60_000;
        for (bucket, counts, age_ms) in buckets {
            let is_calm = counts.failures == 0 && self.is_calm();
            match &mut calm {
                Some((first, sum)) if is_calm && minute(*first) == minute(bucket) => {
                    sum.add(counts);
                    continue;
                }
                before => {
                    if let Some((first, sum)) = before.take() {
                        self.observe(test, first, sum, u64::MAX, config);
                    }
                }
            }
            if is_calm {
                calm = Some((bucket, counts));
            } else {
                self.observe(test, bucket, counts, age_ms, config);
            }
        }
        if let Some((first, sum)) = calm {
            self.observe(test, first, sum, u64::MAX, config);
        }
    }

    /// Takes in one bucket as normal, whatever it shows.
    pub(crate) fn learn(&mut self, bucket: Bucket, counts: Counts, config: &Config) {
        self.release();
        self.scores = Default::default();
        self.baseline.add(bucket * config.tick_ms / 60_000, counts);
    }

    fn release(&mut self) {
        for (minute, held) in std::mem::take(&mut self.held) {
            self.baseline.add(minute, held);
        }
    }

    fn score(&mut self, test: Test, (bucket, minute): (Bucket, u64), counts: Counts, age_ms: u64) {
        let fraction = Fraction::of(self.norm, test);
        let seen = self.norm.requests + test.prior.1;
        let norm = test.varies.then(|| Varying::around(fraction, seen, self.baseline.spread()));
        let base = fraction.rate().log_likelihood(counts);
        // The alternatives have mostly seen the same of the minute.
        let mut of_norm: Option<(Counts, Bits)> = None;
        for (score, (alternative, rate, varying)) in self.scores.iter_mut().zip(RATES) {
            let tested = alternative >= test.alternative_min
                && fraction.is_exceeded_by(alternative)
                && (age_ms >= WARM_UP_MS || test.in_warm_up && alternative >= WARM_UP_RATE);
            if !tested {
                *score = Score::default();
                continue;
            }
            if score.bits == Bits::ZERO {
                *score = Score { since: bucket, ..Score::default() };
            }
            if score.minute.0 != minute {
                score.minute = (minute, Counts::default());
            }
            let before = score.minute.1;
            let gain = match norm {
                Some(norm) => {
                    let (_, likely) = of_norm
                        .filter(|(known, _)| *known == before)
                        .unwrap_or_else(|| (before, norm.log_likelihood(before, counts)));
                    of_norm = Some((before, likely));
                    varying.log_likelihood(before, counts).minus(likely)
                }
                None => rate.log_likelihood(counts).minus(base),
            };
            score.minute.1.add(counts);
            score.bits = score.bits.plus(gain.min(test.gain_max)).max(Bits::ZERO);
        }
    }

    fn hold(&mut self, minute: u64, counts: Counts) {
        match self.held.last_mut() {
            Some((last, sum)) if *last == minute => sum.add(counts),
            _ => self.held.push((minute, counts)),
        }
        // Doubt that lasts longer than the baseline reaches back is what is normal now.
        if self.held.len() > BASELINE_MINUTES {
            let (oldest, counts) = self.held.remove(0);
            self.baseline.add(oldest, counts);
        }
    }

    pub(crate) fn excess(&self) -> Excess {
        let best = self.scores.iter().copied().max_by_key(|score| (score.bits, u64::MAX - score.since));
        let best = best.unwrap_or_default();
        Excess { bits: best.bits, onset: best.since, baseline: self.norm }
    }

    /// Somebody vouches for this share: it is the whole baseline, as if it had been seen for long.
    pub(crate) fn accept(&mut self, minute: u64, counts: Counts) {
        let times = ACCEPTED_REQUESTS.div_ceil(counts.requests.max(1));
        let weighed = Counts {
            requests: counts.requests.saturating_mul(times),
            failures: counts.failures.saturating_mul(times),
        };
        self.restart();
        self.baseline = Baseline { season: std::mem::take(&mut self.baseline.season), ..Baseline::default() };
        self.baseline.add(minute, weighed);
    }

    /// After an incident: the test starts anew against the baseline of before, and what was held is dropped.
    pub(crate) fn restart(&mut self) {
        self.scores = Default::default();
        self.held.clear();
    }
}

#[cfg(test)]
mod tests;
