//! One look at all claims: whom to believe, what to fetch, and what can be announced. It must never announce a block whose
//! parent was not announced before it, unless it says that it jumped.

use std::sync::Arc;

use super::{Announced, Chain, KEEP_BLOCKS, Step, Voter};
use crate::core::cluster::{self, Claim};
use crate::core::tracker::{Numbering, Path};
use crate::core::{Block, Hash, Head, Millis, NodeSet};

/// A head that no node has been near for so long was none.
pub(super) const DISOWNED_MS: u64 = 10_000;
/// Of a node that was seen to have nothing, so many blocks below the head are looked for first.
const FOLLOWED_BLOCKS: usize = 4;
/// What lies so far below the head is no lag any more.
const NEAR_BLOCKS: u64 = 64;

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
        let believed = self.believed(now, voters, routable, &mut steps);
        self.leave_what_nobody_is_near(now, voters);
        for claim in &believed {
            self.verify(now, claim, routable, &mut steps);
        }
        let servable: Vec<Claim> =
            believed.iter().map(|claim| self.as_far_as_served(*claim, routable)).collect();
        let target = match self.head() {
            None if !self.may_begin(now, voters, &believed) => None,
            head => cluster::choose(&servable, &self.tracker, head),
        };
        if let Some(target) = target {
            self.approach(now, target, routable, &wants_logs, &mut steps);
            if self.head() == Some(target) {
                self.caught_up = (target.number, now);
            }
        }
        let believed_max = believed.iter().map(|claim| claim.head.number).max().unwrap_or(0);
        self.tidy(self.highest(now).max(believed_max));
        steps
    }

    /// The claims that count. Who is beyond what a chain can have grown to is not believed while others are not.
    fn believed(
        &self,
        now: Millis,
        voters: &[Voter],
        routable: NodeSet,
        steps: &mut Vec<Step>,
    ) -> Vec<Claim> {
        let claim = |voter: &Voter| {
            let (head, moved) = self.claims.of(voter.node)?;
            let is_served = !self.tracker.holders(head.hash).intersection(routable).is_empty();
            voter.votes.then_some(Claim { node: voter.node, tier: voter.tier, head, moved, is_served })
        };
        let claims: Vec<Claim> = voters.iter().filter_map(claim).collect();
        let believed = match self.head() {
            None => cluster::majority(&claims),
            Some(_) => {
                let highest = self.highest(now);
                let (within, beyond): (Vec<Claim>, Vec<Claim>) =
                    claims.iter().copied().partition(|claim| claim.head.number <= highest);
                let is_alone = voters.len() == 1;
                if beyond.len() > within.len() && (beyond.len() > 1 || is_alone) {
                    cluster::majority(&claims)
                } else {
                    within
                }
            }
        };
        if !believed.is_empty() {
            let is_lie = |claim: &&Claim| {
                let nearest = believed.iter().map(|other| other.head.number).max().unwrap_or(0);
                claim.head.number > self.highest_after(nearest, now)
            };
            steps.extend(claims.iter().filter(is_lie).map(|claim| Step::Lie { node: claim.node }));
        }
        believed
    }

    /// Of a branch whose tip nobody can serve yet, the newest block that somebody can: where data comes later than the next head,
    /// no tip ever can be.
    fn as_far_as_served(&self, claim: Claim, routable: NodeSet) -> Claim {
        let Some(head) = self.head().filter(|_| !claim.is_served) else { return claim };
        let mut above = self.tracker.ancestry(claim.head.hash).take_while(|block| block.number > head.number);
        let served = above.find(|block| !self.tracker.holders(block.hash).intersection(routable).is_empty());
        served.map_or(claim, |block| {
            let head = Head { number: block.number, hash: block.hash };
            Claim { head, is_served: true, ..claim }
        })
    }

    /// The first head waits for every node to speak, or for a while: who speaks first may be wrong.
    fn may_begin(&self, now: Millis, voters: &[Voter], believed: &[Claim]) -> bool {
        let waited = self.began.is_some_and(|began| now.since(began) >= self.settings.first_head_wait_ms);
        waited
            || voters.iter().all(|voter| self.claims.of(voter.node).is_some())
            || believed.len() * 2 > voters.len()
    }

    /// A head that was announced by mistake would stand in the way for ever.
    fn leave_what_nobody_is_near(&mut self, now: Millis, voters: &[Voter]) {
        let Some(head) = self.head() else { return };
        let mut claims = voters
            .iter()
            .filter(|voter| voter.votes)
            .filter_map(|voter| self.claims.of(voter.node))
            .peekable();
        let is_disowned =
            claims.peek().is_some() && claims.all(|(claim, _)| claim.number + NEAR_BLOCKS < head.number);
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

    /// Sees whether the node has what it claims, and how that is linked to the head.
    fn verify(&mut self, now: Millis, claim: &Claim, routable: NodeSet, steps: &mut Vec<Step>) {
        let (node, hash) = (claim.node, claim.head.hash);
        if !self.tracker.holders(hash).contains(node) && self.asked.ask(now, node, hash) {
            steps.push(Step::FetchBlock { node, hash });
        }
        let Some(head) = self.head() else { return };
        self.follow_up(now, claim, steps);
        if !claim.is_served {
            return self.ask_for_the_next(now, claim, head, steps);
        }
        match self.tracker.path(head.hash, hash, self.blocks_max()) {
            Path::Missing(missing) => self.fetch_parent(now, claim, missing, steps),
            Path::MissingBehind(missing) => {
                let asked = routable.iter().find(|node| self.asked.ask(now, *node, missing));
                steps.extend(asked.map(|node| Step::FetchBlock { node, hash: missing }));
            }
            Path::Linked { .. } | Path::TooLong => {}
        }
    }

    /// While the tip of a branch cannot be had, the first of its blocks that was not announced may.
    fn ask_for_the_next(&mut self, now: Millis, claim: &Claim, head: Head, steps: &mut Vec<Step>) {
        let above = self.tracker.ancestry(claim.head.hash).take_while(|block| block.number > head.number);
        let Some(hash) = above.last().map(|block| block.hash) else { return };
        if !self.tracker.holders(hash).contains(claim.node) && self.asked.ask(now, claim.node, hash) {
            steps.push(Step::FetchBlock { node: claim.node, hash });
        }
    }

    /// A node whose data comes later than the next block never has what it claims; it is asked for what it claimed before.
    fn follow_up(&mut self, now: Millis, claim: &Claim, steps: &mut Vec<Step>) {
        let has = |announced: &Announced| self.tracker.holders(announced.block.hash).contains(claim.node);
        let next = match self.announced.iter().rposition(has) {
            Some(highest) => highest + 1,
            None => self.announced.len().saturating_sub(FOLLOWED_BLOCKS),
        };
        let Some(hash) = self.announced.get(next).map(|announced| announced.block.hash) else { return };
        let number = self.announced[next].block.number;
        if number < claim.head.number && self.asked.ask(now, claim.node, hash) {
            steps.push(Step::FetchBlock { node: claim.node, hash });
        }
    }

    fn fetch_parent(&mut self, now: Millis, claim: &Claim, missing: Hash, steps: &mut Vec<Step>) {
        if self.asked.is_absent(claim.node, missing) && claim.head.hash != missing {
            // Whoever has a block has its parent.
            self.claims.forget(claim.node);
            steps.push(Step::Lie { node: claim.node });
        } else if self.asked.ask(now, claim.node, missing) {
            steps.push(Step::FetchBlock { node: claim.node, hash: missing });
        }
    }

    fn approach(
        &mut self,
        now: Millis,
        target: Head,
        routable: NodeSet,
        wants_logs: &impl Fn(&Block) -> bool,
        steps: &mut Vec<Step>,
    ) {
        let holders = self.tracker.holders(target.hash).intersection(routable);
        let Some(head) = self.head() else { return self.begin(now, target, holders, wants_logs, steps) };
        match self.tracker.path(head.hash, target.hash, self.blocks_max()) {
            Path::Missing(_) => {}
            Path::MissingBehind(missing)
                if routable.iter().any(|node| !self.asked.is_absent(node, missing)) => {}
            Path::MissingBehind(_) | Path::TooLong => self.jump(now, head, target, steps),
            Path::Linked { retract, .. } if retract.len() as u64 > KEEP_BLOCKS => {
                self.jump(now, head, target, steps)
            }
            Path::Linked { retract, apply } => {
                let ready = self.ready(now, &apply, holders, wants_logs, steps);
                if retract.is_empty() {
                    apply.into_iter().take(ready).for_each(|block| self.announce(now, block, steps));
                } else if ready == apply.len() && target.number >= head.number {
                    // At once, so that nobody is left between the two sides.
                    self.retract(retract.len(), steps);
                    apply.into_iter().for_each(|block| self.announce(now, block, steps));
                }
            }
        }
    }

    /// How many of these have all that is to be told of them; the logs of the others are asked for.
    fn ready(
        &mut self,
        now: Millis,
        apply: &[Arc<Block>],
        holders: NodeSet,
        wants_logs: &impl Fn(&Block) -> bool,
        steps: &mut Vec<Step>,
    ) -> usize {
        let mut ready = 0;
        for (at, block) in apply.iter().enumerate() {
            let has_all = self.logs.contains_key(&block.hash) || !wants_logs(block);
            if has_all {
                ready += usize::from(ready == at);
            } else if let Some(node) = self.asked.ask_logs(now, holders, block.hash) {
                steps.push(Step::FetchLogs { node, hash: block.hash });
            }
        }
        ready
    }

    /// The first head, or the first after one that was left.
    fn begin(
        &mut self,
        now: Millis,
        target: Head,
        holders: NodeSet,
        wants_logs: &impl Fn(&Block) -> bool,
        steps: &mut Vec<Step>,
    ) {
        let Some(block) = self.tracker.get(target.hash).cloned() else { return };
        if self.ready(now, std::slice::from_ref(&block), holders, wants_logs, steps) == 1 {
            steps.extend(self.left.take().map(|from| Step::Jump { from, to: target }));
            self.announce(now, block, steps);
        }
    }

    fn jump(&mut self, now: Millis, from: Head, to: Head, steps: &mut Vec<Step>) {
        if to.number < from.number {
            return;
        }
        steps.push(Step::Jump { from, to });
        self.announced.clear();
        self.logs.clear();
        // Nobody is left who could be told its logs.
        self.begin(now, to, NodeSet::EMPTY, &|_: &Block| false, steps);
    }

    fn announce(&mut self, now: Millis, block: Arc<Block>, steps: &mut Vec<Step>) {
        self.announcements += 1;
        self.moved = now;
        let logs = self.logs.remove(&block.hash);
        let announced = self.announcements;
        steps.push(Step::Announce {
            block: Arc::clone(&block),
            logs: logs.clone().unwrap_or_default(),
            announced,
        });
        self.announced.push(Announced { block, logs, number_of: announced });
    }

    /// The path leads back along what was announced, so these are its last blocks. Where it leads back to before the first, there
    /// is nothing to take back.
    fn retract(&mut self, blocks: usize, steps: &mut Vec<Step>) {
        let kept = self.announced.len().saturating_sub(blocks);
        for gone in self.announced.drain(kept..).rev() {
            let logs = gone.logs.clone().unwrap_or_default();
            // They are still true should the chain come back to it.
            self.logs.extend(gone.logs.map(|logs| (gone.block.hash, logs)));
            steps.push(Step::Retract { block: gone.block, logs, announced: gone.number_of });
        }
    }

    fn blocks_max(&self) -> usize {
        usize::try_from(self.settings.gap_blocks_max).unwrap_or(usize::MAX)
    }

    fn tidy(&mut self, highest: u64) {
        let Some(head) = self.head() else { return };
        let keep = usize::try_from(KEEP_BLOCKS).unwrap_or(usize::MAX);
        let old = self.announced.len().saturating_sub(keep);
        self.announced.drain(..old);
        let span = match self.settings.numbering {
            Numbering::Dense => self.settings.gap_blocks_max.max(KEEP_BLOCKS),
            // Slots that were left out are numbers, too.
            Numbering::Sparse => self.settings.gap_blocks_max.max(KEEP_BLOCKS).saturating_mul(4),
        };
        self.tracker.prune(head.number.saturating_sub(span), highest);
        let tracker = &self.tracker;
        self.logs.retain(|hash, _| {
            tracker.get(*hash).is_some_and(|block| block.number + KEEP_BLOCKS > head.number)
        });
        let claims = &self.claims;
        self.asked.keep_only(|hash| {
            let waits = tracker.get(hash).is_none_or(|block| block.number > head.number);
            waits || claims.heads().any(|claimed| claimed == hash)
        });
    }
}
