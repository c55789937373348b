//! One incident: its members, its totals since the onset, and its state machine. What it means is worked out in
//! `analysis`; here stands only what must be remembered from tick to tick.

use std::collections::{BTreeMap, BTreeSet};

use model::{IncidentId, IncidentState, Nanos, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::attention::Attention;
use crate::concurrent::Named;
use crate::config::Config;
use crate::detect::{self, Counts};
use crate::hash;
use crate::service_metrics::Charge;
use crate::sketch::{Merge, Smallest};
use crate::summary::{Bucket, Digest};
use crate::window::{self, Alarm, Counted, FamilyKey, Norm, OperationKey, Window};

mod beside;
mod timeline;
mod union;

use beside::Beside;
pub(crate) use timeline::{Moment, What};

/// Operations whose totals an incident keeps; members come first.
const OPERATIONS_MAX: usize = 64;
/// Families that can be members, with numbers of their own; further ones are only known to belong.
const MEMBERS_MAX: usize = 64;
/// Families that can be known to belong beyond the members. Others are left to open an incident of their own.
const BEYOND_MAX: usize = 10_000;
/// Traces that an incident looks at.
pub(crate) const TRACES_MAX: usize = 20;
/// A flow that stays away for this long is not waited for.
const GONE_NS: u64 = 3_600 * model::SECOND_NS;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: IncidentId,
    pub(crate) env: Str,
    pub(crate) state: IncidentState,
    pub(crate) root: FamilyKey,
    pub(crate) detected_at: Nanos,
    pub(crate) onset: Bucket,
    pub(crate) members: BTreeMap<FamilyKey, Member>,
    /// Families that belong, and are not shown.
    pub(crate) beyond: BTreeSet<FamilyKey>,
    totals: BTreeMap<OperationKey, Digest>,
    /// What the same operations did before the onset, as far as the window held it when they were first looked at.
    past: BTreeMap<OperationKey, Past>,
    /// Totals hold what ended before this bucket; what ended later is still in the window.
    counted_to: Bucket,
    /// Exemplars chosen at opening; they do not change any more.
    pub(crate) opening: Vec<TraceId>,
    /// Traces of the same operations from before the onset, to compare with.
    pub(crate) before: Vec<TraceId>,
    beside: Beside,
    /// Of an operation at the edge: the most requests of a minute before, and the most of one now.
    pub(crate) surge: Option<(OperationKey, u64, u64)>,
    /// Whose excess it is, as long as the numbers told.
    pub(crate) charge: Option<Charge>,
    pub(crate) opened_at: Nanos,
    /// What had been cut or had come late before the incident, which is none of its business.
    pub(crate) ambient: (u64, u64),
    last_failing: Nanos,
    recovering_since: Option<Nanos>,
    pub(crate) resolved_at: Option<Nanos>,
    pub(crate) reopened: u32,
    pub(crate) timeline: Vec<Moment>,
    pub(crate) attention: Attention,
    pub(crate) last_report: Option<Reported>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) onset: Bucket,
    pub(crate) detected_at: Nanos,
    pub(crate) norm: Norm,
    /// Of what is not counted by digests: requests since the onset, and those that show the symptom.
    pub(crate) since: Counts,
}

/// An operation before the onset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    pub(crate) counts: Counts,
    pub(crate) p50_ns: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reported {
    pub(crate) at: Nanos,
    pub(crate) hash: String,
    pub(crate) material: String,
    /// The best suspects by its own evidence.
    pub(crate) named: Vec<Named>,
    /// The traces that it cites: all were kept with the incident.
    pub(crate) cited: BTreeSet<TraceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Failing,
    Quiet,
    NoTraffic,
}

/// `inc_` and a hash of what the incident was at its opening.
pub(crate) fn incident_id(root: &FamilyKey, onset: Bucket, config: &Config) -> IncidentId {
    let operation = &root.operation;
    let onset_ns = (onset * config.tick_ns()).to_be_bytes();
    IncidentId(hash::digest8(&[
        operation.env.as_bytes(),
        operation.service.as_bytes(),
        operation.kind.as_str().as_bytes(),
        operation.operation.as_bytes(),
        root.sign.as_str().as_bytes(),
        root.code.as_bytes(),
        &onset_ns,
    ]))
}

