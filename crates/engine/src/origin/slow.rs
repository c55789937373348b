//! Origin of a latency symptom: the place to which slow requests are charged more time than the same requests were
//! before.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Event, TraceId};

use super::ways::{outwards, place};
use super::{Callee, Origin, Place, behind_silent};
use crate::assembly::{Assembly, Peers};
use crate::charge::charge;
use crate::window::{OperationKey, Sign, Window};

/// What one trace says: time by place, and for each place the way outwards from its longest event.
struct Charged {
    trace: TraceId,
    has_lost_spans: bool,
    by_place: BTreeMap<Place, u64>,
    hops: BTreeMap<Place, Vec<OperationKey>>,
}

/// `slow` are traces since the onset, `before` such of the same operations from before it. Only traces in which an
/// operation of `members` took part say anything.
pub(super) fn vote<'a>(
    slow: impl Iterator<Item = &'a CapturedTrace>,
    before: impl Iterator<Item = &'a CapturedTrace>,
    members: &super::Members<'_>,
    window: &Window,
    peers: &Peers,
) -> Option<Origin> {
    let operations: BTreeSet<&OperationKey> =
        members.keys().filter(|f| f.sign == Sign::Latency).map(|f| &f.operation).collect();
    let of = |trace: &'a CapturedTrace| charged(trace, &operations, window, peers);
    let is_slow = |event: &Event| {
        let key = OperationKey::of(event);
        operations.contains(&key) && window.limit(&key).is_some_and(|l| event.duration_ns() >= l.above_ns)
    };
    let slow: Vec<Charged> = slow.filter(|t| t.events.iter().any(is_slow)).filter_map(of).collect();
    let before: Vec<Charged> = before.filter_map(of).collect();
    let mut growth: BTreeMap<&Place, i128> = BTreeMap::new();
    let mut agreeing: BTreeMap<&Place, Vec<TraceId>> = BTreeMap::new();
    for trace in &slow {
        let grown = |place: &Place, ns: u64| i128::from(ns) - i128::from(mean(&before, place));
        trace.by_place.iter().for_each(|(place, ns)| *growth.entry(place).or_default() += grown(place, *ns));
        let most =
            trace.by_place.iter().max_by_key(|(place, ns)| (grown(place, **ns), std::cmp::Reverse(*place)));
        if let Some((place, _)) = most {
            agreeing.entry(place).or_default().push(trace.trace);
        }
    }
    if slow.iter().any(|trace| trace.has_lost_spans) {
        join_shallow(&mut growth, &mut agreeing);
    }
    let (place, _) = growth.into_iter().max_by_key(|(place, ns)| (*ns, std::cmp::Reverse(*place)))?;
    let chains: BTreeSet<&Vec<OperationKey>> = slow.iter().filter_map(|t| t.hops.get(place)).collect();
    let edges: BTreeSet<&OperationKey> = chains.iter().filter_map(|hops| hops.last()).collect();
    Some(Origin {
        place: place.clone(),
        sign: Sign::Latency,
        gave_up: false,
        charged_ns: Some((mean(&slow, place), mean(&before, place))),
        hops: behind_silent(
            &place.callee,
            &place.step.env,
            chains.iter().max_by_key(|hops| hops.len()).map(|hops| (*hops).clone()).unwrap_or_default(),
        ),
        edges: edges.into_iter().cloned().collect(),
        traces_agreeing: agreeing.remove(place).unwrap_or_default(),
        traces_examined: slow.len(),
        others: BTreeMap::new(),
        reason: "".into(),
    })
}

/// A trace that lost the spans of a service points at it as a whole, and one that lost a call at the caller itself: they
/// agree with those that kept them.
fn join_shallow<'a>(
    growth: &mut BTreeMap<&'a Place, i128>,
    agreeing: &mut BTreeMap<&'a Place, Vec<TraceId>>,
) {
    let mut shallow: Vec<&Place> = growth.keys().copied().collect();
    shallow.sort_by_key(|place| place.is_silent());
    for place in shallow {
        let count = growth.get(place).copied().unwrap_or_default();
        let says_more = |other: &Place| match place.callee {
            Callee::None => other.callee != Callee::None && other.step.service == place.service,
            Callee::Silent(_) => other.service == place.service && !other.is_silent(),
            Callee::Foreign(_) => false,
        };
        let deeper = growth.iter().filter(|(other, ns)| says_more(other) && 3 * **ns >= count);
        let Some((deeper, _)) = deeper.max_by_key(|(_, ns)| **ns) else { continue };
        let deeper = *deeper;
        growth.remove(place);
        *growth.entry(deeper).or_default() += count;
        let traces = agreeing.remove(place).unwrap_or_default();
        agreeing.entry(deeper).or_default().extend(traces);
    }
}

fn mean(traces: &[Charged], place: &Place) -> u64 {
    let sum: u128 = traces.iter().filter_map(|t| t.by_place.get(place)).map(|ns| u128::from(*ns)).sum();
    u64::try_from(sum / (traces.len() as u128).max(1)).unwrap_or(u64::MAX)
}

fn charged(
    trace: &CapturedTrace,
    operations: &BTreeSet<&OperationKey>,
    window: &Window,
    peers: &Peers,
) -> Option<Charged> {
    let concerned = trace.events.iter().any(|event| operations.contains(&OperationKey::of(event)));
    if !concerned {
        return None;
    }
    let assembly = Assembly::of(trace);
    let mut found = Charged {
        trace: trace.trace,
        has_lost_spans: assembly.missing_parents > 0,
        by_place: BTreeMap::new(),
        hops: BTreeMap::new(),
    };
    let mut longest: BTreeMap<Place, (u64, usize)> = BTreeMap::new();
    for (i, ns) in charge(&assembly) {
        let place = place(&assembly, i, window, peers);
        *found.by_place.entry(place.clone()).or_default() += ns;
        let known = longest.entry(place).or_insert((ns, i));
        *known = (*known).max((ns, i));
    }
    for (place, (_, i)) in longest {
        found.hops.insert(place, outwards(&assembly, i));
    }
    Some(found)
}
