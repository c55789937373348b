//! One pool: its nodes, its chain and its subscriptions behind one door. `step` takes what happened and says what is to be
//! done; calls do not come by here, they are routed by the view that it publishes. It must never know a socket.

mod configure;
mod moves;
mod node;
mod publish;
mod relays;
mod watch;

use std::sync::Arc;

use super::chain::{Chain, ChainSettings, Fetched};
use super::health::{HealthTimes, Turn};
use super::streams::{Full, Member, StreamId, StreamLimits, Streams, SubscriptionId, Topic};
use super::wire::Log;
use super::{Block, Fault, Hash, Head, Millis, NodeId, NodeSet, SessionId, Tier, Transport, View};
use node::Node;
use relays::{Awaited, Relays};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSettings {
    pub heads: Heads,
    pub chain: ChainSettings,
    pub health: HealthTimes,
    pub streams: StreamLimits,
    /// Of another chain nothing is taken. Without it the first answer decides.
    pub chain_id: Option<u64>,
    /// Each with an id of its own, the better first among equals.
    pub nodes: Vec<NodeSettings>,
    pub probe_ms: u64,
    /// A stream that gave no sign of life for so long is dead, and so is one that did not tell for so long of a head that its
    /// node has.
    pub stall_after_ms: u64,
    /// A node that is further behind the head is given only what nobody else can take.
    pub lag_blocks_max: u64,
    /// What subscription ids are made of.
    pub seed: u64,
}

/// Whether the nodes of a pool have a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heads {
    Followed,
    /// Plain services: nothing is asked but whether they are well.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSettings {
    pub id: NodeId,
    pub tier: Tier,
    pub weight: u16,
    pub attempt_ms: u64,
}

/// What a node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    pub chain_id: u64,
    pub readiness: Readiness,
}

/// What a node can be used for, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// It answers, and others answer better: it has not verified what it follows, or is far behind.
    Impaired,
    /// What it answers is of no use.
    Syncing,
}

/// Everything that can happen to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The stream of a node is up and follows its heads.
    Connected {
        node: NodeId,
    },
    Lost {
        node: NodeId,
        fault: Fault,
    },
    Head {
        node: NodeId,
        block: Block,
    },
    Polled {
        node: NodeId,
        block: Block,
    },
    Pong {
        node: NodeId,
    },
    Probed {
        node: NodeId,
        result: Result<Probe, Fault>,
    },
    PollFailed {
        node: NodeId,
        fault: Fault,
    },
    Fetched {
        node: NodeId,
        hash: Hash,
        result: Fetched,
    },
    LogsFetched {
        node: NodeId,
        hash: Hash,
        result: Result<Vec<Log>, Fault>,
    },
    /// What a client's call met with. Of successes one a second is enough.
    Traffic {
        node: NodeId,
        transport: Transport,
        result: Result<(), Fault>,
    },
    /// A call waits longer than usual for its answer, and nothing came from the node that way meanwhile.
    Overdue {
        node: NodeId,
        via: Transport,
    },
    /// `ticket` comes back with the answer, which nobody waits for beyond `until`.
    Subscribe {
        session: SessionId,
        ticket: u64,
        topic: Topic,
        until: Millis,
    },
    Unsubscribe {
        session: SessionId,
        ticket: u64,
        subscription: SubscriptionId,
    },
    SessionEnded {
        session: SessionId,
    },
    RelayOpened {
        stream: StreamId,
        node: NodeId,
    },
    /// The node refused it, or lost it.
    RelayLost {
        stream: StreamId,
        node: NodeId,
        fault: Fault,
    },
    /// Two with one identity are one, whatever their bytes: it is a hash of what makes them so.
    RelayItem {
        stream: StreamId,
        node: NodeId,
        identity: Hash,
        raw: Arc<[u8]>,
    },
    /// Whether the node is to be given nothing new, by somebody's word.
    Drain {
        node: NodeId,
        draining: bool,
    },
    /// Other rules, other nodes. A node is the same one by its id; the chain stays the same.
    Configure(Box<PoolSettings>),
    /// Whoever knew a node that is no longer of the pool is done; its id may be given to another.
    Left {
        node: NodeId,
    },
    Time,
}

/// What is told to subscribers. Retracted logs say so themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Head(Arc<Block>),
    Log(Arc<[u8]>),
    Raw(Arc<[u8]>),
}

