//! `eth_sendRawTransaction`. It must never know how a transaction gets into a block.

use serde_json::json;

use super::answer::{Outcome, RpcError};
use super::blocks::unseen;
use super::params::Params;
use super::pool::PoolError;
use super::{Node, World};
use crate::chain::Transaction;

impl Node {
    pub(super) fn send_raw_transaction(&self, params: &Params, world: &mut World<'_>) -> Outcome {
        params.at_most(1)?;
        let server = |error: &dyn std::fmt::Display| RpcError::server(error.to_string());
        let transaction = Transaction::read(&params.data(0)?).map_err(|error| server(&error))?;
        if self.mined(&transaction.hash, world).is_some() {
            let (nonce, next) = (transaction.nonce, world.pool.next_nonce(&transaction.from));
            let next = next.max(nonce.saturating_add(1));
            return Err(server(&PoolError::NonceTooLow { next, nonce }));
        }
        if unseen(&transaction.hash, world).is_some() {
            return Err(server(&PoolError::AlreadyKnown));
        }
        let hash = world.pool.take(self.index, transaction, world.now_ms).map_err(|error| server(&error))?;
        Ok(json!(hash))
    }
}
