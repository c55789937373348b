//! Every block that was ever on the main branch, in the order in which it came or went, and those that only some nodes were on: the
//! truth that clients are compared with. It must never know a node.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::chain::{BLOCKS_MAX, Block, Hash};

/// Steps that are kept; of older ones only their number is known.
const STEPS_MAX: usize = BLOCKS_MAX;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Added { at_ms: u64, block: Arc<Block> },
    Removed { at_ms: u64, block: Arc<Block> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    steps: VecDeque<Step>,
    forgotten: u64,
    /// Blocks of other branches, the newest last.
    aside: VecDeque<Arc<Block>>,
}

impl History {
    pub(super) fn new(genesis: Arc<Block>) -> Self {
        let steps = VecDeque::from([Step::Added { at_ms: 0, block: genesis }]);
        Self { steps, forgotten: 0, aside: VecDeque::new() }
    }

    pub(super) fn added(&mut self, at_ms: u64, block: Arc<Block>) {
        self.push(Step::Added { at_ms, block });
    }

    pub(super) fn removed(&mut self, at_ms: u64, block: Arc<Block>) {
        self.push(Step::Removed { at_ms, block });
    }

    pub(super) fn put_aside(&mut self, block: Arc<Block>) {
        self.aside.push_back(block);
        if self.aside.len() > STEPS_MAX {
            self.aside.pop_front();
        }
    }

    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The main branch as it is now, as far back as it is known.
    pub fn main(&self) -> Vec<Arc<Block>> {
        let mut main: Vec<Arc<Block>> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Added { block, .. } => main.push(Arc::clone(block)),
                Step::Removed { .. } => _ = main.pop(),
            }
        }
        main
    }

    /// The block, if it was ever on the main branch.
    pub fn find(&self, hash: &Hash) -> Option<&Arc<Block>> {
        self.steps.iter().map(Step::block).find(|block| block.hash == *hash)
    }

    /// A block that was never on the main branch, and how many blocks that were not lead to it, itself included.
    pub fn find_aside(&self, hash: &Hash) -> Option<(&Arc<Block>, usize)> {
        let aside = |hash: &Hash| self.aside.iter().find(|block| block.hash == *hash);
        let found = aside(hash)?;
        let mut parent = found.parent();
        for depth in 1..=self.aside.len() {
            if self.find(&parent).is_some() {
                return Some((found, depth));
            }
            parent = aside(&parent)?.parent();
        }
        None
    }

    /// The last steps, for people and programs outside.
    pub fn to_json(&self, last: usize) -> Value {
        let skipped = self.steps.len().saturating_sub(last);
        let steps: Vec<Value> = self.steps.iter().skip(skipped).map(Step::to_json).collect();
        json!({ "forgotten": self.forgotten.saturating_add(skipped as u64), "steps": steps })
    }

    fn push(&mut self, step: Step) {
        self.steps.push_back(step);
        if self.steps.len() > STEPS_MAX {
            self.steps.pop_front();
            self.forgotten += 1;
        }
    }
}

impl Step {
    pub fn block(&self) -> &Arc<Block> {
        match self {
            Self::Added { block, .. } | Self::Removed { block, .. } => block,
        }
    }

    fn to_json(&self) -> Value {
        let (step, at_ms, block) = match self {
            Self::Added { at_ms, block } => ("added", at_ms, block),
            Self::Removed { at_ms, block } => ("removed", at_ms, block),
        };
        let logs: Vec<Value> = block
            .logs
            .iter()
            .map(|log| json!({ "index": log.index, "address": log.address, "topics": log.topics }))
            .collect();
        json!({
            "step": step,
            "at_ms": at_ms,
            "number": block.number(),
            "slot": block.slot,
            "hash": block.hash,
            "parent": block.parent(),
            "logs": logs,
        })
    }
}
