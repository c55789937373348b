//! Who calls whom, and how often: spans of two services put together by the id of the call. Only whole traces are left
//! out, by hash, so neither order nor pace of arrival chooses. Kept only while services report metrics of their own.

use std::collections::{BTreeMap, BTreeSet};

use model::{Event, Nanos, SECOND_NS, SpanId, TraceId};
use serde::{Deserialize, Serialize};

use crate::summary::ServiceKey;
use crate::window::OperationKey;

/// Pairs of services that are known.
const EDGES_MAX: usize = 10_000;
/// Services that one call, or one operation, is known to go to.
const CALLEES_MAX: usize = 8;
/// Calls of which the other half may still come.
const OPEN_MAX: usize = 4_096;
const OPEN_NS: u64 = 30 * SECOND_NS;
/// Beyond it half of the traces are left out, and so on.
const HALVES_PER_TICK: u64 = 512;
/// Counts are halved so often: what was long ago counts less.
const HALVE_NS: u64 = 3_600 * SECOND_NS;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Calls {
    /// Halves by hash, so that those beyond the bound are the last.
    open: BTreeMap<(u64, TraceId, SpanId), Halves>,
    counts: BTreeMap<ServiceKey, BTreeMap<ServiceKey, u64>>,
    edges: usize,
    /// Where the calls of an operation go.
    called: BTreeMap<OperationKey, BTreeSet<ServiceKey>>,
    /// The same of the hour before.
    called_before: BTreeMap<OperationKey, BTreeSet<ServiceKey>>,
    /// Halves that came in this tick, left out or not, and how many bits of the hash must be zero.
    seen: u64,
    bits: u32,
    halved: Nanos,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Halves {
    since: Nanos,
    caller: Option<OperationKey>,
    callees: BTreeSet<ServiceKey>,
}

impl Calls {
    /// `hash` is that of the trace; `tick` the last one.
    pub(super) fn add(&mut self, event: &Event, hash: u64, tick: Nanos) {
        let service = || ServiceKey { env: event.env.clone(), service: event.service.clone() };
        let call = match (event.kind.is_outbound(), event.kind.is_inbound(), event.parent) {
            (true, ..) => event.span,
            (_, true, Some(parent)) => parent,
            _ => return,
        };
        self.seen += 1;
        // The low bits choose the shard.
        if (hash >> 32) & ((1 << self.bits) - 1) != 0 {
            return;
        }
        if self.open.len() >= 2 * OPEN_MAX {
            self.cut();
        }
        let halves = self.open.entry((hash, event.trace, call)).or_default();
        if halves.since == Nanos::default() {
            halves.since = tick;
        }
        if event.kind.is_outbound() {
            // Two services that name one span: whichever comes first in order, whatever came first.
            let known = halves.caller.take().into_iter().chain([OperationKey::of(event)]).min();
            halves.caller = known;
        } else {
            halves.callees.insert(service());
            if halves.callees.len() > CALLEES_MAX {
                halves.callees.pop_last();
            }
        }
    }

    fn cut(&mut self) {
        while self.open.len() > OPEN_MAX {
            self.open.pop_last();
        }
    }

    /// Counts what is whole.
    pub(super) fn close(&mut self, now: Nanos) {
        self.cut();
        let mut whole = Vec::new();
        self.open.retain(|_, halves| match &halves.caller {
            Some(caller) if !halves.callees.is_empty() => {
                whole.extend(halves.callees.iter().map(|callee| (caller.clone(), callee.clone())));
                false
            }
            _ => now.since(halves.since) < OPEN_NS,
        });
        for (caller, callee) in whole {
            self.count(caller, callee);
        }
        self.bits = (self.seen / HALVES_PER_TICK).checked_ilog2().map_or(0, |bits| bits + 1).min(16);
        self.seen = 0;
        if now.since(self.halved) >= HALVE_NS {
            self.halved = now;
            self.halve();
        }
    }

    fn count(&mut self, call: OperationKey, callee: ServiceKey) {
        if self.called.len() < EDGES_MAX || self.called.contains_key(&call) {
            let called = self.called.entry(call.clone()).or_default();
            if called.len() < CALLEES_MAX {
                called.insert(callee.clone());
            }
        }
        let caller = call.service_key();
        if caller == callee || caller.env != callee.env {
            return;
        }
        let known = self.counts.get(&caller).is_some_and(|callees| callees.contains_key(&callee));
        if !known && self.edges >= EDGES_MAX {
            return;
        }
        self.edges += usize::from(!known);
        *self.counts.entry(caller).or_default().entry(callee).or_default() += 1_000;
    }

    fn halve(&mut self) {
        for callees in self.counts.values_mut() {
            callees.values_mut().for_each(|calls| *calls /= 2);
            callees.retain(|_, calls| *calls > 0);
        }
        self.counts.retain(|_, callees| !callees.is_empty());
        self.edges = self.counts.values().map(BTreeMap::len).sum();
        // They are learned anew while they go on.
        self.called_before = std::mem::take(&mut self.called);
    }

    /// What a service calls, with how often.
    pub(super) fn callees<'a>(
        &'a self,
        caller: &ServiceKey,
    ) -> impl Iterator<Item = (&'a ServiceKey, u64)> + use<'a> {
        self.counts.get(caller).into_iter().flatten().map(|(callee, calls)| (callee, *calls))
    }

    /// Where the calls of an operation go, if it is known to be one service.
    pub(super) fn callee(&self, call: &OperationKey) -> Option<&ServiceKey> {
        let called = self.called.get(call).or_else(|| self.called_before.get(call))?;
        called.first().filter(|_| called.len() == 1)
    }

    /// All calls that reach each service.
    pub(super) fn arriving(&self) -> BTreeMap<&ServiceKey, u64> {
        let mut arriving: BTreeMap<&ServiceKey, u64> = BTreeMap::new();
        for (callee, calls) in self.counts.values().flatten() {
            *arriving.entry(callee).or_default() += calls;
        }
        arriving
    }

    /// The services that can be reached from one, each with the one before it on a shortest way.
    pub(super) fn reach(&self, from: &ServiceKey) -> BTreeMap<ServiceKey, Option<ServiceKey>> {
        let mut before = BTreeMap::from([(from.clone(), None)]);
        let mut at = vec![from.clone()];
        while !at.is_empty() {
            let mut next = Vec::new();
            for caller in &at {
                for (callee, _) in self.callees(caller) {
                    if !before.contains_key(callee) {
                        before.insert(callee.clone(), Some(caller.clone()));
                        next.push(callee.clone());
                    }
                }
            }
            at = next;
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use model::EventKind;

    use super::*;
    use crate::hash::StableHash;
    use crate::testing::{EventSpec, event, span_id};

    fn service(n: u8) -> ServiceKey {
        ServiceKey { env: "test".into(), service: format!("s{n}").into() }
    }

    /// A call of service 0 to service 1, as both tell it.
    fn call(trace: u64) -> [Event; 2] {
        let spec = |service, span| EventSpec { trace, span, service, ..EventSpec::default() };
        let caller = Event { kind: EventKind::Client, ..event(&spec(0, 1)) };
        [caller, Event { parent: Some(span_id(1)), ..event(&spec(1, 2)) }]
    }

    fn fed(events: &[Event]) -> Calls {
        let mut calls = Calls::default();
        events.iter().for_each(|event| calls.add(event, event.trace.stable_hash(), Nanos::from_secs(9)));
        calls.close(Nanos::from_secs(10));
        calls
    }

    #[test]
    fn the_halves_of_a_call_are_an_edge_in_whatever_order_they_come() {
        let [caller, callee] = call(1);
        for order in [[caller.clone(), callee.clone()], [callee.clone(), caller.clone()]] {
            let calls = fed(&order);
            assert_eq!(calls.callees(&service(0)).collect::<Vec<_>>(), [(&service(1), 1_000)]);
            assert_eq!(calls.reach(&service(0)).len(), 2);
        }
        assert_eq!(fed(&[caller]).callees(&service(0)).count(), 0);
    }

    #[test]
    fn of_too_many_answers_to_one_call_the_same_stay_in_whatever_order_they_come() {
        let [caller, _] = call(1);
        let spec = |service| EventSpec { trace: 1, span: 2, service, ..EventSpec::default() };
        let answers = (1..=12).map(|n| Event { parent: Some(span_id(1)), ..event(&spec(n)) });
        let mut events: Vec<Event> = answers.chain([caller]).collect();
        let callees = |events: &[Event]| {
            let calls = fed(events);
            calls.callees(&service(0)).map(|(callee, _)| callee.clone()).collect::<Vec<_>>()
        };
        let expected = callees(&events);
        assert_eq!(expected.len(), CALLEES_MAX);
        events.reverse();
        assert_eq!(callees(&events), expected);
    }

    #[test]
    fn under_load_whole_traces_are_left_out_and_the_rest_is_counted() {
        let mut calls = Calls::default();
        let mut counted = Vec::new();
        for second in 0..4 {
            for event in (0..4_096).flat_map(|n| call(second * 10_000 + n)) {
                calls.add(&event, event.trace.stable_hash(), Nanos::from_secs(second));
            }
            let before = calls.callees(&service(0)).map(|(_, calls)| calls).sum::<u64>();
            calls.close(Nanos::from_secs(second + 1));
            counted.push(calls.callees(&service(0)).map(|(_, calls)| calls).sum::<u64>() - before);
        }
        let later = counted[3] / 1_000;
        assert!((50..400).contains(&later), "{counted:?}");
    }
}
