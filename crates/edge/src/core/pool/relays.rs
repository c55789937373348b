//! Subscriptions of other kinds than heads and logs: one node feeds each, another takes over. Whoever subscribes is answered
//! when a node takes it, or when all refuse. What another node told within the last while is not told again. It must never
//! promise that nothing is missing: what a node keeps to itself is not on the chain.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Effect, EndReason, Happening, Pool, WhyNot};
use crate::core::streams::{StreamId, Streams, SubscriptionId, Topic};
use crate::core::{Hash, Millis, NodeId, NodeSet, SessionId, Standing, Transport};

/// Items by which a second telling is known.
const REMEMBERED_MAX: usize = 16_384;
/// Nodes differ by seconds in when they hear of something. What comes later than this is news.
const REMEMBERED_MS: u64 = 300_000;
/// What this tells is a state: only the last one counts.
const SYNCING: &[u8] = b"[\"syncing\"";
/// After all nodes refused, they are asked again a few times: one may have been about to come back.
const ROUNDS_MAX: u32 = 5;
const ROUND_MS: u64 = 1_000;
/// A node that does not say so long whether it takes a subscription does not.
const ASKED_MS_MAX: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feed {
    Nobody,
    Asked { node: NodeId, until: Millis },
    Open(NodeId),
}

/// Somebody who is not told yet whether the subscription is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awaited {
    pub(super) session: SessionId,
    pub(super) ticket: u64,
    pub(super) subscription: SubscriptionId,
    /// It is not waited for beyond this.
    pub(super) until: Millis,
}

#[derive(Debug, Clone)]
struct Relay {
    feed: Feed,
    /// A node took it once, so it is a kind that there is.
    is_proven: bool,
    /// Empty once it is.
    awaited: Vec<Awaited>,
    last: Option<NodeId>,
    refused: NodeSet,
    rounds: u32,
    again_at: Option<Millis>,
    /// How many feeds there were. A node that is dialled again is another feed.
    feeds: u64,
    is_state: bool,
    /// Which feed told it last.
    seen: BTreeMap<Hash, u64>,
    /// By when it was told first.
    order: VecDeque<(Millis, Hash)>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Relays {
    by_stream: BTreeMap<StreamId, Relay>,
}

impl Relays {
    /// What is to be answered now.
    pub(super) fn subscribed(&mut self, stream: StreamId, awaited: Awaited) -> Option<Effect> {
        let relay = self.by_stream.entry(stream).or_insert_with(Relay::new);
        if relay.is_proven {
            return Some(awaited.made());
        }
        relay.awaited.push(awaited);
        None
    }

    /// Whoever asks is owed an answer, even where nobody reads it.
    pub(super) fn session_ended(&mut self, session: SessionId) -> Vec<Effect> {
        let relays = self.by_stream.values_mut();
        let gone =
            relays.flat_map(|relay| relay.awaited.extract_if(.., |awaited| awaited.session == session));
        gone.map(|awaited| awaited.refused(WhyNot::Refused)).collect()
    }

    pub(super) fn opened(&mut self, stream: StreamId, node: NodeId) -> Vec<Effect> {
        let relay = self.by_stream.get_mut(&stream);
        let asked = |relay: &&mut Relay| matches!(relay.feed, Feed::Asked { node: of, .. } if of == node);
        // Too late: another one feeds it by now, or nobody wants it any more.
        let Some(relay) = relay.filter(asked) else { return vec![Effect::CloseRelay { stream, node }] };
        relay.feed = Feed::Open(node);
        relay.feeds += 1;
        relay.refused = NodeSet::EMPTY;
        relay.rounds = 0;
        relay.is_proven = true;
        relay.awaited.drain(..).map(Awaited::made).collect()
    }

    pub(super) fn lost(&mut self, stream: StreamId, node: NodeId) {
        let Some(relay) = self.by_stream.get_mut(&stream) else { return };
        if relay.feed.node() == Some(node) {
            relay.feed = Feed::Nobody;
            relay.refused.insert(node);
        }
    }

    /// Its connection is gone; when it is back it may be asked again.
    pub(super) fn node_lost(&mut self, node: NodeId) {
        for relay in self.by_stream.values_mut() {
            if relay.feed.node() == Some(node) {
                relay.feed = Feed::Nobody;
            }
        }
    }

