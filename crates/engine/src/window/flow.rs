//! How many requests come: the traffic symptom (a drop or a surge) and silence. A sequential test of a rate against the
//! least and the most that a minute of the last hour, or of the same hour of other days, has shown.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::fixed::Bits;
use crate::recent::Recent;
use crate::season::Season;
use crate::summary::Bucket;

mod usual;

use usual::{Usual, tested};

/// What is younger may still come: senders deliver in batches.
const SETTLE_MS: u64 = 15_000;
const BASELINE_MINUTES: usize = 60;
/// A minute's least and most are rates of slots of this length: what comes in bursts has a wide range.
const SLOT_MS: u64 = 10_000;
/// The same while little is known: a short past has shown few of its pauses.
const SLOT_SHORT_MS: u64 = 3_000;
/// Whole minutes that must be known before a drop, and before a surge, means anything.
const DROP_MINUTES_MIN: usize = 5;
const SURGE_MINUTES_MIN: usize = 10;
/// A minute's traffic below which neither is tested.
const PER_MINUTE_MIN: u64 = 30;
/// Ticks of a minute with traffic whose absence is tested, where pauses are known to be short.
const BUSY_MIN: u64 = 10;
/// The same two while less is known than a drop otherwise asks for.
const PER_MINUTE_SHORT: u64 = 120;
const BUSY_SHORT: u64 = 40;
/// What one bucket can add to the evidence: arrivals come in bursts.
const GAIN_MAX: Bits = Bits(4 << 20);
/// Evidence at which minutes are held back from the baseline.
const HOLD_ODDS: u64 = 10;
/// A flow that has been gone for this long has no normal any more.
const GONE_MS: u64 = 3_600_000;
/// log2(e), in units of 2^-20 bit.
const LOG2_E: u128 = 1_512_775;

/// Alternative rates, in thousandths of the nearest rate that is still normal.
const ALTERNATIVES: [u64; 4] = [SILENT, 300, 2_000, 5_000];
const SILENT: u64 = 10;

/// Requests a minute, at the least and the greatest rate of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(crate) low: u64,
    pub(crate) high: u64,
    /// Of a whole minute, at the most.
    pub(crate) most: u64,
    /// Ticks with requests, of a whole minute at the least: requests that come together stop together.
    pub(crate) busy: u64,
    /// The longest time without any, in milliseconds.
    pub(crate) pause_ms: u64,
}

impl Range {
    /// The nearest rate to an alternative that is still normal: half of the least, or twice the most, that was seen.
    /// After a pause longer than any before, how many ticks of a minute had requests counts.
    fn normal(self, alternative: u64, paused_ms: u64, short: bool) -> Option<u64> {
        let (requests_min, busy_min) =
            if short { (PER_MINUTE_SHORT, BUSY_SHORT) } else { (PER_MINUTE_MIN, BUSY_MIN) };
        let requests = if alternative > 1_000 { 2 * self.high } else { self.low / 2 };
        let requests = (requests >= requests_min / 2).then_some(requests);
        let is_pause = alternative == SILENT && paused_ms > self.pause_ms;
        let busy = (is_pause && self.busy >= busy_min).then_some(self.busy / 2);
        requests.max(busy)
    }

