//! The part of the core that sees single events: recognises second deliveries and late ones, and adds the rest to
//! the tick's summary. Events of one trace always come to the same shard; that is all a shard relies on.

use std::collections::{BTreeMap, BTreeSet};

use model::{Event, LogRecord, Nanos};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::hash;
use crate::seen::Seen;
use crate::sketch::Merge;
use crate::summary::Summary;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shard {
    summary: Summary,
    /// What ended before this instant is late; moves at each tick, so it is the same for all events of a tick.
    horizon: Nanos,
    /// An event that ended before the horizon is not counted anyway, so what was seen before it is forgotten.
    seen: Seen,
}

/// What several shards know together.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Known {
    summary: Summary,
    horizon: Nanos,
    seen: BTreeMap<u64, BTreeSet<u64>>,
}

impl Shard {
    /// Whether the event counts: one that is late, or came before, must change nothing else either. `trace` is the
    /// stable hash of its trace.
    pub(crate) fn counts_event(&mut self, event: &Event, trace: u64) -> bool {
        self.counts(event.end, hash::span(trace, event.span))
    }

    /// Adds an event that counts.
    pub(crate) fn add(&mut self, event: &Event, trace: u64, config: &Config) {
        self.summary.add(event, trace, event.end.0 / config.tick_ns());
    }

    /// A log record has no id: one that is the same in all that it says is a second delivery.
    pub(crate) fn add_log(&mut self, log: &LogRecord, hash: u64, config: &Config) -> bool {
        let counts = self.counts(log.at, hash);
        if counts {
            self.summary.add_log(log, log.at.0 / config.tick_ns());
        }
        counts
    }

    fn counts(&mut self, at: Nanos, hash: u64) -> bool {
        if at < self.horizon {
            self.summary.late += 1;
            return false;
        }
        let is_new = self.seen.insert(at, hash);
        self.summary.duplicates += u64::from(!is_new);
        is_new
    }

    /// All that the shards know, however many they are and in whatever order it came.
    pub(crate) fn known(shards: &[Self]) -> Known {
        let mut known = Known::default();
        for shard in shards {
            let mut summary = shard.summary.clone();
            summary.close();
            known.summary.merge(&summary);
            known.horizon = known.horizon.max(shard.horizon);
            for (stretch, hash) in shard.seen.iter() {
                known.seen.entry(stretch).or_default().insert(hash);
            }
        }
        // How often something came again is counted, and nothing rests on it.
        known.summary.duplicates = 0;
        known
    }

    /// What it takes to write down what was seen.
    pub(crate) fn seen_bytes(&self) -> usize {
        self.seen.len() * size_of::<u64>()
    }

    /// Forgets what was added since the last tick.
    pub(crate) fn drop_summary(&mut self) {
        self.summary = Summary::default();
    }

    /// What had ended long before the first input is late as well: no sender's clock can make a past of years.
    pub(crate) fn begin(&mut self, now: Nanos, config: &Config) {
        if self.horizon == Nanos::default() {
            self.move_horizon(now, config);
        }
    }

    fn move_horizon(&mut self, now: Nanos, config: &Config) {
        let horizon = now.saturating_sub(config.lateness_ms * 1_000_000);
        // Whole buckets only: half a bucket cannot be late.
        self.horizon = self.horizon.max(Nanos(horizon.0 / config.tick_ns() * config.tick_ns()));
    }

    /// Ends the tick: hands out its summary and moves the horizon.
    pub(crate) fn close(&mut self, now: Nanos, config: &Config) -> Summary {
        self.move_horizon(now, config);
        self.seen.forget_before(self.horizon);
        self.summary.hand_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::StableHash;
    use crate::testing::{EventSpec, event};

    fn at(span: u64, end_s: u64) -> Event {
        event(&EventSpec { span, end_s, ..EventSpec::default() })
    }

    fn take(shard: &mut Shard, event: &Event, config: &Config) {
        if shard.counts_event(event, event.trace.stable_hash()) {
            shard.add(event, event.trace.stable_hash(), config);
        }
    }

    #[test]
    fn a_second_delivery_counts_once_even_in_a_later_tick() {
        let (mut shard, config) = (Shard::default(), Config::default());
        take(&mut shard, &at(1, 1_000), &config);
        take(&mut shard, &at(1, 1_000), &config);
        let first = shard.close(Nanos::from_secs(1_001), &config);
        assert_eq!((first.events, first.duplicates), (1, 1));
        take(&mut shard, &at(1, 1_000), &config);
        take(&mut shard, &at(2, 1_000), &config);
        let second = shard.close(Nanos::from_secs(1_002), &config);
        assert_eq!((second.events, second.duplicates), (1, 1));
    }

    #[test]
    fn late_events_are_counted_and_nothing_else() {
        let (mut shard, config) = (Shard::default(), Config::default());
        shard.close(Nanos::from_secs(2_000), &config);
        take(&mut shard, &at(1, 1_939), &config);
        take(&mut shard, &at(2, 1_940), &config);
        let summary = shard.close(Nanos::from_secs(2_001), &config);
        assert_eq!((summary.events, summary.late), (1, 1));
    }

    #[test]
    fn what_ended_years_before_the_first_input_is_late() {
        let (mut shard, config) = (Shard::default(), Config::default());
        shard.begin(Nanos::from_secs(2_000_000_000), &config);
        take(&mut shard, &at(1, 2_000), &config);
        take(&mut shard, &at(2, 1_999_999_990), &config);
        let summary = shard.close(Nanos::from_secs(2_000_000_001), &config);
        assert_eq!((summary.events, summary.late), (1, 1));
    }

    #[test]
    fn what_was_seen_is_forgotten_behind_the_horizon() {
        let (mut shard, config) = (Shard::default(), Config::default());
        for minute in 0..60 {
            take(&mut shard, &at(minute, 60_000 + minute * 60), &config);
            shard.close(Nanos::from_secs(60_000 + minute * 60), &config);
        }
        assert_eq!(shard.seen.len(), 2, "one for each minute, and a minute may pass until it comes");
    }
}
