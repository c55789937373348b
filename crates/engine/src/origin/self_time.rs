//! Origin of requests that are slow by themselves: the place that loses most time. What only waits for it does not count,
//! for own times leave out what callees take.

use std::collections::BTreeMap;

use model::CapturedTrace;

use super::ways::{Ways, place};
use super::{Callee, Origin, Place, behind_silent};
use crate::assembly::Peers;
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
    let mut places: BTreeMap<Place, usize> = BTreeMap::new();
    let ways = Ways::from(key, traces, |assembly, at| {
        *places.entry(place(assembly, at, window, peers)).or_default() += 1;
    });
    let most = places.into_iter().max_by_key(|(place, n)| (*n, std::cmp::Reverse(place.clone())));
    let place = most.map_or_else(|| bare(key), |(place, _)| place);
    let now = window.self_times.since(key).and_then(|stretch| stretch.times.quantile_ns(500));
    Some(Origin {
        hops: behind_silent(&place.callee, &key.env, ways.longest(key)),
        place,
        sign: Sign::SelfTime,
        gave_up: false,
        charged_ns: now.zip(window.self_times.usual(key)),
        edges: ways.edges(key),
        traces_examined: ways.traces.len(),
        traces_agreeing: ways.traces,
        others: BTreeMap::new(),
        reason: "".into(),
    })
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
