//! Where operations spend time of their own: the duration of a span less what it waits for in the same trace. What is
//! slow is derived from the operation's own past, and the share of slow requests is tested like a share of failures. A
//! caller's own time does not grow when its callee's does, so what alarms here is where the time goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{EventKind, Nanos, SECOND_NS, SpanId, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detect::{Baseline, Counts, Detector, Excess, SELF_TIME};
use crate::fixed::Bits;
use crate::join::{IDLE_NS, Joined, SpanFacts};
use crate::recent::Recent;
use crate::season::Season;
use crate::sketch::{Latency, Merge, Smallest};
use crate::summary::{Bucket, Split};
use crate::window::{Alarm, FamilyKey, Limit, Norm, OperationKey, Sign, derive_again, margin_percent};

/// Operations whose own time is known.
const OPERATIONS_MAX: usize = 20_000;
/// Fewer requests than this have no distribution.
const REQUESTS_MIN: u64 = 60;
/// An operation younger than this has no past, unless somebody says that it has.
const WARM_UP_NS: u64 = 60 * SECOND_NS;
const MINUTES: usize = 60;
/// Less than this above the middle is nothing that anybody waits for.
const ADDED_NS_MIN: u64 = 2_000_000;
const RECENT_NS: u64 = 120 * SECOND_NS;
const KEEP_NS: u64 = 24 * 3_600 * SECOND_NS;
const TRACES_MAX: usize = 8;
const VERSIONS_MAX: usize = 8;
const INSTANCES_MAX: usize = 32;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SelfTimes {
    operations: BTreeMap<OperationKey, Known>,
    forgot: Nanos,
    /// Requests of operations beyond the bound.
    pub(crate) cut: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Known {
    first: Nanos,
    last: Nanos,
    /// By minute.
    past: VecDeque<(u64, Latency)>,
    limit: Option<Limit>,
    derived: Nanos,
    /// The limits of the same hours on other days.
    season: Season<u64>,
    detector: Detector,
    in_incident: bool,
    recent: Recent<Counts>,
    stretch: Stretch,
}

/// What was seen since the evidence began.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Stretch {
    pub(crate) counts: Counts,
    pub(crate) times: Latency,
    /// Beyond the median of before, over all slow requests.
    pub(crate) lost_us: u64,
    /// Requests, and the slow ones of them as their failures.
    pub(crate) versions: BTreeMap<Str, Split>,
    pub(crate) instances: BTreeMap<Str, Split>,
    traces: Smallest<TraceId, TRACES_MAX>,
}

/// One request of an operation.
struct Measured<'a> {
    trace: TraceId,
    facts: &'a SpanFacts,
    own_ns: u64,
}

impl SelfTimes {
    /// Takes in the traces that became whole by `now`.
    pub(crate) fn absorb(&mut self, traces: &[Joined], now: Nanos, config: &Config) {
        let measured = traces.iter().flat_map(|trace| {
            let id = trace.trace;
            own_times(trace).into_iter().map(move |(facts, own_ns)| Measured { trace: id, facts, own_ns })
        });
        let mut all: Vec<Measured<'_>> = measured.collect();
        all.sort_by(|a, b| a.facts.operation.cmp(&b.facts.operation));
        for measured in all.chunk_by(|a, b| a.facts.operation == b.facts.operation) {
            let Some(key) = measured.first().map(|one| &one.facts.operation) else { continue };
            if self.operations.len() >= OPERATIONS_MAX && !self.operations.contains_key(key) {
                self.cut += measured.len() as u64;
                continue;
            }
            let fresh = || Known { first: now, ..Known::default() };
            self.operations.entry(key.clone()).or_insert_with(fresh).add(measured, now, config);
        }
        self.forget(now);
    }

    fn forget(&mut self, now: Nanos) {
        if now.since(self.forgot) < 3_600 * SECOND_NS {
            return;
        }
        self.forgot = now;
        self.operations.retain(|_, known| known.in_incident || now.since(known.last) < KEEP_NS);
    }

    pub(crate) fn tests(&self) -> usize {
        self.operations.values().filter(|known| known.limit.is_some()).count()
    }

