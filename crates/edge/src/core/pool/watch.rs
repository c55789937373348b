//! What is seen of nodes: connections, probes, silence, lag. It must never decide what is announced.

use super::{Effect, Happening, Heads, Node, Pool, Probe};
use crate::core::chain::Step;
use crate::core::health::Turn;
use crate::core::{Block, Fault, Hash, Millis, NodeId, Transport};

/// Between two looks at a node that is down.
const PROBE_DOWN_MS: u64 = 1_000;
/// What a node is given beyond twice its usual time to show that it lives.
const SIGN_OF_LIFE_MS: u64 = 30;
/// However slow it usually is.
const USUAL_MS_MAX: u64 = 500;
const POLL_MS_MIN: u64 = 100;
const POLL_MS_MAX: u64 = 2_000;

impl Pool {
    pub(super) fn connected(&mut self, now: Millis, id: NodeId, effects: &mut Vec<Effect>) {
        let Some(node) = self.node_mut(id) else { return };
        node.is_connected = true;
        node.heard = now;
        node.pinged = None;
        node.behind_since = None;
        node.passed_since = None;
        // Where it comes back it may be another node by now.
        node.probe_at = node.probe_at.min(now);
        let turn = node.health_mut(Transport::Stream).succeeded(now);
        self.told(now, id, Transport::Stream, turn, effects);
    }

    pub(super) fn lost(&mut self, now: Millis, id: NodeId, fault: Fault, effects: &mut Vec<Effect>) {
        let Some(node) = self.node_mut(id) else { return };
        node.is_connected = false;
        node.pinged = None;
        node.stream_sign_due = None;
        node.behind_since = None;
        node.passed_since = None;
        node.poll_at = now;
        node.probe_at = node.probe_at.min(now);
        self.chain.forget_claim(id);
        self.relays.node_lost(id);
        self.failed(now, id, Transport::Stream, fault, effects);
    }

    pub(super) fn heard(&mut self, now: Millis, id: NodeId) {
        let Some(node) = self.node_mut(id) else { return };
        node.heard = now;
        node.pinged = None;
        node.stream_sign_due = None;
        node.health_mut(Transport::Stream).gave_a_sign();
    }

    pub(super) fn polled(&mut self, now: Millis, id: NodeId, block: Block, effects: &mut Vec<Effect>) {
        let stall_ms = self.settings.stall_after_ms;
        let head = self.chain.head();
        let Some(node) = self.node_mut(id) else { return };
        node.is_polling = false;
        let was_late =
            node.is_connected && node.behind_since.is_some_and(|since| now.since(since) >= stall_ms);
        if was_late && head.is_some_and(|head| block.number >= head.number) {
            // It has what its stream did not tell. Of one that only was passed by another that is seen once the head has gone on.
            self.stalled(now, id, effects);
        }
        self.claimed(now, id, &block);
    }

    pub(super) fn claimed(&mut self, now: Millis, id: NodeId, block: &Block) {
        if self.node_mut(id).is_some_and(|node| !node.is_shunned(now)) {
            self.chain.claimed(now, id, block);
        }
    }

    pub(super) fn probed(
        &mut self,
        now: Millis,
        id: NodeId,
        result: Result<Probe, Fault>,
        effects: &mut Vec<Effect>,
    ) {
        let expected = self.chain_id;
        let probe_ms = self.settings.probe_ms;
        let Some(node) = self.node_mut(id) else { return };
        node.is_probing = false;
        if result.is_ok() {
            node.probe_took_ms = now.since(node.probe_began);
            node.sign_of_life(Transport::Http);
        }
        node.probe_at = now.plus(if result.is_ok() { probe_ms } else { probe_ms.min(PROBE_DOWN_MS) });
        let probe = match result {
            Ok(probe) => probe,
            Err(fault) => return self.failed(now, id, Transport::Http, fault, effects),
        };
        let is_of_chain = expected.is_none_or(|expected| expected == probe.chain_id);
        node.is_of_chain = Some(is_of_chain);
        node.readiness = probe.readiness;
        if !is_of_chain {
            self.chain.forget(id);
            return;
        }
        let turn = node.health_mut(Transport::Http).succeeded(now);
        if matches!(turn, Some(Turn::CameBack)) {
            // What it has was forgotten when it went.
            node.poll_at = now;
        }
        self.chain_id = expected.or(Some(probe.chain_id));
        self.told(now, id, Transport::Http, turn, effects);
    }

