//! The blocks of the last while, linked by their parents' hashes, and who was seen to have them. Every switch, gap and
//! reorganisation is a walk through it. It must never know which of its branches is served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Block, Hash, NodeId, NodeSet};

/// Blocks with the same number that are told apart. A node that invents more is not believed.
pub const FORKS_MAX: usize = 16;

#[derive(Debug, Clone)]
struct Entry {
    block: Arc<Block>,
    holders: NodeSet,
}

/// Whether numbers follow each other without a gap: blocks do, slots need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    Dense,
    Sparse,
}

#[derive(Debug, Clone)]
pub struct Tracker {
    numbering: Numbering,
    blocks: BTreeMap<Hash, Entry>,
    /// The same blocks in the order of their numbers.
    order: BTreeSet<(u64, Hash)>,
}

/// What became of a block that somebody told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    New,
    Known,
    /// It contradicts itself or what is known of its hash, its parent or its children: whoever told it is wrong.
    Contradicts,
    /// There are `FORKS_MAX` others of this number.
    Crowded,
}

/// The way from one block to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// Back from the first block, the newest first, then up to the second, the oldest first.
    Linked { retract: Vec<Arc<Block>>, apply: Vec<Arc<Block>> },
    /// This ancestor of the second would have to be known to say more.
    Missing(Hash),
    /// This ancestor of the first would.
    MissingBehind(Hash),
    /// More blocks than were allowed lie between them.
    TooLong,
}

impl Tracker {
    pub fn new(numbering: Numbering) -> Self {
        Self { numbering, blocks: BTreeMap::new(), order: BTreeSet::new() }
    }

    pub fn get(&self, hash: Hash) -> Option<&Arc<Block>> {
        self.blocks.get(&hash).map(|entry| &entry.block)
    }

    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub fn insert(&mut self, block: Block) -> Inserted {
        if let Some(known) = self.blocks.get(&block.hash) {
            let same = known.block.parent == block.parent && known.block.number == block.number;
            return if same { Inserted::Known } else { Inserted::Contradicts };
        }
        if !self.fits(&block) {
            return Inserted::Contradicts;
        }
        if self.at(block.number).count() >= FORKS_MAX {
            return Inserted::Crowded;
        }
        self.order.insert((block.number, block.hash));
        self.blocks.insert(block.hash, Entry { block: Arc::new(block), holders: NodeSet::EMPTY });
        Inserted::New
    }

    /// A node was seen to have the block, and so all before it.
    pub fn seen_at(&mut self, hash: Hash, node: NodeId) {
        let mut at = hash;
        while let Some(entry) = self.blocks.get_mut(&at) {
            if entry.holders.contains(node) {
                return;
            }
            entry.holders.insert(node);
            at = entry.block.parent;
        }
    }

    /// What was seen at a node no longer counts: it came back as another, or lied.
    pub fn forget_node(&mut self, node: NodeId) {
        self.blocks.values_mut().for_each(|entry| entry.holders.remove(node));
    }

    pub fn holders(&self, hash: Hash) -> NodeSet {
        self.blocks.get(&hash).map_or(NodeSet::EMPTY, |entry| entry.holders)
    }

    /// Whether `older` is `newer` or one of its ancestors, as far as is known.
    pub fn is_on_branch(&self, older: Hash, newer: Hash) -> bool {
        let Some(lowest) = self.get(older).map(|block| block.number) else { return false };
        self.ancestry(newer).take_while(|block| block.number >= lowest).any(|block| block.hash == older)
    }

    /// The oldest known block that `hash` leads down to; its parent is what is missing there.
    pub fn root_of(&self, hash: Hash) -> Option<&Arc<Block>> {
        self.ancestry(hash).last()
    }

    pub fn path(&self, from: Hash, to: Hash, blocks_max: usize) -> Path {
        let (mut back, mut ahead) = (from, to);
        let (mut retract, mut apply) = (Vec::new(), Vec::new());
        while back != ahead {
            if retract.len() + apply.len() >= blocks_max {
                return Path::TooLong;
            }
            let Some(upper) = self.get(ahead) else { return Path::Missing(ahead) };
            let Some(lower) = self.get(back) else { return Path::MissingBehind(back) };
            // Of two equally high both go; the next turn sees whether they met.
            if upper.number >= lower.number {
                apply.push(Arc::clone(upper));
                ahead = upper.parent;
            } else {
                retract.push(Arc::clone(lower));
                back = lower.parent;
            }
        }
        apply.reverse();
        Path::Linked { retract, apply }
    }

    /// Forgets what is below `lowest` or above `highest`.
    pub fn prune(&mut self, lowest: u64, highest: u64) {
        let outside = |(number, _): &&(u64, Hash)| *number < lowest || *number > highest;
        let gone: Vec<(u64, Hash)> = self.order.iter().filter(outside).copied().collect();
        for place in gone {
            self.order.remove(&place);
            self.blocks.remove(&place.1);
        }
    }

    /// The block and its known ancestors, the newest first.
    pub fn ancestry(&self, hash: Hash) -> impl Iterator<Item = &Arc<Block>> {
        let mut at = hash;
        std::iter::from_fn(move || {
            let block = self.get(at)?;
            at = block.parent;
            Some(block)
        })
    }

    fn at(&self, number: u64) -> impl Iterator<Item = Hash> {
        self.order.range((number, Hash([0; 32]))..=(number, Hash([255; 32]))).map(|(_, hash)| *hash)
    }

    /// Numbers rise from parent to child, so no walk can run in a circle.
    fn fits(&self, block: &Block) -> bool {
        let follows = |parent: u64, child: u64| match self.numbering {
            Numbering::Dense => parent.checked_add(1) == Some(child),
            Numbering::Sparse => parent < child,
        };
        let fits_parent = self.get(block.parent).is_none_or(|parent| follows(parent.number, block.number));
        let children =
            self.order.range((block.number, Hash([0; 32]))..).filter_map(|(_, hash)| self.get(*hash));
        let mut own = children.filter(|child| child.parent == block.hash);
        block.hash != block.parent && fits_parent && own.all(|child| follows(block.number, child.number))
    }
}

#[cfg(test)]
mod tests;
