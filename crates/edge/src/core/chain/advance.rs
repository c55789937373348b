//! One look at all claims: whom to believe, what to fetch, and what can be announced. It must never announce a block whose
//! parent was not announced before it, unless it says that it jumped.

use std::sync::Arc;

use super::{Announced, Chain, Deserted, KEEP_BLOCKS, Step, Voter};
use crate::core::cluster::{self, Claim};
use crate::core::tracker::{Numbering, Path};
use crate::core::{Block, Hash, Head, Millis, NodeId, NodeSet, Standing};

/// A head that no node has been near for so long was none.
pub(super) const DISOWNED_MS: u64 = 10_000;
/// Of a node that was seen to have nothing, so many blocks below the head are looked for first.
const FOLLOWED_BLOCKS: usize = 4;
/// Of a branch that takes the place of so many blocks it is remembered who told of them; what is further back counts as fetched.
const BRANCH_BLOCKS: u64 = 32;
/// What lies so far below the head is no lag any more.
const NEAR_BLOCKS: u64 = 64;
/// Who has for so long not what it has to have does not tell the truth.
const LIE_MS: u64 = 5_000;
/// What no node has for so long is gone.
pub(super) const GONE_MS: u64 = 2_000;
/// Blocks that are remembered while there is no head. Of more only the nodes' own heads are.
const UNSERVED_BLOCKS_MAX: usize = 512;

/// What one look goes by.
struct Look<W> {
    now: Millis,
    routable: NodeSet,
    /// In the order in which they are asked: the well ones first, then by tier.
    order: Vec<NodeId>,
    wants_logs: W,
}

impl Chain {
    /// `wants_logs` says whether somebody may be told logs of a block. Everything that can be announced is, in order.
    pub fn advance(
        &mut self,
        now: Millis,
        voters: &[Voter],
        wants_logs: impl Fn(&Block) -> bool,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        let routable: NodeSet =
            voters.iter().filter(|voter| voter.is_routable).map(|voter| voter.node).collect();
        let order = in_order(voters);
        self.asked.allow(order.iter().copied().collect());
        let claims = self.voices(now, voters, routable);
        let look = Look { now, routable, order, wants_logs };
        let believed = self.believed(now, &claims, voters.len(), &mut steps);
        self.leave_what_nobody_is_near(now, &claims);
        self.note_desertion(now, &claims);
        for claim in &claims {
            self.verify(&look, claim, believed.contains(claim), &mut steps);
        }
        let servable: Vec<Claim> =
            believed.iter().map(|claim| self.as_far_as_served(*claim, routable)).collect();
        let target = match self.head() {
            None if !self.may_begin(now, voters, &believed) => None,
            None => cluster::choose(&believed, &self.tracker, None),
            Some(head) => {
                let ceiling = self.gate.ceiling(&claims, head.number);
                let served = self.gate.served(head, now.since(self.moved));
                cluster::choose(&servable, &self.tracker, Some(served))
                    .and_then(|tip| cluster::below(&self.tracker, tip, ceiling))
            }
        };
        if let Some(target) = target {
            self.approach(&look, target, &mut steps);
            self.note_growth(now, &claims, target);
        }
        let believed_max = believed.iter().map(|claim| claim.head.number).max().unwrap_or(0);
        self.tidy(now, self.highest(now).max(believed_max));
        steps
    }

    /// The claims that have a vote.
    fn voices(&self, now: Millis, voters: &[Voter], routable: NodeSet) -> Vec<Claim> {
        let claim = |voter: &Voter| {
            let claimed = self.claims.of(voter.node)?;
            let head = claimed.head;
            let is_served = !self.tracker.holders(head.hash).intersection(routable).is_empty();
            let Voter { node, tier, .. } = *voter;
            let (parent, moved, steps) = (claimed.parent, claimed.moved, claimed.steps);
            let claim = Claim { node, tier, head, parent, moved, steps, is_served, is_backed: is_served };
            let is_backed = self.as_far_as_served(claim, routable).is_served;
            voter.votes.then_some(Claim { is_backed, ..claim })
        };
        cluster::awake(now, self.gate, voters.iter().filter_map(claim).collect())
    }

