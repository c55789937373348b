//! The machine itself: routes events to shards, and at each tick merges, detects, groups, judges and reports.

use std::collections::{BTreeMap, BTreeSet};

use model::{Effect, Event, Evidence, IncidentId, Input, LogRecord, Nanos, TraceId};
use serde::{Deserialize, Serialize};

use crate::alerts::Alerts;
use crate::analysis::View;
use crate::assembly::Peers;
use crate::case::Case;
use crate::config::Config;
use crate::evidence::{TRACES_MAX, Traces};
use crate::facts::Facts;
use crate::hash::StableHash;
use crate::join::Join;
use crate::runtime_log::runtime_signal;
use crate::shard::Shard;
use crate::shed::Shedding;
use crate::sketch::Merge;
use crate::summary::{Bucket, LOGS, Summary};
use crate::versions::Versions;
use crate::window::{Alarm, FamilyKey, FamilyView, Sign, Window};

mod act;
mod changes;
mod confirm;
mod open;
mod publish;
mod unite;

/// Incidents that can be live at once, and symptoms that can wait for theirs. A further one is not opened while there
/// is no room, and `incidents_refused` counts each tick in which that was so.
const CASES_MAX: usize = 500;
const PENDING_MAX: usize = 1_000;
/// A tick that comes later than this many after the one before: the process was down or stood still.
const BLIND_TICKS: u64 = 10;
/// Failures in fewer distinct traces are no symptom yet.
pub(crate) const TRACES_MIN: usize = 3;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Engine {
    pub(crate) shards: Vec<Shard>,
    pub(crate) core: Core,
    /// Second deliveries. Nothing rests on how many there were, so it is no part of the core's state.
    duplicates: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Core {
    config: Config,
    config_digest: String,
    tick: Nanos,
    window: Window,
    join: Join,
    facts: Facts,
    alerts: Alerts,
    versions: Versions,
    peers: Peers,
    traces: Traces,
    /// Symptoms whose incident is not settled yet.
    pending: BTreeMap<FamilyKey, Pending>,
    cases: BTreeMap<IncidentId, Case>,
    /// Evidence or facts came since the last look, so a report may say something else before it is due.
    news: bool,
    late: u64,
    shedding: Shedding,
    incidents_refused: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pending {
    alarm: Alarm,
    since: Nanos,
    /// Traces that show the symptom, and such from before it began.
    traces: Vec<TraceId>,
    before: Vec<TraceId>,
}

/// Counters for metrics; no decision rests on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub late: u64,
    pub duplicates: u64,
    pub overflowed: u64,
    /// What came beyond a bound, of which nothing is known.
    pub left_out: u64,
    pub incidents_live: u64,
    pub incidents_refused: u64,
}

impl Engine {
    /// `shards` of at least one; their number changes no result.
    pub fn new(shards: usize) -> Self {
        let core = Core { config_digest: Config::default().digest(), ..Core::default() };
        Self { shards: vec![Shard::default(); shards.max(1)], core, duplicates: 0 }
    }

    pub fn step(&mut self, input: Input, now: Nanos) -> Vec<Effect> {
        self.shards.iter_mut().for_each(|shard| shard.begin(now, &self.core.config));
        match input {
            Input::Events(events) => {
                self.take_events(&events);
                Vec::new()
            }
            Input::Tick => {
                let mut closed = self.shards.iter_mut().map(|shard| shard.close(now, &self.core.config));
                let mut summary = closed.next().unwrap_or_default();
                closed.for_each(|other| summary.merge(&other));
                self.duplicates += summary.duplicates;
                self.core.tick(summary, now)
            }
            Input::Signals(signals) => {
                for signal in signals {
                    self.core.news |= self.core.facts.add_signal(signal);
                }
                Vec::new()
            }
            Input::Deployments(deployments) => self.core.take_deployments(deployments),
            Input::Alerts(alerts) => {
                self.core.alerts.add(alerts);
                Vec::new()
            }
            Input::Logs(logs) => self.take_logs(&logs),
            Input::Metrics(points) => {
                self.core.window.metrics.add(points);
                Vec::new()
            }
            Input::AcceptBaseline(accepted) => {
                self.core.accept_baseline(&accepted);
                Vec::new()
            }
            Input::Shed(shed) => {
                self.core.shedding.add(shed, now);
                Vec::new()
            }
            Input::Evidence(evidence) => self.core.take_evidence(evidence),
            Input::Operator(action) => self.core.act(&action),
            Input::Configure(text) => {
                if self.core.configure(&text) {
                    self.shards.iter_mut().for_each(Shard::drop_summary);
                }
                Vec::new()
            }
        }
    }

    /// What came before is looked up for all events first: the looks into a large set then wait for memory together.
    fn take_events(&mut self, events: &[Event]) {
        let shards = self.shards.len() as u64;
        let looked_up: Vec<(u64, bool)> = events
            .iter()
            .map(|event| {
                let hash = event.trace.stable_hash();
                (hash, self.shards[(hash % shards) as usize].counts_event(event, hash))
            })
            .collect();
        for (event, (hash, counts)) in events.iter().zip(looked_up) {
            if counts {
                self.shards[(hash % shards) as usize].add(event, hash, &self.core.config);
                self.core.window.metrics.services.add_event(event, hash, self.core.tick);
                self.core.join.add_event(event, hash, self.core.tick);
            }
        }
    }

    fn take_logs(&mut self, logs: &[LogRecord]) -> Vec<Effect> {
        for signal in logs.iter().filter_map(runtime_signal) {
            self.core.news |= self.core.facts.add_signal(signal);
        }
        let shards = self.shards.len() as u64;
        for log in logs {
            let hash = crate::hash::log(log);
            if self.shards[(hash % shards) as usize].add_log(log, hash, &self.core.config) {
                self.core.join.add_log(log, self.core.tick);
            }
        }
        Vec::new()
    }

    /// Error families that failed in the last hour, in order of key.
    pub fn families(&self) -> Vec<FamilyView> {
        self.core.window.families()
    }

    pub fn totals(&self) -> Totals {
        Totals {
            late: self.core.late,
            duplicates: self.duplicates,
            overflowed: self.core.window.overflowed,
            left_out: self.core.left_out(),
            incidents_live: self
                .core
                .cases
                .values()
                .filter(|c| c.state != model::IncidentState::Resolved)
                .count() as u64,
            incidents_refused: self.core.incidents_refused,
        }
    }

    pub fn config(&self) -> &Config {
        &self.core.config
    }
}

impl Core {
    fn tick(&mut self, summary: Summary, now: Nanos) -> Vec<Effect> {
        self.look_up_again(now);
        // A clock that went back must not reopen what is sealed.
        self.tick = self.tick.max(now);
        self.late += summary.late;
        let mut effects = self.fold_alerts();
        self.facts.forget(self.tick);
        effects.extend(self.register_versions(&summary));
        self.window.absorb(summary, &self.config);
        self.window.advance(self.tick, &self.config);
        self.window.metrics.advance(self.tick);
        let joined = self.join.close(self.tick);
        self.window.absorb_joined(&joined, self.tick, &self.config);
        self.alerts.forget(self.tick);
        self.note_alarms();
        let changed = self.move_cases();
        effects.extend(self.open_ripe(false));
        effects.extend(self.publish(&changed));
        effects.extend(self.unite());
        self.news = false;
        self.forget_cases();
        let wanted = self.wanted_traces();
        self.traces.keep_only(&wanted);
        let to_read = self.traces.to_read(&wanted, self.tick);
        if !to_read.is_empty() {
            effects.push(Effect::CaptureEvidence(to_read));
        }
        effects
    }

    /// After a stretch without ticks nothing is known of it: it counts neither as calm nor as silence.
    fn look_up_again(&mut self, now: Nanos) {
        let gap = now.since(self.tick);
        if self.tick != Nanos::default() && gap > BLIND_TICKS * self.config.tick_ns() {
            self.cases.values_mut().for_each(|case| case.was_blind_for(gap));
            self.window.was_blind_until(now, &self.config);
        }
    }

    /// What was told of alerts since the last tick, in order of its own time: that of arrival must not matter.
    fn fold_alerts(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for alert in self.alerts.take_arrived() {
            let (record, is_news) = self.alerts.fold(alert, &self.window, &self.config);
            self.news |= is_news;
            effects.push(Effect::AlertChanged(record));
        }
        effects
    }

    fn left_out(&self) -> u64 {
        self.window.left_out() + self.join.cut + self.alerts.cut
    }

    fn take_evidence(&mut self, evidence: Evidence) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.news = true;
        let looked_at = |case: &Case| {
            let mut traces = case.looked_at(&self.window);
            traces.extend(case.beside(&self.window));
            (case.id, traces)
        };
        let looked_at: Vec<(IncidentId, BTreeSet<TraceId>)> = self.cases.values().map(looked_at).collect();
        for trace in evidence.traces {
            self.peers.learn(&trace);
            let id = trace.trace;
            self.traces.capture(trace, self.tick);
            let Some(held) = self.traces.get(&id) else { continue };
            for (incident, _) in looked_at.iter().filter(|(_, traces)| traces.contains(&id)) {
                effects.push(Effect::TraceCaptured { incident: *incident, trace: held.clone() });
            }
        }
        effects.extend(self.open_ripe(true));
        effects
    }

    /// Symptoms as they stand now: one that went away again is forgotten, one in too few traces waits.
    fn note_alarms(&mut self) {
        let before = std::mem::take(&mut self.pending);
        let mut alarms = self.window.alarms(self.tick, &self.config);
        alarms.retain(|alarm| !self.is_contradicted(alarm));
        alarms.extend(self.confirmed_alerts());
        for alarm in alarms {
            let traces = self.exemplars(&alarm);
            // Log records need not name a trace.
            let logs = &*alarm.family.operation.operation == LOGS;
            // What other services said before is nothing new.
            if logs && self.window.is_background(&alarm.family, self.tick) {
                continue;
            }
            let has_traces = matches!(alarm.family.sign, Sign::Failure | Sign::Latency) && !logs;
            if has_traces && traces.len() < TRACES_MIN {
                continue;
            }
            if self.pending.len() >= PENDING_MAX {
                self.incidents_refused += 1;
                continue;
            }
            let since = before.get(&alarm.family).map_or(self.tick, |pending| pending.since);
            let before = self.window.healthy_before(&alarm.family.operation, alarm.family.sign, alarm.onset);
            self.pending.insert(alarm.family.clone(), Pending { alarm, since, traces, before });
        }
    }

    /// Traces that show a symptom, since its onset.
    fn exemplars(&self, alarm: &Alarm) -> Vec<TraceId> {
        let total = self.window.sum(&alarm.family.operation, alarm.onset, Bucket::MAX, &self.config);
        match alarm.family.sign {
            Sign::Failure => {
                let failures = total.failures_of(&alarm.family.code);
                failures.map(|failures| failures.traces.iter().copied().collect()).unwrap_or_default()
            }
            Sign::Latency => total.slowest.iter().map(|(_, trace)| *trace).collect(),
            Sign::Behaviour | Sign::SelfTime => self.window.traces_of(&alarm.family),
            Sign::Traffic | Sign::Silence | Sign::Saturation | Sign::Metric => Vec::new(),
        }
    }

    /// Cases whose state changed in this tick.
    fn move_cases(&mut self) -> BTreeSet<IncidentId> {
        let (window, config, now) = (&mut self.window, &self.config, self.tick);
        let moved =
            self.cases.values_mut().filter_map(|case| case.tick(now, window, config).then_some(case.id));
        moved.collect()
    }

    fn forget_cases(&mut self) {
        let (config, now) = (&self.config, self.tick);
        self.cases.retain(|_, case| case.can_reopen(now, config));
    }

    /// All traces that an incident or a symptom looks at, healthy ones of the same operations included.
    fn wanted_traces(&self) -> BTreeSet<TraceId> {
        let mut wanted: BTreeSet<TraceId> = BTreeSet::new();
        for pending in self.pending.values() {
            wanted.extend(pending.traces.iter().chain(&pending.before));
        }
        for case in self.cases.values() {
            wanted.extend(case.looked_at(&self.window));
        }
        // What failing requests are compared with must not take the place of failing ones.
        for case in self.cases.values() {
            let room = TRACES_MAX.saturating_sub(wanted.len());
            wanted.extend(case.beside(&self.window).into_iter().take(room));
        }
        wanted
    }

    /// A configuration that does not fit was refused before it was journaled; one that still comes changes nothing.
    /// Returns whether the length of a tick changed.
    fn configure(&mut self, text: &str) -> bool {
        let Ok(config) = Config::from_json(text) else { return false };
        let before = std::mem::replace(&mut self.config, config);
        self.config_digest = self.config.digest();
        let changed = before.tick_ms != self.config.tick_ms;
        if changed {
            // Buckets are counted in ticks, so those of the window mean nothing any more: baselines begin anew.
            // Incidents keep what they counted.
            let scale = |bucket: Bucket| bucket * before.tick_ms / self.config.tick_ms;
            for case in self.cases.values_mut() {
                case.rescale(self.tick, &self.window, &before, scale);
            }
            self.window = Window::starting_at(scale(self.window.sealed()));
            self.pending.clear();
        }
        changed
    }

    fn view(&self) -> View<'_> {
        View {
            cases: &self.cases,
            window: &self.window,
            traces: &self.traces,
            facts: &self.facts,
            alerts: &self.alerts,
            peers: &self.peers,
            config: &self.config,
            now: self.tick,
        }
    }
}
