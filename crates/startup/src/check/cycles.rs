//! Cycles: of ordering alone, and those that a gate closes. Each is told by its shortest way round.

use std::collections::BTreeMap;

use super::cuts::Cutter;
use super::finding::{BrokenBy, Class, Ends, Finding, Level, Shows, Stall};
use super::{stall, wording};
use crate::facts::Wait;
use crate::graph::{Edge, Graph, MILESTONES, Why, components, shortest};

/// As many edges of one component are tried for its shortest cycle.
const EDGES_TRIED_MAX: usize = 500;

/// What only orders.
pub(super) fn is_order(edge: &Edge) -> bool {
    !matches!(edge.why, Why::Gate { .. })
}

/// One finding for each set of units that are ordered in circles.
pub(super) fn pure(graph: &Graph<'_>) -> Vec<Finding> {
    let component = components(&graph.edges, is_order);
    let mut inside: BTreeMap<usize, Vec<&Edge>> = BTreeMap::new();
    for edge in graph.all().filter(|edge| matches!(edge.why, Why::Order { .. })) {
        if component[edge.from] == component[edge.to] {
            inside.entry(component[edge.from]).or_default().push(edge);
        }
    }
    let counts = |edge: &Edge| is_order(edge) && component[edge.from] == component[edge.to];
    let found = inside.values().filter_map(|edges| {
        let cycles = edges.iter().take(EDGES_TRIED_MAX).filter_map(|edge| round(graph, edge, counts));
        let cycle = cycles.min_by_key(|cycle| key(graph, cycle))?;
        Some(ordering_cycle(graph, &component, &cycle))
    });
    found.collect()
}

/// From an edge back to where it began.
fn round<'g>(graph: &'g Graph<'_>, edge: &'g Edge, counts: impl Fn(&Edge) -> bool) -> Option<Vec<&'g Edge>> {
    let back = shortest(&graph.edges, &[], edge.to, edge.from, counts)?;
    Some(std::iter::once(edge).chain(back).collect())
}

/// The shortest, and of those the one that is said first.
fn key(graph: &Graph<'_>, cycle: &[&Edge]) -> (usize, Vec<super::Step>) {
    (cycle.len(), wording::steps(graph, cycle))
}

fn ordering_cycle(graph: &Graph<'_>, component: &[usize], cycle: &[&Edge]) -> Finding {
    let steps = wording::steps(graph, cycle);
    let first = cycle.first().expect("a cycle has an edge");
    let stall = Stall { delay: None, broken_by: BrokenBy::Manager, ends: Ends::LeftOut, outrun: None };
    Finding {
        class: Class::OrderingCycle,
        level: Level::Error,
        at: steps.first().map_or_else(|| graph.unit(first.from).at.clone(), |step| step.at.clone()),
        unit: graph.unit(first.from).name.clone(),
        sentence: wording::cycle(&steps),
        steps,
        shows: Shows::Always,
        stall: Some(stall),
        cuts: Cutter::of_order(graph, component, first).cuts(cycle),
    }
}

/// One finding for each gate that waits for what waits for it. Gates that wait for one another are told once.
pub(super) fn gates(graph: &Graph<'_>) -> Vec<Finding> {
    let component = components(&graph.edges, |_| true);
    let counts = |edge: &Edge| component[edge.from] == component[edge.to];
    let mut cycles: BTreeMap<(usize, usize), Vec<&Edge>> = BTreeMap::new();
    for edge in graph.all().filter(|edge| counts(edge)) {
        let Why::Gate { gate, .. } = edge.why else { continue };
        let Some(cycle) = round(graph, edge, counts) else { continue };
        let unit = edge.from / MILESTONES;
        let kept = cycles.entry((unit, gate)).or_insert_with(|| cycle.clone());
        if cycle.len() < kept.len() {
            *kept = cycle;
        }
    }
    let mut told: Vec<Vec<crate::Place>> = Vec::new();
    let mut findings = Vec::new();
    for cycle in cycles.values() {
        let mut gates: Vec<_> =
            cycle.iter().filter_map(|edge| graph.gate(edge)).map(|gate| gate.at.clone()).collect();
        gates.sort();
        if !told.contains(&gates) {
            findings.extend(gated_cycle(graph, cycle));
            told.push(gates);
        }
    }
    findings
}

fn gated_cycle(graph: &Graph<'_>, cycle: &[&Edge]) -> Option<Finding> {
    let edge = cycle.first()?;
    let gate = graph.gate(edge)?;
    let is_alone = cycle.iter().all(|step| graph.unit(step.from).name == graph.unit(edge.from).name);
    let class = match gate.wait {
        Wait::Start(_) | Wait::Restart(_) => Class::BlockingCall,
        _ if is_alone => Class::GateNeverOpens,
        _ => Class::GateAgainstOrder,
    };
    let steps = wording::steps(graph, cycle);
    Some(Finding {
        class,
        level: Level::Error,
        at: gate.at.clone(),
        unit: graph.unit(edge.from).name.clone(),
        sentence: wording::cycle(&steps),
        steps,
        shows: stall::shows(graph, cycle),
        stall: stall::of(graph, cycle),
        cuts: Cutter::of_gate(graph, edge).cuts(cycle),
    })
}
