//! The tree of blocks that all nodes of a devnet see parts of: real parent hashes, forks of any depth, and when each branch
//! had which tip. Pure: time is an argument, and all content follows from the seed. It must never know a node.

mod block;
mod bloom;
mod branches;
mod content;
mod draw;
pub mod hex;
pub mod json;
mod keccak;
mod rlp;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use block::{Block, Header, Log, NO_ITEMS, NO_REQUESTS, NO_UNCLES};
pub use bloom::Bloom;
pub use branches::BranchId;
pub use content::{accounts, contracts, events};
pub use draw::Draw;
pub use hex::{Address, Fixed, Hash, data};
pub use keccak::{keccak256, keccak256_of};
pub use rlp::{RlpItem, RlpList, read_list};
pub use transaction::{Draft, NotTransaction, Transaction, signed};

use branches::Branches;
use content::Place;

/// Blocks that are kept, side branches included. Beyond that the oldest are forgotten, as a pruned node does.
pub const BLOCKS_MAX: usize = 8_192;

/// What a chain is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub seed: u64,
    pub chain_id: u64,
    /// Seconds since 1970 at which the clock of the devnet stood at 0.
    pub epoch_s: u64,
    /// How long a slot takes, as the consensus nodes say it.
    pub slot_ms: u64,
}

/// What the next block gets.
#[derive(Debug, Clone, Default)]
pub struct Mining {
    pub now_ms: u64,
    /// Slots without a block before this one.
    pub missed_slots: u64,
    pub sent: Vec<Arc<Transaction>>,
}

/// The way from one block to another over their last common ancestor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// Newest first.
    pub removed: Vec<Arc<Block>>,
    /// Oldest first.
    pub added: Vec<Arc<Block>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    #[error("block {number} is not on the main branch: it has blocks {oldest} to {newest}")]
    NoSuchBlock { number: u64, oldest: u64, newest: u64 },
    #[error("there are {max} branches, and there may be no more", max = branches::BRANCHES_MAX)]
    TooManyBranches,
    #[error("a fork needs at least one block and at most {max}", max = BLOCKS_MAX / 4)]
    Length,
    #[error("there is no branch {0}")]
    NoSuchBranch(u32),
}

#[derive(Debug, Clone)]
pub struct Chain {
    origin: Origin,
    blocks: BTreeMap<Hash, Arc<Block>>,
    by_number: BTreeMap<u64, Vec<Hash>>,
    by_root: BTreeMap<Hash, Hash>,
    by_transaction: BTreeMap<Hash, Vec<Hash>>,
    /// Ancestors of the tip of the main branch.
    main: BTreeMap<u64, Hash>,
    branches: Branches,
    salt: u64,
}

