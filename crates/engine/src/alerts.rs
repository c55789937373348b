//! Alerts of other systems, folded: whatever is told of one alert, resends and resolves, is one record with a history.
//! Which labels mean a service or an environment is configuration, so a replay maps as was mapped then. It must never
//! know how a provider writes its alerts, nor decide anything from them: they stand in reports as evidence, and `core/confirm`
//! asks which of them fire.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::{Alert, AlertChange, AlertProvider, AlertRecord, AlertStatus, IncidentState, Nanos, Str};
use serde::{Deserialize, Serialize};

use crate::analysis::{Hop, View};
use crate::case::Case;
use crate::config::Config;
use crate::window::Window;

mod mapping;

pub use mapping::AlertLabels;

/// Alerts that are known at once. Beyond it the one goes that was resolved, or else heard of, the longest ago.
const ALERTS_MAX: usize = 2_000;
/// Notifications of one tick; the earliest stay.
const ARRIVED_MAX: usize = 10_000;
/// Changes of one alert that are kept: the newest.
const HISTORY_MAX: usize = 32;
/// Alerts that a report names; those that began first.
const CORRELATED_MAX: usize = 50;
const HOUR_NS: u64 = 3_600 * model::SECOND_NS;
/// How long an alert is known after it was resolved, and one that fires after it was heard of last.
const KEEP_RESOLVED_NS: u64 = 24 * HOUR_NS;
const KEEP_FIRING_NS: u64 = 7 * 24 * HOUR_NS;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Alerts {
    records: BTreeMap<(AlertProvider, Str), AlertRecord>,
    /// What was told since the last tick.
    arrived: Vec<Alert>,
    /// Notifications beyond the bound.
    pub(crate) cut: u64,
}

/// An alert that belongs to an incident.
pub(crate) struct CorrelatedAlert<'a> {
    pub(crate) alert: &'a AlertRecord,
    pub(crate) rule: &'static str,
    /// The time around the incident, in which at least one of its changes lies.
    pub(crate) within: RangeInclusive<Nanos>,
}

impl Alerts {
    pub(crate) fn add(&mut self, alerts: Vec<Alert>) {
        self.arrived.extend(alerts);
        // Room for twice the bound, so that sorting happens once in so many.
        if self.arrived.len() >= 2 * ARRIVED_MAX {
            self.sort_and_cut();
        }
    }

    /// What was told since the last tick, in the order in which it is to be folded: of its own time, not of arrival.
    pub(crate) fn take_arrived(&mut self) -> Vec<Alert> {
        self.sort_and_cut();
        std::mem::take(&mut self.arrived)
    }

    fn sort_and_cut(&mut self) {
        self.arrived.sort_by(|a, b| (a.at, a).cmp(&(b.at, b)));
        self.cut += self.arrived.len().saturating_sub(ARRIVED_MAX) as u64;
        self.arrived.truncate(ARRIVED_MAX);
    }

    /// Takes in one notification. Returns the alert as it is now, and whether more than a counter changed.
    pub(crate) fn fold(&mut self, alert: Alert, window: &Window, config: &Config) -> (AlertRecord, bool) {
        let alert = config.alert_labels.applied(alert, window);
        let key = (alert.provider, alert.id.clone());
        if let Some(record) = self.records.get_mut(&key) {
            let before = (record.history.len(), record.history.last().copied(), record.history_cut);
            take(record, alert);
            let after = (record.history.len(), record.history.last().copied(), record.history_cut);
            return (record.clone(), before != after);
        }
        if self.records.len() >= ALERTS_MAX {
            self.drop_least();
        }
        let record = first(alert);
        self.records.insert(key, record.clone());
        (record, true)
    }

    /// Those that began to fire at or after an instant and still do, in order of provider and id.
    pub(crate) fn firing_since(&self, since: Nanos) -> impl Iterator<Item = &AlertRecord> {
        self.records.values().filter(move |record| !is_over(record) && record.started_at >= since)
    }

    pub(crate) fn forget(&mut self, now: Nanos) {
        self.records.retain(|_, record| {
            let keep_ns = if is_over(record) { KEEP_RESOLVED_NS } else { KEEP_FIRING_NS };
            now.since(record.last_at) <= keep_ns
        });
    }

    fn drop_least(&mut self) {
        let least = self
            .records
            .iter()
            .min_by_key(|(key, record)| (!is_over(record), record.last_at, (*key).clone()));
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            self.records.remove(&key);
        }
    }
}

/// Whether it says that something takes too long, in the words of its title, summary, code or labels.
pub(crate) fn is_about_latency(record: &AlertRecord) -> bool {
    let said = [&record.title, &record.summary].into_iter().chain(&record.code).chain(record.labels.values());
    let words = ["latency", "duration", "slow", "response time", "responsetime"];
    said.map(|text| text.to_ascii_lowercase()).any(|text| words.iter().any(|word| text.contains(word)))
}

fn is_over(record: &AlertRecord) -> bool {
    record.status == AlertStatus::Resolved
}

