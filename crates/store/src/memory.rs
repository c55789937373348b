//! The twin in memory: for tests, simulation and replay. It must answer as the store in SQLite does.

mod outbox;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model::{
    AlertRecord, Audited, CapturedTrace, Deployment, Incident, IncidentId, Nanos, ReportDocument, Signal,
    Str, TraceId,
};

use crate::archive::check;
use crate::chain::Row;
use crate::page::counted;
use crate::{
    AlertFilter, Applied, AuditFilter, AuditHead, AuditRecord, Change, IncidentFilter, ListedIncident,
    PAGE_MAX, Place, ReadError, ReportRef, Store, StoredTrace, TimeRange, WriteError,
};

#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    applied: Option<u64>,
    places: BTreeMap<IncidentId, Place>,
    incidents: BTreeMap<Place, Incident>,
    /// In the order in which they came.
    reports: Vec<ReportDocument>,
    traces: BTreeMap<TraceId, (CapturedTrace, BTreeSet<IncidentId>)>,
    signals: BTreeMap<Str, Signal>,
    deployments: BTreeMap<Str, Deployment>,
    audit: Vec<AuditRecord>,
    audited_positions: BTreeSet<u64>,
    /// By the name of the provider and the id.
    alerts: BTreeMap<(&'static str, Str), AlertRecord>,
    notifications: outbox::Notifications,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// No change is applied by halves, so the state is whole even if a holder of the lock panicked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply_one(&mut self, change: &Change) {
        match change {
            Change::Incident(incident) => {
                let place = *self.places.entry(incident.id).or_insert_with(|| Place::first_of(incident));
                self.incidents.insert(place, incident.clone());
            }
            Change::Report(report) => {
                let known = self.reports.iter().any(|other| {
                    (other.incident, other.tick, &other.hash) == (report.incident, report.tick, &report.hash)
                });
                if !known {
                    self.reports.push(report.clone());
                }
            }
            Change::Trace { incident, trace } => self.keep_trace(*incident, trace),
            Change::Signal(signal) => {
                self.signals.insert(signal.id.clone(), signal.clone());
            }
            Change::Deployment(deployment) => {
                self.deployments.insert(deployment.id.clone(), deployment.clone());
            }
            Change::Audit(entry) => {
                let entry = Audited::Action(entry.clone());
                // It was checked before.
                if let Ok(row) = Row::of(&entry) {
                    self.record(entry, &row);
                }
            }
            Change::Alert(alert) => {
                self.alerts.insert((alert.provider.as_str(), alert.id.clone()), alert.clone());
            }
            Change::Notification { notification, delivery } => self.notifications.add(notification, delivery),
        }
    }

    fn record(&mut self, entry: Audited, row: &Row) {
        if entry.position().is_some_and(|position| !self.audited_positions.insert(position)) {
            return;
        }
        let last = self.audit.last();
        let (before, sequence) = last
            .map_or_else(|| (AuditHead::default().hash, 1), |last| (last.hash.clone(), last.sequence + 1));
        self.audit.push(AuditRecord { sequence, hash: row.link(&before, sequence), entry });
    }

    fn keep_trace(&mut self, incident: IncidentId, trace: &CapturedTrace) {
        let (kept, citing) =
            self.traces.entry(trace.trace).or_insert_with(|| (trace.clone(), BTreeSet::new()));
        let length = |trace: &CapturedTrace| serde_json::to_vec(trace).map_or(0, |bytes| bytes.len());
        if length(trace) >= length(kept) {
            kept.clone_from(trace);
        }
        citing.insert(incident);
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn apply(&self, position: u64, changes: &[Change]) -> Result<Applied, WriteError> {
        if i64::try_from(position).is_err() {
            return Err(WriteError::PositionTooLarge { position });
        }
        for change in changes {
            check(change)?;
        }
        let mut state = self.state();
        if state.applied.is_some_and(|applied| position <= applied) {
            return Ok(Applied::Before);
        }
        changes.iter().for_each(|change| state.apply_one(change));
        state.applied = Some(position);
        Ok(Applied::Now)
    }

    async fn applied_position(&self) -> Result<Option<u64>, ReadError> {
        Ok(self.state().applied)
    }

    async fn incidents(
        &self,
        filter: &IncidentFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<ListedIncident>, ReadError> {
        let (state, after) = (self.state(), after.map(Place::counted));
        let behind =
            state.incidents.iter().rev().filter(|(place, _)| after.is_none_or(|last| **place < last));
        Ok(behind
            .filter(|(_, incident)| filter.matches(incident))
            .take(limit.min(PAGE_MAX))
            .map(|(place, incident)| ListedIncident { place: *place, incident: incident.clone() })
            .collect())
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, ReadError> {
        let state = self.state();
        Ok(state.places.get(&id).and_then(|place| state.incidents.get(place)).cloned())
    }

    async fn report_latest(&self, incident: IncidentId) -> Result<Option<ReportDocument>, ReadError> {
        let state = self.state();
        Ok(state.reports.iter().rfind(|report| report.incident == incident).cloned())
    }

    async fn report_by_hash(&self, hash: &str) -> Result<Option<ReportDocument>, ReadError> {
        Ok(self.state().reports.iter().find(|report| report.hash == hash).cloned())
    }

    async fn report_refs(
        &self,
        of: Option<IncidentId>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ReportRef>, ReadError> {
        let state = self.state();
        let numbered = (1u64..).zip(&state.reports);
        Ok(numbered
            .filter(|(sequence, report)| *sequence > after && of.is_none_or(|id| report.incident == id))
            .take(limit.min(PAGE_MAX))
            .map(|(sequence, report)| ReportRef {
                sequence,
                incident: report.incident,
                tick: report.tick,
                hash: report.hash.clone(),
            })
            .collect())
    }

    async fn trace(&self, trace: TraceId) -> Result<Option<StoredTrace>, ReadError> {
        let state = self.state();
        Ok(state.traces.get(&trace).map(|(trace, citing)| StoredTrace {
            trace: trace.clone(),
            incidents: citing.iter().copied().collect(),
        }))
    }

    async fn deployments(&self, within: TimeRange, limit: usize) -> Result<Vec<Deployment>, ReadError> {
        Ok(newest_first(self.state().deployments.values(), |deployment| deployment.at, within, limit))
    }

    async fn signals(&self, within: TimeRange, limit: usize) -> Result<Vec<Signal>, ReadError> {
        Ok(newest_first(self.state().signals.values(), |signal| signal.at, within, limit))
    }

    async fn record(&self, entries: &[Audited]) -> Result<(), WriteError> {
        let rows: Vec<_> = entries.iter().map(Row::of).collect::<Result<_, _>>()?;
        let mut state = self.state();
        entries.iter().zip(&rows).for_each(|(entry, row)| state.record(entry.clone(), row));
        Ok(())
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, ReadError> {
        let state = self.state();
        let behind =
            state.audit.iter().rev().filter(|record| after.is_none_or(|after| record.sequence < after));
        Ok(behind.filter(|record| filter.matches(&record.entry)).take(limit.min(PAGE_MAX)).cloned().collect())
    }

    async fn alerts(&self, filter: &AlertFilter, limit: usize) -> Result<Vec<AlertRecord>, ReadError> {
        let state = self.state();
        let matching: Vec<AlertRecord> =
            state.alerts.values().filter(|alert| filter.matches(alert)).cloned().collect();
        Ok(newest_first(matching.iter(), |alert| alert.last_at, TimeRange::ALL, limit))
    }

    async fn forget_facts(&self, before: Nanos) -> Result<u64, WriteError> {
        let mut state = self.state();
        let held = |state: &State| state.signals.len() + state.deployments.len() + state.alerts.len();
        let before_count = held(&state);
        state.signals.retain(|_, signal| counted(signal.at) >= counted(before));
        state.deployments.retain(|_, deployment| counted(deployment.at) >= counted(before));
        state.alerts.retain(|_, alert| counted(alert.last_at) >= counted(before));
        Ok((before_count - held(&state)) as u64)
    }

    async fn settle(&self) -> Result<(), WriteError> {
        Ok(())
    }
}

/// By time, then by the order of ids that `facts` come in, the last first.
fn newest_first<'a, T: Clone + 'a>(
    facts: impl Iterator<Item = &'a T>,
    at: impl Fn(&T) -> Nanos,
    within: TimeRange,
    limit: usize,
) -> Vec<T> {
    let mut found: Vec<&T> = facts.filter(|fact| within.contains(at(fact))).collect();
    found.sort_by_key(|fact| counted(at(fact)));
    found.into_iter().rev().take(limit.min(PAGE_MAX)).cloned().collect()
}
