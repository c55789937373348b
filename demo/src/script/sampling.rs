//! What of the telemetry never arrives: whole traces that were not sampled, or single spans that got lost.

use super::dice::Dice;

/// The random part of a trace id, on which every sampler decides alike.
const RANDOMNESS: u64 = 1 << 56;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Of a thousand spans, so many are lost, each for itself.
    dropped_per_mille: u32,
    /// Traces whose randomness is smaller are not kept.
    threshold: u64,
    /// How a sampler tells of its threshold: `ot=th:` and its leading hexadecimal digits.
    trace_state: String,
}

impl Loss {
    pub const NONE: Self = Self { dropped_per_mille: 0, threshold: 0, trace_state: String::new() };

    pub fn drop_spans(per_mille: u32) -> Self {
        Self { dropped_per_mille: per_mille.min(1_000), ..Self::NONE }
    }

    /// Keeps so many traces of a thousand, whole, and says so in their trace state.
    pub fn head_sampling(per_mille: u32) -> Self {
        let kept = u64::from(per_mille.clamp(1, 1_000));
        let threshold = RANDOMNESS / 1_000 * (1_000 - kept);
        if threshold == 0 {
            return Self::NONE;
        }
        let digits = format!("{threshold:014x}");
        Self {
            dropped_per_mille: 0,
            threshold,
            trace_state: format!("ot=th:{}", digits.trim_end_matches('0')),
        }
    }

    pub fn samples_heads(&self) -> bool {
        self.threshold > 0
    }

    /// Of a thousand traces, so many are kept.
    pub(crate) fn sampled_per_mille(&self) -> u32 {
        let kept = (RANDOMNESS - self.threshold) / (RANDOMNESS / 1_000);
        u32::try_from(kept).unwrap_or(1_000).min(1_000)
    }

    pub fn drops_spans(&self) -> bool {
        self.dropped_per_mille > 0
    }

    pub(crate) fn samples(&self, trace_low: u64) -> bool {
        trace_low % RANDOMNESS >= self.threshold
    }

    pub(crate) fn trace_state(&self) -> &str {
        &self.trace_state
    }

    pub(crate) fn drops(&self, dice: &mut Dice) -> bool {
        dice.chance(u64::from(self.dropped_per_mille))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trace_in_a_hundred_is_kept_and_its_state_says_so() {
        let loss = Loss::head_sampling(10);
        let mut dice = Dice::new(1);
        let kept = (0..100_000).filter(|_| loss.samples(dice.word())).count();
        assert!((850..1_150).contains(&kept), "{kept}");
        assert!(loss.trace_state().starts_with("ot=th:fd70a"), "{loss:?}");
    }

    #[test]
    fn half_of_the_spans_get_lost_where_half_is_asked_for() {
        let (loss, mut dice) = (Loss::drop_spans(500), Dice::new(1));
        let lost = (0..10_000).filter(|_| loss.drops(&mut dice)).count();
        assert!((4_700..5_300).contains(&lost), "{lost}");
        assert!(!Loss::NONE.drops(&mut dice) && Loss::NONE.samples(0));
    }
}
