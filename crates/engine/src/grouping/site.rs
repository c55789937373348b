//! Where something arises, as far as that tells which symptoms belong together: at a service, or on a machine. Judges places alone; when they were in trouble is not known here.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Event, Str};

use crate::analysis::{is_concentrated, is_slower};
use crate::origin::{Origin, Place};
use crate::summary::{Bucket, Split};
use crate::window::{FamilyKey, Sign, Window};

/// A single failure has to be somewhere.
const AGREEING_MIN: u64 = 2;
/// Of two sites together: fewer agree on a machine by chance.
const AGREEING_TOGETHER_MIN: u64 = 6;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// The service, if it reports requests.
    pub(crate) service: Option<Str>,
    /// The one machine on which it happens.
    pub(crate) machine: Option<Str>,
    /// Failures, or traces, that agree on it.
    pub(crate) agreeing: u64,
    /// The service runs on other machines as well, where it does not happen.
    pub(crate) spared_elsewhere: bool,
    /// What stands at a limit: machines and instances.
    pub(crate) at_limit: BTreeSet<Str>,
}

/// On which machine each instance runs, as far as captured traces tell.
#[derive(Debug, Default)]
pub(crate) struct Machines(BTreeMap<(Str, Str), BTreeMap<Str, Str>>);

impl Machines {
    pub(crate) fn of_traces<'a>(traces: impl Iterator<Item = &'a CapturedTrace>) -> Self {
        let mut known: BTreeMap<(Str, Str), BTreeMap<Str, Str>> = BTreeMap::new();
        for event in traces.flat_map(|trace| &trace.events) {
            let Some(machine) = machine_of(event) else { continue };
            let service = known.entry((event.env.clone(), event.service.clone())).or_default();
            service.entry(event.instance.clone()).or_insert_with(|| machine.clone());
        }
        Self(known)
    }

    /// Instances of an origin's service, each with its machine.
    fn of(&self, place: &Place) -> impl Iterator<Item = (&Str, &Str)> {
        self.0.get(&(place.step.env.clone(), place.service.clone())).into_iter().flatten()
    }
}

impl Site {
    /// `traces` show the symptoms since `onset`.
    pub(crate) fn of<'a>(
        origin: Option<&Origin>,
        families: impl Iterator<Item = &'a FamilyKey>,
        traces: &[&CapturedTrace],
        machines: &Machines,
        (window, onset): (&Window, Bucket),
    ) -> Self {
        let saturated = families.filter(|family| family.sign == Sign::Saturation);
        let at_limit = saturated.map(|family| family.code.clone()).filter(|name| !name.is_empty()).collect();
        let Some(origin) = origin else { return Self { at_limit, ..Self::default() } };
        let place = &origin.place;
        let service = Some(place.service.clone()).filter(|name| window.has_service(&place.step.env, name));
        let of_instances = machine_of_instances(origin, (window, onset), machines);
        let found = of_instances.or_else(|| only_machine(origin, traces));
        let (machine, agreeing) = found.map_or((None, 0), |(machine, agreeing)| (Some(machine), agreeing));
        let others = || machines.of(place).any(|(_, other)| Some(other) != machine.as_ref());
        let spared_elsewhere = machine.is_some() && others();
        Self { service, machine, agreeing, spared_elsewhere, at_limit }
    }

    pub(crate) fn is_that_of(&self, other: &Self) -> bool {
        let same = |a: &Option<Str>, b: &Option<Str>| a.is_some() && a == b;
        let limits = |a: &Self, b: &Self| b.machine.as_ref().is_some_and(|name| a.at_limit.contains(name));
        same(&self.service, &other.service)
            || same(&self.machine, &other.machine) && self.agrees_with(other)
            || limits(self, other)
            || limits(other, self)
    }

    /// Both are spared on other machines, and that they are not on this one is no chance.
    fn agrees_with(&self, other: &Self) -> bool {
        let enough = self.agreeing + other.agreeing >= AGREEING_TOGETHER_MIN;
        enough && self.spared_elsewhere && other.spared_elsewhere
    }
}

/// The machine of all instances of the origin service that fail more than the others or are slower, and their failures
/// or requests.
fn machine_of_instances(
    origin: &Origin,
    (window, onset): (&Window, Bucket),
    runs_on: &Machines,
) -> Option<(Str, u64)> {
    let place = &origin.place;
    let all = window.arrivals(&place.step.env, &place.service, onset);
    let total_us: u64 = all.instances.iter().map(|(_, split)| split.total_us).sum();
    let rest = |part: Split| Split {
        requests: all.requests.saturating_sub(part.requests),
        failures: all.failures().saturating_sub(part.failures),
        total_us: total_us.saturating_sub(part.total_us),
    };
    let of_worse = |split: Split| match (is_concentrated(split, rest(split)), is_slower(split, rest(split))) {
        (true, _) => Some(split.failures),
        (false, true) => Some(split.requests),
        (false, false) => None,
    };
    let worse = all.instances.iter().filter_map(|(instance, split)| Some((instance, of_worse(*split)?)));
    let worse: BTreeMap<&Str, u64> = worse.collect();
    let known = runs_on.of(place).filter(|(instance, _)| worse.contains_key(instance));
    let machines: BTreeSet<&Str> = known.map(|(_, machine)| machine).collect();
    let only = machines.first().filter(|_| machines.len() == 1)?;
    Some(((*only).clone(), worse.values().sum()))
}

/// The machine on which nearly all traces show it in which the service of an origin left an event: those that agree on
/// the origin, and those in which the service itself failed.
fn only_machine(origin: &Origin, traces: &[&CapturedTrace]) -> Option<(Str, u64)> {
    let mut machines: BTreeMap<&Str, u64> = BTreeMap::new();
    for trace in traces {
        let own = trace.events.iter().filter(|e| e.service == origin.place.service && !e.kind.is_outbound());
        let shows = own.max_by_key(|event| (event.failure().is_some(), event.duration_ns(), event.span));
        let failed = shows.is_some_and(|event| event.failure().is_some());
        let says = failed || origin.traces_agreeing.contains(&trace.trace);
        if let Some(machine) = shows.filter(|_| says).and_then(machine_of) {
            *machines.entry(machine).or_default() += 1;
        }
    }
    let all: u64 = machines.values().sum();
    let (machine, most) = machines.into_iter().max_by_key(|(_, count)| *count)?;
    (most >= AGREEING_MIN && 8 * (all - most) <= all).then(|| (machine.clone(), most))
}

/// What a span says of the machine it ran on.
fn machine_of(event: &Event) -> Option<&Str> {
    let named = |name: &str| event.attributes.iter().find(|(key, _)| **key == *name).map(|(_, value)| value);
    ["k8s.node.name", "host.name", "host.id"].into_iter().find_map(named)
}

#[cfg(test)]
mod tests;
