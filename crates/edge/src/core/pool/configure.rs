//! A pool that is told new rules and other nodes while it runs. Who stays keeps what was seen of it; who goes is given
//! nothing more and is seen until its calls are over. It must never know what came of a node's calls.

use super::{Effect, Input, Node, Pool, PoolSettings};
use crate::core::{Fault, Millis, NodeId, Transport};

impl Pool {
    /// The chain that the pool is of stays what it is.
    pub(super) fn configure(&mut self, settings: PoolSettings, effects: &mut Vec<Effect>) {
        self.chain.set_settings(settings.chain);
        self.streams.set_limits(settings.streams);
        let mut before = std::mem::take(&mut self.nodes);
        for said in &settings.nodes {
            let known = before.iter().position(|node| node.id == said.id).map(|at| before.remove(at));
            // An id that is given out again is another node's.
            self.leaving.retain(|node| node.id != said.id);
            let mut node = known.unwrap_or_else(|| Node::new(said, settings.health));
            node.take_over(said, settings.health);
            self.nodes.push(node);
        }
        self.settings = settings;
        before.into_iter().for_each(|node| self.leave(node, effects));
    }

    /// What it has under way may end; whatever it fed is fed by others.
    fn leave(&mut self, node: Node, effects: &mut Vec<Effect>) {
        self.chain.forget(node.id);
        for stream in self.relays.leave(node.id) {
            effects.push(Effect::CloseRelay { stream, node: node.id });
        }
        self.leaving.push(node);
    }

    /// Nobody waits for it any more.
    pub(super) fn left(&mut self, node: NodeId) {
        self.leaving.retain(|leaving| leaving.id != node);
    }

    /// Whether nothing but calls under way speaks of that node: it has left, or was never here.
    pub(super) fn is_gone(&self, node: NodeId) -> bool {
        !self.nodes.iter().any(|here| here.id == node)
    }

    /// Whoever waits for a node that has left is to know when that is in vain.
    pub(super) fn failed_while_leaving(
        &mut self,
        now: Millis,
        id: NodeId,
        transport: Transport,
        fault: Fault,
    ) {
        if let Some(node) = self.leaving.iter_mut().find(|node| node.id == id) {
            node.health_mut(transport).failed(now, fault);
        }
    }

    /// Given nothing new by somebody's word; what it feeds moves where another can feed it.
    pub(super) fn drain(&mut self, now: Millis, id: NodeId, draining: bool, effects: &mut Vec<Effect>) {
        let Some(node) = self.node_mut(id) else { return };
        node.draining = draining;
        let others = self.relay_candidates(now);
        if draining && others.first().is_some_and(|best| *best != id) {
            for stream in self.relays.leave(id) {
                effects.push(Effect::CloseRelay { stream, node: id });
            }
        }
    }
}

impl Input {
    /// Which node it is about, where it is about one that is there.
    pub(super) fn node(&self) -> Option<NodeId> {
        match self {
            Self::Connected { node }
            | Self::Lost { node, .. }
            | Self::Head { node, .. }
            | Self::Polled { node, .. }
            | Self::Pong { node }
            | Self::Probed { node, .. }
            | Self::PollFailed { node, .. }
            | Self::Fetched { node, .. }
            | Self::LogsFetched { node, .. }
            | Self::Traffic { node, .. }
            | Self::Overdue { node, .. }
            | Self::RelayOpened { node, .. }
            | Self::RelayLost { node, .. }
            | Self::RelayItem { node, .. }
            | Self::Drain { node, .. } => Some(*node),
            Self::Subscribe { .. }
            | Self::Unsubscribe { .. }
            | Self::SessionEnded { .. }
            | Self::Configure(_)
            | Self::Left { .. }
            | Self::Time => None,
        }
    }
}
