//! The one chain of a pool that clients are shown: which head is next, what lies between, and whether its data can be had.
//! Each block is announced once, on its parent; what a reorganisation takes back is told before the new side. It must
//! never know who is subscribed: it is told whether somebody wants a block's logs.

mod advance;
mod asked;
mod claims;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cluster::Gate;
use super::tracker::{Inserted, Numbering, Path, Tracker};
use super::wire::Log;
use super::{Block, Bloom, Fault, Hash, Head, Millis, NodeId, NodeSet, Recent, Standing, Tier};
use asked::Asked;
use claims::Claims;

/// Announced blocks that are kept, so that what a client may still be told of them can be taken back.
pub const KEEP_BLOCKS: u64 = 128;
/// Heads of nodes that are remembered until they are announced. What is beyond counts as fetched, which only a metric shows.
const TOLD_OF_MAX: usize = 4_096;
/// So long the answer to a head that a node told of may be late without anything being wrong.
const EARLY_MS: u64 = 5_000;
/// So long a node is asked again for logs that the header says there are.
const DOUBTED_MS: u64 = 10_000;
/// The longest that the first head waits for one of two chains to move.
const TIE_WAIT_MS_MAX: u64 = 30_000;
/// How many of the last blocks a call is routed by.
const RECENT_BLOCKS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainSettings {
    pub numbering: Numbering,
    pub block_time_ms: u64,
    /// How many blocks may be fetched to close a gap. What is further is not bridged, and those who follow are told.
    pub gap_blocks_max: u64,
    /// How long the first head waits for nodes that have not spoken.
    pub first_head_wait_ms: u64,
    pub bloom: BloomUse,
}

/// What a header's bloom filter is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BloomUse {
    /// It says which blocks to ask for logs, and whether an answer has them all.
    Trusted,
    /// The chain has logs that it does not show: every block is asked for them.
    Ignored,
}

/// What the pool knows of a node, for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voter {
    pub node: NodeId,
    pub tier: Tier,
    /// Whether it may be given calls, so that what it has can be had.
    pub is_routable: bool,
    /// How it stands where it is asked for blocks and logs.
    pub http: Standing,
    /// Whether its claim counts: it is connected, of this chain, and does not stand still while others move.
    pub votes: bool,
}

/// What came of asking a node for a block by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Found(Block),
    Absent,
    Failed(Fault),
}

/// What is to be done, or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    FetchBlock {
        node: NodeId,
        hash: Hash,
    },
    FetchLogs {
        node: NodeId,
        hash: Hash,
    },
    /// The block is no longer of the chain. Told from the newest to the oldest.
    Retract {
        block: Arc<Block>,
        logs: Arc<Vec<Log>>,
        announced: u64,
    },
    /// The block is the head now. `announced` counts these, from 1.
    Announce {
        block: Arc<Block>,
        logs: Arc<Vec<Log>>,
        announced: u64,
        /// Whether some node told of it by itself.
        was_told_of: bool,
    },
    /// What lies between could not be had; the chain goes on at the next block that is announced.
    Jump {
        from: Head,
        to: Head,
    },
    /// What the node said of its head cannot be.
    Lie {
        node: NodeId,
    },
}

#[derive(Debug, Clone)]
struct Announced {
    block: Arc<Block>,
    /// `None` where nobody wanted them.
    logs: Option<Arc<Vec<Log>>>,
    number_of: u64,
}

#[derive(Debug, Clone, Copy)]
struct Deserted {
    since: Millis,
    /// Announced blocks that are on nobody's branch.
    blocks: usize,
}

#[derive(Debug, Clone)]
pub struct Chain {
    settings: ChainSettings,
    gate: Gate,
    tracker: Tracker,
    claims: Claims,
    asked: Asked,
    /// Announced and not taken back, the newest last.
    announced: Vec<Announced>,
    announcements: u64,
    /// When the head was announced.
    moved: Millis,
    /// The last head after which nothing was left to announce, and when that was: what a chain can have grown to counts from it.
    caught_up: (u64, Millis),
    /// Logs of blocks that are not announced yet.
    logs: BTreeMap<Hash, Arc<Vec<Log>>>,
    /// Blocks that nodes told of by themselves, with the parents they told, and are not announced yet.
    told_of: BTreeMap<Hash, (u64, Hash)>,
    /// Since when the claims have been far below the head.
    disowned_since: Option<Millis>,
    /// Where every node was seen on another branch than the head's.
    deserted: Option<Deserted>,
    /// The head that was left because all are far below it, until the next is announced.
    left: Option<Head>,
    began: Option<Millis>,
    /// What it was made of, and the picture.
    recent: (Option<(Head, u64, u64)>, Arc<Recent>),
}

