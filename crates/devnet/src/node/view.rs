//! What a node sees of the chain: the branch that it is on, and how far behind it is. A view follows its branch and never
//! goes back on it. It must never know what is asked of the node.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::chain::{Block, BranchId, Chain, Hash, Path};

/// Blocks that were left in a reorganisation and can still be read by their hash. Beyond that the oldest are forgotten.
const LEFT_MAX: usize = 1_024;
/// Slots of an epoch, which is what finality is counted in.
pub const SLOTS_PER_EPOCH: u64 = 8;

#[derive(Debug, Clone)]
pub struct View {
    branch: BranchId,
    /// After a block is mined, until it is announced.
    lag_ms: u64,
    /// After it is announced, until it can be read.
    data_lag_ms: u64,
    lag_blocks: u64,
    announced: Hash,
    readable: Hash,
    left: VecDeque<Hash>,
}

/// What changed in a view.
#[derive(Debug, Clone, Default)]
pub(super) struct Moved {
    pub announced: Path,
    pub readable: Path,
}

impl View {
    pub(super) fn new(chain: &Chain, lag_ms: u64, data_lag_ms: u64, lag_blocks: u64) -> Self {
        let head = chain.head().hash;
        let branch = BranchId::MAIN;
        let mut view = Self {
            branch,
            lag_ms,
            data_lag_ms,
            lag_blocks,
            announced: head,
            readable: head,
            left: VecDeque::new(),
        };
        if lag_blocks > 0 {
            let start = view.back(chain, head);
            (view.announced, view.readable) = (start, start);
        }
        view
    }

    pub fn branch(&self) -> BranchId {
        self.branch
    }

    pub(super) fn follow(&mut self, branch: BranchId) {
        self.branch = branch;
    }

    pub(super) fn set_lag_blocks(&mut self, blocks: u64) {
        self.lag_blocks = blocks;
    }

