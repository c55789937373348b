//! Branches by their tips, and when each had which. It must never know what a block holds.

use std::collections::{BTreeMap, VecDeque};

use super::hex::Hash;

/// Branches at one time, the main one included. A fork beyond that is refused.
pub(super) const BRANCHES_MAX: usize = 256;
/// Tips of a branch that are remembered. Whoever lags further behind sees the oldest of them.
const TIPS_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BranchId(pub u32);

impl BranchId {
    pub const MAIN: Self = Self(0);
}

#[derive(Debug, Clone)]
pub(super) struct Branches {
    main: Tips,
    side: BTreeMap<BranchId, Tips>,
    last: u32,
}

#[derive(Debug, Clone)]
struct Tips {
    first: Hash,
    /// When, and what it was from then on.
    changes: VecDeque<(u64, Hash)>,
}

impl Branches {
    pub(super) fn new(genesis: Hash) -> Self {
        Self { main: Tips::new(genesis), side: BTreeMap::new(), last: 0 }
    }

    pub(super) fn add(&mut self, start: Hash, now_ms: u64) -> Option<BranchId> {
        if self.side.len() + 1 >= BRANCHES_MAX {
            return None;
        }
        self.last += 1;
        let mut tips = Tips::new(start);
        tips.moved(now_ms, start);
        self.side.insert(BranchId(self.last), tips);
        Some(BranchId(self.last))
    }

    pub(super) fn has(&self, branch: BranchId) -> bool {
        branch == BranchId::MAIN || self.side.contains_key(&branch)
    }

    pub(super) fn tip(&self, branch: BranchId) -> Hash {
        self.tips(branch).last()
    }

    pub(super) fn tip_at(&self, branch: BranchId, ms: u64) -> Hash {
        self.tips(branch).at(ms)
    }

    pub(super) fn next_change(&self, branch: BranchId, after_ms: u64) -> Option<u64> {
        let changes = &self.tips(branch).changes;
        changes.get(changes.partition_point(|(at, _)| *at <= after_ms)).map(|(at, _)| *at)
    }

    pub(super) fn moved(&mut self, branch: BranchId, now_ms: u64, tip: Hash) {
        self.side.get_mut(&branch).unwrap_or(&mut self.main).moved(now_ms, tip);
    }

    pub(super) fn drop_side(&mut self, branch: BranchId) {
        self.side.remove(&branch);
    }

    /// Drops side branches whose tips are forgotten. The main one has the newest block.
    pub(super) fn keep_where(&mut self, known: impl Fn(&Hash) -> bool) {
        self.side.retain(|_, tips| known(&tips.last()));
    }

    fn tips(&self, branch: BranchId) -> &Tips {
        self.side.get(&branch).unwrap_or(&self.main)
    }
}

impl Tips {
    fn new(first: Hash) -> Self {
        Self { first, changes: VecDeque::new() }
    }

    fn moved(&mut self, now_ms: u64, tip: Hash) {
        // A clock that went back must not make the order of changes lie.
        let at = self.changes.back().map_or(now_ms, |(last, _)| now_ms.max(*last));
        self.changes.push_back((at, tip));
        if self.changes.len() > TIPS_MAX
            && let Some((_, oldest)) = self.changes.pop_front()
        {
            self.first = oldest;
        }
    }

    fn last(&self) -> Hash {
        self.changes.back().map_or(self.first, |(_, tip)| *tip)
    }

    fn at(&self, ms: u64) -> Hash {
        let after = self.changes.partition_point(|(at, _)| *at <= ms);
        let held = after.checked_sub(1).and_then(|last| self.changes.get(last));
        held.map_or(self.first, |(_, tip)| *tip)
    }
}
