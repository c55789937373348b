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
    /// What it says comes before: that counts until its head is known.
    pub parent: Hash,
    /// When its head last changed. One that stands still while others move loses its vote.
    pub moved: Millis,
    /// How often in a row it went on to a block that follows.
    pub steps: u32,
    /// Whether its data was seen at a node that may be given calls.
    pub is_served: bool,
    /// The same of it, or of a block before it that is above the head: data may always come later than the next block.
    pub is_backed: bool,
}

/// How fast a chain can grow. What claims to be further is not looked at while there are others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    pub block_time_ms: u64,
}

/// The head that clients were told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    pub head: Head,
    /// Who is below that has no say in whether it is taken back.
    pub near_from: u64,
    /// Nothing was announced for longer than a chain pauses.
    pub is_stuck: bool,
}

/// Blocks that may come at once, after a pause of the chain or of ours.
const BURST_BLOCKS: u64 = 64;
/// How much faster than it should a chain may grow for a while.
const SPEED_MAX: u64 = 4;
/// Heads so close are of one chain until shown otherwise.
const CLUSTER_BLOCKS: u64 = 64;
/// Who stands still for so long, or for so many block times, has no vote while another goes on.
const STILL_MS: u64 = 10_000;
const STILL_BLOCKS: u64 = 5;
/// Who went on so often in a row goes on.
const STEADY_STEPS: u32 = 3;
/// How far the head may be ahead of what a majority has: so many blocks, or what comes in so long.
const AHEAD_BLOCKS: u64 = 2;
const AHEAD_MS: u64 = 2_000;
/// Who is further behind than this many times that has no say in it: it would hold back all others until it caught up.
const BEHIND_FACTOR: u64 = 4;

impl Gate {
    /// The highest number that can be true `elapsed_ms` after `number` was.
    pub fn number_max(self, number: u64, elapsed_ms: u64) -> u64 {
        let grown = elapsed_ms.saturating_mul(SPEED_MAX) / self.block_time_ms.max(1);
        number.saturating_add(BURST_BLOCKS).saturating_add(grown)
    }

    /// How long a chain may pause without anybody thinking that its node stopped.
    pub fn still_ms(self) -> u64 {
        self.block_time_ms.saturating_mul(STILL_BLOCKS).max(STILL_MS)
    }

    pub fn served(self, head: Head, announced_ms_ago: u64) -> Served {
        let near_from = head.number.saturating_sub(self.ahead_blocks());
        Served { head, near_from, is_stuck: announced_ms_ago >= self.still_ms() }
    }

    fn ahead_blocks(self) -> u64 {
        AHEAD_BLOCKS.max(AHEAD_MS / self.block_time_ms.max(1))
    }

    /// The head of more than two nodes is no further than this from what most of them have. Of two nobody can say whether one
    /// is ahead or the other behind, so what they can grow to is all that bounds them.
    pub fn ceiling(self, claims: &[Claim], served: u64) -> u64 {
        let ahead = self.ahead_blocks();
        let is_near = |number: &u64| number.saturating_add(ahead.saturating_mul(BEHIND_FACTOR)) >= served;
        let numbers = claims.iter().map(|claim| claim.head.number).filter(is_near).collect::<Vec<_>>();
        match numbers.len() {
            0..=2 => u64::MAX,
            _ => majority_has(numbers).saturating_add(ahead),
        }
    }
}

/// The highest number that most of these have reached.
pub fn majority_has(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}

impl Claim {
    /// Whether it is a chain that grows, and can be had.
    pub fn goes_on(&self, now: Millis, gate: Gate) -> bool {
        self.is_backed && self.steps >= STEADY_STEPS && now.since(self.moved) < gate.still_ms()
    }
}

/// Without those that stand still below one that goes on.
pub fn awake(now: Millis, gate: Gate, claims: Vec<Claim>) -> Vec<Claim> {
    let going = claims.iter().filter(|claim| claim.goes_on(now, gate)).map(|claim| claim.head.number).max();
    let is_awake = |claim: &Claim| {
        going.is_none_or(|going| going <= claim.head.number) || now.since(claim.moved) < gate.still_ms()
    };
    claims.into_iter().filter(is_awake).collect()
}

/// The claims that the most nodes agree with in number: within `CLUSTER_BLOCKS` of each other. More than one group where as many
/// nodes are in each, the lowest first.
pub fn largest(claims: &[Claim]) -> Vec<Vec<Claim>> {
    let mut sorted = claims.to_vec();
    // Of equal numbers the first in the configuration stays first.
    sorted.sort_by_key(|claim| claim.head.number);
    let mut best: Vec<Vec<Claim>> = Vec::new();
    for (first, lowest) in sorted.iter().enumerate() {
        let near = |claim: &&Claim| claim.head.number - lowest.head.number <= CLUSTER_BLOCKS;
        let group: Vec<Claim> = sorted.iter().skip(first).take_while(near).copied().collect();
        let is_apart = |last: &Vec<Claim>| last.iter().all(|claim| claim.head.number < lowest.head.number);
        match best.first().map_or(0, Vec::len) {
            most if group.len() > most => best = vec![group],
            most if group.len() == most && best.last().is_some_and(is_apart) => best.push(group),
            _ => {}
        }
    }
    best
}