/// Everything that a pool can want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Probe {
        node: NodeId,
    },
    Ping {
        node: NodeId,
    },
    /// Ask for the latest block.
    Poll {
        node: NodeId,
    },
    FetchBlock {
        node: NodeId,
        hash: Hash,
    },
    FetchLogs {
        node: NodeId,
        hash: Hash,
    },
    /// Drop the stream's connection and dial anew.
    Redial {
        node: NodeId,
    },
    OpenRelay {
        stream: StreamId,
        node: NodeId,
        params: Arc<[u8]>,
    },
    CloseRelay {
        stream: StreamId,
        node: NodeId,
    },
    Subscribed {
        session: SessionId,
        ticket: u64,
        subscription: SubscriptionId,
    },
    NotSubscribed {
        session: SessionId,
        ticket: u64,
        why: WhyNot,
    },
    Unsubscribed {
        session: SessionId,
        ticket: u64,
        was_subscribed: bool,
    },
    /// To the members of the stream whose cursor is below `announced`.
    Deliver {
        stream: StreamId,
        item: Item,
        announced: u64,
    },
    /// The session cannot be told all that it subscribed to. Better an end than a gap.
    EndSession {
        session: SessionId,
        reason: EndReason,
    },
    Publish(Arc<View>),
    Tell(Happening),
}

/// Why somebody is not subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyNot {
    Full(Full),
    /// Every node that is there was asked, and none takes it.
    Refused,
    /// No node said that it does while somebody waited.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// More blocks are missing than may be fetched.
    GapTooLarge { from: u64, to: u64 },
    /// No node takes the subscription.
    Refused,
}

/// For those who count, log, and tell a Casebook server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// `others` says whether another node could be given calls at that moment.
    WentDown {
        node: NodeId,
        transport: Transport,
        fault: Fault,
        others: bool,
    },
    CameBack {
        node: NodeId,
        transport: Transport,
    },
    /// Others are asked first for a moment: it failed a call, or owes an answer and gives no sign of life.
    Doubted {
        node: NodeId,
        transport: Transport,
        fault: Fault,
    },
    Lied {
        node: NodeId,
    },
    Announced {
        head: Head,
    },
    Reorganised {
        depth: usize,
    },
    /// Blocks that were fetched because nobody had told of them.
    Bridged {
        blocks: u64,
    },
    Jumped {
        from: Head,
        to: Head,
    },
    RelayMoved {
        stream: StreamId,
        from: NodeId,
        to: NodeId,
    },
}

#[derive(Debug, Clone)]
pub struct Pool {
    settings: PoolSettings,
    /// In the order of the settings.
    nodes: Vec<Node>,
    /// No longer of the pool, while calls may wait for them.
    leaving: Vec<Node>,
    chain: Chain,
    streams: Streams,
    relays: Relays,
    chain_id: Option<u64>,
    view: Arc<View>,
}

impl Pool {
    pub fn new(settings: PoolSettings) -> Self {
        let nodes = settings.nodes.iter().take(NodeSet::NODES_MAX);
        let nodes = nodes.map(|node| Node::new(node, settings.health)).collect();
        Self {
            nodes,
            leaving: Vec::new(),
            chain: Chain::new(settings.chain),
            streams: Streams::new(settings.seed, settings.streams),
            relays: Relays::default(),
            chain_id: settings.chain_id,
            view: Arc::new(View::default()),
            settings,
        }
    }

    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Whom a delivery is for.
    pub fn receivers(&self, stream: StreamId, announced: u64) -> impl Iterator<Item = &Member> {
        self.streams.members(stream).iter().filter(move |member| member.cursor < announced)
    }

    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    pub fn step(&mut self, now: Millis, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take(now, input, &mut effects);
        self.watch(now, &mut effects);
        self.move_on(now, &mut effects);
        self.feed_relays(now, &mut effects);
        self.tell_moves(now, &mut effects);
        self.publish(now, &mut effects);
        effects
    }