fn first(alert: Alert) -> AlertRecord {
    let mut record = AlertRecord {
        id: alert.id.clone(),
        provider: alert.provider,
        status: alert.status,
        severity: alert.severity,
        title: Str::default(),
        summary: Str::default(),
        env: None,
        service: None,
        operation: None,
        code: None,
        labels: BTreeMap::new(),
        value: Str::default(),
        url: Str::default(),
        started_at: alert.started_at,
        ended_at: None,
        first_at: alert.at,
        last_at: alert.at,
        times: 0,
        episodes: 0,
        history: Vec::new(),
        history_cut: 0,
    };
    if alert.status != AlertStatus::Firing {
        // That it fired is known from what followed.
        push(&mut record, AlertChange { at: alert.started_at, status: AlertStatus::Firing });
    }
    take(&mut record, alert);
    record
}

fn take(record: &mut AlertRecord, alert: Alert) {
    record.times += 1;
    record.first_at = record.first_at.min(alert.at);
    if alert.at < record.last_at {
        take_belated(record, &alert);
        return;
    }
    record.last_at = alert.at;
    let last = record.history.last().copied();
    if last.is_none_or(|last| last.status != alert.status) {
        // A provider may say that an alert fires again since a time at which it was resolved since: then it is the
        // notification that tells of the change.
        let told = change_at(&alert);
        let at = if last.is_some_and(|last| told <= last.at) { alert.at } else { told };
        push(record, AlertChange { at, status: alert.status });
    } else if alert.status != AlertStatus::Resolved {
        record.started_at = record.started_at.min(alert.started_at);
    }
    record.severity = alert.severity;
    record.title = alert.title;
    record.summary = alert.summary;
    record.labels = alert.labels;
    record.value = alert.value;
    record.url = alert.url;
    // What was inferred once stays, even if it could not be inferred now.
    record.env = alert.env.or(record.env.take());
    record.service = alert.service.or(record.service.take());
    record.operation = alert.operation.or(record.operation.take());
    record.code = alert.code.or(record.code.take());
}

/// When the alert came to have its status, as its provider says.
fn change_at(alert: &Alert) -> Nanos {
    match alert.status {
        AlertStatus::Firing => alert.started_at,
        AlertStatus::Acknowledged => alert.at,
        AlertStatus::Resolved => alert.ended_at.unwrap_or(alert.at),
    }
}

/// A notification that was overtaken on its way: it can fill the history, but what is known since stands.
fn take_belated(record: &mut AlertRecord, alert: &Alert) {
    let change = AlertChange { at: change_at(alert).min(alert.at), status: alert.status };
    let place = record.history.partition_point(|known| known.at <= change.at);
    let before = place.checked_sub(1).and_then(|at| record.history.get(at));
    let is_beyond_bound = place == 0 && record.history_cut > 0;
    if is_beyond_bound || before.is_some_and(|before| before.status == change.status) {
        return;
    }
    match record.history.get_mut(place) {
        Some(next) if next.status == change.status => next.at = change.at,
        Some(_) => {
            record.history.insert(place, change);
            record.episodes += u64::from(change.status == AlertStatus::Firing);
            cut(record);
        }
        // After the last change its status was confirmed.
        None => {}
    }
}

fn push(record: &mut AlertRecord, change: AlertChange) {
    let began = change.status == AlertStatus::Firing
        && record.history.last().is_none_or(|last| last.status == AlertStatus::Resolved);
    if began {
        record.episodes += 1;
        record.started_at = change.at;
    }
    record.status = change.status;
    record.ended_at = (change.status == AlertStatus::Resolved).then_some(change.at);
    record.history.push(change);
    cut(record);
}

fn cut(record: &mut AlertRecord) {
    while record.history.len() > HISTORY_MAX {
        record.history.remove(0);
        record.history_cut += 1;
    }
}

/// Alerts of the services that the incident passes, in its environment or in none, that changed in the time around it.
pub(crate) fn correlated<'a>(
    case: &Case,
    origin: Option<Str>,
    hops: &[Hop],
    started_at: Nanos,
    view: View<'a>,
) -> Vec<CorrelatedAlert<'a>> {
    let around = view.config.signal_window_ms * 1_000_000;
    let over = case.resolved_at.filter(|_| case.state == IncidentState::Resolved);
    let within = started_at.saturating_sub(around)..=over.unwrap_or(view.now).saturating_add(around);
    let on_chain = |service: &Str| {
        hops.iter().any(|hop| hop.operation.service == *service)
            || case.members.keys().any(|family| family.operation.service == *service)
    };
    let rule = |alert: &AlertRecord| {
        let service = alert.service.as_ref()?;
        let in_env = alert.env.as_ref().is_none_or(|env| *env == case.env);
        let in_time = alert.history.iter().any(|change| within.contains(&change.at));
        match (in_env && in_time, origin.as_ref() == Some(service)) {
            (false, _) => None,
            (true, true) => Some("of the origin service"),
            (true, false) => on_chain(service).then_some("of a service on the chain"),
        }
    };
    let mut found: Vec<CorrelatedAlert<'_>> = view
        .alerts
        .records
        .values()
        .filter_map(|alert| Some(CorrelatedAlert { alert, rule: rule(alert)?, within: within.clone() }))
        .collect();
    // The order among equals is that of provider and id.
    found.sort_by_key(|correlated| correlated.alert.started_at);
    found.truncate(CORRELATED_MAX);
    found
}

#[cfg(test)]
mod tests;