impl Case {
    pub(crate) fn open(
        root: FamilyKey,
        alarms: &[Alarm],
        now: Nanos,
        window: &mut Window,
        config: &Config,
    ) -> Self {
        let onset = alarms.iter().map(|alarm| alarm.onset).min().unwrap_or(now.0 / config.tick_ns());
        let mut case = Self {
            id: incident_id(&root, onset, config),
            env: root.operation.env.clone(),
            state: IncidentState::Open,
            root,
            detected_at: now,
            onset,
            members: BTreeMap::new(),
            beyond: BTreeSet::new(),
            totals: BTreeMap::new(),
            past: BTreeMap::new(),
            counted_to: window.sealed(),
            opening: Vec::new(),
            before: Vec::new(),
            beside: Beside::default(),
            surge: None,
            charge: None,
            opened_at: now,
            ambient: (0, 0),
            last_failing: now,
            recovering_since: None,
            resolved_at: None,
            reopened: 0,
            timeline: vec![Moment { at: now, what: What::Opened }],
            attention: Attention::default(),
            last_report: None,
        };
        alarms.iter().for_each(|alarm| case.admit(alarm, now, window, config));
        case
    }

    /// What is over comes back by its root, or by what belonged to it alone; anything else near it is a new incident.
    pub(crate) fn takes(&self, alarms: &[Alarm]) -> bool {
        let mut families = alarms.iter().map(|alarm| &alarm.family);
        self.state != IncidentState::Resolved
            || families.clone().any(|family| *family == self.root)
            || families.all(|family| self.members.contains_key(family))
    }

    /// Takes in a family that left its baseline, and reopens if need be.
    pub(crate) fn join(&mut self, alarm: &Alarm, now: Nanos, window: &mut Window, config: &Config) {
        if self.state == IncidentState::Resolved {
            self.reopened += 1;
            self.resolved_at = None;
            self.counted_to = self.counted_to.max(alarm.onset);
            self.attention.forget_acknowledgement();
            self.note(now, What::Reopened);
        } else if self.state == IncidentState::Recovering {
            self.note(now, What::Relapsed);
        }
        self.state = IncidentState::Open;
        self.recovering_since = None;
        self.last_failing = now;
        if !self.members.contains_key(&alarm.family) && self.members.len() < MEMBERS_MAX {
            self.note(now, What::Joined(alarm.family.clone()));
        }
        self.admit(alarm, now, window, config);
    }

