//! How a gate that waits for itself ends: what gives up first, after how long, and what state that leaves. And whether it
//! shows when everything is up already.

use std::collections::BTreeSet;
use std::time::Duration;

use super::finding::{BrokenBy, Ends, Shows, Stall};
use crate::facts::{End, Gate, Name, Restart, Unit, Wait};
use crate::graph::{Edge, Graph};

/// The gate of the cycle that gives up first ends it for all.
pub(super) fn of(graph: &Graph<'_>, cycle: &[&Edge]) -> Option<Stall> {
    let gates = cycle.iter().filter_map(|edge| Some((graph.unit(edge.from), graph.gate(edge)?)));
    let stalls = gates.map(|(unit, gate)| alone(unit, gate));
    stalls.min_by_key(|stall| stall.delay.unwrap_or(Duration::MAX))
}

fn alone(unit: &Unit, gate: &Gate) -> Stall {
    let own = gate.budget.refused();
    // A start that is over is timed no more.
    let timeout = unit.timeout.after.filter(|_| gate.holds.done());
    match (own, timeout) {
        (Some(own), timeout) if timeout.is_none_or(|timeout| own < timeout) => {
            let ends = if gate.end == End::Passes { passed(unit) } else { failed(unit) };
            Stall { delay: Some(own), broken_by: BrokenBy::Budget, ends, outrun: timeout }
        }
        (_, Some(timeout)) => {
            Stall { delay: Some(timeout), broken_by: BrokenBy::Timeout, ends: failed(unit), outrun: None }
        }
        _ => Stall { delay: None, broken_by: BrokenBy::Nothing, ends: Ends::NeverEnds, outrun: None },
    }
}

fn passed(unit: &Unit) -> Ends {
    use crate::facts::Readiness::Completed;
    if unit.readiness == Completed && !unit.remains { Ends::Completed } else { Ends::Active }
}

fn failed(unit: &Unit) -> Ends {
    if unit.restart == Restart::No { Ends::Failed } else { Ends::Flapping }
}

/// Latent if the unit alone can be started again while the others of the cycle stay up.
pub(super) fn shows(graph: &Graph<'_>, cycle: &[&Edge]) -> Shows {
    let Some(first) = cycle.first() else { return Shows::Always };
    let owner = graph.unit(first.from);
    let others: Vec<&Unit> =
        cycle.iter().map(|edge| graph.unit(edge.to)).filter(|unit| unit.name != owner.name).collect();
    let restarts = graph.gate(first).is_some_and(|gate| matches!(gate.wait, Wait::Restart(_)));
    let stopped = stopped_with(graph, owner);
    let stay = !others.is_empty() && others.iter().all(|unit| !stopped.contains(&unit.name));
    if stay && !restarts { Shows::FromColdOnly } else { Shows::Always }
}

/// All that a restart of this unit takes down.
fn stopped_with<'g>(graph: &'g Graph<'_>, owner: &'g Unit) -> BTreeSet<&'g Name> {
    let mut stopped = BTreeSet::from([&owner.name]);
    loop {
        let before = stopped.len();
        for unit in &graph.units {
            let falls =
                unit.needs.iter().any(|need| need.force.stops_together() && stopped.contains(&need.of.unit));
            if falls {
                stopped.insert(&unit.name);
            }
        }
        if stopped.len() == before {
            return stopped;
        }
    }
}
