//! The index of the segment that is being written: keys to positions, in memory.

use std::collections::HashMap;

use crate::record::Key;

/// "No node": the end of a chain.
const NONE: u32 = u32::MAX;

/// One key in one entry.
#[derive(Clone, Copy, Debug)]
struct Node {
    position: u64,
    /// The node of the same key before this one.
    previous: u32,
}

/// Keys to positions. Each key's positions form a chain through one vector, so that a key costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    /// Keys come from outside, hence a hash with a seed of this process; its order never shows.
    heads: HashMap<Key, u32, foldhash::quality::RandomState>,
    nodes: Vec<Node>,
}

impl MemoryIndex {
    /// Positions must come in ascending order, and a key once per position.
    pub(crate) fn insert(&mut self, key: Key, position: u64) {
        // A segment ends long before it has this many postings; past it, entries are not found by key.
        let Ok(node) = u32::try_from(self.nodes.len()) else { return };
        let previous = self.heads.insert(key, node).unwrap_or(NONE);
        self.nodes.push(Node { position, previous });
    }

    /// How many pairs of key and position it holds.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many different keys it holds.
    pub(crate) fn keys(&self) -> usize {
        self.heads.len()
    }

    /// The positions of `key` that are less than `before`, ascending.
    pub(crate) fn positions(&self, key: &Key, before: u64) -> Vec<u64> {
        let mut positions = Vec::new();
        self.walk(self.heads.get(key).copied().unwrap_or(NONE), |position| {
            if position < before {
                positions.push(position);
            }
        });
        positions.reverse();
        positions
    }

    /// All pairs, ascending by key and then by position.
    pub(crate) fn sorted(&self) -> Vec<(Key, u64)> {
        let mut pairs = Vec::with_capacity(self.nodes.len());
        for (key, head) in &self.heads {
            self.walk(*head, |position| pairs.push((*key, position)));
        }
        pairs.sort_unstable();
        pairs
    }

    fn walk(&self, mut at: u32, mut visit: impl FnMut(u64)) {
        while let Some(node) = self.nodes.get(at as usize) {
            visit(node.position);
            at = node.previous;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_keep_keys_apart_and_positions_in_order() {
        let mut index = MemoryIndex::default();
        for position in 0..100 {
            index.insert([u8::try_from(position % 3).unwrap(); 16], position);
        }
        assert_eq!(index.positions(&[1; 16], 11), [1, 4, 7, 10]);
        assert_eq!(index.positions(&[9; 16], 11), [0; 0]);
        assert_eq!((index.len(), index.keys()), (100, 3));
        let sorted = index.sorted();
        assert_eq!(sorted.len(), 100);
        assert!(sorted.is_sorted());
    }
}
