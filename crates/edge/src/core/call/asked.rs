//! Which nodes a call has asked by which way, and when each may be asked again. It must never know what the others are.

use smallvec::SmallVec;

use crate::core::{Fault, Millis, NodeId, NodeSet, Transport};

/// Before the same node is asked a second time by the same way; doubled with every further time.
const BACKOFF_MS: u64 = 50;
const BACKOFF_MS_MAX: u64 = 1_000;
/// After a node that said that it is asked too much, and not how long to wait.
const PAUSE_MS: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
struct Asking {
    node: NodeId,
    via: Transport,
    times: u32,
    not_before: Millis,
    /// The pause is for the node, whatever the way.
    is_limited: bool,
}

/// At most two for each node, one for each way.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    askings: SmallVec<[Asking; 3]>,
    never: NodeSet,
}

impl Asked {
    pub(super) fn sent(&mut self, node: NodeId, via: Transport) {
        match self.of(node, via) {
            Some(asking) => asking.times += 1,
            None => {
                let not_before = Millis(0);
                self.askings.push(Asking { node, via, times: 1, not_before, is_limited: false });
            }
        }
    }

    pub(super) fn failed(&mut self, node: NodeId, via: Transport, fault: Fault, now: Millis) {
        let Some(asking) = self.of(node, via) else { return };
        match fault {
            Fault::RateLimited { retry_after_ms } => {
                asking.is_limited = true;
                asking.not_before = now.plus(retry_after_ms.unwrap_or(PAUSE_MS).max(BACKOFF_MS));
            }
            // The same question to the same node has the same answer.
            Fault::WrongChain | Fault::Lying | Fault::Behind | Fault::Missing => self.never.insert(node),
            _ => {
                let doublings = asking.times.saturating_sub(1).min(8);
                asking.not_before = now.plus((BACKOFF_MS << doublings).min(BACKOFF_MS_MAX));
            }
        }
    }

    pub(super) fn is_never(&self, node: NodeId) -> bool {
        self.never.contains(node)
    }

    /// By whatever way.
    pub(super) fn times(&self, node: NodeId) -> u32 {
        self.askings.iter().filter(|asking| asking.node == node).map(|asking| asking.times).sum()
    }

    pub(super) fn times_by(&self, node: NodeId, via: Transport) -> u32 {
        let asking = self.askings.iter().find(|asking| asking.node == node && asking.via == via);
        asking.map_or(0, |asking| asking.times)
    }

    pub(super) fn not_before(&self, node: NodeId, via: Transport) -> Millis {
        let asked = self.askings.iter().filter(|asking| asking.node == node);
        let held_by = asked.filter(|asking| asking.via == via || asking.is_limited);
        held_by.map(|asking| asking.not_before).max().unwrap_or_default()
    }

    fn of(&mut self, node: NodeId, via: Transport) -> Option<&mut Asking> {
        self.askings.iter_mut().find(|asking| asking.node == node && asking.via == via)
    }
}
