//! The methods by name. It must never know how one is done.

use serde_json::{Value, json};

use super::answer::{Outcome, RpcError};
use super::fault::{Face, Fault};
use super::handle::{Asked, Origin};
use super::params::Params;
use super::{Node, World};
use crate::chain::hex::quantity;

/// Bytes that `devnet_large` answers with at most.
const LARGE_BYTES_MAX: u64 = 512 << 20;
/// How long `devnet_sleep` waits at most.
pub(super) const SLEEP_MS_MAX: u64 = 600_000;

impl Node {
    pub(super) fn call(
        &mut self,
        method: &str,
        params: &Params,
        asked: Asked,
        world: &mut World<'_>,
    ) -> Outcome {
        match method {
            "eth_chainId" => Ok(json!(quantity(self.chain_id(world)))),
            "net_version" => Ok(json!(self.chain_id(world).to_string())),
            "net_listening" => Ok(json!(true)),
            "net_peerCount" => Ok(json!(quantity(self.peers()))),
            "web3_clientVersion" => Ok(json!(self.plan().client)),
            "eth_syncing" => Ok(self.syncing(world)),
            "eth_accounts" => Ok(json!([])),

            "eth_blockNumber" => Ok(json!(quantity(self.claimed_number(world)))),
            "eth_getBlockByHash" => self.block_by_hash(params, world),
            "eth_getBlockByNumber" => self.block_by_number(params, world),
            "eth_getBlockReceipts" => self.block_receipts(params, world),
            "eth_getTransactionByHash" => self.transaction_by_hash(params, world),
            "eth_getTransactionReceipt" => self.transaction_receipt(params, world),
            "eth_getLogs" => self.get_logs(params, world),

            "eth_getBalance" => self.balance(params, world),
            "eth_getTransactionCount" => self.transaction_count(params, world),
            "eth_getCode" => self.code(params, world),
            "eth_call" => self.eth_call(params, world),
            "eth_estimateGas" => self.estimate_gas(params, world),
            "eth_gasPrice" => Ok(json!(quantity(self.gas_price(world)))),
            "eth_maxPriorityFeePerGas" => Ok(json!(quantity(1_000_000_000_u64))),
            "eth_sendRawTransaction" => self.send_raw_transaction(params, world),

            "eth_newFilter" => self.new_log_poll(params, world),
            "eth_newBlockFilter" => self.new_block_poll(world),
            "eth_newPendingTransactionFilter" => self.new_pending_poll(world),
            "eth_getFilterChanges" => self.poll_changes(params, world),
            "eth_uninstallFilter" => self.uninstall_poll(params),

            "eth_subscribe" => self.subscribe(params, asked),
            "eth_unsubscribe" => self.unsubscribe(params, asked.origin),

            "devnet_large" => large(params),
            "devnet_sleep" => sleep(params),
            _ => Err(RpcError::unknown_method(method)),
        }
    }

    fn chain_id(&self, world: &World<'_>) -> u64 {
        let wrong = self.switches().find(Face::Execution, |fault| match fault {
            Fault::WrongChain { chain_id } => Some(*chain_id),
            _ => None,
        });
        wrong.unwrap_or(world.chain.origin().chain_id)
    }

    fn peers(&self) -> u64 {
        let said = self.switches().find(Face::Execution, |fault| match fault {
            Fault::Peers { count } => Some(*count),
            _ => None,
        });
        said.unwrap_or(self.plan().peers)
    }

    /// `false`, or where it stands and where it wants to be.
    pub(super) fn syncing(&self, world: &World<'_>) -> Value {
        if !self.is_syncing() {
            return json!(false);
        }
        json!({
            "startingBlock": "0x0",
            "currentBlock": quantity(self.view().readable(world.chain).number()),
            "highestBlock": quantity(world.chain.head().number()),
        })
    }
}

impl Asked {
    pub(super) fn socket(self) -> Option<super::ConnectionId> {
        match self.origin {
            Origin::Http => None,
            Origin::Socket(connection) => Some(connection),
        }
    }
}

fn large(params: &Params) -> Outcome {
    let bytes = params.number(0)?;
    if bytes > LARGE_BYTES_MAX {
        return Err(RpcError::invalid_params(format!("at most {LARGE_BYTES_MAX} bytes")));
    }
    Ok(Value::String("a".repeat(usize::try_from(bytes).unwrap_or(0))))
}

/// The waiting is done by whoever sends the answer.
fn sleep(params: &Params) -> Outcome {
    match params.number(0)? {
        ms if ms > SLEEP_MS_MAX => Err(RpcError::invalid_params(format!("at most {SLEEP_MS_MAX} ms"))),
        _ => Ok(json!(true)),
    }
}
