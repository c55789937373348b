//! Origin of requests that are slow by themselves: the place that loses most time. What only waits for it does not count,
//! for own times leave out what callees take.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Event};

use super::{Callee, Origin, Place, known_service};
use crate::assembly::{Assembly, Peers};
use crate::window::{OperationKey, Sign, Window};

pub(super) fn longest(
    members: &super::Members<'_>,
    traces: &[&CapturedTrace],
    window: &Window,
    peers: &Peers,
) -> Option<Origin> {
    let slow = members.keys().filter(|family| family.sign == Sign::SelfTime);
    let lost = |key: &OperationKey| window.self_times.since(key).map_or(0, |stretch| stretch.lost_us);
    let family = slow.max_by_key(|family| (lost(&family.operation), std::cmp::Reverse(**family)))?;
    let key = &family.operation;
    let mut chains: Vec<Vec<OperationKey>> = Vec::new();
    let mut agreeing = Vec::new();
    let mut places: BTreeMap<Place, usize> = BTreeMap::new();
    for trace in traces {
        let assembly = Assembly::of(trace);
        let Some(at) = (0..assembly.len()).find(|i| OperationKey::of(assembly.event(*i)) == *key) else {
            continue;
        };
        agreeing.push(trace.trace);
        *places.entry(place(&assembly, at, window, peers)).or_default() += 1;
        chains.push(assembly.hops_along(assembly.upwards(at)).into_iter().map(OperationKey::of).collect());
    }
    let most = places.into_iter().max_by_key(|(place, n)| (*n, std::cmp::Reverse(place.clone())));
    let place = most.map_or_else(|| bare(key), |(place, _)| place);
    let longest = chains.iter().max_by_key(|hops| (hops.len(), std::cmp::Reverse(*hops)));
    let hops = longest.cloned().unwrap_or_else(|| vec![key.clone()]);
    let edges: BTreeSet<OperationKey> = chains.iter().filter_map(|hops| hops.last()).cloned().collect();
    let now = window.self_times.since(key).and_then(|stretch| stretch.times.quantile_ns(500));
    Some(Origin {
        place,
        sign: Sign::SelfTime,
        gave_up: false,
        charged_ns: now.zip(window.self_times.usual(key)),
        edges: if edges.is_empty() { vec![key.clone()] } else { edges.into_iter().collect() },
        hops,
        traces_examined: agreeing.len(),
        traces_agreeing: agreeing,
        others: BTreeMap::new(),
        reason: "".into(),
    })
}

fn place(assembly: &Assembly<'_>, at: usize, window: &Window, peers: &Peers) -> Place {
    let event = assembly.event(at);
    let alone = event.kind.is_outbound() && assembly.callee(at).is_none();
    let callee = if alone { callee(event, window, peers) } else { Callee::None };
    let step = OperationKey::of(event);
    match &callee {
        Callee::Silent(service) => Place {
            service: service.clone(),
            operation: super::UNOBSERVED.into(),
            step,
            code: "".into(),
            callee,
        },
        Callee::None | Callee::Foreign(_) => Place {
            service: event.service.clone(),
            operation: assembly.inbound(at).operation.clone(),
            step,
            code: "".into(),
            callee,
        },
    }
}

fn callee(call: &Event, window: &Window, peers: &Peers) -> Callee {
    match known_service(call, window, peers) {
        Some(service) => Callee::Silent(service),
        None if call.peer.is_empty() => Callee::Foreign(call.operation.clone()),
        None => Callee::Foreign(call.peer.clone()),
    }
}

/// No trace of it could be had.
fn bare(key: &OperationKey) -> Place {
    Place {
        service: key.service.clone(),
        operation: key.operation.clone(),
        step: key.clone(),
        code: "".into(),
        callee: Callee::None,
    }
}
