//! The blocks of the last while, linked by their parents' hashes, and who was seen to have them. Every switch, gap and
//! reorganisation is a walk through it. It must never know which of its branches is served.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::{Block, Hash, Millis, NodeId, NodeSet};

/// Blocks with the same number that are told apart. Who fills them makes room, and not those with a block that is new.
pub const FORKS_MAX: usize = 16;

#[derive(Debug, Clone)]
struct Entry {
    block: Arc<Block>,
    /// Who was seen to have it, or a block on top of it.
    holders: NodeSet,
    /// Who ever was, but for those that lied after it.
    had: NodeSet,
    /// When the last of these lied.
    made_up_since: Option<Millis>,
    /// Who answered with it when asked.
    told: NodeSet,
    /// What others say of the same hash. One is enough to find out who is right.
    rival: Option<Rival>,
}

impl Entry {
    fn new(block: Block, told: NodeSet) -> Self {
        let (holders, had) = (NodeSet::EMPTY, NodeSet::EMPTY);
        Self { block: Arc::new(block), holders, had, made_up_since: None, told, rival: None }
    }
}

#[derive(Debug, Clone)]
struct Rival {
    block: Arc<Block>,
    told: NodeSet,
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
    /// Counts changes of who has what.
    changes: u64,
}

/// What became of a block that somebody told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    New,
    Known,
    /// Not every node says the same of its hash, or of its place. These are outvoted; while there are none, nobody knows
    /// who is wrong.
    Disputed(NodeSet),
    /// It was not taken: there are `FORKS_MAX` others of this number, and nobody has more of them than the node that told it.
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
        Self { numbering, blocks: BTreeMap::new(), order: BTreeSet::new(), changes: 0 }
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

    /// A node answered with this block. To make room for it none of those that are kept goes.
    pub fn insert(&mut self, block: Block, node: NodeId, kept: &[Hash]) -> Inserted {
        if block.hash == block.parent {
            return Inserted::Disputed(NodeSet::only(node));
        }
        let is_known = self.get(block.hash).is_some_and(|known| is_same(known, &block));
        if let Some(others) = self.misfits(&block).filter(|_| !is_known) {
            return Inserted::Disputed(outvoted(others.without(node), node));
        }
        if self.blocks.contains_key(&block.hash) {
            return self.insert_again(block, node);
        }
        if self.at(block.number).count() >= FORKS_MAX && !self.make_room(block.number, node, kept) {
            return Inserted::Crowded;
        }
        let hash = block.hash;
        self.order.insert((block.number, hash));
        self.blocks.insert(hash, Entry::new(block, NodeSet::only(node)));
        let above = self.blocks.values().filter(|entry| entry.block.parent == hash);
        let have_it = above.fold(NodeSet::only(node), |all, entry| all.union(entry.holders));
        have_it.iter().for_each(|node| self.seen_at(hash, node));
        Inserted::New
    }

    fn insert_again(&mut self, block: Block, node: NodeId) -> Inserted {
        let hash = block.hash;
        let Some(entry) = self.blocks.get_mut(&hash) else { return Inserted::Crowded };
        if is_same(&entry.block, &block) {
            entry.told.insert(node);
            let gone = entry.rival.take_if(|rival| rival.told.len() < entry.told.len());
            self.seen_at(hash, node);
            return gone.map_or(Inserted::Known, |rival| Inserted::Disputed(rival.told.without(node)));
        }
        let others = entry.told.without(node);
        let told = match entry.rival.take() {
            Some(rival) if is_same(&rival.block, &block) => rival.told.with(node),
            // Who says a third thing has no one's word but its own.
            Some(rival) => {
                entry.rival = Some(rival);
                return Inserted::Disputed(outvoted(others, node));
            }
            None => NodeSet::only(node),
        };
        if told.len() < others.len() {
            return Inserted::Disputed(told);
        }
        if told.len() == others.len() {
            entry.rival = Some(Rival { block: Arc::new(block), told });
            return Inserted::Disputed(NodeSet::EMPTY);
        }
        // More nodes say this, or only the same node said something else before.
        let before = entry.block.number;
        let number = block.number;
        *entry = Entry::new(block, told);
        self.order.remove(&(before, hash));
        self.order.insert((number, hash));
        told.iter().for_each(|node| self.seen_at(hash, node));
        Inserted::Disputed(others)
    }

    /// Of a crowd the node that brought most gives one up: nobody else was seen to have what it has.
    fn make_room(&mut self, number: u64, newcomer: NodeId, kept: &[Hash]) -> bool {
        let mut owned: BTreeMap<NodeId, Vec<Hash>> = BTreeMap::new();
        for hash in self.at(number) {
            let holders = self.holders(hash);
            if let (Some(owner), 1) = (holders.iter().next(), holders.len()) {
                owned.entry(owner).or_default().push(hash);
            }
        }
        let own = owned.get(&newcomer).map_or(0, Vec::len);
        let Some(most) = owned.into_values().max_by_key(Vec::len) else { return false };
        let Some(gone) = most.iter().find(|hash| !kept.contains(hash)).filter(|_| most.len() > own + 1)
        else {
            return false;
        };
        self.order.remove(&(number, *gone));
        self.blocks.remove(gone);
        true
    }

    /// A node was seen to have the block, and so all before it.
    pub fn seen_at(&mut self, hash: Hash, node: NodeId) {
        let mut at = hash;
        while let Some(entry) = self.blocks.get_mut(&at) {
            if entry.holders.contains(node) {
                return;
            }
            entry.holders.insert(node);
            entry.had.insert(node);
            self.changes += 1;
            at = entry.block.parent;
        }
    }

    /// What was seen at it no longer counts, and what was seen at no other may be made up.
    pub fn lied(&mut self, now: Millis, node: NodeId) {
        for entry in self.blocks.values_mut().filter(|entry| entry.had.contains(node)) {
            entry.had.remove(node);
            entry.made_up_since = entry.had.is_empty().then_some(now);
        }
        self.forget_node(node);
    }

    /// Since when it has been known that nobody but liars was seen to have the block.
    pub fn made_up_since(&self, hash: Hash) -> Option<Millis> {
        self.blocks.get(&hash).filter(|entry| entry.had.is_empty())?.made_up_since
    }

    /// What was seen at a node no longer counts: it is gone, or came back as another.
    pub fn forget_node(&mut self, node: NodeId) {
        self.changes += 1;
        for entry in self.blocks.values_mut() {
            entry.holders.remove(node);
            entry.told.remove(node);
            if let Some(rival) = &mut entry.rival {
                rival.told.remove(node);
            }
            entry.rival.take_if(|rival| rival.told.is_empty());
        }
    }

    /// Differs whenever somebody was seen to have something, or no longer counts.
    pub fn changes(&self) -> u64 {
        self.changes
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
        if self.are_further_apart(from, to, blocks_max) {
            return Path::TooLong;
        }
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

    /// Without a gap in the numbers they say how many blocks lie between; nobody has to walk there.
    fn are_further_apart(&self, from: Hash, to: Hash, blocks_max: usize) -> bool {
        let (Some(from), Some(to)) = (self.get(from), self.get(to)) else { return false };
        self.numbering == Numbering::Dense && from.number.abs_diff(to.number) > blocks_max as u64
    }

    /// Forgets what is below `lowest` or above `highest`, but not these.
    pub fn prune(&mut self, lowest: u64, highest: u64, kept: &[Hash]) {
        let below = self.order.range(..(lowest, Hash([0; 32])));
        let above = self.order.range((Bound::Excluded((highest, Hash([255; 32]))), Bound::Unbounded));
        let gone: Vec<(u64, Hash)> =
            below.chain(above).filter(|(_, hash)| !kept.contains(hash)).copied().collect();
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

    /// Who answered with a parent or a child that this cannot be linked with. Numbers rise from parent to child, so no walk
    /// can run in a circle.
    fn misfits(&self, block: &Block) -> Option<NodeSet> {
        let follows = |parent: u64, child: u64| match self.numbering {
            Numbering::Dense => parent.checked_add(1) == Some(child),
            Numbering::Sparse => parent < child,
        };
        let parent =
            self.blocks.get(&block.parent).filter(|parent| !follows(parent.block.number, block.number));
        let is_misfit =
            |entry: &&Entry| entry.block.parent == block.hash && !follows(block.number, entry.block.number);
        let mut others = parent.into_iter().chain(self.blocks.values().filter(is_misfit)).peekable();
        others.peek()?;
        Some(others.fold(NodeSet::EMPTY, |all, entry| all.union(entry.told)))
    }
}

fn is_same(one: &Block, other: &Block) -> bool {
    one.parent == other.parent && one.number == other.number
}

/// One word stands against another; two stand against one.
fn outvoted(others: NodeSet, node: NodeId) -> NodeSet {
    if others.len() == 1 { NodeSet::EMPTY } else { NodeSet::only(node) }
}

#[cfg(test)]
mod tests;