    fn admit(&mut self, alarm: &Alarm, now: Nanos, window: &mut Window, config: &Config) {
        if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&alarm.family) {
            if self.beyond.len() < BEYOND_MAX {
                self.beyond.insert(alarm.family.clone());
                window.enter_incident(&alarm.family, alarm.onset, config);
            }
            return;
        }
        window.enter_incident(&alarm.family, alarm.onset, config);
        let member =
            Member { onset: alarm.onset, detected_at: now, norm: alarm.norm, since: Counts::default() };
        self.members.entry(alarm.family.clone()).or_insert(member);
        self.track(&alarm.family.operation, window, config);
    }

    /// Starts keeping the totals of an operation, from the onset.
    pub(crate) fn track(&mut self, key: &OperationKey, window: &Window, config: &Config) {
        if self.totals.len() < OPERATIONS_MAX && !self.totals.contains_key(key) {
            self.totals.insert(key.clone(), window.sum(key, self.onset, self.counted_to, config));
            let past = window.sum(key, 0, self.onset, config);
            let counts = Counts { requests: past.requests, failures: past.failures() };
            self.past.insert(key.clone(), Past { counts, p50_ns: past.latency.quantile_ns(500) });
        }
    }

    /// What the operation did since the onset.
    pub(crate) fn total(&self, key: &OperationKey, window: &Window) -> Digest {
        let mut total = self.totals.get(key).cloned().unwrap_or_default();
        self.unsettled(key, window).for_each(|digest| total.merge(digest));
        total
    }

    /// What the operation did in the hour before the onset.
    pub(crate) fn past(&self, key: &OperationKey) -> Past {
        self.past.get(key).copied().unwrap_or_default()
    }

    pub(crate) fn tracked(&self) -> impl Iterator<Item = &OperationKey> {
        self.totals.keys()
    }

    /// Moves on by a tick: onsets while they can still move, totals, state. Returns whether the state changed.
    pub(crate) fn tick(&mut self, now: Nanos, window: &mut Window, config: &Config) -> bool {
        if self.state == IncidentState::Resolved {
            return false;
        }
        self.refine_onset(window);
        for (family, member) in &mut self.members {
            match member.norm {
                Norm::Flow(_) => {
                    let requests = window.flowed(&family.operation, member.onset);
                    member.since = Counts { requests, failures: 0 };
                }
                Norm::Behaviour(_) => member.since = window.shapes.since(&family.operation),
                Norm::SelfTime(..) => {
                    let seen = window.self_times.since(&family.operation);
                    member.since = seen.map(|stretch| stretch.counts).unwrap_or_default();
                }
                Norm::Metric(then) => {
                    let service = family.operation.service_key();
                    let shift = window.metrics.services.shift_since(&service, &then);
                    member.since = Counts { requests: shift.requests, failures: shift.affected };
                }
                Norm::Failure(_) | Norm::Latency(..) | Norm::Level(_) => {}
            }
        }
        self.settle(window.sealed(), window, config);
        let before = self.state;
        self.judge(now, window, config);
        if self.state == IncidentState::Resolved {
            self.finish(now, window, config);
        }
        self.state != before
    }

    /// Late events can show that it began earlier than it seemed; once the onset's bucket is sealed it stands.
    fn refine_onset(&mut self, window: &Window) {
        if self.onset < self.counted_to || self.reopened > 0 {
            return;
        }
        for (family, member) in &mut self.members {
            let reach = (self.counted_to, member.onset);
            (member.onset, member.norm) = window.extend_onset(family, reach, member.norm);
            self.onset = self.onset.min(member.onset);
        }
    }

    fn settle(&mut self, to: Bucket, window: &Window, config: &Config) {
        let since = self.counted_to.max(self.onset);
        for (key, total) in &mut self.totals {
            total.merge(&window.sum(key, since, to, config));
        }
        self.beside.settle((since, to), window);
        self.counted_to = self.counted_to.max(to);
    }

    /// Where it arises: the requests that go well there are what the failing ones are compared with.
    pub(crate) fn compare(&mut self, operation: &OperationKey, window: &Window) {
        self.beside.compare(operation, (self.onset, self.counted_to), window);
    }

    /// Traces of requests since the onset that went well where it arises.
    pub(crate) fn beside(&self, window: &Window) -> Vec<TraceId> {
        self.beside.traces(self.unsettled_since(), window)
    }

    /// Closes the books: what comes after `now` counts only if the incident reopens.
    fn finish(&mut self, now: Nanos, window: &mut Window, config: &Config) {
        self.settle(now.0 / config.tick_ns() + 1, window, config);
        let families = self.members.keys().chain(&self.beyond);
        families.for_each(|family| window.leave_incident(family, self.counted_to, config));
        self.beyond.clear();
    }

    fn judge(&mut self, now: Nanos, window: &Window, config: &Config) {
        let health =
            |(family, member): (&FamilyKey, &Member)| self.health(family, member, now, window, config);
        let health: Vec<Health> = self.members.iter().map(health).collect();
        if health.contains(&Health::Failing) {
            self.last_failing = now;
            if self.state == IncidentState::Recovering {
                self.state = IncidentState::Open;
                self.recovering_since = None;
                self.note(now, What::Relapsed);
            }
            return;
        }
        let quiet = health.contains(&Health::Quiet);
        match self.recovering_since {
            Some(since) if now.since(since) >= config.resolve_after_ms * 1_000_000 => {
                self.resolve(now, What::Resolved);
            }
            Some(_) => {}
            None if quiet => {
                self.state = IncidentState::Recovering;
                self.recovering_since = Some(now);
                self.note(now, What::Recovering);
            }
            None if now.since(self.last_failing) >= config.no_traffic_ms * 1_000_000 => {
                self.resolve(now, What::ResolvedWithoutTraffic);
            }
            None => {}
        }
    }

    fn resolve(&mut self, now: Nanos, what: What) {
        self.state = IncidentState::Resolved;
        self.resolved_at = Some(now);
        self.recovering_since = None;
        self.note(now, what);
    }

    /// An operator says that it is over, in words of his own kind.
    pub(crate) fn resolve_by(&mut self, what: What, now: Nanos, window: &mut Window, config: &Config) {
        if self.state != IncidentState::Resolved {
            self.resolve(now, what);
            self.finish(now, window, config);
        }
    }

    fn health(
        &self,
        family: &FamilyKey,
        member: &Member,
        now: Nanos,
        window: &Window,
        config: &Config,
    ) -> Health {
        let tick = now.0 / config.tick_ns();
        let since = tick.saturating_sub(config.ticks(config.recovery_ms)).max(member.onset);
        if let Norm::Flow(range) = member.norm {
            let (requests, ticks) = window.flow(&family.operation, since, tick, config);
            return match window::still_departs(requests, ticks, range, config) {
                // What has been gone for an hour was taken away.
                true if requests == 0 && now.since(self.detected_at) >= GONE_NS => Health::NoTraffic,
                true => Health::Failing,
                false if requests > 0 => Health::Quiet,
                false => Health::NoTraffic,
            };
        }
        if let Norm::Level(_) = member.norm {
            let lately = config.recovery_ms * 1_000_000;
            return match window.metrics.still_saturated(family, now, lately) {
                Some(true) => Health::Failing,
                Some(false) => Health::Quiet,
                None => Health::NoTraffic,
            };
        }
        if let Norm::Metric(then) = member.norm {
            let service = family.operation.service_key();
            return match window.metrics.services.still_shifted(&service, &then, now) {
                Some(true) => Health::Failing,
                Some(false) => Health::Quiet,
                None => Health::NoTraffic,
            };
        }
        let recent = match member.norm {
            Norm::Behaviour(_) => window.shapes.counts(&family.operation, since),
            Norm::SelfTime(..) => window.self_times.counts(&family.operation, since),
            _ => window.counts(family, member.norm, since),
        };
        if detect::still_exceeds(recent, member.norm.counts()) {
            Health::Failing
        } else if recent.requests > 0 {
            Health::Quiet
        } else {
            Health::NoTraffic
        }
    }

    /// The failing and slow traces to look at: of all members, those with the smallest hashes, so that members share them.
    pub(crate) fn wanted(&self, window: &Window) -> Vec<TraceId> {
        let mut all: Smallest<TraceId, TRACES_MAX> = Smallest::default();
        for family in self.members.keys() {
            let settled = self.totals.get(&family.operation);
            for digest in settled.into_iter().chain(self.unsettled(&family.operation, window)) {
                match family.sign.counted() {
                    None => {}
                    Some(Counted::Failed) => {
                        let failures = digest.failures_of(&family.code);
                        failures.iter().flat_map(|f| f.traces.iter()).for_each(|trace| all.add(trace));
                    }
                    Some(Counted::Slow) => digest.slowest.iter().for_each(|(_, trace)| all.add(trace)),
                }
            }
        }
        for family in self.members.keys() {
            window.traces_of(family).iter().for_each(|trace| all.add(trace));
        }
        all.iter().copied().collect()
    }

    /// What counts for the incident and still stands in the window.
    fn unsettled<'a>(
        &self,
        key: &OperationKey,
        window: &'a Window,
    ) -> impl Iterator<Item = &'a Digest> + use<'a> {
        window.digests(key, self.unsettled_since())
    }

    /// What comes after the end does not count.
    fn unsettled_since(&self) -> Bucket {
        let over = self.state == IncidentState::Resolved;
        if over { Bucket::MAX } else { self.counted_to.max(self.onset) }
    }

    pub(crate) fn onsets(&self) -> crate::origin::Members<'_> {
        self.members.iter().map(|(family, member)| (family, member.onset)).collect()
    }

    /// The traces that the report may show: those chosen at opening, and those of now.
    pub(crate) fn looked_at(&self, window: &Window) -> BTreeSet<TraceId> {
        let wanted = self.wanted(window).into_iter();
        wanted.chain(self.opening.iter().copied()).chain(self.before.iter().copied()).collect()
    }

    /// Time in which nothing was seen proves nothing: what waits for calm or for silence waits that much longer.
    pub(crate) fn was_blind_for(&mut self, gap_ns: u64) {
        self.last_failing = self.last_failing.saturating_add(gap_ns);
        self.recovering_since = self.recovering_since.map(|since| since.saturating_add(gap_ns));
    }

    /// Moves to ticks of another length: what the window holds is counted while its ticks still mean something.
    pub(crate) fn rescale(
        &mut self,
        now: Nanos,
        window: &Window,
        config: &Config,
        scale: impl Fn(Bucket) -> Bucket,
    ) {
        if self.state != IncidentState::Resolved {
            self.settle(now.0 / config.tick_ns() + 1, window, config);
        }
        self.onset = scale(self.onset);
        self.counted_to = scale(self.counted_to);
        self.members.values_mut().for_each(|member| member.onset = scale(member.onset));
    }

    /// Whether an incident that is over can still come back under its id.
    pub(crate) fn can_reopen(&self, now: Nanos, config: &Config) -> bool {
        self.resolved_at.is_none_or(|at| now.since(at) <= config.reopen_ms * 1_000_000)
    }
}
