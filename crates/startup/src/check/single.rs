//! What can be seen at one unit: names that nobody has, polls that nobody answers, waits that are longer than their time.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::{Class, Finding, Level, Shows};
use super::wording::{seconds, wanted};
use crate::Place;
use crate::facts::{Gate, Name, System, TimeoutSource, Unit, Wait};
use crate::providers::{Provided, provided};

pub(super) fn findings(system: &System) -> Vec<Finding> {
    let units = system.units.values();
    units
        .flat_map(|unit| {
            dangling(system, unit).into_iter().chain(unanswered(system, unit)).chain(inverted(unit))
        })
        .collect()
}

fn finding(class: Class, unit: &Name, at: &Place, sentence: String) -> Finding {
    Finding {
        class,
        level: Level::Warning,
        at: at.clone(),
        unit: unit.clone(),
        sentence,
        steps: Vec::new(),
        shows: Shows::Always,
        stall: None,
        cuts: Vec::new(),
    }
}

/// What is required and not there. Only these files are known, so that it is no error.
fn dangling(system: &System, unit: &Unit) -> Vec<Finding> {
    let is_lost = |name: &Name| !system.units.contains_key(name) && !is_of_the_system(name.as_str());
    let needs = unit.needs.iter().filter(|need| need.force.is_hard() && is_lost(&need.of.unit));
    let needs = needs.map(|need| {
        let (key, of) = (need.of.key, &need.of.unit);
        let sentence =
            format!("{} cannot start without {of} ({key}), and none of these files defines it", unit.name);
        finding(Class::DanglingReference, &unit.name, &need.of.at, sentence)
    });
    let calls = unit.gates.iter().filter_map(|gate| match &gate.wait {
        Wait::Start(name) | Wait::Restart(name) | Wait::Active(name) if is_lost(name) => {
            let sentence = format!("{} waits for {name}, and none of these files defines it", unit.name);
            Some(finding(Class::DanglingReference, &unit.name, &gate.at, sentence))
        }
        _ => None,
    });
    needs.chain(calls).collect()
}

/// Units that systemd brings or makes from what it finds on the machine.
fn is_of_the_system(name: &str) -> bool {
    let made = [".target", ".slice", ".scope", ".mount", ".automount", ".swap", ".device"];
    name.starts_with("systemd-") || name.starts_with("dbus") || made.iter().any(|end| name.ends_with(end))
}

fn unanswered(system: &System, unit: &Unit) -> Vec<Finding> {
    let is_poll = |gate: &&Gate| matches!(gate.wait, Wait::Answer(_) | Wait::Connect(_));
    let nobody = |gate: &&Gate| provided(system, &gate.wait) == Provided::Nobody;
    let found = unit.gates.iter().filter(is_poll).filter(nobody).map(|gate| {
        let polled = wanted(&gate.wait);
        let sentence = format!(
            "{} waits for {polled}, and no unit here is known to serve it: if one does, say so in it with `X-Provides=`",
            unit.name
        );
        finding(Class::GateNeverOpens, &unit.name, &gate.at, sentence)
    });
    found.collect()
}

/// All waits of one command together, each as long as it may take.
fn inverted(unit: &Unit) -> Vec<Finding> {
    let Some(timeout) = unit.timeout.after else { return Vec::new() };
    let mut commands: BTreeMap<usize, (Duration, &Gate)> = BTreeMap::new();
    for gate in unit.gates.iter().filter(|gate| gate.holds.done()) {
        // A wait without an end of its own leaves it to the timeout, as it should.
        let Some(most) = gate.budget.at_most() else { continue };
        let (sum, _) = commands.entry(gate.command).or_insert((Duration::ZERO, gate));
        *sum = sum.saturating_add(most);
    }
    let over = commands.into_values().filter(|(sum, _)| *sum > timeout);
    let found = over.map(|(sum, gate)| {
        let said = match &unit.timeout.source {
            TimeoutSource::Said(at) => format!("its timeout of {} ({at})", seconds(timeout)),
            TimeoutSource::Default => format!("the default timeout of {}", seconds(timeout)),
        };
        let sentence = format!(
            "{} may wait {} for {}, and {said} ends it before: what comes after the wait never runs",
            unit.name,
            seconds(sum),
            wanted(&gate.wait)
        );
        finding(Class::BudgetInversion, &unit.name, &gate.at, sentence)
    });
    found.collect()
}
