//! One trace as a tree: who called whom, and where its failure first arose. Tolerates missing parents, cycles and
//! spans that are not there (yet); says what is missing and guesses nothing. Knows nothing of incidents.

use std::collections::BTreeMap;

use model::{CapturedTrace, Event, FailureStatus, Str};

use crate::window::OperationKey;

pub(crate) struct Assembly<'a> {
    events: &'a [Event],
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    pub(crate) missing_parents: usize,
}

/// Where the failure of a trace arose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceOrigin<'a> {
    /// The deepest failing event none of whose children failed.
    pub(crate) event: &'a Event,
    /// What its service was asked to do.
    pub(crate) inbound: &'a Event,
    /// The event is a call, and its callee left no event in the trace.
    pub(crate) callee_unobserved: bool,
    /// Nobody below is known to have failed, and the event ran out of time: somebody was waited for too long.
    pub(crate) gave_up: bool,
    /// Failing events from the origin outwards, one for each service passed: the inbound event where there is one.
    pub(crate) hops: Vec<&'a Event>,
    /// The outermost failing event has a parent that is not there: how far the failure went is not known.
    pub(crate) outer_part_missing: bool,
}

impl<'a> Assembly<'a> {
    pub(crate) fn of(trace: &'a CapturedTrace) -> Self {
        let events = trace.events.as_slice();
        let index: BTreeMap<_, usize> = events.iter().enumerate().map(|(i, event)| (event.span, i)).collect();
        let mut missing_parents = 0;
        let mut parents = vec![None; events.len()];
        for (i, event) in events.iter().enumerate() {
            let Some(parent) = event.parent else { continue };
            match index.get(&parent) {
                Some(found) if *found != i => parents[i] = Some(*found),
                Some(_) => {}
                None => missing_parents += 1,
            }
        }
        break_cycles(&mut parents);
        let mut children = vec![Vec::new(); events.len()];
        for (i, parent) in parents.iter().enumerate() {
            if let Some(parent) = parent {
                children[*parent].push(i);
            }
        }
        Self { events, parents, children, missing_parents }
    }

