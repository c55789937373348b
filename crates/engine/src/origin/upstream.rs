//! Origin of a change in traffic: of the flows that changed, the one whose callers' did not.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Str};

use super::{Callee, Origin, Place};
use crate::assembly::Assembly;
use crate::window::{OperationKey, WHOLE_SERVICE};

/// `before` are traces from before the onset, which show who calls whom.
pub(super) fn first<'a>(
    flows: &super::Members<'_>,
    before: impl Iterator<Item = &'a CapturedTrace>,
) -> Option<Origin> {
    let before: Vec<&CapturedTrace> = before.collect();
    let services: BTreeSet<&Str> = flows.keys().map(|family| &family.operation.service).collect();
    let calls = calls(&before);
    let called_by_other = |service: &Str| {
        let callers = calls.get(service).into_iter().flatten();
        callers.into_iter().any(|caller| caller != service && services.contains(caller))
    };
    let (family, _) = flows.iter().min_by_key(|(family, onset)| {
        let key = &family.operation;
        (called_by_other(&key.service), **onset, &*key.operation != WHOLE_SERVICE, family.sign, key.clone())
    })?;
    let key = &family.operation;
    let hops = hops(key, &before);
    let traces = before.iter().filter(|trace| trace.events.iter().any(|e| e.service == key.service));
    Some(Origin {
        place: Place {
            service: key.service.clone(),
            operation: key.operation.clone(),
            step: key.clone(),
            code: family.code.clone(),
            callee: Callee::None,
        },
        sign: family.sign,
        gave_up: false,
        charged_ns: None,
        edges: vec![hops.last().unwrap_or(key).clone()],
        hops,
        traces_agreeing: traces.clone().map(|trace| trace.trace).collect(),
        traces_examined: before.len(),
        others: BTreeMap::new(),
        reason: "".into(),
    })
}

/// The callers of each service.
fn calls(before: &[&CapturedTrace]) -> BTreeMap<Str, BTreeSet<Str>> {
    let mut calls: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
    for trace in before {
        let assembly = Assembly::of(trace);
        for i in 0..assembly.len() {
            let Some(parent) = assembly.parent(i) else { continue };
            let (callee, caller) = (&assembly.event(i).service, &assembly.event(parent).service);
            if callee != caller {
                calls.entry(callee.clone()).or_default().insert(caller.clone());
            }
        }
    }
    calls
}

/// Only what receives the flow itself: what lies outside of it did not change.
fn hops(key: &OperationKey, before: &[&CapturedTrace]) -> Vec<OperationKey> {
    let of_service = |trace: &&&CapturedTrace| trace.events.iter().any(|e| e.service == key.service);
    let inbound = before.iter().find(of_service).and_then(|trace| {
        let event = trace.events.iter().find(|e| e.service == key.service && e.kind.is_inbound());
        event.map(OperationKey::of)
    });
    let own = if &*key.operation == WHOLE_SERVICE { inbound } else { Some(key.clone()) };
    vec![own.unwrap_or_else(|| key.clone())]
}
