//! Origin of requests that run otherwise than ever: consequences were set aside request by request, so what is left is
//! the place; of several, the one that shows it most.

use std::collections::{BTreeMap, BTreeSet};

use model::CapturedTrace;

use super::{Callee, Origin, Place};
use crate::assembly::Assembly;
use crate::detect;
use crate::window::{FamilyKey, OperationKey, Sign, Window};

pub(super) fn most(
    members: &super::Members<'_>,
    traces: &[&CapturedTrace],
    window: &Window,
) -> Option<Origin> {
    let odd = members.keys().filter(|family| family.sign == Sign::Behaviour);
    let shown = |family: &FamilyKey| {
        let counts = window.shapes.since(&family.operation);
        (detect::odds(counts, detect::Counts::default()), counts.failures)
    };
    let family = odd.max_by_key(|family| (shown(family), std::cmp::Reverse(**family)))?;
    let key = &family.operation;
    let mut chains: Vec<Vec<OperationKey>> = Vec::new();
    let mut agreeing = Vec::new();
    for trace in traces {
        let assembly = Assembly::of(trace);
        let at = (0..assembly.len()).find(|i| OperationKey::of(assembly.event(*i)) == *key);
        let Some(at) = at else { continue };
        agreeing.push(trace.trace);
        chains.push(assembly.hops_along(assembly.upwards(at)).into_iter().map(OperationKey::of).collect());
    }
    let longest = chains.iter().max_by_key(|hops| (hops.len(), std::cmp::Reverse(*hops)));
    let hops = longest.cloned().unwrap_or_else(|| vec![key.clone()]);
    let edges: BTreeSet<OperationKey> = chains.iter().filter_map(|hops| hops.last()).cloned().collect();
    let inbound = hops.first().unwrap_or(key).operation.clone();
    Some(Origin {
        place: Place {
            service: key.service.clone(),
            operation: inbound,
            step: key.clone(),
            code: "".into(),
            callee: Callee::None,
        },
        sign: Sign::Behaviour,
        gave_up: false,
        charged_ns: None,
        edges: if edges.is_empty() { vec![key.clone()] } else { edges.into_iter().collect() },
        hops,
        traces_examined: agreeing.len(),
        traces_agreeing: agreeing,
        others: BTreeMap::new(),
        reason: "".into(),
    })
}