    /// The claims that count. Who is beyond what a chain can have grown to is not believed while others are not.
    fn believed(&self, now: Millis, claims: &[Claim], nodes: usize, steps: &mut Vec<Step>) -> Vec<Claim> {
        let has_waited = self.began.is_some_and(|began| now.since(began) >= self.tie_wait_ms());
        let believed = match self.head() {
            None => cluster::majority(claims, has_waited),
            Some(_) => {
                let highest = self.highest(now);
                let (within, beyond): (Vec<Claim>, Vec<Claim>) =
                    claims.iter().copied().partition(|claim| claim.head.number <= highest);
                let goes_on = |claim: &Claim| claim.goes_on(now, self.gate);
                // One alone is believed where there is no other, or after it was seen to go on.
                let is_enough = beyond.len() > 1 || nodes == 1 || beyond.iter().any(goes_on);
                if beyond.len() > within.len() && is_enough {
                    cluster::majority(claims, true)
                } else {
                    within
                }
            }
        };
        let Some(nearest) = believed.iter().map(|claim| claim.head.number).max() else { return believed };
        let highest = self.highest_after(nearest, now);
        let beyond: Vec<&Claim> = claims.iter().filter(|claim| claim.head.number > highest).collect();
        let is_outvoted = beyond.len() < believed.len();
        for claim in beyond {
            // One word stands against one, unless it is of something that does not exist.
            if is_outvoted || self.asked.lacks(claim.node, claim.head.hash, LIE_MS) {
                steps.push(Step::Lie { node: claim.node });
            }
        }
        believed
    }

    /// Of a branch whose tip nobody can serve yet, the newest block that somebody can: where data comes later than the next head,
    /// no tip ever can be.
    fn as_far_as_served(&self, claim: Claim, routable: NodeSet) -> Claim {
        let Some(head) = self.head().filter(|_| !claim.is_served) else { return claim };
        let is_served = |hash: &Hash| !self.tracker.holders(*hash).intersection(routable).is_empty();
        let served = self.told_before(&claim, head).find(is_served);
        served.and_then(|hash| self.tracker.get(hash)).map_or(claim, |block| {
            let head = Head { number: block.number, hash: block.hash };
            Claim { head, parent: block.parent, is_served: true, ..claim }
        })
    }

    /// The blocks before a claimed one that nodes told of and that are above the head, the newest first. Their links are what nodes
    /// told: enough to know what to ask for.
    fn told_before(&self, claim: &Claim, head: Head) -> impl Iterator<Item = Hash> {
        let mut next = claim.parent;
        // Each number is below the last, so it ends.
        let mut below = claim.head.number;
        std::iter::from_fn(move || {
            let hash = next;
            let (number, parent) = *self.told_of.get(&hash)?;
            if number <= head.number || number >= below {
                return None;
            }
            (next, below) = (parent, number);
            Some(hash)
        })
    }

    /// What has grown as far as most nodes say, or not faster than it can, is where the next growth counts from. So a node that
    /// nobody follows cannot open the gate for itself again and again.
    fn note_growth(&mut self, now: Millis, claims: &[Claim], target: Head) {
        if self.head() != Some(target) {
            return;
        }
        let has_majority =
            target.number <= cluster::majority_has(claims.iter().map(|claim| claim.head.number).collect());
        if has_majority || self.gate.number_max(target.number, 0) <= self.highest(now) {
            self.caught_up = (target.number, now);
        }
    }

    /// The first head waits for every node to speak, or for a while: who speaks first may be wrong.
    fn may_begin(&self, now: Millis, voters: &[Voter], believed: &[Claim]) -> bool {
        let waited = self.began.is_some_and(|began| now.since(began) >= self.settings.first_head_wait_ms);
        waited
            || voters.iter().all(|voter| self.claims.of(voter.node).is_some())
            || believed.len() * 2 > voters.len()
    }