    fn join(self, other: Range) -> Range {
        Range {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            most: self.most.max(other.most),
            busy: self.busy.min(other.busy),
            pause_ms: self.pause_ms.max(other.pause_ms),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Score {
    bits: Bits,
    /// The first bucket since the score last stood at zero, and the requests from there on.
    since: Bucket,
    requests: u64,
}

/// The test as it stands before a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Test {
    scores: [Score; ALTERNATIVES.len()],
    /// The last bucket before it with a request: what comes later ends no pause that was.
    arrived: Bucket,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Flow {
    /// Requests of the buckets that can still change.
    open: Recent<u64>,
    /// The first bucket that was not shown to the test yet.
    next: Bucket,
    /// Before this minute the flow was not there for the whole of it.
    whole_from: u64,
    /// Requests and ticks of the slot that goes on, and the range of the slots of its minute before it.
    slot: (u64, u64),
    current: Option<Range>,
    /// Requests and ticks of the minute that goes on, its ticks with requests, its longest pause, and the pause that
    /// goes on, in ticks.
    minute: (u64, u64),
    busy: u64,
    pause: u64,
    paused: u64,
    minutes: VecDeque<Range>,
    /// Minutes that came since the evidence against the baseline began.
    held: Vec<Range>,
    season: Season<Range>,
    /// Before `next`.
    test: Test,
    /// The same before a bucket that is not sealed, as if nothing came late any more. Derived: to forget it changes
    /// nothing but the cost.
    #[serde(skip)]
    ahead: Option<(Bucket, Test)>,
    /// Of the minute that was looked at last; nothing that it follows from changed since.
    #[serde(skip)]
    usual: Option<Usual>,
    /// Somebody said that what was seen is normal, however short it is.
    accepted: bool,
    pub(super) in_incident: bool,
    /// Requests in buckets that are settled, since it is in an incident.
    sealed_requests: u64,
    /// The last bucket with a request.
    last: Bucket,
}

/// A flow that has left its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Departure {
    pub(super) onset: Bucket,
    pub(super) range: Range,
    /// Nothing came since the onset.
    pub(super) silent: bool,
}

impl Test {
    fn arrive(&mut self, bucket: Bucket, requests: u64) {
        if requests > 0 {
            self.arrived = self.arrived.max(bucket);
        }
    }
}

impl Flow {
    pub(super) fn starting_at(first: Bucket, config: &Config) -> Self {
        let test = Test { arrived: first, ..Test::default() };
        Self { next: first, whole_from: minute(first, config) + 1, test, last: first, ..Self::default() }
    }

    /// Requests of a bucket that was shown to the test already are not shown again.
    pub(super) fn add(&mut self, bucket: Bucket, requests: u64) {
        if bucket >= self.next {
            self.ahead.take_if(|(until, _)| bucket < *until);
            *self.open.entry(bucket, || 0) += requests;
        }
        self.last = self.last.max(bucket);
    }

    pub(super) fn seal(&mut self, to: Bucket, config: &Config) {
        while self.next < to {
            let bucket = self.next;
            let requests = self.open.remove(bucket).unwrap_or(0);
            self.next += 1;
            if self.in_incident {
                self.sealed_requests += requests;
                self.test.arrive(bucket, requests);
            } else {
                let usual = self.usual_in(minute(bucket, config), config);
                self.test = tested(self.test, bucket, requests, &usual, config);
                self.count(bucket, requests, config);
            }
        }
    }

    /// Takes everything before `to` as normal.
    pub(super) fn accept(&mut self, to: Bucket, config: &Config) {
        self.restart();
        self.held.clear();
        self.whole_from = 0;
        while self.next < to {
            let requests = self.open.remove(self.next).unwrap_or(0);
            let bucket = self.next;
            self.next += 1;
            self.test.arrive(bucket, requests);
            self.count(bucket, requests, config);
        }
        if let Some(range) = self.whole_minute(config) {
            self.end_minute(minute(to, config), range);
        }
        (self.accepted, self.ahead, self.usual) = (true, None, None);
    }

    /// Whatever spoke against the baseline does so no longer.
    fn restart(&mut self) {
        (self.test.scores, self.ahead) = (Default::default(), None);
    }

    /// What comes a minute now is what a minute has from here on. Returns it.
    pub(super) fn accept_present(&mut self, onset: Bucket, now: Bucket, config: &Config) -> u64 {
        let (since, until) = (self.next.max(onset), Self::settled(now, config));
        let present = per_minute(self.requests(since, until), until.saturating_sub(since), config);
        let pause_ms = self.minutes.iter().map(|range| range.pause_ms).max().unwrap_or(0);
        let busy = self.minutes.iter().map(|range| range.busy).min().unwrap_or(0).min(present);
        self.minutes = VecDeque::from([Range { low: present, high: present, most: present, busy, pause_ms }]);
        self.held.clear();
        self.begin_minute();
        self.restart();
        (self.accepted, self.usual) = (true, None);
        present
    }

    /// After time in which nothing was seen: that is no silence.
    pub(super) fn was_blind_until(&mut self, bucket: Bucket, config: &Config) {
        if bucket > self.next {
            self.open.forget_before(bucket);
            self.next = bucket;
            self.begin_minute();
            self.whole_from = minute(bucket, config) + 1;
            self.test.arrived = bucket.saturating_sub(1);
            self.restart();
        }
    }

    fn count(&mut self, bucket: Bucket, requests: u64, config: &Config) {
        self.slot = (self.slot.0 + requests, self.slot.1 + 1);
        let slot_ms = if self.minutes.len() < DROP_MINUTES_MIN { SLOT_SHORT_MS } else { SLOT_MS };
        if self.slot.1 * config.tick_ms >= slot_ms {
            let (requests, ticks) = std::mem::take(&mut self.slot);
            let rate = per_minute(requests, ticks, config);
            let slot = Range { low: rate, high: rate, ..Range::default() };
            self.current = Some(self.current.map_or(slot, |range| range.join(slot)));
        }
        self.minute = (self.minute.0 + requests, self.minute.1 + 1);
        self.busy += u64::from(requests > 0);
        self.paused = if requests == 0 { self.paused + 1 } else { 0 };
        self.pause = self.pause.max(self.paused);
        let minute = minute(bucket, config);
        if self::minute(bucket + 1, config) != minute
            && let Some(range) = self.whole_minute(config).filter(|_| minute >= self.whole_from)
        {
            self.end_minute(minute, range);
        }
    }

    /// What the minute that goes on has shown; the next one begins.
    fn whole_minute(&mut self, config: &Config) -> Option<Range> {
        let ((requests, ticks), busy, pause) = (self.minute, self.busy, self.pause);
        (self.minute, self.busy, self.pause) = ((0, 0), 0, 0);
        let range = self.current.take()?;
        let rate = per_minute(requests, ticks, config);
        let busy = per_minute(busy, ticks, config);
        Some(Range { most: rate, busy, pause_ms: pause * config.tick_ms, ..range })
    }

    fn begin_minute(&mut self) {
        (self.current, self.slot, self.minute) = (None, (0, 0), (0, 0));
        (self.busy, self.pause, self.paused) = (0, 0, 0);
    }

    fn end_minute(&mut self, minute: u64, range: Range) {
        self.held.push(range);
        if self.test.scores.iter().any(|score| score.bits >= Bits::log2(HOLD_ODDS))
            && self.held.len() <= BASELINE_MINUTES
        {
            return;
        }
        let before = self.norms(minute);
        for range in std::mem::take(&mut self.held) {
            self.season.add(minute, range, Range::join);
            self.minutes.push_back(range);
            if self.minutes.len() > BASELINE_MINUTES {
                self.minutes.pop_front();
            }
        }
        self.usual = None;
        // Mostly one more minute makes nothing else normal, and what was tested by it stands.
        if self.norms(minute) != before {
            self.ahead = None;
        }
    }

    /// All that the test of buckets behind a minute follows from, as far ahead as it is made.
    fn norms(&self, minute: u64) -> ([Option<Range>; 2], [bool; 2]) {
        let known = [DROP_MINUTES_MIN, SURGE_MINUTES_MIN].map(|least| self.minutes.len() >= least);
        // What is usual follows from the hour.
        ([1, 60].map(|ahead| self.range(minute + ahead)), known)
    }

    fn usual_in(&mut self, minute: u64, config: &Config) -> Usual {
        if let Some(usual) = self.usual.filter(|usual| usual.minute == minute) {
            return usual;
        }
        let usual = Usual::of(minute, self.range(minute), self.minutes.len(), config);
        self.usual = Some(usual);
        usual
    }

    /// What a minute may have; `None` while too little is known for a drop.
    fn range(&self, minute: u64) -> Option<Range> {
        if self.minutes.len() < DROP_MINUTES_MIN && !self.accepted {
            return None;
        }
        let seen = self.minutes.iter().copied().reduce(Range::join)?;
        Some(self.season.usual(minute).fold(seen, Range::join))
    }

    /// Whether the flow has left its range, as of what has had time to come.
    pub(super) fn departure(&mut self, now: Bucket, threshold: Bits, config: &Config) -> Option<Departure> {
        if self.in_incident {
            return None;
        }
        let settled = Self::settled(now, config);
        let reached = self.ahead.filter(|(until, _)| (self.next..=settled).contains(until));
        let (from, mut test) = reached.unwrap_or((self.next, self.test));
        let mut bucket = from;
        while bucket < settled {
            let usual = self.usual_in(minute(bucket, config), config);
            let mut coming = self.open.range(bucket..settled).peekable();
            while bucket < settled && minute(bucket, config) == usual.minute {
                let requests =
                    coming.next_if(|(known, _)| *known == bucket).map_or(0, |(_, requests)| *requests);
                test = tested(test, bucket, requests, &usual, config);
                bucket += 1;
            }
        }
        self.ahead = Some((settled.max(from), test));
        let best =
            test.scores.into_iter().max_by_key(|score| score.bits).filter(|best| best.bits >= threshold)?;
        let range = self.range(minute(settled, config))?;
        Some(Departure { onset: best.since, range, silent: best.requests == 0 })
    }

    /// Up to which bucket what was sent has had time to come.
    pub(super) fn settled(now: Bucket, config: &Config) -> Bucket {
        now.saturating_sub(config.ticks(SETTLE_MS))
    }

    /// Requests from `since` to `until`, as far as they can still change.
    pub(super) fn requests(&self, since: Bucket, until: Bucket) -> u64 {
        if since >= until { 0 } else { self.open.range(since..until).map(|(_, requests)| requests).sum() }
    }

    /// At least half as many requests come as in the least minute before.
    pub(super) fn goes_on(&self, tick_ms: u64) -> bool {
        let (Some(low), Some(first), Some(last)) =
            (self.minutes.iter().map(|range| range.low).min(), self.open.first(), self.open.last())
        else {
            return !self.open.is_empty();
        };
        let requests: u64 = self.open.values().sum();
        2 * requests * 60_000 >= low * (last - first + 1) * tick_ms
    }

    /// The most requests of a minute before, and the rate with the most now, if that is far more: of ten seconds over
    /// ten seconds, or of half a minute over whole minutes, where rare requests come more evenly.
    pub(super) fn surge(&self, config: &Config) -> Option<(u64, u64)> {
        let before = self.minutes.iter().copied().reduce(Range::join)?;
        let told = self.minutes.len() >= DROP_MINUTES_MIN || before.high >= PER_MINUTE_SHORT;
        let candidates = [(10_000, before.high), (30_000, before.most)];
        candidates.into_iter().filter(|_| told).find_map(|(length_ms, most)| {
            let now = self.most_lately(length_ms, config)?;
            (now >= 2 * most && most >= PER_MINUTE_MIN).then_some((most, now))
        })
    }

    /// The greatest rate of a stretch of the last minute.
    fn most_lately(&self, length_ms: u64, config: &Config) -> Option<u64> {
        let ticks = config.ticks(length_ms);
        let last = self.open.last()?;
        let rates = (0..60_000 / length_ms).map(|back| {
            let to = (last + 1).saturating_sub(back * ticks);
            let requests: u64 = self.open.range(to.saturating_sub(ticks)..to).map(|(_, n)| n).sum();
            per_minute(requests, ticks, config)
        });
        rates.max()
    }

    pub(super) fn enter(&mut self) {
        self.in_incident = true;
        self.sealed_requests = 0;
    }

    /// Requests since `onset`, which is not sealed when the incident begins.
    pub(super) fn since_incident(&self, onset: Bucket) -> u64 {
        let open: u64 = self.open.range(onset..).map(|(_, requests)| requests).sum();
        self.sealed_requests + open
    }

    /// Its incident is over as of `from`. What has been gone for long has no normal any more.
    pub(super) fn leave(&mut self, from: Bucket, config: &Config) {
        self.in_incident = false;
        self.restart();
        self.held.clear();
        if (from.saturating_sub(self.last)) * config.tick_ms >= GONE_MS {
            self.usual = None;
            self.minutes.clear();
            self.accepted = false;
        }
    }

    pub(super) fn is_gone(&self, now: Bucket, config: &Config) -> bool {
        !self.in_incident && now.saturating_sub(self.last) * config.tick_ms >= 2 * GONE_MS
    }
}

/// Whether a stretch still lies outside of `range`: the lower threshold, for staying open.
pub(crate) fn still_departs(requests: u64, ticks: u64, range: Range, config: &Config) -> bool {
    flow_odds(requests, ticks, range, config) >= Bits::log2(HOLD_ODDS)
}

/// The odds, in bits, that `requests` in some ticks come from another rate than the nearest end of `range`.
pub(crate) fn flow_odds(requests: u64, ticks: u64, range: Range, config: &Config) -> Bits {
    let paused_ms = if requests == 0 { ticks * config.tick_ms } else { 0 };
    let bits = ALTERNATIVES.into_iter().filter_map(|alternative| {
        let normal = range.normal(alternative, paused_ms, false)?;
        Some(gain_over(requests, normal, alternative, ticks, config))
    });
    bits.max().unwrap_or(Bits::ZERO)
}

fn gain(requests: u64, normal: u64, alternative: u64, config: &Config) -> Bits {
    gain_over(requests, normal, alternative, 1, config)
}

/// The log likelihood ratio of Poisson rates: n log2(a) + normal (1 - a) log2(e).
fn gain_over(requests: u64, normal: u64, alternative: u64, ticks: u64, config: &Config) -> Bits {
    let expected_millionths = u128::from(normal) * u128::from(ticks * config.tick_ms) * 1_000_000 / 60_000;
    let weight = expected_millionths * LOG2_E / 1_000_000;
    let weight = i64::try_from(weight).unwrap_or(i64::MAX / 16);
    let per_event = Bits::ratio(alternative, 1_000);
    let rate = i128::from(weight) * (1_000 - i128::from(alternative)) / 1_000;
    per_event.times(requests).plus(Bits(i64::try_from(rate).unwrap_or(i64::MIN / 2)))
}

fn minute(bucket: Bucket, config: &Config) -> u64 {
    bucket * config.tick_ms / 60_000
}

fn per_minute(requests: u64, ticks: u64, config: &Config) -> u64 {
    requests * 60_000 / (ticks * config.tick_ms).max(1)
}

#[cfg(test)]
mod tests;
