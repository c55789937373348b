//! What each node says its head is. It must never know whether that is true.

use std::collections::BTreeMap;

use crate::core::{Hash, Head, Millis, NodeId};

#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    by_node: BTreeMap<NodeId, (Head, Millis)>,
}

impl Claims {
    pub(super) fn set(&mut self, now: Millis, node: NodeId, head: Head) {
        let moved = match self.by_node.get(&node) {
            Some((last, moved)) if *last == head => *moved,
            _ => now,
        };
        self.by_node.insert(node, (head, moved));
    }

    pub(super) fn of(&self, node: NodeId) -> Option<(Head, Millis)> {
        self.by_node.get(&node).copied()
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = Hash> {
        self.by_node.values().map(|(head, _)| head.hash)
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.by_node.remove(&node);
    }
}
