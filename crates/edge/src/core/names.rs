//! Who and when: nodes, sessions and moments. It must never know what any of them is called in a configuration.

use std::fmt;

/// A node of a pool. It keeps its id as long as it is the same node, and no other has it before all who knew it are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u8);

/// Nodes of one pool. What iterates, iterates in the order of their ids.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeSet(u64);

/// One client's connection, or one HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Since a beginning that the driver chose; never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Millis(pub u64);

/// Nodes of the better tier are used while any of them can serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    Primary,
    Backup,
}

/// The ways to a node. Each has a health of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    Http,
    /// A WebSocket, or the event stream of a Beacon node.
    Stream,
}

impl NodeSet {
    pub const NODES_MAX: usize = 64;
    pub const EMPTY: Self = Self(0);

    pub fn insert(&mut self, node: NodeId) {
        self.0 |= Self::bit(node);
    }

    pub fn remove(&mut self, node: NodeId) {
        self.0 &= !Self::bit(node);
    }

    pub fn contains(self, node: NodeId) -> bool {
        self.0 & Self::bit(node) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn only(node: NodeId) -> Self {
        Self(Self::bit(node))
    }

    pub fn with(self, node: NodeId) -> Self {
        Self(self.0 | Self::bit(node))
    }

    pub fn without(self, node: NodeId) -> Self {
        Self(self.0 & !Self::bit(node))
    }

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        (0..64).map(NodeId).filter(move |node| self.contains(*node))
    }

    fn bit(node: NodeId) -> u64 {
        1 << (node.0 % 64)
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        nodes.into_iter().for_each(|node| set.insert(node));
        set
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|node| node.0)).finish()
    }
}

impl Millis {
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