    /// Whether it lives is asked at once: what one call waits for may take its time, a probe or a ping does not.
    pub(super) fn overdue(&mut self, now: Millis, id: NodeId, via: Transport, effects: &mut Vec<Effect>) {
        let Some(node) = self.node_mut(id) else { return };
        let due = Some(now.plus(SIGN_OF_LIFE_MS + 2 * node.probe_took_ms.min(USUAL_MS_MAX)));
        match via {
            Transport::Http => {
                node.probe_at = node.probe_at.min(now);
                node.sign_due = node.sign_due.or(due);
            }
            Transport::Stream if node.is_connected && node.stream_sign_due.is_none() => {
                node.stream_sign_due = due;
                node.pinged = node.pinged.or(Some(now));
                effects.push(Effect::Ping { node: id });
            }
            Transport::Stream => {}
        }
    }

    /// What calls met with on a stream that is up. One that is down for it is dialled anew, which alone can bring it back.
    pub(super) fn failed_over_stream(
        &mut self,
        now: Millis,
        id: NodeId,
        fault: Fault,
        effects: &mut Vec<Effect>,
    ) {
        let Some(node) = self.node_mut(id) else { return };
        let turn = node.health_mut(Transport::Stream).failed(now, fault);
        if turn.is_some() && node.is_connected {
            effects.push(Effect::Redial { node: id });
            self.lost(now, id, fault, effects);
        }
        self.told(now, id, Transport::Stream, turn, effects);
    }

    pub(super) fn failed(
        &mut self,
        now: Millis,
        id: NodeId,
        transport: Transport,
        fault: Fault,
        effects: &mut Vec<Effect>,
    ) {
        let Some(node) = self.node_mut(id) else { return };
        if transport == Transport::Http {
            node.is_polling = false;
            // What failed is looked at soon.
            node.probe_at = node.probe_at.min(now.plus(PROBE_DOWN_MS));
        }
        let turn = node.health_mut(transport).failed(now, fault);
        if transport == Transport::Http && turn.is_some() {
            // Whatever comes back may have lost its last blocks.
            self.chain.forget(id);
        }
        self.told(now, id, transport, turn, effects);
    }

    /// What it told of a moment ago it may not be able to answer for yet.
    pub(super) fn failed_to_fetch(
        &mut self,
        now: Millis,
        id: NodeId,
        hash: Hash,
        fault: Fault,
        effects: &mut Vec<Effect>,
    ) {
        if fault != Fault::NodeError || !self.chain.may_be_early(now, id, hash) {
            self.failed(now, id, Transport::Http, fault, effects);
        }
    }

    pub(super) fn lied(&mut self, now: Millis, id: NodeId, effects: &mut Vec<Effect>) {
        for transport in [Transport::Http, Transport::Stream] {
            if let Some(node) = self.node_mut(id) {
                node.health_mut(transport).failed(now, Fault::Lying);
            }
        }
        self.chain.lied(now, id);
        effects.push(Effect::Tell(Happening::Lied { node: id }));
    }

