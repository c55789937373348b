//! Milestones and what they wait for. An edge leads from what waits to what is waited for, and knows the fact it comes
//! from. It holds no opinion on what is wrong.

mod components;
mod paths;

use std::collections::BTreeMap;
use std::fmt;

use crate::Place;
use crate::facts::{Activation, Gate, Name, Order, Readiness, System, Unit};
use crate::providers::{Provided, Role, provided};

pub(crate) use components::components;
pub(crate) use paths::shortest;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Milestone {
    Start,
    Serve,
    Done,
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Serve => "serve",
            Self::Done => "done",
        })
    }
}

/// A milestone of a unit, by number: three for each.
pub(crate) type Node = usize;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: Node,
    pub(crate) to: Node,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// A unit serves and is done after it started; some are done when they serve.
    Own,
    Order {
        first: Name,
        then: Name,
        key: &'static str,
        at: Place,
    },
    Gate {
        /// Number of the gate in its unit.
        gate: usize,
        role: Role,
    },
}

#[derive(Debug)]
pub(crate) struct Graph<'s> {
    pub(crate) units: Vec<&'s Unit>,
    /// By the node they lead from.
    pub(crate) edges: Vec<Vec<Edge>>,
}

impl<'s> Graph<'s> {
    pub(crate) fn new(system: &'s System) -> Self {
        let units: Vec<&Unit> = system.units.values().collect();
        let numbers: BTreeMap<&Name, usize> =
            units.iter().enumerate().map(|(number, unit)| (&unit.name, number)).collect();
        let mut graph = Self { edges: vec![Vec::new(); units.len() * MILESTONES], units };
        for number in 0..graph.units.len() {
            graph.own(number);
            graph.orders(number, &numbers);
            graph.gates(number, system, &numbers);
        }
        graph
    }

    pub(crate) fn unit(&self, node: Node) -> &'s Unit {
        self.units[node / MILESTONES]
    }

    pub(crate) fn gate(&self, edge: &Edge) -> Option<&'s Gate> {
        match edge.why {
            Why::Gate { gate, .. } => self.unit(edge.from).gates.get(gate),
            _ => None,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().flatten()
    }

    fn add(&mut self, from: Node, to: Node, why: Why) {
        self.edges[from].push(Edge { from, to, why });
    }

    fn own(&mut self, number: usize) {
        let [start, serve, done] = nodes(number);
        self.add(serve, start, Why::Own);
        self.add(done, start, Why::Own);
        if self.units[number].readiness == Readiness::Notified {
            self.add(done, serve, Why::Own);
        }
    }

    fn orders(&mut self, number: usize, numbers: &BTreeMap<&Name, usize>) {
        let unit = self.units[number];
        for order in &unit.orders {
            let reference = order.reference();
            let Some(other) = numbers.get(&reference.unit).copied() else { continue };
            let (first, then) = match order {
                Order::After(_) => (other, number),
                Order::Before(_) => (number, other),
            };
            // Nobody waits for what is not started with it or never up together with it; an order after itself is dropped.
            let is_void = number == other
                || self.units[first].activation == Activation::OnTrigger
                || conflict(unit, self.units[other])
                || conflict(self.units[other], unit);
            if is_void {
                continue;
            }
            let why = Why::Order {
                first: self.units[first].name.clone(),
                then: self.units[then].name.clone(),
                key: reference.key,
                at: reference.at.clone(),
            };
            self.add(node(then, Milestone::Start), node(first, Milestone::Done), why);
        }
    }

    fn gates(&mut self, number: usize, system: &System, numbers: &BTreeMap<&Name, usize>) {
        let unit = self.units[number];
        for (index, gate) in unit.gates.iter().enumerate() {
            let Provided::By(providers) = provided(system, &gate.wait) else { continue };
            for provider in providers {
                let Some(of) = numbers.get(&provider.unit) else { continue };
                let to = node(*of, provider.milestone);
                let held = [(gate.holds.serve(), Milestone::Serve), (gate.holds.done(), Milestone::Done)];
                for (_, milestone) in held.into_iter().filter(|(is_held, _)| *is_held) {
                    self.add(node(number, milestone), to, Why::Gate { gate: index, role: provider.role });
                }
            }
        }
    }
}

pub(crate) const MILESTONES: usize = 3;

fn nodes(number: usize) -> [Node; MILESTONES] {
    [Milestone::Start, Milestone::Serve, Milestone::Done].map(|milestone| node(number, milestone))
}

fn node(number: usize, milestone: Milestone) -> Node {
    number * MILESTONES + milestone as usize
}

/// The milestone of the same unit.
pub(crate) fn of_same(node_of: Node, milestone: Milestone) -> Node {
    node(node_of / MILESTONES, milestone)
}

pub(crate) fn milestone(node: Node) -> Milestone {
    match node % MILESTONES {
        0 => Milestone::Start,
        1 => Milestone::Serve,
        _ => Milestone::Done,
    }
}

fn conflict(one: &Unit, other: &Unit) -> bool {
    one.conflicts.iter().any(|reference| reference.unit == other.name)
}