    pub(crate) fn origin(&self) -> Option<TraceOrigin<'a>> {
        self.origin_among(|_| true)
    }

    /// As [`Self::origin`]; but where the callee failed elsewhere in the trace, the spans between got lost, and the
    /// failure is followed there. `called` says which service a call goes to.
    pub(crate) fn origin_past_gaps(&self, called: impl Fn(&Event) -> Option<Str>) -> Option<TraceOrigin<'a>> {
        let mut found = self.origin()?;
        let mut passed: Vec<Str> = Vec::new();
        while let Some(service) =
            called(found.event).filter(|s| found.callee_unobserved && !passed.contains(s))
        {
            let env = &found.event.env;
            let Some(beyond) = self.origin_among(|event| event.service == service && event.env == *env)
            else {
                break;
            };
            let mut hops = beyond.hops;
            let outer = found.hops.into_iter().filter(|hop| hop.service != service);
            hops.extend(outer);
            found = TraceOrigin { hops, outer_part_missing: found.outer_part_missing, ..beyond };
            passed.push(service);
        }
        Some(found)
    }

    fn origin_among(&self, among: impl Fn(&Event) -> bool) -> Option<TraceOrigin<'a>> {
        let meant = |i: &usize| self.is_originating(*i) && among(&self.events[*i]);
        let candidates = (0..self.events.len()).filter(meant);
        let deepest = candidates.max_by_key(|i| {
            let event = &self.events[*i];
            // Of equally long chains the one that failed first; the span id breaks ties.
            (self.failing_chain(*i).len(), std::cmp::Reverse((event.end, event.span)))
        })?;
        let event = &self.events[deepest];
        let outermost = self.failing_chain(deepest).last().copied().unwrap_or(deepest);
        Some(TraceOrigin {
            outer_part_missing: self.events[outermost].parent.is_some() && self.parents[outermost].is_none(),
            event,
            inbound: &self.events[self.inbound_of(deepest)],
            gave_up: event.failure().is_some_and(|failure| failure.status == FailureStatus::Timeout),
            callee_unobserved: event.kind.is_outbound() && self.callee(deepest).is_none(),
            hops: self.hops_along(self.failing_chain(deepest).into_iter()),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn event(&self, i: usize) -> &'a Event {
        &self.events[i]
    }

    pub(crate) fn parent(&self, i: usize) -> Option<usize> {
        self.parents[i]
    }

    /// Each event after its parent.
    pub(crate) fn top_down(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).filter(|i| self.parents[*i].is_none()).collect();
        let mut at = 0;
        while let Some(i) = order.get(at) {
            order.extend(&self.children[*i]);
            at += 1;
        }
        order
    }

    /// The event and its ancestors.
    pub(crate) fn upwards(&self, i: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(i), |at| self.parents[*at])
    }

    /// One event for each service passed: of `chain`, which leads outwards, the event by which work arrived there.
    pub(crate) fn hops_along(&self, chain: impl Iterator<Item = usize>) -> Vec<&'a Event> {
        let mut hops: Vec<usize> = Vec::new();
        for i in chain {
            match hops.last() {
                Some(last) if self.same_service(*last, i) => {}
                _ => hops.push(self.inbound_of(i)),
            }
        }
        hops.into_iter().map(|i| &self.events[i]).collect()
    }

    /// What the event's service was asked to do.
    pub(crate) fn inbound(&self, i: usize) -> &'a Event {
        &self.events[self.inbound_of(i)]
    }

    fn is_originating(&self, i: usize) -> bool {
        self.fails(i) && !self.children[i].iter().any(|child| self.fails(*child))
    }

    fn fails(&self, i: usize) -> bool {
        self.events[i].failure().is_some()
    }

    /// The event and its failing ancestors, as far as the failure goes without a gap.
    fn failing_chain(&self, i: usize) -> Vec<usize> {
        std::iter::successors(Some(i), |at| self.parents[*at].filter(|parent| self.fails(*parent))).collect()
    }

    /// The nearest event, from `i` upwards inside its service, that stands for work that arrived; else the topmost.
    fn inbound_of(&self, i: usize) -> usize {
        let mut at = i;
        while !self.events[at].kind.is_inbound() {
            match self.parents[at] {
                Some(parent) if self.same_service(parent, i) => at = parent,
                _ => break,
            }
        }
        at
    }

    fn same_service(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.events[a], &self.events[b]);
        a.service == b.service && a.env == b.env
    }

    /// The event of another service that a call led to.
    pub(crate) fn callee(&self, i: usize) -> Option<usize> {
        self.children[i].iter().copied().find(|child| !self.same_service(*child, i))
    }

    /// (caller, name it calls by, callee) for each call whose callee is in the trace.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&'a Event, &'a Event)> {
        (0..self.events.len())
            .filter(|i| self.events[*i].kind.is_outbound())
            .filter_map(|i| self.callee(i).map(|callee| (&self.events[i], &self.events[callee])))
    }

    /// Failing calls whose callee is not in the trace.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &'a Event> {
        (0..self.events.len())
            .filter(|i| {
                self.events[*i].kind.is_outbound() && self.is_originating(*i) && self.callee(*i).is_none()
            })
            .map(|i| &self.events[i])
    }
}

/// Cuts one link of every cycle, so that walking upwards ends.
fn break_cycles(parents: &mut [Option<usize>]) {
    let mut done = vec![false; parents.len()];
    for start in 0..parents.len() {
        let mut path = Vec::new();
        let mut at = start;
        while !done[at] {
            done[at] = true;
            path.push(at);
            match parents[at] {
                Some(parent) if path.contains(&parent) => {
                    parents[at] = None;
                    break;
                }
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
}

impl OperationKey {
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            env: event.env.clone(),
            service: event.service.clone(),
            kind: event.kind,
            operation: event.operation.clone(),
        }
    }
}

/// Which service answers to which name, as learned from calls seen at both ends.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Peers {
    callees: BTreeMap<(Str, Str, Str), Str>,
}

/// Distinct (env, caller, name) triples that are remembered; further ones are not learned.
const PEERS_MAX: usize = 10_000;

impl Peers {
    pub(crate) fn learn(&mut self, trace: &CapturedTrace) {
        for (caller, callee) in Assembly::of(trace).calls() {
            let key = (caller.env.clone(), caller.service.clone(), caller.peer.clone());
            let room = self.callees.len() < PEERS_MAX || self.callees.contains_key(&key);
            if room && !caller.peer.is_empty() {
                self.callees.insert(key, callee.service.clone());
            }
        }
    }

    pub(crate) fn callee(&self, call: &Event) -> Option<&Str> {
        self.callees.get(&(call.env.clone(), call.service.clone(), call.peer.clone()))
    }
}

#[cfg(test)]
mod tests;
