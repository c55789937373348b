//! Which symptoms belong together: those that share traces, are linked by a call edge, or began in the same minutes at
//! the same place. One cascade is one group.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, TraceId};

use crate::config::Config;
use crate::summary::Bucket;
use crate::window::{Alarm, FamilyKey, Window};

mod site;

pub(crate) use site::{Machines, Site};

/// What begins at one place within this time has one cause.
const NEAR_MS: u64 = 120_000;

/// Something that symptoms can belong to: a live incident or another new symptom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Incident(usize),
    Alarm(usize),
}

/// The other end of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Callee {
    Service(model::Str),
    /// It reports nothing itself; the name that callers use.
    Foreign(model::Str),
}

/// What is known of a node for grouping.
#[derive(Debug, Clone)]
pub(crate) struct Traits {
    pub(crate) env: model::Str,
    pub(crate) families: BTreeSet<FamilyKey>,
    pub(crate) traces: BTreeSet<TraceId>,
    /// Whom its failing calls go to.
    pub(crate) callees: BTreeSet<Callee>,
    /// Services on the way to a flow: where one of them is in trouble, the flow changes with it.
    pub(crate) callers: BTreeSet<model::Str>,
    /// Far more requests than ever come to it.
    pub(crate) surges: bool,
    pub(crate) site: Site,
    /// The first and the last onset.
    pub(crate) began: (Bucket, Bucket),
}

impl Traits {
    pub(crate) fn of_alarm(
        alarm: &Alarm,
        traces: &[TraceId],
        callees: BTreeSet<Callee>,
        callers: BTreeSet<model::Str>,
        site: Site,
    ) -> Self {
        Self {
            env: alarm.family.operation.env.clone(),
            families: BTreeSet::from([alarm.family.clone()]),
            traces: traces.iter().copied().collect(),
            callees,
            callers,
            surges: false,
            site,
            began: (alarm.onset, alarm.onset),
        }
    }

    fn services(&self) -> impl Iterator<Item = &model::Str> {
        self.families.iter().map(|family| &family.operation.service)
    }

    /// What comes to this flow comes by way of `other`.
    fn follows(&self, other: &Traits) -> bool {
        other.services().any(|service| self.callers.contains(service))
    }

    /// `a` calls `b`, and the calls fail.
    fn calls(&self, other: &Traits) -> bool {
        other.services().any(|service| self.callees.contains(&Callee::Service(service.clone())))
    }

    /// Calls of both to the same third party fail.
    fn shares_a_callee(&self, other: &Traits) -> bool {
        self.callees.intersection(&other.callees).any(|callee| matches!(callee, Callee::Foreign(_)))
    }

    /// They began at the same place in the same minutes.
    pub(crate) fn began_with(&self, other: &Traits, config: &Config) -> bool {
        let near = config.ticks(NEAR_MS);
        let near = self.began.0 <= other.began.1 + near && other.began.0 <= self.began.1 + near;
        near && self.site.is_that_of(&other.site)
    }

    fn belongs_with(
        &self,
        other: &Traits,
        shown_in: &BTreeMap<TraceId, BTreeSet<FamilyKey>>,
        config: &Config,
    ) -> bool {
        if self.env != other.env {
            return false;
        }
        let shown_there = |traits: &Traits, families: &BTreeSet<FamilyKey>| {
            traits
                .traces
                .iter()
                .any(|trace| shown_in.get(trace).is_some_and(|failed| !failed.is_disjoint(families)))
        };
        !self.families.is_disjoint(&other.families)
            || !self.traces.is_disjoint(&other.traces)
            || shown_there(self, &other.families)
            || shown_there(other, &self.families)
            || self.calls(other)
            || other.calls(self)
            || self.shares_a_callee(other)
            || self.surges && other.surges
            || self.follows(other)
            || other.follows(self)
            || self.began_with(other, config)
    }
}

/// The families whose symptom each captured trace shows.
pub(crate) fn shown_in<'a>(
    traces: impl Iterator<Item = &'a CapturedTrace>,
    window: &Window,
) -> BTreeMap<TraceId, BTreeSet<FamilyKey>> {
    traces.map(|trace| (trace.trace, crate::origin::shown(trace, window).collect())).collect()
}

