//! The one chain of a pool that clients are shown: which head is next, what lies between, and whether its data can be had.
//! Each block is announced once, on its parent; what a reorganisation takes back is told before the new side. It must
//! never know who is subscribed: it is told whether somebody wants a block's logs.

mod advance;
mod asked;
mod claims;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cluster::Gate;
use super::tracker::{Inserted, Numbering, Tracker};
use super::wire::Log;
use super::{Block, Fault, Hash, Head, Millis, NodeId, NodeSet, Recent, Tier};
use asked::Asked;
use claims::Claims;

/// Announced blocks that are kept, so that what a client may still be told of them can be taken back.
pub const KEEP_BLOCKS: u64 = 128;
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
}

/// What the pool knows of a node, for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voter {
    pub node: NodeId,
    pub tier: Tier,
    /// Whether it may be given calls, so that what it has can be had.
    pub is_routable: bool,
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
    /// Since when every claim has been far below the head.
    disowned_since: Option<Millis>,
    /// The head that was left because of it, until the next is announced.
    left: Option<Head>,
    began: Option<Millis>,
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
            disowned_since: None,
            left: None,
            began: None,
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

    /// A node says that this is its head.
    pub fn claimed(&mut self, now: Millis, node: NodeId, block: Block) -> Option<Step> {
        self.began.get_or_insert(now);
        let head = Head { number: block.number, hash: block.hash };
        let is_near = self.is_near(head.number, now);
        if is_near && self.tracker.insert(block) == Inserted::Contradicts {
            self.claims.forget(node);
            return Some(Step::Lie { node });
        }
        self.claims.set(now, node, head);
        None
    }

    pub fn fetched(&mut self, now: Millis, node: NodeId, hash: Hash, result: Fetched) -> Option<Step> {
        let answer = match result {
            Fetched::Found(block) if block.hash == hash => self.tracker.insert(block),
            Fetched::Found(_) => Inserted::Contradicts,
            Fetched::Absent | Fetched::Failed(_) => {
                self.asked.answered_in_vain(now, node, hash, result == Fetched::Absent);
                return None;
            }
        };
        self.asked.answered(node, hash);
        match answer {
            Inserted::New | Inserted::Known => self.tracker.seen_at(hash, node),
            Inserted::Crowded => {}
            Inserted::Contradicts => {
                self.claims.forget(node);
                return Some(Step::Lie { node });
            }
        }
        None
    }

    /// `None` where the node had no answer that can be true, or none at all.
    pub fn logs_fetched(&mut self, now: Millis, node: NodeId, hash: Hash, logs: Option<Vec<Log>>) {
        match logs {
            Some(logs) => {
                self.asked.logs_answered(hash);
                if self.tracker.get(hash).is_some() {
                    self.logs.insert(hash, Arc::new(logs));
                }
            }
            None => self.asked.logs_answered_in_vain(now, node, hash),
        }
    }

    /// What the node said last is old; what it was seen to have it still has.
    pub fn forget_claim(&mut self, node: NodeId) {
        self.claims.forget(node);
    }

    /// The node is gone, or nothing it says counts any more.
    pub fn forget(&mut self, node: NodeId) {
        self.claims.forget(node);
        self.asked.forget(node);
        self.tracker.forget_node(node);
    }

    /// The number a node claims, and when that last changed.
    pub fn claim_of(&self, node: NodeId) -> Option<(Head, Millis)> {
        self.claims.of(node)
    }

    /// When the head was announced.
    pub fn moved(&self) -> Millis {
        self.moved
    }

    /// The highest announced block that the node was seen to have.
    pub fn head_at(&self, node: NodeId) -> u64 {
        let has = |announced: &&Announced| self.tracker.holders(announced.block.hash).contains(node);
        self.announced.iter().rev().find(has).map_or(0, |announced| announced.block.number)
    }

    pub fn recent(&self) -> Recent {
        let newest = self.announced.iter().rev().take(RECENT_BLOCKS);
        let holders =
            newest.map(|announced| (announced.block.hash, self.tracker.holders(announced.block.hash)));
        Recent { holders: holders.filter(|(_, nodes)| *nodes != NodeSet::EMPTY).collect() }
    }

    /// When something is to be tried again, or decided without those who did not speak.
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        let first = match (self.head(), self.began) {
            (None, Some(began)) => Some(began.plus(self.settings.first_head_wait_ms)),
            _ => None,
        };
        let disowned = self.disowned_since.map(|since| since.plus(advance::DISOWNED_MS));
        [first, disowned, self.asked.wake_at()].into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Whether a block of this number can be linked to what is known.
    fn is_near(&self, number: u64, now: Millis) -> bool {
        let Some(head) = self.head() else { return true };
        let lowest = head.number.saturating_sub(self.settings.gap_blocks_max);
        (lowest..=self.highest(now)).contains(&number)
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
