//! Which way requests went outwards from one operation, as captured traces tell, and what stands at an event. What is
//! wrong there is not known here.

use std::collections::BTreeSet;

use model::{CapturedTrace, TraceId};

use super::{Callee, Place, UNOBSERVED, known_service};
use crate::assembly::{Assembly, Peers};
use crate::window::{OperationKey, Window};

/// What the traces that show an operation say of it.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) traces: Vec<TraceId>,
    chains: Vec<Vec<OperationKey>>,
}

impl Ways {
    /// Looks for the operation in each trace; `seen` is told of the event at which it was found.
    pub(super) fn from<'a>(
        key: &OperationKey,
        traces: &[&'a CapturedTrace],
        mut seen: impl FnMut(&Assembly<'a>, usize),
    ) -> Self {
        let mut ways = Self::default();
        for trace in traces {
            let assembly = Assembly::of(trace);
            let at = (0..assembly.len()).find(|i| OperationKey::of(assembly.event(*i)) == *key);
            let Some(at) = at else { continue };
            seen(&assembly, at);
            ways.traces.push(trace.trace);
            ways.chains.push(outwards(&assembly, at));
        }
        ways
    }

    /// The longest of them; the operation alone where no trace shows it.
    pub(super) fn longest(&self, key: &OperationKey) -> Vec<OperationKey> {
        let longest = self.chains.iter().max_by_key(|hops| (hops.len(), std::cmp::Reverse(*hops)));
        longest.cloned().unwrap_or_else(|| vec![key.clone()])
    }

    /// Where they end.
    pub(super) fn edges(&self, key: &OperationKey) -> Vec<OperationKey> {
        let edges: BTreeSet<&OperationKey> = self.chains.iter().filter_map(|hops| hops.last()).collect();
        if edges.is_empty() { vec![key.clone()] } else { edges.into_iter().cloned().collect() }
    }
}

/// One hop for each service passed, from an event to the edge.
pub(super) fn outwards(assembly: &Assembly<'_>, at: usize) -> Vec<OperationKey> {
    assembly.hops_along(assembly.upwards(at)).into_iter().map(OperationKey::of).collect()
}

/// What an event that takes long stands for: a call whose callee left no event stands for that callee.
pub(super) fn place(assembly: &Assembly<'_>, at: usize, window: &Window, peers: &Peers) -> Place {
    let event = assembly.event(at);
    let waits_for = event.kind.is_outbound() && assembly.callee(at).is_none();
    let callee = match waits_for.then(|| known_service(event, window, peers)) {
        None => Callee::None,
        Some(Some(service)) => Callee::Silent(service),
        Some(None) if event.peer.is_empty() => Callee::Foreign(event.operation.clone()),
        Some(None) => Callee::Foreign(event.peer.clone()),
    };
    let (service, operation) = match &callee {
        Callee::Silent(service) => (service.clone(), UNOBSERVED.into()),
        Callee::None | Callee::Foreign(_) => (event.service.clone(), assembly.inbound(at).operation.clone()),
    };
    Place { service, operation, step: OperationKey::of(event), code: "".into(), callee }
}
