//! From what was seen to what is told: the chain moves on, subscribers are told, and calls get a new view. It must never decide
//! whether a node is well.

use std::sync::Arc;

use super::{Effect, EndReason, Happening, Item, Node, Pool};
use crate::core::chain::{BloomUse, Step, Voter};
use crate::core::streams::{StreamId, Topic};
use crate::core::wire::{Log, retracted};
use crate::core::{Block, Head, Millis, NodeView, SessionId, Standing, Transport, View};

impl Pool {
    pub(super) fn move_on(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let voters: Vec<Voter> = self.nodes.iter().map(|node| self.voter(now, node)).collect();
        let (streams, bloom_use) = (&self.streams, self.settings.chain.bloom);
        // Gone through for a block alone: as a rule a step has none.
        let wants_logs = |block: &Block| {
            streams.iter().any(|(_, topic)| match (topic, &block.bloom) {
                (Topic::Logs(filter), Some(bloom)) if bloom_use == BloomUse::Trusted => {
                    filter.may_match(bloom)
                }
                (topic, _) => matches!(topic, Topic::Logs(_)),
            })
        };
        let steps = self.chain.advance(now, &voters, wants_logs);
        let retracted = steps.iter().filter(|step| matches!(step, Step::Retract { .. })).count();
        let is_bridge = |step: &&Step| matches!(step, Step::Announce { was_told_of: false, .. });
        let bridged = steps.iter().filter(is_bridge).count();
        if retracted > 0 {
            effects.push(Effect::Tell(Happening::Reorganised { depth: retracted }));
        }
        if bridged > 0 {
            effects.push(Effect::Tell(Happening::Bridged { blocks: bridged as u64 }));
        }
        for step in steps {
            self.tell_step(now, step, effects);
        }
    }

    fn voter(&self, now: Millis, node: &Node) -> Voter {
        Voter {
            node: node.id,
            tier: node.tier,
            is_routable: node.is_routable(now),
            http: node.standing(now, Transport::Http),
            votes: self.votes(now, node),
        }
    }

    fn tell_step(&mut self, now: Millis, step: Step, effects: &mut Vec<Effect>) {
        match step {
            Step::FetchBlock { node, hash } => effects.push(Effect::FetchBlock { node, hash }),
            Step::FetchLogs { node, hash } => effects.push(Effect::FetchLogs { node, hash }),
            Step::Lie { .. } => self.carry_out(now, step, effects),
            Step::Retract { logs, announced, .. } => {
                for log in logs.iter().rev() {
                    self.tell_log(log, &retracted(&log.raw), announced, effects);
                }
            }
            Step::Announce { block, logs, announced, .. } => {
                let head = Head { number: block.number, hash: block.hash };
                let heads = self
                    .streams
                    .iter()
                    .filter(|(_, topic)| **topic == Topic::Heads)
                    .map(|(stream, _)| stream);
                let item = Item::Head(block);
                effects.extend(heads.map(|stream| Effect::Deliver { stream, item: item.clone(), announced }));
                for log in logs.iter() {
                    self.tell_log(log, &log.raw, announced, effects);
                }
                effects.push(Effect::Tell(Happening::Announced { head }));
            }
            Step::Jump { from, to } => {
                let reason = EndReason::GapTooLarge { from: from.number, to: to.number };
                for session in self.streams.sessions_on_the_chain() {
                    self.end_session(now, session, reason, effects);
                }
                effects.push(Effect::Tell(Happening::Jumped { from, to }));
            }
        }
    }

    /// It is told nothing more.
    pub(super) fn end_session(
        &mut self,
        now: Millis,
        session: SessionId,
        reason: EndReason,
        effects: &mut Vec<Effect>,
    ) {
        self.streams.close(now, session);
        effects.push(Effect::EndSession { session, reason });
    }

    fn tell_log(&self, log: &Log, raw: &Arc<[u8]>, announced: u64, effects: &mut Vec<Effect>) {
        let wants = |(stream, topic): (StreamId, &Topic)| match topic {
            Topic::Logs(filter) if filter.matches(&log.key) => Some(stream),
            _ => None,
        };
        let streams = self.streams.iter().filter_map(wants);
        effects.extend(streams.map(|stream| Effect::Deliver {
            stream,
            item: Item::Log(Arc::clone(raw)),
            announced,
        }));
    }

    pub(super) fn publish(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let view = View {
            served: self.chain.standing(now),
            nodes: self.node_views(now),
            recent: self.chain.recent(),
        };
        if *self.view != view {
            self.view = Arc::new(view);
            // Whoever is told a head may ask for it at once.
            let told = effects.iter().position(|effect| matches!(effect, Effect::Deliver { .. }));
            effects.insert(told.unwrap_or(effects.len()), Effect::Publish(Arc::clone(&self.view)));
        }
    }

    /// Those that left come last.
    fn node_views(&self, now: Millis) -> Vec<NodeView> {
        let leaving = self.leaving.iter().map(|node| NodeView {
            id: node.id,
            tier: node.tier,
            weight: node.weight,
            attempt_ms: node.attempt_ms,
            http: node.leaving_standing(now, Transport::Http),
            stream: node.leaving_standing(now, Transport::Stream),
            head: 0,
        });
        self.nodes.iter().map(|node| self.node_view(now, node)).chain(leaving).collect()
    }

    fn node_view(&self, now: Millis, node: &Node) -> NodeView {
        let head = self.chain.height_of(node.id);
        let is_far_behind = self.is_far_behind(node.id);
        let standing = |transport| match node.standing(now, transport) {
            Standing::Serving if is_far_behind => Standing::Suspect,
            standing => standing,
        };
        NodeView {
            id: node.id,
            tier: node.tier,
            weight: node.weight,
            attempt_ms: node.attempt_ms,
            http: standing(Transport::Http),
            stream: standing(Transport::Stream),
            head,
        }
    }
}
