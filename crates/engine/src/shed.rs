//! What the server had no room for, by minute: whoever reads a report must know that less was counted than there was. It
//! must never know why there was no room.

use std::collections::BTreeMap;

use model::{Nanos, SECOND_NS, Shed};
use serde::{Deserialize, Serialize};

const MINUTE_NS: u64 = 60 * SECOND_NS;
/// A day of minutes in which something was refused; of more, the earliest are forgotten.
pub(crate) const MINUTES_MAX: usize = 1_440;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shedding {
    minutes: BTreeMap<u64, Shed>,
}

impl Shedding {
    pub(crate) fn add(&mut self, shed: Shed, now: Nanos) {
        if shed.is_nothing() {
            return;
        }
        let minute = self.minutes.entry(now.0 / MINUTE_NS).or_default();
        *minute = minute.plus(shed);
        while self.minutes.len() > MINUTES_MAX {
            self.minutes.pop_first();
        }
    }

    /// In the minutes that hold any of it, both ends included.
    pub(crate) fn between(&self, from: Nanos, to: Nanos) -> Shed {
        let (from, to) = (from.0 / MINUTE_NS, to.0.max(from.0) / MINUTE_NS);
        self.minutes.range(from..=to).fold(Shed::default(), |sum, (_, shed)| sum.plus(*shed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(number: u64) -> Nanos {
        Nanos(number * MINUTE_NS)
    }

    #[test]
    fn minutes_add_up_in_any_order_and_others_do_not_count() {
        let traces = |traces| Shed { traces, ..Shed::default() };
        let mut shedding = Shedding::default();
        for (at, count) in [(12, 4), (10, 1), (11, 2), (10, 8)] {
            shedding.add(traces(count), minute(at).saturating_add(7));
        }
        shedding.add(Shed::default(), minute(11));
        let sum = |from, to| shedding.between(minute(from), minute(to)).traces;
        assert_eq!((sum(10, 11), sum(11, 12), sum(13, 99), sum(0, 9)), (11, 6, 0, 0));
        assert_eq!(shedding.between(minute(12), minute(3)).traces, 4, "a clock that went back");
    }

    #[test]
    fn only_a_day_of_minutes_is_kept() {
        let mut shedding = Shedding::default();
        for at in 0..2_000 {
            shedding.add(Shed { logs: 1, ..Shed::default() }, minute(at));
        }
        assert_eq!(shedding.minutes.len(), MINUTES_MAX);
        assert_eq!(shedding.between(minute(0), minute(2_000)).logs, MINUTES_MAX as u64);
    }
}