    /// A head that was announced by mistake would stand in the way for ever. All nodes are far below it, or most are and not
    /// on the way to it: those would only be late.
    fn leave_what_nobody_is_near(&mut self, now: Millis, claims: &[Claim]) {
        let Some(head) = self.head() else { return };
        let is_far = |claim: &&Claim| claim.head.number.saturating_add(NEAR_BLOCKS) < head.number;
        let far: Vec<&Claim> = claims.iter().filter(is_far).collect();
        let elsewhere = far.iter().filter(|claim| self.is_elsewhere(head, claim.head)).count();
        let is_disowned = (!far.is_empty() && far.len() == claims.len()) || elsewhere * 2 > claims.len();
        match (is_disowned, self.disowned_since) {
            (false, _) => self.disowned_since = None,
            (true, None) => self.disowned_since = Some(now),
            (true, Some(since)) if now.since(since) >= DISOWNED_MS => {
                self.disowned_since = None;
                self.left = Some(head);
                self.announced.clear();
                self.logs.clear();
            }
            (true, Some(_)) => {}
        }
    }

    /// Every node is lower than the head, on other branches. Who says nothing, or what cannot be linked yet, changes nothing.
    fn note_desertion(&mut self, now: Millis, claims: &[Claim]) {
        let Some(head) =
            self.head().filter(|head| claims.iter().all(|claim| claim.head.number < head.number))
        else {
            self.deserted = None;
            return;
        };
        let mut fewest = None::<usize>;
        for claim in claims {
            match self.tracker.path(head.hash, claim.head.hash, self.blocks_max()) {
                Path::Linked { retract, apply } if !apply.is_empty() => {
                    fewest = Some(fewest.map_or(retract.len(), |fewest| fewest.min(retract.len())));
                }
                Path::Linked { .. } => {
                    self.deserted = None;
                    return;
                }
                Path::Missing(_) | Path::MissingBehind(_) | Path::TooLong => {}
            }
        }
        if let Some(blocks) = fewest {
            let since = self.deserted.map_or(now, |deserted| deserted.since);
            self.deserted = Some(Deserted { since, blocks });
        }
    }

    fn is_elsewhere(&self, head: Head, other: Head) -> bool {
        match self.tracker.path(head.hash, other.hash, self.blocks_max()) {
            Path::Linked { apply, .. } => !apply.is_empty(),
            Path::Missing(_) | Path::MissingBehind(_) | Path::TooLong => false,
        }
    }

    /// Sees whether the node has what it claims, and how that is linked to the head.
    fn verify<W>(&mut self, look: &Look<W>, claim: &Claim, is_believed: bool, steps: &mut Vec<Step>) {
        let (node, hash) = (claim.node, claim.head.hash);
        if !self.tracker.holders(hash).contains(node) && self.asked.ask(look.now, node, hash) {
            steps.push(Step::FetchBlock { node, hash });
        }
        let Some(head) = self.head().filter(|_| is_believed) else { return };
        self.follow_up(look.now, claim, steps);
        if !claim.is_served {
            self.ask_for_the_next(look.now, claim, head, steps);
        }
        let reached = self.as_far_as_served(*claim, look.routable);
        if !reached.is_served {
            return;
        }
        match self.tracker.path(head.hash, reached.head.hash, self.blocks_max()) {
            Path::Missing(missing) => self.fetch_parent(look, &reached, missing, steps),
            Path::MissingBehind(missing) => {
                let mut nodes = look.order.iter().filter(|node| look.routable.contains(**node));
                let asked = nodes.find(|node| self.asked.ask(look.now, **node, missing));
                steps.extend(asked.map(|node| Step::FetchBlock { node: *node, hash: missing }));
            }
            Path::Linked { .. } | Path::TooLong => {}
        }
    }

    /// While the tip of a branch cannot be had, the first of its blocks that was not announced may.
    fn ask_for_the_next(&mut self, now: Millis, claim: &Claim, head: Head, steps: &mut Vec<Step>) {
        let is_new = |hash: &Hash| !self.tracker.holders(*hash).contains(claim.node);
        let Some(hash) = self.told_before(claim, head).filter(is_new).last() else { return };
        if self.asked.ask(now, claim.node, hash) {
            steps.push(Step::FetchBlock { node: claim.node, hash });
        }
    }

