//! What a devnet is made from. It must never know addresses or ports.

use serde::{Deserialize, Serialize};

use crate::chain::{BLOCKS_MAX, Origin};
use crate::node::NodePlan;

const NODES_MAX: usize = 32;
/// In November 2023.
const EPOCH_S: u64 = 1_700_000_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// The same seed gives the same blocks and ids.
    pub seed: u64,
    pub chain_id: u64,
    /// Seconds since 1970 at which the clock of the devnet stands at 0: the time of the first block. `None`: when it is
    /// served, the time of the start; otherwise a time of no meaning.
    pub epoch_s: Option<u64>,
    /// Between blocks, where they are mined by themselves; also the length of a slot.
    pub block_ms: u64,
    /// Blocks that are there from the beginning.
    pub blocks_at_start: u64,
    /// Every so many blocks a slot stays empty; 0: none.
    pub missed_slot_every: u64,
    /// How long a transaction takes from one node to the others.
    pub gossip_ms: u64,
    pub nodes: Vec<NodePlan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("a devnet has 1 to {NODES_MAX} nodes, not {0}")]
    Nodes(usize),
    #[error("at most {max} blocks can be there at the start", max = BLOCKS_MAX / 2)]
    BlocksAtStart,
    #[error("the time between blocks is at least 1 ms")]
    BlockTime,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            chain_id: 1_337,
            epoch_s: None,
            block_ms: 1_000,
            blocks_at_start: 10,
            missed_slot_every: 0,
            gossip_ms: 50,
            nodes: vec![NodePlan::default(); 2],
        }
    }
}

impl Plan {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        match self {
            Self { nodes, .. } if nodes.is_empty() || nodes.len() > NODES_MAX => {
                Err(PlanError::Nodes(nodes.len()))
            }
            Self { blocks_at_start, .. } if *blocks_at_start > BLOCKS_MAX as u64 / 2 => {
                Err(PlanError::BlocksAtStart)
            }
            Self { block_ms: 0, .. } => Err(PlanError::BlockTime),
            _ => Ok(()),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        let epoch_s = self.epoch_s.unwrap_or(EPOCH_S);
        Origin { seed: self.seed, chain_id: self.chain_id, epoch_s, slot_ms: self.block_ms }
    }
}
