//! What services count of their own requests, against what spans show and what alerts say: a symptom that only spans
//! show is put aside where the service counts otherwise, and an alert that its service's numbers confirm is a symptom.

use std::collections::BTreeSet;

use model::{Nanos, SECOND_NS};

use super::Core;
use crate::case::Case;
use crate::grouping::Callee;
use crate::service_metrics::{Charge, Measure, Shown};
use crate::summary::LOGS;
use crate::window::{Alarm, FamilyKey, Norm, OperationKey, Sign};

const MINUTE_NS: u64 = 60 * SECOND_NS;

impl Core {
    pub(super) fn is_contradicted(&self, alarm: &Alarm) -> bool {
        let services = &self.window.metrics.services;
        let key = &alarm.family.operation;
        let service = services.meant(key);
        if !services.knows(&service) || &*key.operation == LOGS {
            return false;
        }
        let shown = Shown {
            onset: alarm.onset * self.config.tick_ns() / MINUTE_NS,
            now: self.tick.0 / MINUTE_NS,
            counts: self.window.counts(&alarm.family, alarm.norm, alarm.onset),
        };
        match alarm.family.sign {
            Sign::Failure => services.fails_as_ever(&service, shown),
            Sign::Latency | Sign::SelfTime => services.is_fast_as_ever(&service, shown),
            Sign::Traffic | Sign::Silence => services.flows_as_ever(&service, shown),
            Sign::Saturation | Sign::Behaviour | Sign::Metric => false,
        }
    }

    /// Alerts that fire and whose service departs from what it was by its own numbers, in order of family.
    pub(super) fn confirmed_alerts(&self) -> Vec<Alarm> {
        let services = &self.window.metrics.services;
        let mut found: Vec<Alarm> = Vec::new();
        for alert in
            self.alerts.firing_since(self.tick.saturating_sub(self.config.signal_window_ms * 1_000_000))
        {
            let Some(service) =
                alert.service.as_ref().and_then(|name| services.find(alert.env.as_ref(), name))
            else {
                continue;
            };
            let failures_first = !crate::alerts::is_about_latency(alert);
            let around = alert.started_at.0 / MINUTE_NS;
            let since = |failures: bool| {
                let left = services.left(&FamilyKey::metric(&service, failures));
                left.map_or(0, |at| at.0 / MINUTE_NS)
            };
            let since = since(true).max(since(false));
            let Some(shift) = services.departs(&service, failures_first, around, since) else { continue };
            let family = FamilyKey::metric(&service, shift.measure == Measure::Failures);
            let known = services.is_in_incident(&family) || found.iter().any(|alarm| alarm.family == family);
            if !known {
                let onset = Nanos(shift.first.saturating_sub(services.step(&service)) * MINUTE_NS);
                let onset = onset.0 / self.config.tick_ns();
                found.push(Alarm { family, onset, norm: Norm::Metric(shift) });
            }
        }
        found.sort_by(|a, b| a.family.cmp(&b.family));
        found
    }

    /// Whose excess it is that the first member shows by its own numbers.
    pub(super) fn charge_of(&self, case: &Case) -> Option<Charge> {
        case.members.iter().find_map(|(family, member)| {
            let Norm::Metric(shift) = member.norm else { return None };
            let services = &self.window.metrics.services;
            services.charge(&family.operation.service_key(), shift.measure, shift.first)
        })
    }

    /// Services that a service calls, as far as they are learned: where services count for themselves.
    pub(super) fn called(&self, operation: &OperationKey) -> BTreeSet<Callee> {
        let called = self.window.metrics.services.called_by(&operation.service_key());
        called.map(|service| Callee::Service(service.service.clone())).collect()
    }

    /// Services that one reaches by calls: an alert may be about what befalls any of them.
    pub(super) fn reached(&self, operation: &OperationKey) -> BTreeSet<Callee> {
        let services = &self.window.metrics.services;
        let service = operation.service_key();
        services.reached_from(&service).map(|reached| Callee::Service(reached.service)).collect()
    }
}