    /// When `Time` has to be said at the latest.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let has_claim = |node: &Node| self.chain.claim_of(node.id).is_some();
        let nodes = self.nodes.iter().flat_map(|node| node.wake_at(now, has_claim(node), &self.settings));
        let others = [self.chain.wake_at(now), self.streams.wake_at(), self.relays.wake_at()];
        nodes.chain(others.into_iter().flatten()).filter(|at| *at > now).min()
    }

    fn take(&mut self, now: Millis, input: Input, effects: &mut Vec<Effect>) {
        if let Some(node) = input.node().filter(|node| self.is_gone(*node)) {
            if let Input::Traffic { transport, result: Err(fault), .. } = input {
                self.failed_while_leaving(now, node, transport, fault);
            }
            return;
        }
        match input {
            Input::Connected { node } => self.connected(now, node, effects),
            Input::Lost { node, fault } => self.lost(now, node, fault, effects),
            Input::Head { node, block } => {
                self.heard(now, node);
                self.claimed(now, node, &block);
            }
            Input::Polled { node, block } => self.polled(now, node, block, effects),
            Input::Pong { node } => self.heard(now, node),
            Input::Probed { node, result } => self.probed(now, node, result, effects),
            // Who asks for a pause means all that it is asked.
            Input::Traffic { node, result: Err(fault @ Fault::RateLimited { .. }), .. } => {
                for transport in [Transport::Http, Transport::Stream] {
                    self.failed(now, node, transport, fault, effects);
                }
            }
            Input::PollFailed { node, fault }
            | Input::Traffic { node, transport: Transport::Http, result: Err(fault) } => {
                self.failed(now, node, Transport::Http, fault, effects);
            }
            Input::Traffic { node, transport: Transport::Stream, result: Err(fault) } => {
                self.failed_over_stream(now, node, fault, effects);
            }
            Input::Traffic { node, transport, result: Ok(()) } => {
                if let Some(node) = self.node_mut(node) {
                    node.sign_of_life(transport);
                    node.health_mut(transport).served_a_call(now);
                }
            }
            Input::Fetched { node, hash, result } => {
                if let Fetched::Failed(fault) = &result {
                    self.failed_to_fetch(now, node, hash, *fault, effects);
                }
                for step in self.chain.fetched(now, node, hash, result) {
                    self.carry_out(now, step, effects);
                }
            }
            Input::LogsFetched { node, hash, result } => {
                if let Err(fault) = &result {
                    self.failed_to_fetch(now, node, hash, *fault, effects);
                }
                self.chain.logs_fetched(now, node, hash, result.ok());
            }
            Input::Overdue { node, via } => self.overdue(now, node, via, effects),
            Input::Drain { node, draining } => self.drain(now, node, draining, effects),
            Input::Configure(settings) => self.configure(*settings, effects),
            Input::Left { node } => self.left(node),
            Input::Time => {}
            of_a_session => self.take_of_session(now, of_a_session, effects),
        }
    }

    fn take_of_session(&mut self, now: Millis, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Subscribe { session, ticket, topic, until } => {
                let is_relayed = matches!(topic, Topic::Relay(_));
                match self.streams.subscribe(session, topic, self.chain.announcements()) {
                    Ok((subscription, stream)) if is_relayed => {
                        let answer = Awaited { session, ticket, subscription, until };
                        effects.extend(self.relays.subscribed(stream, answer));
                    }
                    Ok((subscription, _)) => {
                        effects.push(Effect::Subscribed { session, ticket, subscription })
                    }
                    Err(full) => {
                        effects.push(Effect::NotSubscribed { session, ticket, why: WhyNot::Full(full) })
                    }
                }
            }
            Input::Unsubscribe { session, ticket, subscription } => {
                let was_subscribed = self.streams.unsubscribe(now, session, subscription);
                effects.push(Effect::Unsubscribed { session, ticket, was_subscribed });
            }
            Input::SessionEnded { session } => {
                effects.extend(self.relays.session_ended(session));
                self.streams.close(now, session);
            }
            Input::RelayOpened { stream, node } => effects.extend(self.relays.opened(stream, node)),
            Input::RelayLost { stream, node, .. } => self.relays.lost(stream, node),
            Input::RelayItem { stream, node, identity, raw } => {
                let is_new = self.relays.is_new(now, stream, node, identity);
                let told = Effect::Deliver { stream, item: Item::Raw(raw), announced: u64::MAX };
                effects.extend(is_new.then_some(told));
            }
            _ => {}
        }
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }

    fn tell(&self, now: Millis, node: NodeId, transport: Transport, turn: Turn, effects: &mut Vec<Effect>) {
        effects.push(Effect::Tell(match turn {
            Turn::CameBack => Happening::CameBack { node, transport },
            Turn::WentDown(fault) => {
                let others = self.nodes.iter().any(|other| other.id != node && other.is_routable(now));
                Happening::WentDown { node, transport, fault, others }
            }
        }));
    }
}

#[cfg(test)]
mod tests;
