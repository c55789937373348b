//! Methods about blocks and what stands in them. It must never know a subscription.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Outcome, RpcError};
use super::fault::{Face, Fault};
use super::params::{BlockRef, Params};
use super::{Node, World};
use crate::chain::{Block, Hash, Header, Transaction, json, keccak256_of};

impl Node {
    /// What the node says its height is.
    pub(super) fn claimed_number(&self, world: &World<'_>) -> u64 {
        let number = self.view().announced(world.chain).number();
        number.saturating_add(self.lie().unwrap_or(0))
    }

    /// How much higher the node says it is.
    pub(super) fn lie(&self) -> Option<u64> {
        self.switches().find(Face::Execution, |fault| match fault {
            Fault::LieHead { ahead } => Some(*ahead),
            _ => None,
        })
    }

    pub(super) fn resolve<'w>(&self, block: BlockRef, world: &World<'w>) -> Option<&'w Arc<Block>> {
        let chain = world.chain;
        match block {
            BlockRef::Hash(hash) => self.view().block(chain, &hash),
            BlockRef::Number(number) => self.view().by_number(chain, number),
            BlockRef::Earliest => self.view().by_number(chain, 0),
            // There is no block that is still being built.
            BlockRef::Latest | BlockRef::Pending => Some(self.view().readable(chain)),
            BlockRef::Safe => self.view().epochs_back(chain, 1),
            BlockRef::Finalized => self.view().epochs_back(chain, 2),
        }
    }

    pub(super) fn block_by_hash(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(2)?;
        let (hash, full) = (params.fixed::<32>(0)?, params.flag(1)?);
        let block = self.view().block(world.chain, &hash);
        Ok(block.map_or(Value::Null, |block| json::block(block, world.chain.origin().chain_id, full)))
    }

    pub(super) fn block_by_number(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(2)?;
        let (block, full) = (params.block(0)?, params.flag(1)?);
        let Some(found) = self.resolve(block, world) else { return Ok(Value::Null) };
        let mut shown = json::block(found, world.chain.origin().chain_id, full);
        if let (Some(ahead), BlockRef::Latest | BlockRef::Pending) = (self.lie(), block) {
            let (hash, header) = made_up(found, ahead);
            json::header(&hash, &header).into_iter().for_each(|(key, value)| shown[key] = value);
        }
        Ok(shown)
    }

    pub(super) fn block_receipts(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(1)?;
        let Some(block) = self.resolve(params.block(0)?, world) else { return Ok(Value::Null) };
        Ok((0..block.transactions.len()).filter_map(|at| json::receipt(block, at)).collect())
    }

    pub(super) fn transaction_by_hash(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(1)?;
        let hash = params.fixed::<32>(0)?;
        let chain_id = world.chain.origin().chain_id;
        if let Some((block, at)) = self.mined(&hash, world) {
            return Ok(json::transaction(&block.transactions[at], Some((block, at)), chain_id));
        }
        let waiting = world.pool.get(self.index, &hash, world.now_ms).or_else(|| unseen(&hash, world));
        Ok(waiting.map_or(Value::Null, |held| json::transaction(held, None, chain_id)))
    }

    pub(super) fn transaction_receipt(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(1)?;
        let mined = self.mined(&params.fixed::<32>(0)?, world);
        Ok(mined.and_then(|(block, at)| json::receipt(block, at)).unwrap_or(Value::Null))
    }

    /// Where a transaction stands on the branch that the node sees.
    pub(super) fn mined<'w>(&self, hash: &Hash, world: &World<'w>) -> Option<(&'w Arc<Block>, usize)> {
        let tip = self.view().readable(world.chain).hash;
        let seen = |block: &&Arc<Block>| world.chain.is_ancestor(&block.hash, &tip);
        let block = world.chain.with_transaction(hash).find(seen)?;
        Some((block, block.position(hash)?))
    }

    /// The block that a call about the state is evaluated at.
    pub(super) fn state_block<'w>(
        &self,
        block: BlockRef,
        world: &World<'w>,
    ) -> Result<&'w Arc<Block>, RpcError> {
        self.resolve(block, world).ok_or_else(RpcError::header_not_found)
    }
}

/// To a node that does not see the block that has it, a transaction still waits.
pub(super) fn unseen<'w>(hash: &Hash, world: &World<'w>) -> Option<&'w Arc<Transaction>> {
    let block = world.chain.with_transaction(hash).next()?;
    block.transactions.get(block.position(hash)?).filter(|held| held.sent)
}

/// A head that nobody mined.
pub(super) fn made_up(block: &Block, ahead: u64) -> (Hash, Header) {
    let mut header = block.header.clone();
    header.number = header.number.saturating_add(ahead);
    header.parent = keccak256_of(&[b"nobody's block", &block.hash.0]);
    (header.hash(), header)
}

/// A header as a subscriber sees it, made up where the node lies.
pub(super) fn head(block: &Block, lie: Option<u64>) -> Value {
    match lie {
        None => json!(json::header(&block.hash, &block.header)),
        Some(ahead) => {
            let (hash, header) = made_up(block, ahead);
            json!(json::header(&hash, &header))
        }
    }
}