impl Chain {
    pub fn new(origin: Origin) -> Self {
        let genesis = content::genesis(origin.seed, origin.epoch_s);
        let hash = genesis.hash;
        let mut chain = Self {
            origin,
            blocks: BTreeMap::new(),
            by_number: BTreeMap::new(),
            by_root: BTreeMap::new(),
            by_transaction: BTreeMap::new(),
            main: BTreeMap::from([(0, hash)]),
            branches: Branches::new(hash),
            salt: 0,
        };
        chain.keep(Arc::new(genesis));
        chain
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub fn block(&self, hash: &Hash) -> Option<&Arc<Block>> {
        self.blocks.get(hash)
    }

    pub fn by_root(&self, root: &Hash) -> Option<&Arc<Block>> {
        self.block(self.by_root.get(root)?)
    }

    /// Every block that has the transaction, on whatever branch.
    pub fn with_transaction(&self, transaction: &Hash) -> impl Iterator<Item = &Arc<Block>> {
        self.by_transaction.get(transaction).into_iter().flatten().filter_map(|hash| self.block(hash))
    }

    /// The newest block of the main branch.
    pub fn head(&self) -> &Arc<Block> {
        self.tip(BranchId::MAIN)
    }

    /// The newest block of a branch, or of the main one where the branch is gone.
    pub fn tip(&self, branch: BranchId) -> &Arc<Block> {
        self.block(&self.branches.tip(branch)).expect("the tips of branches are never forgotten")
    }

    /// The newest block that a branch had at a time.
    pub fn tip_at(&self, branch: BranchId, ms: u64) -> &Arc<Block> {
        let tip = self.branches.tip_at(branch, ms);
        self.block(&tip).unwrap_or_else(|| self.tip(branch))
    }

    /// When the tip of a branch changed next after a time.
    pub fn next_change(&self, branch: BranchId, after_ms: u64) -> Option<u64> {
        self.branches.next_change(branch, after_ms)
    }

    pub fn has_branch(&self, branch: BranchId) -> bool {
        self.branches.has(branch)
    }

    /// The ancestor with that number, which may be the block itself.
    pub fn ancestor(&self, of: &Hash, number: u64) -> Option<&Arc<Block>> {
        let mut at = self.block(of)?;
        while at.number() > number {
            at = match self.main.get(&at.number()) {
                Some(main) if *main == at.hash => return self.block(self.main.get(&number)?),
                _ => self.block(&at.parent())?,
            };
        }
        (at.number() == number).then_some(at)
    }

    /// Whether `hash` is `of` or one of its ancestors.
    pub fn is_ancestor(&self, hash: &Hash, of: &Hash) -> bool {
        let Some(block) = self.block(hash) else { return false };
        self.ancestor(of, block.number()).is_some_and(|ancestor| ancestor.hash == *hash)
    }

    /// The newest ancestor at or before the slot.
    pub fn at_or_before_slot(&self, of: &Hash, slot: u64) -> Option<&Arc<Block>> {
        let mut at = self.block(of)?;
        while at.slot > slot {
            at = self.block(&at.parent())?;
        }
        Some(at)
    }

    /// Where the common ancestor is forgotten, or `from` itself, only `to` is added.
    pub fn path(&self, from: &Hash, to: &Hash) -> Path {
        self.whole_path(from, to).unwrap_or_else(|| Path {
            removed: Vec::new(),
            added: self.block(to).cloned().into_iter().collect(),
        })
    }

    fn whole_path(&self, from: &Hash, to: &Hash) -> Option<Path> {
        let (mut old, mut new) = (self.block(from)?, self.block(to)?);
        let mut path = Path::default();
        while old.hash != new.hash {
            if old.number() >= new.number() {
                path.removed.push(Arc::clone(old));
                old = self.block(&old.parent())?;
            } else {
                path.added.push(Arc::clone(new));
                new = self.block(&new.parent())?;
            }
        }
        path.added.reverse();
        Some(path)
    }

    /// Appends a block to a branch.
    pub fn mine(&mut self, branch: BranchId, mining: Mining) -> Arc<Block> {
        let parent = Arc::clone(self.tip(branch));
        let block = self.make(&parent, &mining);
        if branch == BranchId::MAIN {
            self.main.insert(block.number(), block.hash);
        }
        self.branches.moved(branch, mining.now_ms, block.hash);
        self.forget_oldest();
        block
    }

    /// A new branch of `length` blocks whose first has block `at` of the main branch as its parent.
    pub fn fork(&mut self, at: u64, length: u64, now_ms: u64) -> Result<BranchId, ForkError> {
        if length == 0 || length > BLOCKS_MAX as u64 / 4 {
            return Err(ForkError::Length);
        }
        let missing = || ForkError::NoSuchBlock {
            number: at,
            oldest: self.main.keys().find(|number| **number > 0).copied().unwrap_or(0),
            newest: self.head().number(),
        };
        let start = *self.main.get(&at).ok_or_else(missing)?;
        let branch = self.branches.add(start, now_ms).ok_or(ForkError::TooManyBranches)?;
        for _ in 0..length {
            self.mine(branch, Mining { now_ms, ..Mining::default() });
        }
        Ok(branch)
    }

    /// Makes a branch the main one, and says what that changed.
    pub fn adopt(&mut self, branch: BranchId, now_ms: u64) -> Result<Path, ForkError> {
        if !self.branches.has(branch) {
            return Err(ForkError::NoSuchBranch(branch.0));
        }
        let (old, new) = (self.head().hash, self.tip(branch).hash);
        let path = self.path(&old, &new);
        path.removed.iter().for_each(|block| _ = self.main.remove(&block.number()));
        path.added.iter().for_each(|block| _ = self.main.insert(block.number(), block.hash));
        self.branches.moved(BranchId::MAIN, now_ms, new);
        self.branches.drop_side(branch);
        Ok(path)
    }

    /// Whoever is on it sees the main branch from now on.
    pub fn drop_branch(&mut self, branch: BranchId) {
        self.branches.drop_side(branch);
    }

    fn make(&mut self, parent: &Arc<Block>, mining: &Mining) -> Arc<Block> {
        self.salt += 1;
        let place = Place {
            seed: self.origin.seed,
            chain_id: self.origin.chain_id,
            parent,
            slot: parent.slot.saturating_add(1).saturating_add(mining.missed_slots),
            // Never back; but blocks of one second may share it, so that clocks and ages stay true.
            timestamp: parent.header.timestamp.max(self.origin.epoch_s.saturating_add(mining.now_ms / 1_000)),
            mined_ms: mining.now_ms,
            salt: self.salt,
        };
        let block = Arc::new(content::make(&place, mining.sent.clone()));
        self.keep(Arc::clone(&block));
        block
    }

    fn keep(&mut self, block: Arc<Block>) {
        self.by_number.entry(block.number()).or_default().push(block.hash);
        self.by_root.insert(block.root, block.hash);
        for transaction in &block.transactions {
            self.by_transaction.entry(transaction.hash).or_default().push(block.hash);
        }
        self.blocks.insert(block.hash, block);
    }

    /// All but the genesis block, a number at a time.
    fn forget_oldest(&mut self) {
        while self.blocks.len() > BLOCKS_MAX {
            let Some((&number, _)) = self.by_number.range(1..).next() else { return };
            for hash in self.by_number.remove(&number).unwrap_or_default() {
                let Some(block) = self.blocks.remove(&hash) else { continue };
                self.by_root.remove(&block.root);
                block.transactions.iter().for_each(|transaction| self.forget_place(&transaction.hash, &hash));
            }
            self.main.remove(&number);
            self.branches.keep_where(|tip| self.blocks.contains_key(tip));
        }
    }

    fn forget_place(&mut self, transaction: &Hash, block: &Hash) {
        if let Some(held) = self.by_transaction.get_mut(transaction) {
            held.retain(|hash| hash != block);
            if held.is_empty() {
                self.by_transaction.remove(transaction);
            }
        }
    }
}

#[cfg(test)]
mod tests;