impl Chain {
    pub fn new(settings: ChainSettings) -> Self {
        Self {
            settings,
            gate: Gate { block_time_ms: settings.block_time_ms },
            tracker: Tracker::new(settings.numbering),
            claims: Claims::default(),
            asked: Asked::default(),
            announced: Vec::new(),
            announcements: 0,
            moved: Millis(0),
            caught_up: (0, Millis(0)),
            logs: BTreeMap::new(),
            told_of: BTreeMap::new(),
            disowned_since: None,
            deserted: None,
            left: None,
            began: None,
            recent: (None, Arc::default()),
        }
    }

    /// The configuration was read again. What blocks are stays what it is.
    pub fn set_settings(&mut self, settings: ChainSettings) {
        self.gate = Gate { block_time_ms: settings.block_time_ms };
        self.settings = ChainSettings { numbering: self.settings.numbering, ..settings };
    }

    pub fn head(&self) -> Option<Head> {
        self.announced.last().map(|last| Head { number: last.block.number, hash: last.block.hash })
    }

    /// How many blocks were announced so far: where a new subscriber's cursor stands.
    pub fn announcements(&self) -> u64 {
        self.announcements
    }

    /// A node says that this is its head. How that is linked is believed only of what it answers when it is asked.
    pub fn claimed(&mut self, now: Millis, node: NodeId, block: &Block) {
        self.began.get_or_insert(now);
        let number = self.tracker.get(block.hash).map_or(block.number, |known| known.number);
        let head = Head { number, hash: block.hash };
        if self.told_of.len() < TOLD_OF_MAX {
            self.told_of.insert(head.hash, (number, block.parent));
        }
        self.claims.set(now, node, head, block.parent);
    }

    /// Says who lied, if that came out.
    pub fn fetched(&mut self, now: Millis, node: NodeId, hash: Hash, result: Fetched) -> Vec<Step> {
        let liars = match result {
            Fetched::Found(block) if block.hash == hash => {
                let kept: Vec<Hash> = self.announced.iter().map(|announced| announced.block.hash).collect();
                match self.tracker.insert(block, node, &kept) {
                    Inserted::Disputed(outvoted) => outvoted,
                    Inserted::New | Inserted::Known | Inserted::Crowded => NodeSet::EMPTY,
                }
            }
            Fetched::Found(_) => NodeSet::only(node),
            Fetched::Absent | Fetched::Failed(_) => {
                self.asked.answered_in_vain(now, node, hash, result == Fetched::Absent);
                return Vec::new();
            }
        };
        if self.tracker.holders(hash).contains(node) {
            self.asked.answered(node, hash);
        } else {
            // Not at once again, or it would be asked for ever.
            self.asked.answered_in_vain(now, node, hash, false);
        }
        liars.iter().for_each(|liar| self.claims.forget(liar));
        liars.iter().map(|node| Step::Lie { node }).collect()
    }

    /// Whether the block is so fresh that a node may tell of it before it can answer for it.
    pub fn may_be_early(&self, now: Millis, node: NodeId, hash: Hash) -> bool {
        let is_announced = self.announced.iter().rev().any(|announced| announced.block.hash == hash);
        let asked_in_vain = self.asked.in_vain_since(node, hash);
        !is_announced && asked_in_vain.is_none_or(|since| now.since(since) < EARLY_MS)
    }

    /// `None` where the node had no answer that can be true, or none at all.
    pub fn logs_fetched(&mut self, now: Millis, node: NodeId, hash: Hash, logs: Option<Vec<Log>>) {
        match logs.filter(|logs| self.has_all(now, node, hash, logs)) {
            Some(logs) => {
                self.asked.logs_answered(hash);
                let is_announced = self.announced.iter().any(|announced| announced.block.hash == hash);
                if self.tracker.get(hash).is_some() && !is_announced {
                    self.logs.entry(hash).or_insert_with(|| Arc::new(logs));
                }
            }
            None => self.asked.logs_answered_in_vain(now, node, hash),
        }
    }

    /// A node that answers before it has indexed the block has no logs, and the header says that there are some. Where nobody
    /// has them for long, the header is wrong.
    fn has_all(&self, now: Millis, node: NodeId, hash: Hash, logs: &[Log]) -> bool {
        let bloom = self.tracker.get(hash).and_then(|block| block.bloom.as_ref());
        let (Some(bloom), BloomUse::Trusted) = (bloom, self.settings.bloom) else { return true };
        let doubted = self.asked.logs_in_vain_since(node, hash);
        Bloom::of(logs.iter().map(|log| &log.key)).has_all_of(bloom)
            || doubted.is_some_and(|since| now.since(since) >= DOUBTED_MS)
    }

    /// What the node said last is old; what it was seen to have it still has.
    pub fn forget_claim(&mut self, node: NodeId) {
        self.claims.forget(node);
    }

    /// Nothing it says counts any more.
    pub fn lied(&mut self, now: Millis, node: NodeId) {
        self.claims.forget(node);
        self.asked.forget(node);
        self.tracker.lied(now, node);
    }