    /// A node whose data comes later than the next block never has what it claims; it is asked for what it claimed before.
    fn follow_up(&mut self, now: Millis, claim: &Claim, steps: &mut Vec<Step>) {
        let next = match self.newest_at(claim.node) {
            Some(highest) => highest + 1,
            None => self.announced.len().saturating_sub(FOLLOWED_BLOCKS),
        };
        let Some(hash) = self.announced.get(next).map(|announced| announced.block.hash) else { return };
        let number = self.announced[next].block.number;
        if number < claim.head.number && self.asked.ask(now, claim.node, hash) {
            steps.push(Step::FetchBlock { node: claim.node, hash });
        }
    }

    /// Whoever has a block has its parent. Who only claims it may have neither yet.
    fn fetch_parent<W>(&mut self, look: &Look<W>, claim: &Claim, missing: Hash, steps: &mut Vec<Step>) {
        let holders = self.tracker.holders(claim.head.hash);
        if holders.contains(claim.node) && self.asked.lacks(claim.node, missing, LIE_MS) {
            self.claims.forget(claim.node);
            steps.push(Step::Lie { node: claim.node });
            return;
        }
        let own = holders.contains(claim.node).then_some(claim.node);
        let others = look.order.iter().copied().filter(|node| holders.contains(*node) && own.is_none());
        let mut nodes = own.into_iter().chain(others);
        let asked = nodes.find(|node| self.asked.ask(look.now, *node, missing));
        steps.extend(asked.map(|node| Step::FetchBlock { node, hash: missing }));
    }

    fn approach<W: Fn(&Block) -> bool>(&mut self, look: &Look<W>, target: Head, steps: &mut Vec<Step>) {
        let Some(head) = self.head() else { return self.begin(look, target, steps) };
        match self.tracker.path(head.hash, target.hash, self.blocks_max()) {
            Path::Missing(_) => {}
            Path::MissingBehind(missing) => {
                let may_have = |node: NodeId| !self.asked.lacks(node, missing, GONE_MS);
                if !look.routable.iter().any(may_have) {
                    self.jump(look.now, head, target, steps);
                }
            }
            Path::TooLong => self.jump(look.now, head, target, steps),
            Path::Linked { retract, .. } if retract.len() as u64 > KEEP_BLOCKS => {
                self.jump(look.now, head, target, steps)
            }
            Path::Linked { retract, apply } => {
                let ready = self.ready(look, &apply, target, steps);
                if retract.is_empty() {
                    apply.into_iter().take(ready).for_each(|block| self.announce(look.now, block, steps));
                } else if ready == apply.len() && target.number >= head.number {
                    // At once, so that nobody is left between the two sides.
                    self.retract(retract.len(), steps);
                    apply.into_iter().for_each(|block| self.announce(look.now, block, steps));
                }
            }
        }
    }

    /// How many of these have all that is to be told of them; the logs of the others are asked for.
    fn ready<W: Fn(&Block) -> bool>(
        &mut self,
        look: &Look<W>,
        apply: &[Arc<Block>],
        target: Head,
        steps: &mut Vec<Step>,
    ) -> usize {
        let holders = self.tracker.holders(target.hash).intersection(look.routable);
        let mut ready = 0;
        for (at, block) in apply.iter().enumerate() {
            if self.logs.contains_key(&block.hash) || !(look.wants_logs)(block) {
                ready += usize::from(ready == at);
                continue;
            }
            let nodes = look.order.iter().copied().filter(|node| holders.contains(*node));
            if let Some(node) = self.asked.ask_logs(look.now, nodes, block.hash) {
                steps.push(Step::FetchLogs { node, hash: block.hash });
            }
        }
        ready
    }

    /// The first head, or the first after one that was left.
    fn begin<W: Fn(&Block) -> bool>(&mut self, look: &Look<W>, target: Head, steps: &mut Vec<Step>) {
        let Some(block) = self.tracker.get(target.hash).cloned() else { return };
        if self.ready(look, std::slice::from_ref(&block), target, steps) == 1 {
            steps.extend(self.left.take().map(|from| Step::Jump { from, to: target }));
            self.announce(look.now, block, steps);
            self.caught_up = (target.number, look.now);
        }
    }

