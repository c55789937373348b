//! What each node says its head is, and how it came there. It must never know whether that is true.

use std::collections::BTreeMap;

use crate::core::{Hash, Head, Millis, NodeId};

/// A node that tells only its newest head leaves so many out at most.
const STEP_BLOCKS_MAX: u64 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) head: Head,
    pub(super) parent: Hash,
    /// When it last changed.
    pub(super) moved: Millis,
    /// How often in a row it went on to a block that follows.
    pub(super) steps: u32,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    by_node: BTreeMap<NodeId, Claimed>,
}

impl Claims {
    pub(super) fn set(&mut self, now: Millis, node: NodeId, head: Head, parent: Hash) {
        let steps = match self.by_node.get(&node) {
            Some(last) if last.head == head => return,
            Some(last) if last.is_followed_by(head, parent) => last.steps.saturating_add(1),
            _ => 0,
        };
        self.by_node.insert(node, Claimed { head, parent, moved: now, steps });
    }

    pub(super) fn of(&self, node: NodeId) -> Option<Claimed> {
        self.by_node.get(&node).copied()
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = Hash> {
        self.by_node.values().map(|claimed| claimed.head.hash)
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.by_node.remove(&node);
    }
}

impl Claimed {
    fn is_followed_by(&self, head: Head, parent: Hash) -> bool {
        let ahead = head.number.saturating_sub(self.head.number);
        parent == self.head.hash || (1..=STEP_BLOCKS_MAX).contains(&ahead)
    }
}
