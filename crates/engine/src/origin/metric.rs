//! Origin by what services count of themselves: the service to which most of the excess is charged that an alert and
//! the numbers of its service agree on.

use std::collections::BTreeMap;

use super::{Callee, Origin, Place};
use crate::case::Case;
use crate::summary::ServiceKey;
use crate::window::{Sign, WHOLE_SERVICE, Window};

/// With a smaller share of the excess, in thousandths, nobody stands out.
const SHARE_MIN: u64 = 200;

/// The numbers cover every request and traces are a sample, so they decide; but where traces lead to a service that
/// counts nothing itself, they know more.
pub(crate) fn by_metrics(case: &Case, found: Option<Origin>, window: &Window) -> Option<Origin> {
    let key = |service: &model::Str| ServiceKey { env: case.env.clone(), service: service.clone() };
    let Some(charge) = &case.charge else { return found };
    let best = charge.charged.first().filter(|best| best.share >= SHARE_MIN);
    let counts = |origin: &Origin| window.metrics.services.knows(&key(&origin.place.service));
    let (Some(best), true) = (best, found.as_ref().is_none_or(counts)) else { return found };
    if let Some(found) = found.filter(|found| found.place.service == best.service) {
        return Some(found);
    }
    let hops: Vec<_> = best.way.iter().map(|service| window.main_operation(&key(service))).collect();
    let step = hops.first()?.clone();
    Some(Origin {
        place: Place {
            service: best.service.clone(),
            operation: if &*step.operation == WHOLE_SERVICE { "".into() } else { step.operation.clone() },
            step,
            code: "".into(),
            callee: Callee::None,
        },
        sign: Sign::Metric,
        charged_ns: None,
        gave_up: false,
        edges: hops.last().cloned().into_iter().collect(),
        hops,
        traces_agreeing: Vec::new(),
        traces_examined: 0,
        others: BTreeMap::new(),
        reason: "".into(),
    })
}
