//! Origin of requests that run otherwise than ever: consequences were set aside request by request, so what is left is
//! the place; of several, the one that shows it most.

use std::collections::BTreeMap;

use model::CapturedTrace;

use super::ways::Ways;
use super::{Callee, Origin, Place};
use crate::detect;
use crate::window::{FamilyKey, Sign, Window};

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
    let ways = Ways::from(key, traces, |_, _| {});
    let hops = ways.longest(key);
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
        edges: ways.edges(key),
        hops,
        traces_examined: ways.traces.len(),
        traces_agreeing: ways.traces,
        others: BTreeMap::new(),
        reason: "".into(),
    })
}
