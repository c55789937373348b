//! Ways out of a cycle, the smallest first. Each is made on a copy of the edges and looked at again: what leaves another way
//! round, or makes a new one, is kept with the reason why it is none.

use super::cycles::is_order;
use super::finding::{Change, Cut, Verdict};
use super::wording;
use crate::Place;
use crate::facts::{Endpoint, Unit, Wait};
use crate::graph::{Edge, Graph, Milestone, Node, Why, components, of_same, shortest};
use crate::limits::{CUT_EDGES_MAX, CUTS_TRIED_MAX};
use crate::providers::Role;

/// What has to be gone for a cut to count.
enum Culprit<'c> {
    /// Every circle of ordering among the units of this component.
    Order { of: &'c [usize], component: usize },
    /// Every way from this gate back to itself.
    Gate { unit: Node, gate: usize },
}

pub(super) struct Cutter<'g, 's> {
    graph: &'g Graph<'s>,
    culprit: Culprit<'g>,
}

impl<'g, 's> Cutter<'g, 's> {
    pub(super) fn of_order(graph: &'g Graph<'s>, of: &'g [usize], edge: &Edge) -> Self {
        Self { graph, culprit: Culprit::Order { of, component: of[edge.from] } }
    }

    pub(super) fn of_gate(graph: &'g Graph<'s>, edge: &Edge) -> Self {
        let gate = if let Why::Gate { gate, .. } = edge.why { gate } else { 0 };
        let unit = of_same(edge.from, Milestone::Start);
        Self { graph, culprit: Culprit::Gate { unit, gate } }
    }

    /// Those that hold first, then those that do not. Two edges are cut only where one is not enough.
    pub(super) fn cuts(&self, cycle: &[&Edge]) -> Vec<Cut> {
        let mut tried: Vec<Cut> =
            self.singles(cycle).into_iter().map(|change| self.tried(vec![change])).collect();
        let mut level = 0;
        while !tried.iter().any(is_accepted) && level + 1 < CUT_EDGES_MAX {
            level += 1;
            let wider = self.wider(&tried, level);
            tried.extend(wider.into_iter().map(|changes| self.tried(changes)));
        }
        let (accepted, rejected): (Vec<Cut>, Vec<Cut>) = tried.into_iter().partition(is_accepted);
        // Of what is rejected only single changes are plausible enough to be told.
        let told = rejected.into_iter().filter(|cut| cut.changes.len() == 1);
        accepted.into_iter().chain(told).collect()
    }

    fn singles(&self, cycle: &[&Edge]) -> Vec<Change> {
        let mut changes: Vec<Change> = self.gate_change(cycle).into_iter().collect();
        let orders = || cycle.iter().filter_map(|edge| dropped(edge));
        changes.extend(orders());
        if let Culprit::Gate { .. } = self.culprit {
            changes.extend(orders().filter_map(reversed));
        }
        changes.truncate(CUTS_TRIED_MAX);
        changes
    }

    /// What can be done about the wait itself.
    fn gate_change(&self, cycle: &[&Edge]) -> Option<Change> {
        let edge = cycle.first()?;
        let gate = self.graph.gate(edge)?;
        let owner = self.graph.unit(edge.from);
        let (unit, at) = (owner.name.clone(), gate.at.clone());
        if let Wait::Start(_) | Wait::Restart(_) = gate.wait {
            return Some(Change::NoBlock { unit, at });
        }
        let own = own_endpoint(owner, &gate.wait).filter(|_| !gate.holds.serve());
        Some(match own {
            Some(endpoint) => {
                let instead_of = wording::wanted(&gate.wait);
                Change::OwnEndpoint { unit, endpoint, instead_of, at }
            }
            None => Change::Apart { unit, at },
        })
    }

    /// Each rejected cut of so many edges, with one more edge of the way that it left.
    fn wider(&self, tried: &[Cut], edges: usize) -> Vec<Vec<Change>> {
        let mut wider: Vec<Vec<Change>> = Vec::new();
        for cut in tried.iter().filter(|cut| cut.changes.len() == edges) {
            let drops = cut.changes.iter().all(|change| matches!(change, Change::Drop { .. }));
            let left = self.remaining(&self.changed(&cut.changes)).filter(|_| drops);
            for more in left.unwrap_or_default().iter().filter_map(dropped) {
                let mut changes = cut.changes.clone();
                changes.push(more);
                changes.sort_by_key(|change| format!("{change:?}"));
                if !wider.contains(&changes) && wider.len() < CUTS_TRIED_MAX {
                    wider.push(changes);
                }
            }
        }
        wider
    }

    fn tried(&self, changes: Vec<Change>) -> Cut {
        let changed = self.changed(&changes);
        let verdict = match (self.new_circle(&changed), self.remaining(&changed)) {
            (Some(cycle), _) if cycle.iter().all(is_order) => Verdict::PureCycle(self.steps(&cycle)),
            (Some(cycle), _) | (None, Some(cycle)) => Verdict::PathRemains(self.steps(&cycle)),
            (None, None) => Verdict::Accepted,
        };
        Cut { changes, verdict }
    }

    fn steps(&self, cycle: &[Edge]) -> Vec<super::Step> {
        wording::steps(self.graph, &cycle.iter().collect::<Vec<_>>())
    }

