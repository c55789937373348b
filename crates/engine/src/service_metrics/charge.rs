//! Whose excess it is. A service is slow or fails where what it calls does, so of each service that can be reached only
//! what its own callees do not explain is charged to it, and only in those minutes in which the service that the alert
//! is about has an excess too.

use std::collections::BTreeMap;

use model::Str;
use serde::{Deserialize, Serialize};

use super::rows::{Measure, Row};
use super::{ServiceMetrics, Shift, Statistic};
use crate::summary::ServiceKey;

/// Of a minute a service explains at most so many tenths of what the alert's service shows: callers share a callee.
const ALIGNED_TENTHS: i128 = 15;
/// Charged services that are kept.
const CHARGED_MAX: usize = 10;

/// What a symptom of a service's own numbers comes down to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) target: Str,
    pub(crate) measure: Measure,
    /// The most first.
    pub(crate) charged: Vec<Charged>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charged {
    pub(crate) service: Str,
    /// Of the target's excess, in thousandths.
    pub(crate) share: u64,
    /// Services from it to the target, both included.
    pub(crate) way: Vec<Str>,
}

type Excess = BTreeMap<u64, i128>;

impl ServiceMetrics {
    /// The first measure of a kind in which a service departs, asked in order.
    pub(crate) fn departs(
        &self,
        service: &ServiceKey,
        failures_first: bool,
        around: u64,
        since: u64,
    ) -> Option<Shift> {
        let latency = Statistic::ALL.into_iter().map(Measure::Latency);
        let mut measures: Vec<Measure> = latency.collect();
        let at = if failures_first { 0 } else { measures.len() };
        measures.insert(at, Measure::Failures);
        measures.into_iter().find_map(|measure| self.shift(service, measure, around, since))
    }

    /// `None` where the target does not depart, or nothing is known of what it was before.
    pub(crate) fn charge(&self, target: &ServiceKey, measure: Measure, around: u64) -> Option<Charge> {
        let of_target = self.excess(target, measure, around)?;
        let active: Vec<u64> =
            of_target.iter().filter(|(_, excess)| **excess > 0).map(|(minute, _)| *minute).collect();
        let total: i128 = of_target.values().sum();
        if total <= 0 {
            return None;
        }
        let reach = self.calls.reach(target);
        let aligned: BTreeMap<&ServiceKey, i128> = reach
            .keys()
            .filter_map(|service| {
                let excess = self.excess(service, measure, around)?;
                Some((service, aligned(&excess, &of_target, &active)))
            })
            .collect();
        let arriving = self.calls.arriving();
        let mut charged: Vec<(i128, i128, &ServiceKey)> = Vec::new();
        for (service, whole) in &aligned {
            let of_callees: i128 = self
                .calls
                .callees(service)
                .filter_map(|(callee, calls)| {
                    let all = arriving.get(callee).copied().unwrap_or(calls).max(1);
                    Some(aligned.get(callee)?.saturating_mul(i128::from(calls)) / i128::from(all))
                })
                .sum();
            let own = (whole - of_callees).max(0);
            if own > 0 {
                charged.push((own, *whole, *service));
            }
        }
        charged.sort_by(|a, b| (b.0, b.1, a.2).cmp(&(a.0, a.1, b.2)));
        charged.truncate(CHARGED_MAX);
        let charged = charged.into_iter().map(|(own, _, service)| Charged {
            service: service.service.clone(),
            share: u64::try_from(own.saturating_mul(1_000) / total).unwrap_or(u64::MAX),
            way: way(service, &reach),
        });
        Some(Charge { target: target.service.clone(), measure, charged: charged.collect() })
    }

    /// By minute since everything was normal, zero where nothing departs. A service without enough of a past of its own
    /// has none.
    fn excess(&self, service: &ServiceKey, measure: Measure, around: u64) -> Option<Excess> {
        let rows = self.services.get(service)?;
        let until = rows.normal_until(around);
        let normal = rows.normal(until, measure)?;
        let since = rows.by_minute.range(until + 1..);
        Some(since.map(|(minute, row)| (*minute, normal.excess(row, measure))).collect())
    }

    /// Whether any row of the service has a number of that kind.
    pub(super) fn tells(rows: &BTreeMap<u64, Row>, measure: Measure) -> bool {
        rows.values().any(|row| row.value(measure).is_some())
    }

    /// Whether a service counts its own requests.
    pub(crate) fn knows(&self, service: &ServiceKey) -> bool {
        self.services.contains_key(service)
    }
}

/// What a service has too much of while the target has, beyond what it has just before, between and after, while the
/// target has not.
fn aligned(excess: &Excess, target: &Excess, active: &[u64]) -> i128 {
    let first = active.first().copied().unwrap_or_default();
    let from = target.range(..first).next_back().map_or(first, |(minute, _)| *minute);
    let idle: Vec<i128> = excess
        .range(from..)
        .filter(|(minute, _)| !active.contains(minute))
        .map(|(_, excess)| *excess)
        .collect();
    let usual = if idle.is_empty() { 0 } else { idle.iter().sum::<i128>() / idle.len() as i128 };
    let minute = |minute: &u64| {
        let most = target.get(minute).copied().unwrap_or_default() * ALIGNED_TENTHS / 10;
        (excess.get(minute).copied().unwrap_or_default() - usual).clamp(0, most.max(0))
    };
    active.iter().map(minute).sum()
}

fn way(from: &ServiceKey, reach: &BTreeMap<ServiceKey, Option<ServiceKey>>) -> Vec<Str> {
    let mut way = vec![from.service.clone()];
    let mut at = from;
    while let Some(Some(before)) = reach.get(at) {
        way.push(before.service.clone());
        at = before;
    }
    way
}