    /// The node is gone.
    pub fn forget(&mut self, node: NodeId) {
        self.claims.forget(node);
        self.asked.forget(node);
        self.tracker.forget_node(node);
    }

    /// The number a node claims, and when that last changed.
    pub fn claim_of(&self, node: NodeId) -> Option<(Head, Millis)> {
        self.claims.of(node).map(|claimed| (claimed.head, claimed.moved))
    }

    /// When the head was announced.
    pub fn moved(&self) -> Millis {
        self.moved
    }

    /// The highest announced block that the node was seen to have.
    pub fn head_at(&self, node: NodeId) -> u64 {
        self.newest_at(node).map_or(0, |at| self.announced[at].block.number)
    }

    /// Where among the announced blocks the highest stands that the node was seen to have.
    fn newest_at(&self, node: NodeId) -> Option<usize> {
        self.announced.iter().rposition(|announced| self.tracker.holders(announced.block.hash).contains(node))
    }

    /// The highest announced block that the node was seen to have, unless it says that it left that for a lower one of another
    /// branch.
    pub fn height_of(&self, node: NodeId) -> u64 {
        let Some(at) = self.newest_at(node) else { return 0 };
        let held = &self.announced[at].block;
        let lower = self.claims.of(node).filter(|claimed| claimed.head.number < held.number);
        let left = lower.and_then(|claimed| {
            match self.tracker.path(held.hash, claimed.head.hash, self.blocks_max()) {
                Path::Linked { retract, apply } if !apply.is_empty() => Some(retract.len()),
                _ => None,
            }
        });
        let at = at.checked_sub(left.unwrap_or(0));
        at.and_then(|at| self.announced.get(at)).map_or(0, |announced| announced.block.number)
    }

    /// The newest announced block that can be asked for. What only liars had, and what all nodes have left for another branch, is
    /// waited for no longer; it is taken back when there is something as high.
    pub fn standing(&self, now: Millis) -> Option<Head> {
        let is_long_ago = |since: Millis| now.since(since) >= advance::GONE_MS;
        let is_made_up = |announced: &&Announced| {
            self.tracker.made_up_since(announced.block.hash).is_some_and(is_long_ago)
        };
        let left = self.deserted.filter(|deserted| is_long_ago(deserted.since)).map_or(0, |left| left.blocks);
        let newest = self.announced.iter().rev().skip(left).find(|announced| !is_made_up(announced));
        newest
            .map(|newest| Head { number: newest.block.number, hash: newest.block.hash })
            .or_else(|| self.head())
    }

    /// Made anew only where something of it changed.
    pub fn recent(&mut self) -> Arc<Recent> {
        let of = self.head().map(|head| (head, self.announcements, self.tracker.changes()));
        if self.recent.0 != of {
            let newest = self.announced.iter().rev().take(RECENT_BLOCKS);
            let holders =
                newest.map(|announced| (announced.block.hash, self.tracker.holders(announced.block.hash)));
            self.recent = (of, Arc::new(Recent { holders: holders.collect() }));
        }
        Arc::clone(&self.recent.1)
    }

    /// When something is to be tried again, or decided without those who did not speak.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let first = match (self.head(), self.began) {
            (None, Some(began)) => {
                vec![began.plus(self.settings.first_head_wait_ms), began.plus(self.tie_wait_ms())]
            }
            _ => Vec::new(),
        };
        let after = |since: Option<Millis>, ms: u64| since.map(|since| since.plus(ms));
        let others = [
            after(self.disowned_since, advance::DISOWNED_MS),
            after(self.deserted.map(|deserted| deserted.since), advance::GONE_MS),
            self.asked.wake_at(now),
        ];
        let made_up =
            self.announced.iter().rev().map_while(|block| self.tracker.made_up_since(block.block.hash));
        let others = others.into_iter().flatten().chain(made_up.map(|since| since.plus(advance::GONE_MS)));
        first.into_iter().chain(others).filter(|at| *at > now).min()
    }

    /// How long it takes to see which of two chains grows.
    fn tie_wait_ms(&self) -> u64 {
        self.settings
            .block_time_ms
            .saturating_mul(2)
            .min(TIE_WAIT_MS_MAX)
            .max(self.settings.first_head_wait_ms)
    }

    /// Whether the chain can have grown so far.
    pub fn can_reach(&self, now: Millis, number: u64) -> bool {
        number <= self.highest(now)
    }

    /// The highest number that can be true now.
    fn highest(&self, now: Millis) -> u64 {
        self.highest_after(self.caught_up.0, now)
    }

    /// The same, if that number was true when everything had been announced.
    fn highest_after(&self, number: u64, now: Millis) -> u64 {
        let elapsed_ms = self.head().map_or(0, |_| now.since(self.caught_up.1));
        self.gate.number_max(number, elapsed_ms)
    }
}

#[cfg(test)]
mod tests;