    fn jump(&mut self, now: Millis, from: Head, to: Head, steps: &mut Vec<Step>) {
        let Some(block) = self.tracker.get(to.hash).filter(|_| to.number >= from.number).cloned() else {
            return;
        };
        steps.push(Step::Jump { from, to });
        self.announced.clear();
        self.logs.clear();
        // Nobody is left who could be told its logs.
        self.announce(now, block, steps);
        self.caught_up = (to.number, now);
    }

    fn announce(&mut self, now: Millis, block: Arc<Block>, steps: &mut Vec<Step>) {
        self.announcements += 1;
        (self.moved, self.deserted) = (now, None);
        let logs = self.logs.remove(&block.hash);
        let announced = self.announcements;
        let was_told_of = self.told_of.remove(&block.hash).is_some();
        steps.push(Step::Announce {
            block: Arc::clone(&block),
            logs: logs.clone().unwrap_or_default(),
            announced,
            was_told_of,
        });
        self.announced.push(Announced { block, logs, number_of: announced });
    }

    /// The path leads back along what was announced, so these are its last blocks. Where it leads back to before the first, there
    /// is nothing to take back.
    fn retract(&mut self, blocks: usize, steps: &mut Vec<Step>) {
        let kept = self.announced.len().saturating_sub(blocks);
        for gone in self.announced.drain(kept..).rev() {
            let logs = gone.logs.clone().unwrap_or_default();
            // They are still true should the chain come back to it, and nobody has to fetch it.
            self.logs.extend(gone.logs.map(|logs| (gone.block.hash, logs)));
            self.told_of.insert(gone.block.hash, (gone.block.number, gone.block.parent));
            steps.push(Step::Retract { block: gone.block, logs, announced: gone.number_of });
        }
    }

    pub(super) fn blocks_max(&self) -> usize {
        usize::try_from(self.settings.gap_blocks_max).unwrap_or(usize::MAX)
    }

    fn tidy(&mut self, now: Millis, highest: u64) {
        let claimed: Vec<Hash> = self.claims.heads().collect();
        let Some(head) = self.head() else {
            // Where nothing is ever served, heads come all the same.
            if self.tracker.len() > UNSERVED_BLOCKS_MAX {
                self.tracker.prune(u64::MAX, u64::MAX, &claimed);
                self.told_of.clear();
            }
            return self.asked.keep_only(now, |hash| claimed.contains(&hash));
        };
        let keep = usize::try_from(KEEP_BLOCKS).unwrap_or(usize::MAX);
        let old = self.announced.len().saturating_sub(keep);
        self.announced.drain(..old);
        let span = match self.settings.numbering {
            Numbering::Dense => self.settings.gap_blocks_max.max(KEEP_BLOCKS),
            // Slots that were left out are numbers, too.
            Numbering::Sparse => self.settings.gap_blocks_max.max(KEEP_BLOCKS).saturating_mul(4),
        };
        self.tracker.prune(head.number.saturating_sub(span), highest, &claimed);
        let tracker = &self.tracker;
        self.logs.retain(|hash, _| {
            tracker.get(*hash).is_some_and(|block| block.number.saturating_add(KEEP_BLOCKS) > head.number)
        });
        // Another branch has the numbers of this one.
        let is_near = |number: u64| number.saturating_add(BRANCH_BLOCKS) > head.number && number <= highest;
        let newest = self.announced.iter().rev().take_while(|announced| is_near(announced.block.number));
        let newest: Vec<Hash> = newest.map(|announced| announced.block.hash).collect();
        self.told_of.retain(|hash, (number, _)| {
            (is_near(*number) && !newest.contains(hash)) || claimed.contains(hash)
        });
        self.asked.keep_only(now, |hash| {
            let waits = tracker.get(hash).is_none_or(|block| block.number > head.number);
            waits || claimed.contains(&hash)
        });
    }
}

/// Those that can be asked, the best first.
fn in_order(voters: &[Voter]) -> Vec<NodeId> {
    let mut order: Vec<&Voter> = voters.iter().filter(|voter| voter.http != Standing::Out).collect();
    // Of equals the first in the configuration stays first.
    order.sort_by_key(|voter| (voter.http, voter.tier));
    order.into_iter().map(|voter| voter.node).collect()
}
