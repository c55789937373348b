//! Calls that go to other nodes though nothing is down: that is told with its reason, once, and so is its end. It must never
//! decide where calls go.

use super::node::Aside;
use super::{Effect, Happening, Node, Pool};
use crate::core::health::Turn;
use crate::core::{Millis, NodeId, Transport};

impl Pool {
    /// By what the view says of the nodes.
    pub(super) fn tell_moves(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        for at in 0..self.nodes.len() {
            for transport in [Transport::Http, Transport::Stream] {
                self.tell_move(now, at, transport, effects);
            }
        }
    }

    fn tell_move(&mut self, now: Millis, at: usize, transport: Transport, effects: &mut Vec<Effect>) {
        let Some(node) = self.nodes.get(at) else { return };
        let (id, is_behind) = (node.id, self.is_seen_behind(now, node));
        let aside = node.aside(now, transport, is_behind);
        let is_down = node.health(transport).fault(now).is_some();
        let Some(before) = self.nodes.get_mut(at).and_then(|node| node.turn_aside(transport, aside)) else {
            return;
        };
        let is_over = matches!(before, Some(Aside::Down(_))) && !matches!(aside, Some(Aside::Down(_)));
        if is_over && !is_down && !is_told_back(effects, id, transport) {
            self.tell(now, id, transport, Turn::CameBack, effects);
        }
        match aside {
            Some(Aside::Down(fault)) => self.tell(now, id, transport, Turn::WentDown(fault), effects),
            Some(Aside::Doubted(fault)) => {
                effects.push(Effect::Tell(Happening::Doubted { node: id, transport, fault }));
            }
            None => {}
        }
    }

    pub(super) fn is_far_behind(&self, node: NodeId) -> bool {
        let reach = self.chain.head_at(node).saturating_add(self.settings.lag_blocks_max);
        self.chain.head().is_some_and(|served| reach < served.number)
    }

    /// Of one that has just come nobody knows yet what it has.
    fn is_seen_behind(&self, now: Millis, node: &Node) -> bool {
        let stall_ms = self.settings.stall_after_ms;
        let is_seen = self.chain.head_at(node.id) > 0
            || node.behind_since.is_some_and(|since| now.since(since) >= stall_ms);
        is_seen && self.is_far_behind(node.id)
    }
}

fn is_told_back(effects: &[Effect], id: NodeId, by: Transport) -> bool {
    let is_it = |told: &Happening| matches!(told, Happening::CameBack { node, transport } if *node == id && *transport == by);
    effects.iter().any(|effect| matches!(effect, Effect::Tell(told) if is_it(told)))
}
