//! What services count of their own requests: how many came, failed, and how long they took, by minute. Such numbers
//! cover every request, where spans may be a sample. They confirm what an alert says, they charge it to the service
//! whose own excess it is, and they stand against symptoms that only a sample of spans shows. Integers alone.

use std::collections::{BTreeMap, BTreeSet};

use model::{Event, Nanos, SECOND_NS};
use serde::{Deserialize, Serialize};

use crate::metrics::SeriesKey;
use crate::summary::ServiceKey;
use crate::window::{FamilyKey, OperationKey};

mod calls;
mod charge;
mod contradiction;
mod roles;
mod rows;

use calls::Calls;
pub(crate) use charge::{Charge, Charged};
pub(crate) use contradiction::Shown;
pub(crate) use roles::{Role, Statistic, role};
pub(crate) use rows::Measure;
use rows::{Normal, Row};

/// Services whose numbers are kept, and minutes with numbers of each.
const SERVICES_MAX: usize = 1_000;
const ROWS_MAX: usize = 128;
const MINUTE_NS: u64 = 60 * SECOND_NS;
/// How long before an onset everything is still looked at as what may have changed.
const LEAD_MINUTES: u64 = 30;
/// Rows that a normal rests on.
const NORMAL_ROWS_MIN: usize = 3;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ServiceMetrics {
    services: BTreeMap<ServiceKey, Rows>,
    calls: Calls,
    /// Services counted for themselves as of the last tick: from here on it is learned who calls whom.
    learns: bool,
    in_incident: BTreeSet<FamilyKey>,
    /// When an incident of the family was over: what was before is not judged again.
    left: BTreeMap<FamilyKey, Nanos>,
    /// Points of services beyond the bound.
    pub(crate) cut: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rows {
    /// By minute.
    by_minute: BTreeMap<u64, Row>,
    /// What came before it was said to be normal.
    accepted: Nanos,
}

/// A number that left what it was, as it stood when the incident opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shift {
    pub(crate) measure: Measure,
    pub(crate) normal: Normal,
    /// The worst row since, all requests since, and those that were affected: that failed, or came in a row above the
    /// limit of latency.
    pub(crate) worst: i64,
    pub(crate) requests: u64,
    pub(crate) affected: u64,
    /// The minute of the first row above the limit.
    pub(crate) first: u64,
}

impl ServiceMetrics {
    pub(crate) fn add(&mut self, key: &SeriesKey, role: Role, at: Nanos, value: i64) {
        let service = ServiceKey { env: key.env.clone(), service: key.service.clone() };
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(&service) {
            self.cut += 1;
            return;
        }
        let rows = &mut self.services.entry(service).or_default().by_minute;
        rows.entry(at.0 / MINUTE_NS).or_default().add(role, value);
        while rows.len() > ROWS_MAX {
            rows.pop_first();
        }
    }

    pub(crate) fn add_event(&mut self, event: &Event, hash: u64, tick: Nanos) {
        if self.learns {
            self.calls.add(event, hash, tick);
        }
    }

    pub(crate) fn advance(&mut self, now: Nanos) {
        self.calls.close(now);
        self.left.retain(|_, at| now.since(*at) < 3_600 * SECOND_NS);
        // What has not been counted for a day is gone.
        let edge = (now.0 / MINUTE_NS).saturating_sub(24 * 60);
        let is_counted =
            |rows: &Rows| rows.by_minute.last_key_value().is_some_and(|(minute, _)| *minute >= edge);
        self.services.retain(|_, rows| is_counted(rows));
        self.learns = !self.services.is_empty();
    }

    pub(crate) fn accept(&mut self, matches: impl Fn(&ServiceKey) -> bool, until: Nanos) {
        for (_, rows) in self.services.iter_mut().filter(|(service, _)| matches(service)) {
            rows.accepted = rows.accepted.max(until);
        }
    }

    /// What a service counted, by minute.
    fn rows(&self, service: &ServiceKey) -> Option<&BTreeMap<u64, Row>> {
        self.services.get(service).map(|rows| &rows.by_minute)
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey) {
        if family.sign == crate::window::Sign::Metric {
            self.in_incident.insert(family.clone());
        }
    }

    pub(crate) fn leave_incident(&mut self, family: &FamilyKey, at: Nanos) {
        if self.in_incident.remove(family) {
            self.left.insert(family.clone(), at);
        }
    }

    pub(crate) fn is_in_incident(&self, family: &FamilyKey) -> bool {
        self.in_incident.contains(family)
    }

    pub(crate) fn left(&self, family: &FamilyKey) -> Option<Nanos> {
        self.left.get(family).copied()
    }

