//! Who is subscribed to what. Equal subscriptions are one stream; ids are ours and outlive every node. It must never know how
//! anything is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::filter::Filter;
use super::{Millis, SessionId};

/// Streams that nobody follows and that are kept for a while all the same. Beyond that the oldest of them go first.
pub const LINGERING_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    Heads,
    Logs(Filter),
    /// Any other kind: the parameters of `eth_subscribe`, as they are told to a node.
    Relay(Arc<[u8]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What a client knows a subscription by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u128);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub session: SessionId,
    pub subscription: SubscriptionId,
    /// How many blocks had been announced when it began: it is told of those that came after.
    pub cursor: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    pub per_session_max: usize,
    pub per_pool_max: usize,
    /// How long a node is still followed for a stream that nobody is subscribed to.
    pub linger_ms: u64,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    Session { max: usize },
    Pool { max: usize },
}

/// How many there are by kind: heads, logs, relayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub subscriptions: [usize; 3],
    pub streams: [usize; 3],
}

#[derive(Debug, Clone)]
struct Stream {
    topic: Arc<Topic>,
    members: Vec<Member>,
    /// Set while nobody is subscribed.
    release_at: Option<Millis>,
}

#[derive(Debug, Clone)]
pub struct Streams {
    limits: StreamLimits,
    seed: u64,
    minted: u64,
    opened: u64,
    streams: BTreeMap<StreamId, Stream>,
    by_topic: BTreeMap<Arc<Topic>, StreamId>,
    by_session: BTreeMap<SessionId, BTreeMap<SubscriptionId, StreamId>>,
    /// Those that nobody follows, by when they are released.
    lingering: BTreeSet<(Millis, StreamId)>,
    subscriptions: usize,
    counts: Counts,
}

impl Topic {
    /// The place of its kind in `Counts`.
    fn place(&self) -> usize {
        match self {
            Self::Heads => 0,
            Self::Logs(_) => 1,
            Self::Relay(_) => 2,
        }
    }
}

impl Streams {
    pub fn new(seed: u64, limits: StreamLimits) -> Self {
        Self {
            limits,
            seed,
            minted: 0,
            opened: 0,
            streams: BTreeMap::new(),
            by_topic: BTreeMap::new(),
            by_session: BTreeMap::new(),
            lingering: BTreeSet::new(),
            subscriptions: 0,
            counts: Counts::default(),
        }
    }

    pub fn set_limits(&mut self, limits: StreamLimits) {
        self.limits = limits;
    }