    /// A circle through an order that was turned round; one of ordering alone before others.
    fn new_circle(&self, changed: &Changed) -> Option<Vec<Edge>> {
        let turned = || changed.added.iter().filter(|edge| is_order(edge));
        let pure = turned().find_map(|edge| self.round(changed, edge, is_order));
        pure.or_else(|| turned().find_map(|edge| self.round(changed, edge, |_| true)))
    }

    /// The shortest way round that is left.
    fn remaining(&self, changed: &Changed) -> Option<Vec<Edge>> {
        let edges = self.graph.all().filter(|edge| self.stands(changed, edge)).chain(&changed.added);
        match &self.culprit {
            Culprit::Gate { .. } => {
                let rounds = edges.filter(|edge| self.is_gate(edge));
                rounds.filter_map(|edge| self.round(changed, edge, |_| true)).min_by_key(Vec::len)
            }
            Culprit::Order { of, component } => {
                let counts = |edge: &Edge| is_order(edge) && self.stands(changed, edge);
                let left = components(&self.graph.edges, counts);
                let mut edges = edges.filter(|edge| matches!(edge.why, Why::Order { .. }));
                let edge =
                    edges.find(|edge| of[edge.from] == *component && left[edge.from] == left[edge.to])?;
                self.round(changed, edge, is_order)
            }
        }
    }

    fn round(&self, changed: &Changed, edge: &Edge, counts: impl Fn(&Edge) -> bool) -> Option<Vec<Edge>> {
        let counts = |edge: &Edge| counts(edge) && self.stands(changed, edge);
        let back = shortest(&self.graph.edges, &changed.added, edge.to, edge.from, counts)?;
        Some(std::iter::once(edge).chain(back).cloned().collect())
    }

    fn is_gate(&self, edge: &Edge) -> bool {
        match (&self.culprit, &edge.why) {
            (Culprit::Gate { unit, gate }, Why::Gate { gate: own, .. }) => {
                own == gate && of_same(edge.from, Milestone::Start) == *unit
            }
            _ => false,
        }
    }

    /// Whether an edge of the graph is still there after these changes.
    fn stands(&self, changed: &Changed, edge: &Edge) -> bool {
        match &edge.why {
            Why::Own => true,
            Why::Order { at, .. } => !changed.dropped.contains(at),
            Why::Gate { .. } => !(changed.is_without_gate && self.is_gate(edge)),
        }
    }

    fn changed(&self, changes: &[Change]) -> Changed {
        let mut changed = Changed::default();
        for change in changes {
            match change {
                Change::Drop { at, .. } => changed.dropped.push(at.clone()),
                Change::Reverse { at, .. } => {
                    changed.dropped.push(at.clone());
                    changed.added.extend(self.graph.all().filter_map(|edge| turned(edge, at)));
                }
                Change::Apart { .. } | Change::NoBlock { .. } => changed.is_without_gate = true,
                Change::OwnEndpoint { .. } => {
                    changed.is_without_gate = true;
                    changed.added.extend(self.graph.all().filter(|edge| self.is_gate(edge)).map(on_itself));
                }
            }
        }
        changed
    }
}

/// The graph after changes: what is gone from it, and what is new.
#[derive(Default)]
struct Changed {
    dropped: Vec<Place>,
    is_without_gate: bool,
    added: Vec<Edge>,
}

/// The order that stands there, the other way round.
fn turned(edge: &Edge, place: &Place) -> Option<Edge> {
    match &edge.why {
        Why::Order { first, then, key, at } if at == place => {
            let (from, to) = (of_same(edge.to, Milestone::Start), of_same(edge.from, Milestone::Done));
            let why = Why::Order { first: then.clone(), then: first.clone(), key, at: at.clone() };
            Some(Edge { from, to, why })
        }
        _ => None,
    }
}

/// The gate, for what its own unit serves.
fn on_itself(edge: &Edge) -> Edge {
    let why = match edge.why {
        Why::Gate { gate, .. } => Why::Gate { gate, role: Role::Serves },
        ref other => other.clone(),
    };
    Edge { from: edge.from, to: of_same(edge.from, Milestone::Serve), why }
}

fn is_accepted(cut: &Cut) -> bool {
    cut.verdict == Verdict::Accepted
}

/// Only what somebody wrote as an order can be taken back.
fn dropped(edge: &Edge) -> Option<Change> {
    match &edge.why {
        Why::Order { first, then, key: "After=" | "Before=", at } => {
            Some(Change::Drop { first: first.clone(), then: then.clone(), at: at.clone() })
        }
        _ => None,
    }
}

fn reversed(change: Change) -> Option<Change> {
    match change {
        Change::Drop { first, then, at } => Some(Change::Reverse { first, then, at }),
        _ => None,
    }
}

/// What the unit serves itself, other than what it waits for. A URL says more than a port.
fn own_endpoint(unit: &Unit, wait: &Wait) -> Option<Endpoint> {
    let polled = match wait {
        Wait::Answer(endpoint) | Wait::Connect(endpoint) => Some(endpoint),
        _ => None,
    };
    let own = unit.offers.iter().map(|offer| &offer.endpoint).filter(|endpoint| Some(*endpoint) != polled);
    own.min_by_key(|endpoint| !matches!(endpoint, Endpoint::Url(_))).cloned()
}