    /// The block that the node says is its newest.
    pub fn announced<'a>(&self, chain: &'a Chain) -> &'a Arc<Block> {
        chain.block(&self.announced).unwrap_or_else(|| chain.tip(self.branch))
    }

    /// The newest block whose data the node has.
    pub fn readable<'a>(&self, chain: &'a Chain) -> &'a Arc<Block> {
        chain.block(&self.readable).unwrap_or_else(|| chain.tip(self.branch))
    }

    pub(super) fn advance(&mut self, chain: &Chain, now_ms: u64) -> Moved {
        if !chain.has_branch(self.branch) {
            self.branch = BranchId::MAIN;
        }
        let announced = self.target(chain, self.announced, now_ms, self.lag_ms);
        let readable =
            self.target(chain, self.readable, now_ms, self.lag_ms.saturating_add(self.data_lag_ms));
        let moved = Moved {
            announced: chain.path(&self.announced, &announced),
            readable: chain.path(&self.readable, &readable),
        };
        (self.announced, self.readable) = (announced, readable);
        self.left.extend(moved.readable.removed.iter().map(|block| block.hash));
        while self.left.len() > LEFT_MAX {
            self.left.pop_front();
        }
        moved
    }

    /// When something changes by itself.
    pub(super) fn due(&self, chain: &Chain, now_ms: u64) -> Option<u64> {
        let after = |lag: u64| {
            // The clock may be younger than the lag: then every change is still to come.
            let seen = now_ms.checked_sub(lag);
            let next = match seen {
                Some(seen) => chain.next_change(self.branch, seen),
                None => chain.next_change(self.branch, 0),
            };
            next.map(|at| at.saturating_add(lag)).filter(|at| *at > now_ms)
        };
        let (announced, readable) = (after(self.lag_ms), after(self.lag_ms.saturating_add(self.data_lag_ms)));
        announced.into_iter().chain(readable).min()
    }

    /// A block that the node can read by its hash.
    pub(super) fn block<'a>(&self, chain: &'a Chain, hash: &Hash) -> Option<&'a Arc<Block>> {
        let known = chain.is_ancestor(hash, &self.readable) || self.left.contains(hash);
        chain.block(hash).filter(|_| known)
    }

    pub(super) fn by_number<'a>(&self, chain: &'a Chain, number: u64) -> Option<&'a Arc<Block>> {
        chain.ancestor(&self.readable(chain).hash, number)
    }

    /// The last block before the epoch that lies so many epochs back.
    pub fn epochs_back<'a>(&self, chain: &'a Chain, epochs: u64) -> Option<&'a Arc<Block>> {
        let tip = self.readable(chain);
        let slot = (tip.slot / SLOTS_PER_EPOCH).saturating_sub(epochs) * SLOTS_PER_EPOCH;
        chain.at_or_before_slot(&tip.hash, slot)
    }

    fn target(&self, chain: &Chain, from: Hash, now_ms: u64, lag_ms: u64) -> Hash {
        let tip = match now_ms.checked_sub(lag_ms) {
            Some(seen) => chain.tip_at(self.branch, seen).hash,
            None => return from,
        };
        let target = self.back(chain, tip);
        if chain.is_ancestor(&target, &from) { from } else { target }
    }

    fn back(&self, chain: &Chain, tip: Hash) -> Hash {
        let number = chain.block(&tip).map_or(0, |block| block.number()).saturating_sub(self.lag_blocks);
        chain.ancestor(&tip, number).map_or(tip, |block| block.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Mining, Origin};

    fn chain(blocks: u64) -> Chain {
        let mut chain = Chain::new(Origin { seed: 1, chain_id: 1, epoch_s: 0, slot_ms: 1_000 });
        (1..=blocks).for_each(|at| mine(&mut chain, at * 1_000));
        chain
    }

    fn mine(chain: &mut Chain, now_ms: u64) {
        chain.mine(BranchId::MAIN, Mining { now_ms, ..Mining::default() });
    }

    fn numbers(view: &View, chain: &Chain) -> (u64, u64) {
        (view.announced(chain).number(), view.readable(chain).number())
    }

    #[test]
    fn a_block_is_announced_after_the_lag_and_read_after_another() {
        let mut chain = chain(0);
        let mut view = View::new(&chain, 200, 300, 0);
        mine(&mut chain, 1_000);
        assert_eq!(view.due(&chain, 1_000), Some(1_200));
        assert!(view.advance(&chain, 1_199).announced.added.is_empty());
        assert_eq!(view.advance(&chain, 1_200).announced.added.len(), 1);
        assert_eq!((numbers(&view, &chain), view.due(&chain, 1_200)), ((1, 0), Some(1_500)));
        let hash = chain.head().hash;
        assert!(view.block(&chain, &hash).is_none());
        assert_eq!(view.advance(&chain, 1_500).readable.added.len(), 1);
        assert!(view.block(&chain, &hash).is_some());
        assert_eq!(view.due(&chain, 1_500), None);
    }

    #[test]
    fn a_lag_of_blocks_holds_the_view_back_and_never_takes_it_back() {
        let mut chain = chain(10);
        let mut view = View::new(&chain, 0, 0, 3);
        assert_eq!(numbers(&view, &chain), (7, 7));
        view.set_lag_blocks(0);
        view.advance(&chain, 10_000);
        assert_eq!(numbers(&view, &chain), (10, 10));
        view.set_lag_blocks(2);
        for (at, expected) in [(11, 10), (12, 10), (13, 11)] {
            mine(&mut chain, at * 1_000);
            view.advance(&chain, at * 1_000);
            assert_eq!(numbers(&view, &chain), (expected, expected));
        }
    }

    #[test]
    fn blocks_that_were_left_can_be_read_and_others_of_another_branch_cannot() {
        let mut chain = chain(5);
        let mut view = View::new(&chain, 0, 0, 0);
        let left = chain.head().hash;
        let unseen = chain.fork(1, 1, 6_000).unwrap();
        let unseen = chain.tip(unseen).hash;
        let branch = chain.fork(3, 4, 6_000).unwrap();
        view.follow(branch);
        let moved = view.advance(&chain, 6_000).announced;
        assert_eq!((moved.removed.len(), moved.added.len()), (2, 4));
        assert!(view.block(&chain, &left).is_some() && view.block(&chain, &unseen).is_none());
        assert_eq!(view.by_number(&chain, 5).map(|block| block.hash != left), Some(true));
        chain.drop_branch(branch);
        let moved = view.advance(&chain, 6_001).announced;
        assert_eq!((moved.removed.len(), moved.added.len(), view.branch()), (4, 2, BranchId::MAIN));
    }
}
