//! Which of the heads that nodes claim is believed: the branch that most of them are on, never the highest number. It must
//! never know what is served, nor fetch anything; what it needs to know of a branch stands in the tracker.

use super::tracker::Tracker;
use super::{Hash, Head, Millis, NodeId, Tier};

/// What a node says its head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub node: NodeId,
    pub tier: Tier,
    pub head: Head,
    /// When its head last changed. One that stands still while others move loses its vote.
    pub moved: Millis,
    /// Whether its data was seen at a node that may be given calls.
    pub is_served: bool,
}

/// How fast a chain can grow. What claims to be further is not looked at while there are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    pub block_time_ms: u64,
}

/// Blocks that may come at once, after a pause of the chain or of ours.
const BURST_BLOCKS: u64 = 64;
/// How much faster than it should a chain may grow for a while.
const SPEED_MAX: u64 = 4;
/// Heads so close are of one chain until shown otherwise.
const CLUSTER_BLOCKS: u64 = 64;

impl Gate {
    /// The highest number that can be true `elapsed_ms` after `number` was.
    pub fn number_max(self, number: u64, elapsed_ms: u64) -> u64 {
        let grown = elapsed_ms / self.block_time_ms.max(1);
        number.saturating_add(BURST_BLOCKS).saturating_add(grown.saturating_mul(SPEED_MAX))
    }
}

/// The claims that the most nodes agree with in number: within `CLUSTER_BLOCKS` of each other. Of two groups of a size the
/// lower: a head that is too low is made good by the next block, one that is too high cannot be taken back.
pub fn majority(claims: &[Claim]) -> Vec<Claim> {
    let mut sorted = claims.to_vec();
    // Of equal numbers the first in the configuration stays first.
    sorted.sort_by_key(|claim| claim.head.number);
    let mut best: &[Claim] = &[];
    for (first, lowest) in sorted.iter().enumerate() {
        let group = &sorted[first..];
        let near = |claim: &Claim| claim.head.number - lowest.head.number <= CLUSTER_BLOCKS;
        let group = &group[..group.iter().take_while(|claim| near(claim)).count()];
        if group.len() > best.len() {
            best = group;
        }
    }
    best.to_vec()
}

/// The head to serve next, of claims that passed the gate: the tip of the branch that most nodes are on. Where two branches
/// have as many, it stays on the one that is served. A node that lags is on the branch of whoever went on from its head.
pub fn choose(claims: &[Claim], tracker: &Tracker, served: Option<Head>) -> Option<Head> {
    let candidates: Vec<&Claim> = claims.iter().filter(|claim| claim.is_served).collect();
    let is_passed = |claim: &Claim, by: &Claim| {
        claim.head.number < by.head.number && tracker.is_on_branch(claim.head.hash, by.head.hash)
    };
    let tips = candidates.iter().filter(|claim| !candidates.iter().any(|other| is_passed(claim, other)));
    let rank = |claim: &&&Claim| {
        let votes = claims.iter().filter(|other| agree(tracker, claim.head.hash, other.head.hash)).count();
        let stays = served.is_some_and(|served| agree(tracker, served.hash, claim.head.hash));
        (votes, stays, claim.tier == Tier::Primary, claim.head.number)
    };
    // Of equals the first in the configuration; `max_by_key` takes the last.
    tips.rev().max_by_key(rank).map(|claim| claim.head)
}

/// Whether two heads are of one branch: one is the other's ancestor.
pub fn agree(tracker: &Tracker, one: Hash, other: Hash) -> bool {
    tracker.is_on_branch(one, other) || tracker.is_on_branch(other, one)
}

#[cfg(test)]
mod tests;