    pub(crate) fn alarms(&self, threshold: Bits, config: &Config) -> impl Iterator<Item = Alarm> {
        let idle = IDLE_NS / config.tick_ns();
        self.operations.iter().filter(|(_, known)| !known.in_incident).filter_map(move |(key, known)| {
            let Excess { bits, onset, baseline } = known.detector.excess();
            let limit = known.limit.filter(|_| bits >= threshold)?;
            Some(Alarm {
                family: FamilyKey::of(key.clone(), Sign::SelfTime),
                // A trace counts when it is whole.
                onset: onset.saturating_sub(idle),
                norm: Norm::SelfTime(baseline, limit),
            })
        })
    }

    /// Everything so far is normal.
    pub(crate) fn accept(&mut self, matches: impl Fn(&OperationKey) -> bool, now: Nanos) {
        for (_, known) in self.operations.iter_mut().filter(|(key, known)| matches(key) && !known.in_incident)
        {
            known.derive(now);
        }
    }

    /// What an operation takes now is normal, whatever it took before.
    pub(crate) fn accept_present(&mut self, key: &OperationKey, now: Nanos) -> Counts {
        let Some(known) = self.operations.get_mut(key) else { return Counts::default() };
        let minute = now.as_secs() / 60;
        known.past = VecDeque::from([(minute, known.stretch.times.clone())]);
        known.derive(now);
        known.stretch.counts
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey) {
        if let Some(known) = self.of_family(family) {
            known.in_incident = true;
        }
    }

    pub(crate) fn leave_incident(&mut self, family: &FamilyKey) {
        if let Some(known) = self.of_family(family) {
            known.in_incident = false;
            known.detector.restart();
            known.stretch = Stretch::default();
        }
    }

    fn of_family(&mut self, family: &FamilyKey) -> Option<&mut Known> {
        (family.sign == Sign::SelfTime).then(|| self.operations.get_mut(&family.operation)).flatten()
    }

    /// What was seen of an operation since its evidence began.
    pub(crate) fn since(&self, key: &OperationKey) -> Option<&Stretch> {
        self.operations.get(key).map(|known| &known.stretch)
    }

    /// The median of before.
    pub(crate) fn usual(&self, key: &OperationKey) -> Option<u64> {
        self.operations.get(key)?.limit.map(|limit| limit.p50_ns)
    }

    /// From when on a request is slow by itself.
    pub(crate) fn limit(&self, key: &OperationKey) -> Option<Limit> {
        self.operations.get(key)?.limit
    }

    pub(crate) fn counts(&self, key: &OperationKey, since: Bucket) -> Counts {
        let mut sum = Counts::default();
        if let Some(known) = self.operations.get(key) {
            known.recent.range(since..).for_each(|(_, counts)| sum.add(*counts));
        }
        sum
    }

    pub(crate) fn traces(&self, key: &OperationKey) -> Vec<TraceId> {
        let known = self.operations.get(key);
        known.into_iter().flat_map(|known| known.stretch.traces.iter()).copied().collect()
    }
}