    /// What it fed is fed by nobody for now. Those streams.
    pub(super) fn leave(&mut self, node: NodeId) -> Vec<StreamId> {
        let mut left = Vec::new();
        for (stream, relay) in &mut self.by_stream {
            relay.refused.remove(node);
            if relay.feed.node() == Some(node) {
                relay.feed = Feed::Nobody;
                left.push(*stream);
            }
        }
        left
    }

    /// Whether the item is to be told. One node says the same again because it is so again.
    pub(super) fn is_new(&mut self, now: Millis, stream: StreamId, node: NodeId, identity: Hash) -> bool {
        let relay = self.by_stream.get_mut(&stream);
        let Some(relay) = relay.filter(|relay| relay.feed == Feed::Open(node)) else { return false };
        relay.forget(now);
        if relay.is_state && !relay.seen.contains_key(&identity) {
            relay.seen.clear();
            relay.order.clear();
        }
        if let Some(by) = relay.seen.insert(identity, relay.feeds) {
            return by == relay.feeds;
        }
        relay.order.push_back((now, identity));
        true
    }

    pub(super) fn wake_at(&self) -> Option<Millis> {
        let at = |relay: &Relay| match relay.feed {
            Feed::Asked { until, .. } => Some(until),
            Feed::Nobody | Feed::Open(_) => relay.again_at,
        };
        let relays = self.by_stream.values();
        let late = relays.clone().flat_map(|relay| &relay.awaited).map(|awaited| awaited.until);
        relays.filter_map(at).chain(late).min()
    }
}

impl Feed {
    fn node(self) -> Option<NodeId> {
        match self {
            Self::Nobody => None,
            Self::Asked { node, .. } | Self::Open(node) => Some(node),
        }
    }
}

impl Awaited {
    fn made(self) -> Effect {
        let Self { session, ticket, subscription, .. } = self;
        Effect::Subscribed { session, ticket, subscription }
    }

