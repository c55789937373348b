//! What systemd adds by itself: default dependencies, order between targets and what they want, what sockets and timers
//! activate, what is enabled. It adds edges between units that are there, and never one against an order that is said.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Source;
use super::names::{kind, stem};
use super::references::installed;
use crate::Place;
use crate::facts::{Activation, Force, Kind, Name, Need, Order, Reference, Unit};

pub(super) fn add(units: &mut BTreeMap<Name, Unit>, sources: &[Source]) {
    for (by, need) in sources.iter().flat_map(installed) {
        if let Some(unit) = units.get_mut(&by) {
            unit.needs.push(need);
        }
    }
    for source in sources {
        default_order(units, source);
        activation_order(units, source);
    }
    let plain: BTreeSet<&Name> =
        sources.iter().filter(|source| has_defaults(source)).map(|source| &source.name).collect();
    target_order(units, &plain);
    on_trigger(units, sources);
}

fn has_defaults(source: &Source) -> bool {
    source.is("Unit", "DefaultDependencies", true)
}

/// Early boot comes before everything that does not say otherwise.
fn default_order(units: &mut BTreeMap<Name, Unit>, source: &Source) {
    if !has_defaults(source) {
        return;
    }
    let (after, before): (&[&str], Option<&str>) = match kind(source.name.as_str()) {
        Some(Kind::Service) => (&["sysinit.target", "basic.target"], None),
        Some(Kind::Socket) => (&["sysinit.target"], Some("sockets.target")),
        Some(Kind::Timer) => (&["sysinit.target"], Some("timers.target")),
        _ => return,
    };
    for first in after {
        order(units, &Name::new(first), &source.name, "DefaultDependencies=", &source.at);
    }
    if let Some(then) = before {
        order(units, &source.name, &Name::new(then), "DefaultDependencies=", &source.at);
    }
}

/// The unit that a socket, a timer or a path starts.
pub(super) fn activated(source: &Source) -> Option<Name> {
    let (section, key) = match source.name.as_str().rsplit_once('.')?.1 {
        "socket" => ("Socket", "Service"),
        "timer" => ("Timer", "Unit"),
        "path" => ("Path", "Unit"),
        _ => return None,
    };
    let own = || format!("{}.service", stem(source.name.as_str()));
    Some(Name::new(&source.one(section, key).map_or_else(own, |value| value.text.clone())))
}

fn activation_order(units: &mut BTreeMap<Name, Unit>, source: &Source) {
    if let Some(then) = activated(source) {
        order(units, &source.name, &then, "activation", &source.at);
    }
}

/// A target is reached when what it wants is done, unless that is ordered after the target.
fn target_order(units: &mut BTreeMap<Name, Unit>, plain: &BTreeSet<&Name>) {
    let targets = units.values().filter(|unit| unit.kind == Kind::Target && plain.contains(&unit.name));
    let wanted: Vec<(Name, Name, Place)> = targets
        .flat_map(|target| target.needs.iter().map(|need| (target.name.clone(), need)))
        .filter(|(_, need)| need.force != Force::PartOf && plain.contains(&need.of.unit))
        .map(|(target, need)| (need.of.unit.clone(), target, need.of.at.clone()))
        .collect();
    for (first, target, at) in wanted {
        order(units, &first, &target, "target", &at);
    }
}

/// Unless one of them is not there, or their order is said already.
fn order(units: &mut BTreeMap<Name, Unit>, first: &Name, then: &Name, key: &'static str, at: &Place) {
    let names = |unit: &Unit, other: &Name| unit.orders.iter().any(|order| order.reference().unit == *other);
    let (Some(one), Some(other)) = (units.get(first), units.get(then)) else { return };
    if first == then || names(one, then) || names(other, first) {
        return;
    }
    if let Some(unit) = units.get_mut(then) {
        unit.orders.push(Order::After(Reference { unit: first.clone(), key, at: at.clone() }));
    }
}

/// What only a timer, a socket or a path starts takes no part in the boot itself.
fn on_trigger(units: &mut BTreeMap<Name, Unit>, sources: &[Source]) {
    let triggered: BTreeSet<Name> = sources.iter().filter_map(activated).collect();
    let is_installed = |source: &&Source| source.has_section("Install");
    let mut started: BTreeSet<Name> =
        sources.iter().filter(is_installed).map(|source| source.name.clone()).collect();
    let starts = |need: &&Need| !matches!(need.force, Force::PartOf | Force::Requisite);
    started.extend(
        units.values().flat_map(|unit| unit.needs.iter().filter(starts)).map(|need| need.of.unit.clone()),
    );
    for name in triggered.difference(&started) {
        if let Some(unit) = units.get_mut(name) {
            unit.activation = Activation::OnTrigger;
        }
    }
}