/// Of several groups of a size the one that moves; after a while the lowest: a head that is too low is made good by the next
/// block, one that is too high cannot be taken back.
pub fn majority(claims: &[Claim], has_waited: bool) -> Vec<Claim> {
    let mut groups = largest(claims);
    if groups.len() > 1 {
        let moves = |group: &Vec<Claim>| group.iter().any(|claim| claim.steps > 0);
        let moving: Vec<usize> = (0..groups.len()).filter(|at| groups.get(*at).is_some_and(moves)).collect();
        return match moving.as_slice() {
            [one] => groups.swap_remove(*one),
            _ if has_waited => groups.swap_remove(0),
            _ => Vec::new(),
        };
    }
    groups.pop().unwrap_or_default()
}

/// The head to serve next, of claims that passed the gate: the tip of the branch that most nodes are on. What is served is left
/// for another branch by `is_left_for` alone, and goes on meanwhile where somebody goes on from it. A node that lags is on the
/// branch of whoever went on from its head.
pub fn choose(claims: &[Claim], tracker: &Tracker, served: Option<Served>) -> Option<Head> {
    let candidates: Vec<&Claim> = claims.iter().filter(|claim| claim.is_served).collect();
    let is_passed = |claim: &Claim, by: &Claim| {
        claim.head.number < by.head.number && tracker.is_on_branch(claim.head.hash, by.head.hash)
    };
    let tips = candidates.iter().filter(|claim| !candidates.iter().any(|other| is_passed(claim, other)));
    let votes = |hash: Hash| claims.iter().filter(|claim| votes_for(tracker, claim, hash)).count();
    let stays =
        |claim: &Claim| served.is_some_and(|served| agree(tracker, served.head.hash, claim.head.hash));
    let rank = |claim: &&&Claim| {
        let is_primary = claim.tier == Tier::Primary;
        (votes(claim.head.hash), stays(claim), is_primary, claim.head.number)
    };
    // Of equals the first in the configuration; `max_by_key` takes the last.
    let best = tips.clone().rev().max_by_key(rank)?;
    match served.filter(|_| !stays(best)) {
        Some(served) if !is_left_for(claims, tracker, served, best.head.hash) => {
            let goes_on = tips.rev().filter(|claim| stays(claim)).max_by_key(rank);
            Some(goes_on.map_or(served.head, |claim| claim.head))
        }
        _ => Some(best.head),
    }
}

/// Whether what is served is to be taken back. Who is some milliseconds late is on both branches, and no reason to: half of the
/// nodes have to be seen on the other one alone, or one that goes its own way would take along all others. Who is far behind has
/// no say; and where nothing goes on for long, whoever has more is followed.
fn is_left_for(claims: &[Claim], tracker: &Tracker, served: Served, other: Hash) -> bool {
    let near: Vec<&Claim> = claims.iter().filter(|claim| claim.head.number >= served.near_from).collect();
    let (mut go, mut stay, mut gone) = (0, 0, 0);
    for claim in &near {
        let (goes, stays) = (votes_for(tracker, claim, other), votes_for(tracker, claim, served.head.hash));
        (go, stay, gone) =
            (go + usize::from(goes), stay + usize::from(stays), gone + usize::from(goes && !stays));
    }
    // Those who went on from it may have no data of that yet.
    go > stay && (served.is_stuck || gone * 2 >= near.len())
}

/// The last block up to there on the way to a head.
pub fn below(tracker: &Tracker, head: Head, ceiling: u64) -> Option<Head> {
    let block = tracker.ancestry(head.hash).find(|block| block.number <= ceiling)?;
    Some(Head { number: block.number, hash: block.hash })
}

fn votes_for(tracker: &Tracker, claim: &Claim, hash: Hash) -> bool {
    match tracker.get(claim.head.hash) {
        Some(_) => agree(tracker, hash, claim.head.hash),
        None => claim.head.hash == hash || tracker.is_on_branch(hash, claim.parent),
    }
}

/// Whether two heads are of one branch: one is the other's ancestor.
pub fn agree(tracker: &Tracker, one: Hash, other: Hash) -> bool {
    tracker.is_on_branch(one, other) || tracker.is_on_branch(other, one)
}

#[cfg(test)]
mod tests;