    /// What time alone brings about.
    pub(super) fn watch(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let highest = self.highest_told(now);
        for at in 0..self.nodes.len() {
            self.note_lag(now, at, highest);
            let Some(node) = self.nodes.get_mut(at) else { continue };
            let has_claim = self.chain.claim_of(node.id).is_some();
            let is_paused = node.paused_until(now).is_some();
            if !node.is_probing && node.probe_at <= now && !is_paused {
                node.is_probing = true;
                node.probe_began = now;
                effects.push(Effect::Probe { node: node.id });
            }
            if self.settings.heads == Heads::Followed
                && !node.is_polling
                && node.poll_at <= now
                && !is_paused
                && !node.is_shunned(now)
                && (node.needs_polling(now, self.settings.stall_after_ms) || !has_claim)
            {
                node.is_polling = true;
                node.poll_at =
                    now.plus((self.settings.chain.block_time_ms / 4).clamp(POLL_MS_MIN, POLL_MS_MAX));
                effects.push(Effect::Poll { node: node.id });
            }
            if node.sign_due.is_some_and(|due| due <= now) {
                node.sign_due = None;
                node.health_mut(Transport::Http).fell_silent();
            }
            if node.stream_sign_due.is_some_and(|due| due <= now) {
                node.stream_sign_due = None;
                node.health_mut(Transport::Stream).fell_silent();
            }
            self.watch_stream(now, at, effects);
        }
    }

    /// Half of the time is silence, the other half waiting for a sign of life.
    fn watch_stream(&mut self, now: Millis, at: usize, effects: &mut Vec<Effect>) {
        let stall_ms = self.settings.stall_after_ms;
        let Some(node) = self.nodes.get_mut(at) else { return };
        if !node.is_connected {
            return;
        }
        let is_mute = node.pinged.is_some_and(|pinged| now.since(pinged) >= stall_ms - stall_ms / 2);
        if is_mute {
            let id = node.id;
            self.stalled(now, id, effects);
        } else if node.pinged.is_none() && now.since(node.heard) >= stall_ms / 2 {
            node.pinged = Some(now);
            effects.push(Effect::Ping { node: node.id });
        }
    }

    fn stalled(&mut self, now: Millis, id: NodeId, effects: &mut Vec<Effect>) {
        effects.push(Effect::Redial { node: id });
        self.lost(now, id, Fault::Stalled, effects);
    }

    /// Since when a node's head stands still below the announced one, and below the highest that another tells of. One that moves
    /// is only late.
    fn note_lag(&mut self, now: Millis, at: usize, highest: u64) {
        let Some(head) = self.chain.head() else { return };
        let Some(id) = self.nodes.get(at).map(|node| node.id) else { return };
        let claim = self.chain.claim_of(id);
        let announced = self.chain.moved();
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.behind_since = match claim {
            Some((claim, moved)) if claim.number < head.number => {
                Some(moved.max(node.behind_since.unwrap_or(announced)))
            }
            Some(_) | None => None,
        };
        node.passed_since = match claim {
            Some((claim, moved)) if claim.number < highest => {
                Some(moved.max(node.passed_since.unwrap_or(now)))
            }
            Some(_) | None => None,
        };
    }

    /// Of nodes whose word counts, what can be true.
    fn highest_told(&self, now: Millis) -> u64 {
        let heard = self.nodes.iter().filter(|node| self.votes(now, node));
        let told = heard.filter_map(|node| self.chain.claim_of(node.id)).map(|(head, _)| head.number);
        told.filter(|number| self.chain.can_reach(now, *number)).max().unwrap_or(0)
    }

    fn told(
        &self,
        now: Millis,
        id: NodeId,
        transport: Transport,
        turn: Option<Turn>,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(turn) = turn {
            self.tell(now, id, transport, turn, effects);
        }
    }

    pub(super) fn carry_out(&mut self, now: Millis, step: Step, effects: &mut Vec<Effect>) {
        if let Step::Lie { node } = step {
            self.lied(now, node, effects);
        }
    }

    /// Whether what it says of its head counts.
    pub(super) fn votes(&self, now: Millis, node: &Node) -> bool {
        let stalled = node.behind_since.is_some_and(|since| now.since(since) >= self.settings.stall_after_ms);
        node.is_routable(now) && !stalled
    }
}
