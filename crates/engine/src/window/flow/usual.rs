//! One step of a flow's test, with what is the same for all buckets of a minute told once. Knows nothing of how a minute
//! came to have its range.

use super::{ALTERNATIVES, DROP_MINUTES_MIN, GAIN_MAX, Range, SILENT, SURGE_MINUTES_MIN, Score, Test, gain};
use crate::config::Config;
use crate::fixed::Bits;
use crate::summary::Bucket;

/// What a request proves for each of them.
const PER_REQUEST: [Bits; ALTERNATIVES.len()] = {
    let mut proved = [Bits::ZERO; ALTERNATIVES.len()];
    let mut i = 0;
    while i < ALTERNATIVES.len() {
        proved[i] = Bits::ratio(ALTERNATIVES[i], 1_000);
        i += 1;
    }
    proved
};

/// What the test takes for normal in a minute, told once for all its buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usual {
    pub(super) minute: u64,
    /// For each alternative what a bucket proves for it without any request; `None` where it is not tested.
    proved: [Option<Bits>; ALTERNATIVES.len()],
    /// The same for silence after a pause that is longer than this.
    paused: Option<Bits>,
    pause_ms: u64,
}

impl Usual {
    pub(super) fn of(minute: u64, range: Option<Range>, minutes: usize, config: &Config) -> Self {
        let short = minutes < DROP_MINUTES_MIN;
        let proved = |alternative: u64, paused_ms: u64| {
            let normal = range?.normal(alternative, paused_ms, short)?;
            let tested = alternative <= 1_000 || minutes >= SURGE_MINUTES_MIN;
            tested.then(|| gain(0, normal, alternative, config))
        };
        Self {
            minute,
            proved: ALTERNATIVES.map(|alternative| proved(alternative, 0)),
            paused: proved(SILENT, u64::MAX),
            pause_ms: range.map_or(u64::MAX, |range| range.pause_ms),
        }
    }

    fn proved(&self, of: usize, paused_ms: u64) -> Option<Bits> {
        let is_pause = ALTERNATIVES[of] == SILENT && paused_ms > self.pause_ms;
        if is_pause { self.paused } else { self.proved[of] }
    }
}

/// The test after a bucket.
pub(super) fn tested(mut test: Test, bucket: Bucket, requests: u64, usual: &Usual, config: &Config) -> Test {
    test.arrive(bucket, requests);
    let paused = bucket.saturating_sub(test.arrived);
    for (i, score) in test.scores.iter_mut().enumerate() {
        let Some(proved) = usual.proved(i, paused * config.tick_ms) else {
            *score = Score::default();
            continue;
        };
        if score.bits == Bits::ZERO {
            // What is known by a pause began with it.
            let since = if ALTERNATIVES[i] == SILENT && requests == 0 { bucket + 1 - paused } else { bucket };
            *score = Score { since, ..Score::default() };
        }
        score.requests += requests;
        let gain = PER_REQUEST[i].times(requests).plus(proved).min(GAIN_MAX);
        score.bits = score.bits.plus(gain).max(Bits::ZERO);
    }
    test
}