impl Known {
    fn add(&mut self, measured: &[Measured<'_>], now: Nanos, config: &Config) {
        let bucket = now.0 / config.tick_ns();
        self.last = now;
        let calm = self.detector.is_calm() && !self.in_incident;
        if calm {
            self.stretch = Stretch::default();
        }
        let mut counts = Counts::default();
        for one in measured {
            let slow = self.limit.is_some_and(|limit| one.own_ns >= limit.above_ns);
            counts.add(Counts { requests: 1, failures: u64::from(slow) });
            self.stretch.add(one, slow, self.limit);
        }
        if calm {
            self.learn(measured, now);
        }
        // Two ticks can fall into one bucket.
        self.recent.entry(bucket, Counts::default).add(counts);
        self.recent.forget_before(bucket.saturating_sub(RECENT_NS / config.tick_ns()));
        if self.limit.is_some() && !self.in_incident {
            self.detector.observe(SELF_TIME, bucket, counts, u64::MAX, config);
        }
        let due = match self.limit {
            None => now.since(self.first) >= WARM_UP_NS,
            Some(_) => derive_again(now.since(self.derived), self.derived.since(self.first)),
        };
        if due && self.detector.is_calm() && !self.in_incident {
            self.derive(now);
        }
    }

    fn learn(&mut self, measured: &[Measured<'_>], now: Nanos) {
        let minute = now.as_secs() / 60;
        if self.past.back().is_none_or(|(last, _)| *last != minute) {
            self.past.push_back((minute, Latency::default()));
        }
        if let Some((_, times)) = self.past.back_mut() {
            measured.iter().for_each(|one| times.add(one.own_ns));
        }
        while self.past.len() > MINUTES {
            self.past.pop_front();
        }
    }

    /// Sets the limit by what was seen so far.
    fn derive(&mut self, now: Nanos) {
        let all = Latency::sum(self.past.iter().map(|(_, times)| times));
        if all.count() < REQUESTS_MIN {
            return;
        }
        self.derived = now;
        let (Some(p50_ns), Some(p95_ns)) = (all.quantile_ns(500), all.quantile_ns(950)) else { return };
        let margin = margin_percent(now.since(self.first));
        let own = (p95_ns.saturating_mul(margin) / 100).max(p50_ns * 5 / 2).max(p50_ns + ADDED_NS_MIN);
        let minute = now.as_secs() / 60;
        self.season.add(minute, own, u64::max);
        let above_ns = self.season.usual(minute).fold(own, u64::max);
        let limit = Limit { above_ns: Latency::edge_ns(above_ns + 1), p50_ns };
        let mut baseline = Baseline::default();
        for (minute, times) in &self.past {
            let failures = times.count_from(limit.above_ns);
            baseline.add(*minute, Counts { requests: times.count(), failures });
        }
        (self.limit, self.detector) = (Some(limit), Detector::with_past(baseline));
    }
}

impl Stretch {
    fn add(&mut self, one: &Measured<'_>, slow: bool, limit: Option<Limit>) {
        self.counts.add(Counts { requests: 1, failures: u64::from(slow) });
        self.times.add(one.own_ns);
        let split = Split { requests: 1, failures: u64::from(slow), total_us: one.own_ns / 1_000 };
        for (parts, name, most) in [
            (&mut self.versions, &one.facts.version, VERSIONS_MAX),
            (&mut self.instances, &one.facts.instance, INSTANCES_MAX),
        ] {
            if !name.is_empty() && (parts.len() < most || parts.contains_key(name)) {
                parts.entry(name.clone()).or_default().merge(&split);
            }
        }
        if slow {
            let before = limit.map_or(0, |limit| limit.p50_ns);
            self.lost_us = self.lost_us.saturating_add(one.own_ns.saturating_sub(before) / 1_000);
            self.traces.add(&one.trace);
        }
    }
}

/// Each span of a trace with the time that it spent itself.
fn own_times(trace: &Joined) -> Vec<(&SpanFacts, u64)> {
    let facts = |id: &SpanId| trace.spans.get(id).and_then(|joined| joined.span.as_ref());
    let mut children: BTreeMap<SpanId, Vec<&SpanFacts>> = BTreeMap::new();
    for (id, joined) in &trace.spans {
        let Some(span) = &joined.span else { continue };
        if let Some(parent) = span.parent.filter(|parent| parent != id && facts(parent).is_some()) {
            children.entry(parent).or_default().push(span);
        }
    }
    let measured = trace.spans.iter().filter_map(|(id, joined)| {
        let span = joined.span.as_ref()?;
        let below = children.get(id).map_or(&[][..], Vec::as_slice);
        Some((span, own_time(span, below)))
    });
    measured.collect()
}

/// The duration, less the time in which a child on the same clock was at work, less what other services took of it.
fn own_time(span: &SpanFacts, children: &[&SpanFacts]) -> u64 {
    let is_local = |child: &&&SpanFacts| child.operation.service == span.operation.service;
    let mut inside: BTreeSet<(Nanos, Nanos)> = BTreeSet::new();
    for child in children.iter().filter(is_local) {
        inside.insert((child.start.max(span.start), child.end.min(span.end)));
    }
    let (mut busy, mut reached) = (0u64, span.start);
    for (start, end) in inside {
        let from = start.max(reached);
        busy += end.since(from);
        reached = reached.max(end);
    }
    // Whoever hands work on does not wait for it.
    let waits = span.operation.kind != EventKind::Producer;
    let elsewhere = children.iter().filter(|child| !is_local(child) && waits);
    let elsewhere = elsewhere.filter(|child| child.operation.kind != EventKind::Consumer);
    let taken = elsewhere.map(|child| child.end.since(child.start)).max().unwrap_or(0);
    span.end.since(span.start).saturating_sub(busy).saturating_sub(taken)
}

#[cfg(test)]
mod tests;
