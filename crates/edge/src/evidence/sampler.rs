//! Which traces are told of, when there are more than need be told of. Of those in which all went well as many are taken as
//! a second may have, by their ids, so that what is left out is left out evenly; those that show a failure are all taken, up
//! to a bound. It must never know a clock.

use super::told::Ids;

/// Traces of a second, about.
pub(super) const PER_SECOND: u64 = 256;
/// Traces of a second that are taken beside those, because something failed in them.
pub(super) const FAILED_PER_SECOND_MAX: u64 = 256;
/// One in a thousand million: no load needs more.
const HALVINGS_MAX: u32 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It stands for two to the power of so many.
    Yes {
        halvings: u32,
    },
    LeftOut,
    /// It shows a failure, and would be one too many.
    TooMany,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Sampler {
    second: u64,
    seen: u64,
    halvings: u32,
    failed: u64,
}

impl Sampler {
    /// `second` counts up from anywhere.
    pub(super) fn take(&mut self, second: u64, ids: Ids, has_failed: bool) -> Taken {
        if second != self.second {
            // As many as in the second before are expected.
            let before = if second == self.second.wrapping_add(1) { self.seen } else { 0 };
            self.halvings = (0..HALVINGS_MAX).find(|by| before >> by <= PER_SECOND).unwrap_or(HALVINGS_MAX);
            (self.second, self.seen, self.failed) = (second, 0, 0);
        }
        self.seen += 1;
        if self.seen > PER_SECOND << self.halvings && self.halvings < HALVINGS_MAX {
            self.halvings += 1;
        }
        if ids.is_sampled(self.halvings) {
            return Taken::Yes { halvings: self.halvings };
        }
        if !has_failed {
            return Taken::LeftOut;
        }
        self.failed += 1;
        // It stands for itself: others like it are taken as well.
        if self.failed <= FAILED_PER_SECOND_MAX { Taken::Yes { halvings: 0 } } else { Taken::TooMany }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a second are taken, and how many are too many.
    fn second(sampler: &mut Sampler, second: u64, traces: u64, has_failed: bool) -> (u64, u64) {
        let (mut taken, mut too_many) = (0, 0);
        for number in 0..traces {
            match sampler.take(second, Ids::new(7, second * 1_000_000 + number), has_failed) {
                Taken::Yes { .. } => taken += 1,
                Taken::TooMany => too_many += 1,
                Taken::LeftOut => {}
            }
        }
        (taken, too_many)
    }

    #[test]
    fn all_are_taken_while_they_are_few() {
        let mut sampler = Sampler::default();
        for at in 0..10 {
            assert_eq!(second(&mut sampler, at, PER_SECOND, false), (PER_SECOND, 0));
        }
    }

    #[test]
    fn of_many_a_bounded_part_is_taken_also_in_the_second_in_which_they_become_many() {
        for traces in [1_000, 10_000, 100_000] {
            let mut sampler = Sampler::default();
            let (first, _) = second(&mut sampler, 5, traces, false);
            let doublings = u64::from((traces / PER_SECOND).ilog2()) + 1;
            assert!(first <= PER_SECOND + doublings * PER_SECOND, "{first} of the first {traces}");
            let (next, _) = second(&mut sampler, 6, traces, false);
            assert!((PER_SECOND / 3..=PER_SECOND * 5 / 4).contains(&next), "{next} of the next {traces}");
        }
    }

    #[test]
    fn what_failed_is_taken_up_to_a_bound() {
        let mut sampler = Sampler::default();
        second(&mut sampler, 1, 100_000, false);
        let few = (0..200)
            .filter(|number| matches!(sampler.take(2, Ids::new(9, *number), true), Taken::Yes { .. }));
        assert_eq!(few.count(), 200);
        let (taken, too_many) = second(&mut sampler, 3, 100_000, true);
        assert!((FAILED_PER_SECOND_MAX..PER_SECOND * 20).contains(&taken), "{taken}");
        assert!(too_many > 90_000, "{too_many}");
    }

    #[test]
    fn a_quiet_second_ends_the_leaving_out() {
        let mut sampler = Sampler::default();
        second(&mut sampler, 1, 100_000, false);
        second(&mut sampler, 2, 1, false);
        assert_eq!(second(&mut sampler, 3, 100, false), (100, 0));
        second(&mut sampler, 4, 100_000, false);
        assert_eq!(second(&mut sampler, 9, 100, false), (100, 0));
    }
}