    fn refused(self, why: WhyNot) -> Effect {
        Effect::NotSubscribed { session: self.session, ticket: self.ticket, why }
    }
}

impl Relay {
    fn new() -> Self {
        Self {
            feed: Feed::Nobody,
            is_proven: false,
            awaited: Vec::new(),
            last: None,
            refused: NodeSet::EMPTY,
            rounds: 0,
            again_at: None,
            feeds: 0,
            is_state: false,
            seen: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// What is too old, and the oldest where there is too much.
    fn forget(&mut self, now: Millis) {
        let is_over = |(at, _): &(Millis, Hash)| now.since(*at) >= REMEMBERED_MS;
        while self.order.front().is_some_and(is_over) || self.order.len() >= REMEMBERED_MAX {
            if let Some((_, oldest)) = self.order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
    }
}

impl Pool {
    /// Every stream that somebody follows has a node that feeds it, if there is one.
    pub(super) fn feed_relays(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        self.refuse_late(now, effects);
        self.release_relays(now, effects);
        let relays = self.relays.by_stream.keys().filter_map(|stream| relayed(*stream, &self.streams));
        let relays: Vec<(StreamId, Arc<[u8]>)> = relays.collect();
        for (stream, params) in relays {
            self.feed_relay(now, stream, params, effects);
        }
    }

    /// Whoever has waited for as long as it may is told so, and is not subscribed.
    fn refuse_late(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let relays = self.relays.by_stream.values_mut();
        let late = relays.flat_map(|relay| relay.awaited.extract_if(.., |awaited| awaited.until <= now));
        for awaited in late {
            self.streams.unsubscribe(now, awaited.session, awaited.subscription);
            effects.push(awaited.refused(WhyNot::Late));
        }
    }

    fn release_relays(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        for (stream, _) in self.streams.release(now) {
            let Some(relay) = self.relays.by_stream.remove(&stream) else { continue };
            if let Some(node) = relay.feed.node() {
                effects.push(Effect::CloseRelay { stream, node });
            }
        }
    }

    fn feed_relay(&mut self, now: Millis, stream: StreamId, params: Arc<[u8]>, effects: &mut Vec<Effect>) {
        let candidates = self.relay_candidates(now);
        let is_followed = !self.streams.members(stream).is_empty();
        let relay = self.relays.by_stream.entry(stream).or_insert_with(Relay::new);
        relay.is_state = params.starts_with(SYNCING);
        if let Feed::Asked { node, until } = relay.feed
            && until <= now
        {
            relay.feed = Feed::Nobody;
            relay.refused.insert(node);
            effects.push(Effect::CloseRelay { stream, node });
        }
        if !is_followed {
            // Whoever comes next asks all of them.
            relay.refused = NodeSet::EMPTY;
            return;
        }
        if relay.feed != Feed::Nobody || relay.again_at.is_some_and(|at| now < at) {
            return;
        }
        if relay.again_at.take().is_some() {
            relay.refused = NodeSet::EMPTY;
        }
        let Some(node) = candidates.iter().find(|node| !relay.refused.contains(**node)).copied() else {
            return self.relay_refused(now, stream, !candidates.is_empty(), effects);
        };
        relay.feed = Feed::Asked { node, until: now.plus(ASKED_MS_MAX) };
        if let Some(from) = relay.last.replace(node).filter(|from| *from != node) {
            effects.push(Effect::Tell(Happening::RelayMoved { stream, from, to: node }));
        }
        effects.push(Effect::OpenRelay { stream, node, params });
    }

    /// Those with a stream, the better first.
    pub(super) fn relay_candidates(&self, now: Millis) -> Vec<NodeId> {
        let standing = |node: &super::Node| node.standing(now, Transport::Stream);
        let mut candidates: Vec<_> =
            self.nodes.iter().filter(|node| standing(node) != Standing::Out).collect();
        // Of equals the first in the settings.
        candidates.sort_by_key(|node| (standing(node) != Standing::Serving, node.tier));
        candidates.into_iter().map(|node| node.id).collect()
    }

    /// Nobody is left to ask. Where nodes are there and refuse, it is for good after some rounds.
    fn relay_refused(&mut self, now: Millis, stream: StreamId, are_there: bool, effects: &mut Vec<Effect>) {
        let Some(relay) = self.relays.by_stream.get_mut(&stream) else { return };
        if !are_there {
            // A node that comes will be asked; nobody waits that long for an answer.
            return effects.extend(relay.awaited.drain(..).map(Awaited::made));
        }
        if !relay.awaited.is_empty() {
            relay.refused = NodeSet::EMPTY;
            for awaited in relay.awaited.drain(..) {
                self.streams.unsubscribe(now, awaited.session, awaited.subscription);
                effects.push(awaited.refused(WhyNot::Refused));
            }
            return;
        }
        relay.rounds += 1;
        relay.again_at = Some(now.plus(ROUND_MS));
        if relay.rounds < ROUNDS_MAX {
            return;
        }
        relay.rounds = 0;
        let mut sessions: Vec<SessionId> =
            self.streams.members(stream).iter().map(|member| member.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            self.end_session(now, session, EndReason::Refused, effects);
        }
    }
}

fn relayed(stream: StreamId, streams: &Streams) -> Option<(StreamId, Arc<[u8]>)> {
    match streams.topic(stream)? {
        Topic::Relay(params) => Some((stream, Arc::clone(params))),
        Topic::Heads | Topic::Logs(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::keccak::keccak256;

    const STREAM: StreamId = StreamId(1);

    fn fed_by(relays: &mut Relays, node: NodeId) {
        relays.by_stream.entry(STREAM).or_insert_with(Relay::new).feed =
            Feed::Asked { node, until: Millis(u64::MAX) };
        relays.opened(STREAM, node);
    }

    #[test]
    fn what_was_told_long_ago_is_news() {
        let mut relays = Relays::default();
        for (node, at, is_new) in [(0, 0, true), (1, REMEMBERED_MS - 1, false), (0, REMEMBERED_MS, true)] {
            fed_by(&mut relays, NodeId(node));
            assert_eq!(relays.is_new(Millis(at), STREAM, NodeId(node), Hash([1; 32])), is_new, "{at}");
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut relays = Relays::default();
        fed_by(&mut relays, NodeId(0));
        for number in 0..2 * REMEMBERED_MAX {
            let identity = Hash(keccak256(&number.to_be_bytes()));
            assert!(relays.is_new(Millis(0), STREAM, NodeId(0), identity));
        }
        let relay = &relays.by_stream[&STREAM];
        assert_eq!((relay.seen.len(), relay.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
