//! How long nodes take, as far as it decides when a second one is asked: a digest for each node and class, small and of
//! fixed size, in which the past fades. It must never know a single call.

use super::{Class, Millis, NodeId, NodeSet};

/// Two bits below the leading one choose the bucket: it is off by at most a quarter.
const SUB_BITS: u32 = 2;
/// Up to 131 s; what takes longer counts as that.
const BUCKETS: usize = 64;
/// Of fewer answers nothing is concluded.
const SAMPLES_MIN: u32 = 20;
/// The slowest twentieth is what hedging is for.
const SLOWEST_ONE_IN: u32 = 20;

#[derive(Debug, Clone)]
struct Digest {
    counts: [u32; BUCKETS],
    total: u32,
    halved_at: Millis,
}

/// When to ask a second node, as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HedgeDelay {
    pub min_ms: u64,
    /// Also the delay as long as too little is known.
    pub max_ms: u64,
    /// After this time, what was counted counts half.
    pub half_life_ms: u64,
}

/// Of all nodes of one pool.
#[derive(Debug, Clone)]
pub struct Latencies {
    delay: HedgeDelay,
    /// By node, then by class; grown as nodes answer, and never beyond [`NodeSet::NODES_MAX`] nodes.
    digests: Vec<Digest>,
}

impl Default for Digest {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0, halved_at: Millis(0) }
    }
}

impl Digest {
    fn add(&mut self, now: Millis, ms: u64, half_life_ms: u64) {
        self.fade(now, half_life_ms);
        let count = &mut self.counts[bucket(ms)];
        *count = count.saturating_add(1);
        self.total = self.total.saturating_add(1);
    }

    fn fade(&mut self, now: Millis, half_life_ms: u64) {
        let halvings = now.since(self.halved_at) / half_life_ms.max(1);
        if halvings == 0 {
            return;
        }
        self.halved_at = now;
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        self.counts.iter_mut().for_each(|count| *count = count.checked_shr(halvings).unwrap_or(0));
        self.total = self.counts.iter().fold(0, |total, count| total.saturating_add(*count));
    }

    /// What 19 of 20 answers do not exceed, upwards to the edge of a bucket.
    fn p95_ms(&self) -> Option<u64> {
        if self.total < SAMPLES_MIN {
            return None;
        }
        let mut slower = 0_u32;
        for (bucket, count) in self.counts.iter().enumerate().rev() {
            slower = slower.saturating_add(*count);
            if slower > self.total / SLOWEST_ONE_IN {
                return Some(last_ms_of(bucket));
            }
        }
        None
    }
}

impl Latencies {
    pub fn new(delay: HedgeDelay) -> Self {
        Self { delay, digests: Vec::new() }
    }

    /// An answer took that long, or was given up on after that long.
    pub fn add(&mut self, now: Millis, node: NodeId, class: Class, ms: u64) {
        let Some(place) = place(node, class) else { return };
        if place >= self.digests.len() {
            self.digests.resize_with(place + 1, Digest::default);
        }
        self.digests[place].add(now, ms, self.delay.half_life_ms);
    }

    /// The node's id is another's from now on.
    pub fn forget(&mut self, node: NodeId) {
        let places = [Class::ReadAtTag, Class::ImmutableRead].map(|class| place(node, class));
        for place in places.into_iter().flatten() {
            if let Some(digest) = self.digests.get_mut(place) {
                *digest = Digest::default();
            }
        }
    }

    /// How long an answer of that node may take before a second one is asked.
    pub fn hedge_after_ms(&self, node: NodeId, class: Class) -> u64 {
        let digest = place(node, class).and_then(|place| self.digests.get(place));
        let p95_ms = digest.and_then(Digest::p95_ms).unwrap_or(self.delay.max_ms);
        p95_ms.min(self.delay.max_ms).max(self.delay.min_ms)
    }
}

/// Only reads are hedged.
fn place(node: NodeId, class: Class) -> Option<usize> {
    let class = match class {
        Class::ReadAtTag => 0,
        Class::ImmutableRead => 1,
        Class::Write | Class::StatefulFilter | Class::Subscription | Class::Unsupported => return None,
    };
    let node = usize::from(node.0);
    (node < NodeSet::NODES_MAX).then_some(2 * node + class)
}

fn bucket(ms: u64) -> usize {
    let Some(highest_bit) = ms.checked_ilog2().filter(|bit| *bit >= SUB_BITS) else { return ms as usize };
    let sub = (ms >> (highest_bit - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    let row = (highest_bit - SUB_BITS + 1) as usize;
    ((row << SUB_BITS) + sub as usize).min(BUCKETS - 1)
}

fn last_ms_of(bucket: usize) -> u64 {
    let (row, sub) = (bucket >> SUB_BITS, bucket as u64 & ((1 << SUB_BITS) - 1));
    match row.checked_sub(1) {
        None => sub,
        Some(shift) => (((1 << SUB_BITS) + sub + 1) << shift) - 1,
    }
}

#[cfg(test)]
mod tests;