/// Connected groups of nodes, in order of their first node; incidents come before alarms in each.
pub(crate) fn groups(
    nodes: &[(Node, Traits)],
    shown_in: &BTreeMap<TraceId, BTreeSet<FamilyKey>>,
    config: &Config,
) -> Vec<Vec<Node>> {
    let mut group_of: Vec<usize> = (0..nodes.len()).collect();
    for i in 0..nodes.len() {
        for j in 0..i {
            // Incidents are not joined with each other here: that is for the young, once their evidence is there.
            let both_incidents = matches!((nodes[i].0, nodes[j].0), (Node::Incident(_), Node::Incident(_)));
            let together = || nodes[i].1.belongs_with(&nodes[j].1, shown_in, config);
            if !both_incidents && group_of[i] != group_of[j] && together() {
                let (from, to) = (group_of[i].max(group_of[j]), group_of[i].min(group_of[j]));
                group_of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
            }
        }
    }
    let mut groups: BTreeMap<usize, Vec<Node>> = BTreeMap::new();
    for ((node, _), group) in nodes.iter().zip(group_of) {
        groups.entry(group).or_default().push(*node);
    }
    groups
        .into_values()
        .map(|mut group| {
            group.sort();
            group
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use model::EventKind;

    use super::*;
    use crate::testing::trace_id;
    use crate::window::OperationKey;

    fn node(i: usize, service: &str, traces: &[u64], callees: &[&str]) -> (Node, Traits) {
        let operation = OperationKey {
            env: "test".into(),
            service: service.into(),
            kind: EventKind::Server,
            operation: "op".into(),
        };
        let traits = Traits {
            env: "test".into(),
            families: BTreeSet::from([FamilyKey::failure(operation, "E".into())]),
            traces: traces.iter().map(|n| trace_id(*n)).collect(),
            callees: callees.iter().map(|s| Callee::Service((*s).into())).collect(),
            callers: BTreeSet::new(),
            surges: false,
            site: Site::default(),
            began: (0, 0),
        };
        (Node::Alarm(i), traits)
    }

    fn sizes(nodes: &[(Node, Traits)]) -> Vec<usize> {
        groups(nodes, &BTreeMap::new(), &Config::default()).iter().map(Vec::len).collect()
    }

    #[test]
    fn shared_traces_make_one_group_through_a_third() {
        let nodes = [
            node(0, "a", &[1, 2], &[]),
            node(1, "b", &[3], &[]),
            node(2, "c", &[2, 3], &[]),
            node(3, "d", &[9], &[]),
        ];
        assert_eq!(sizes(&nodes), [3, 1]);
    }

    #[test]
    fn a_call_edge_makes_one_group_without_shared_traces() {
        assert_eq!(sizes(&[node(0, "gateway", &[1], &["payment"]), node(1, "payment", &[2], &[])]), [2]);
        assert_eq!(sizes(&[node(0, "gateway", &[1], &["search"]), node(1, "payment", &[2], &[])]), [1, 1]);
    }

    #[test]
    fn environments_stay_apart() {
        let (a, mut b) = (node(0, "a", &[1], &[]), node(1, "b", &[1], &[]));
        b.1.env = "other".into();
        assert_eq!(sizes(&[a, b]), [1, 1]);
    }

    #[test]
    fn what_begins_at_one_place_in_the_same_minutes_is_one_group() {
        let at = |i: usize, service: &str, onset: Bucket| {
            let (node, traits) = node(i, service, &[i as u64], &[]);
            let site = Site { service: Some("store".into()), ..Site::default() };
            (node, Traits { site, began: (onset, onset), ..traits })
        };
        assert_eq!(sizes(&[at(0, "gateway", 1_000), at(1, "store", 1_120)]), [2]);
        assert_eq!(sizes(&[at(0, "gateway", 1_000), at(1, "store", 1_121)]), [1, 1]);
    }
}