    /// The service that is meant where an operation's requests fail: for a call, the one that is called.
    pub(crate) fn meant<'a>(&'a self, operation: &OperationKey) -> std::borrow::Cow<'a, ServiceKey> {
        match self.calls.callee(operation) {
            Some(callee) => std::borrow::Cow::Borrowed(callee),
            None => std::borrow::Cow::Owned(operation.service_key()),
        }
    }

    /// Services that a service reaches by calls, itself left out.
    pub(crate) fn reached_from(&self, service: &ServiceKey) -> impl Iterator<Item = ServiceKey> {
        self.calls.reach(service).into_keys().filter(move |reached| reached != service)
    }

    /// Services that a service is known to call.
    pub(crate) fn called_by<'a>(
        &'a self,
        service: &ServiceKey,
    ) -> impl Iterator<Item = &'a ServiceKey> + use<'a> {
        self.calls.callees(service).map(|(callee, _)| callee)
    }

    /// How many minutes lie between two numbers of a service, as a rule.
    pub(crate) fn step(&self, service: &ServiceKey) -> u64 {
        self.rows(service).map_or(1, interval)
    }

    /// Where exactly one environment has numbers of a service of that name, it is meant.
    pub(crate) fn find(&self, env: Option<&model::Str>, service: &model::Str) -> Option<ServiceKey> {
        let mut found = self.services.keys().filter(|key| key.service == *service);
        match env {
            Some(env) => found.find(|key| key.env == *env).cloned(),
            None => found.next().filter(|_| found.next().is_none()).cloned(),
        }
    }

    /// How a service's number departs from what it was before `around`; `None` where it does not.
    pub(crate) fn shift(
        &self,
        service: &ServiceKey,
        measure: Measure,
        around: u64,
        since: u64,
    ) -> Option<Shift> {
        let rows = self.services.get(service)?;
        let until = rows.normal_until(around);
        let normal = rows.normal(until, measure)?;
        Shift::of(rows.by_minute.range(until.max(since) + 1..), measure, normal)
    }

    /// The same with the normal of then: what was before may be forgotten by now.
    pub(crate) fn shift_since(&self, service: &ServiceKey, then: &Shift) -> Shift {
        let rows = self.rows(service);
        let since = rows.into_iter().flat_map(|rows| rows.range(then.first..));
        Shift::of(since, then.measure, then.normal).unwrap_or(*then)
    }

    /// Whether the newest number still stands above what is normal; `None` where none came lately.
    pub(crate) fn still_shifted(&self, service: &ServiceKey, then: &Shift, now: Nanos) -> Option<bool> {
        let rows = self.rows(service)?;
        let (minute, row) = rows.iter().rev().find(|(_, row)| row.value(then.measure).is_some())?;
        let fresh = now.0 / MINUTE_NS <= minute + 2 * interval(rows) + 1;
        fresh.then(|| then.normal.excess(row, then.measure) > 0)
    }
}

impl Rows {
    /// Up to which minute everything is what it was before `around`.
    fn normal_until(&self, around: u64) -> u64 {
        let accepted = self.accepted.0 / MINUTE_NS;
        let lead = around.saturating_sub(LEAD_MINUTES);
        if accepted <= around { lead.max(accepted) } else { lead }
    }

    fn normal(&self, until: u64, measure: Measure) -> Option<Normal> {
        Normal::of(self.by_minute.range(..=until).map(|(_, row)| row), measure)
    }
}

impl Shift {
    fn of<'a>(
        rows: impl Iterator<Item = (&'a u64, &'a Row)>,
        measure: Measure,
        normal: Normal,
    ) -> Option<Self> {
        let mut shift: Option<Self> = None;
        for (minute, row) in rows {
            let Some((requests, value)) = row.value(measure) else { continue };
            let above = normal.excess(row, measure) > 0;
            if shift.is_none() && !above {
                continue;
            }
            let fresh = Self { measure, normal, worst: value, requests: 0, affected: 0, first: *minute };
            let shift = shift.get_or_insert(fresh);
            let requests = requests.unsigned_abs();
            shift.requests = shift.requests.saturating_add(requests);
            if above {
                shift.worst = shift.worst.max(value);
                let failed = u128::from(requests) * u128::from(value.unsigned_abs()) / 1_000_000;
                let affected = match measure {
                    Measure::Failures => u64::try_from(failed).unwrap_or(u64::MAX),
                    Measure::Latency(_) => requests,
                };
                shift.affected = shift.affected.saturating_add(affected);
            }
        }
        shift
    }
}

/// How many minutes lie between two rows, as a rule.
fn interval(rows: &BTreeMap<u64, Row>) -> u64 {
    let minutes = rows.keys().rev().take(9);
    let mut gaps: Vec<u64> =
        minutes.clone().zip(minutes.skip(1)).map(|(later, earlier)| later - earlier).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied().unwrap_or(1)
}

#[cfg(test)]
mod tests;