    pub fn subscribe(
        &mut self,
        session: SessionId,
        topic: Topic,
        cursor: u64,
    ) -> Result<(SubscriptionId, StreamId), Full> {
        let own = self.by_session.get(&session).map_or(0, BTreeMap::len);
        if own >= self.limits.per_session_max {
            return Err(Full::Session { max: self.limits.per_session_max });
        }
        if self.subscriptions >= self.limits.per_pool_max {
            return Err(Full::Pool { max: self.limits.per_pool_max });
        }
        let id = self.stream_of(topic);
        let subscription = self.mint();
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.members.push(Member { session, subscription, cursor });
            if let Some(at) = stream.release_at.take() {
                self.lingering.remove(&(at, id));
            }
            self.counts.subscriptions[stream.topic.place()] += 1;
        }
        self.by_session.entry(session).or_default().insert(subscription, id);
        self.subscriptions += 1;
        Ok((subscription, id))
    }

    /// Whether there was such a subscription.
    pub fn unsubscribe(&mut self, now: Millis, session: SessionId, subscription: SubscriptionId) -> bool {
        let Some(own) = self.by_session.get_mut(&session) else { return false };
        let Some(id) = own.remove(&subscription) else { return false };
        if own.is_empty() {
            self.by_session.remove(&session);
        }
        self.leave(now, id, |member| member.subscription == subscription);
        true
    }

    pub fn close(&mut self, now: Millis, session: SessionId) {
        let own = self.by_session.remove(&session).unwrap_or_default();
        let mut streams: Vec<StreamId> = own.into_values().collect();
        streams.sort_unstable();
        streams.dedup();
        for id in streams {
            self.leave(now, id, |member| member.session == session);
        }
    }

    pub fn members(&self, stream: StreamId) -> &[Member] {
        self.streams.get(&stream).map_or(&[], |stream| &stream.members)
    }

    pub fn topic(&self, stream: StreamId) -> Option<&Topic> {
        self.streams.get(&stream).map(|stream| &*stream.topic)
    }

    /// In the order in which they began.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &Topic)> {
        self.streams.iter().map(|(id, stream)| (*id, &*stream.topic))
    }

    pub fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Everybody who follows the chain, each once.
    pub fn sessions_on_the_chain(&self) -> Vec<SessionId> {
        let chain = self.streams.values().filter(|stream| !matches!(*stream.topic, Topic::Relay(_)));
        let mut sessions: Vec<SessionId> =
            chain.flat_map(|stream| &stream.members).map(|member| member.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Streams that nobody has followed for as long as they linger, or that are too many, which are gone with this.
    pub fn release(&mut self, now: Millis) -> Vec<(StreamId, Arc<Topic>)> {
        let mut gone = Vec::new();
        while let Some((at, id)) = self.lingering.first().copied()
            && (at <= now || self.lingering.len() > LINGERING_MAX)
        {
            self.lingering.pop_first();
            if let Some(stream) = self.streams.remove(&id) {
                self.by_topic.remove(&stream.topic);
                self.counts.streams[stream.topic.place()] -= 1;
                gone.push((id, stream.topic));
            }
        }
        gone
    }

    pub fn wake_at(&self) -> Option<Millis> {
        self.lingering.first().map(|(at, _)| *at)
    }

    fn stream_of(&mut self, topic: Topic) -> StreamId {
        if let Some(id) = self.by_topic.get(&topic) {
            return *id;
        }
        self.opened += 1;
        let id = StreamId(self.opened);
        // A filter may hold a thousand addresses: it is kept once.
        let topic = Arc::new(topic);
        self.counts.streams[topic.place()] += 1;
        self.by_topic.insert(Arc::clone(&topic), id);
        self.streams.insert(id, Stream { topic, members: Vec::new(), release_at: None });
        id
    }

    fn leave(&mut self, now: Millis, id: StreamId, is_leaving: impl Fn(&Member) -> bool) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let before = stream.members.len();
        stream.members.retain(|member| !is_leaving(member));
        let left = before - stream.members.len();
        self.subscriptions -= left;
        self.counts.subscriptions[stream.topic.place()] -= left;
        if stream.members.is_empty() {
            let at = now.plus(self.limits.linger_ms);
            stream.release_at = Some(at);
            self.lingering.insert((at, id));
        }
    }

    /// Unlike any other of this pool: the lower half mixes a counter in a way that can be undone.
    fn mint(&mut self) -> SubscriptionId {
        self.minted += 1;
        let lower = mixed(self.seed.wrapping_add(self.minted));
        let upper = mixed(self.seed ^ lower.rotate_left(32));
        SubscriptionId(u128::from(upper) << 64 | u128::from(lower))
    }
}

/// The finaliser of SplitMix64, a permutation of all numbers.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl SubscriptionId {
    pub const DIGITS: usize = 2 + 2 * size_of::<u128>();

    /// As clients are told it.
    pub fn digits(self) -> [u8; Self::DIGITS] {
        let mut digits = [b'0'; Self::DIGITS];
        digits[1] = b'x';
        for (two, byte) in digits[2..].chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            (two[0], two[1]) = (digit(byte >> 4), digit(byte & 0xf));
        }
        digits
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:032x}", self.0)
    }
}

impl fmt::Debug for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
