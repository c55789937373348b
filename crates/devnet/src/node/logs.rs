//! `eth_getLogs`. It must never know a subscription.

use std::sync::Arc;

use serde_json::Value;

use super::answer::{Outcome, RpcError};
use super::log_filter::{LogFilter, Range};
use super::params::{BlockRef, Params};
use super::{Node, World};
use crate::chain::{Block, json};

/// Blocks of one question. A longer range is an error, as providers have it.
const BLOCKS_MAX: u64 = 10_000;
/// Logs of one answer. More is an error.
const LOGS_MAX: usize = 20_000;

impl Node {
    pub(super) fn get_logs(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(1)?;
        let asked = params.required(0)?;
        let filter = LogFilter::read(asked, 0)?;
        let blocks = match Range::read(asked, 0)? {
            Range::Block(hash) => {
                let block = self.view().block(world.chain, &hash);
                vec![block.ok_or_else(|| RpcError::server("unknown block"))?]
            }
            Range::Between(from, to) => self.between(from, to, world)?,
        };
        let mut found = Vec::new();
        for block in blocks {
            found.extend(filter.of(block).map(|log| json::log(log, block, false)));
            if found.len() > LOGS_MAX {
                return Err(RpcError::new(-32_005, format!("query returned more than {LOGS_MAX} results")));
            }
        }
        Ok(Value::Array(found))
    }

    fn between<'w>(
        &self,
        from: BlockRef,
        to: BlockRef,
        world: &World<'w>,
    ) -> Result<Vec<&'w Arc<Block>>, RpcError> {
        let number = |block: BlockRef| match block {
            BlockRef::Number(number) => Ok(number),
            other => {
                self.resolve(other, world).map(|block| block.number()).ok_or_else(RpcError::header_not_found)
            }
        };
        let (from, to) = (number(from)?, number(to)?);
        if from > to {
            return Err(RpcError::server("invalid block range params"));
        }
        // What lies beyond the head is nothing, and no error.
        let to = to.min(self.view().readable(world.chain).number());
        if to.saturating_sub(from) >= BLOCKS_MAX {
            return Err(RpcError::server(format!("exceed maximum block range: {BLOCKS_MAX}")));
        }
        Ok((from..=to).filter_map(|number| self.view().by_number(world.chain, number)).collect())
    }
}
