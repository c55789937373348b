//! Calls about the state, which here is made of the account and the block alone: so an answer shows at which block it was
//! given. It must never know a contract.

use serde_json::{Value, json};

use super::answer::{Outcome, RpcError};
use super::params::{BlockRef, Params};
use super::{Node, World};
use crate::chain::hex::{data, parse_data, quantity};
use crate::chain::{Address, Block, keccak256_of};

/// Call data that begins with this reverts.
pub const REVERT_CALL: &str = "0xdeadbeef";
/// The selector of `Error(string)`.
const ERROR_SELECTOR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
const REVERT_REASON: &str = "devnet: reverted as asked";
const TIP: u64 = 1_000_000_000;
const GAS_BASE: u64 = 21_000;
const GAS_OF_BYTE: u64 = 16;

/// The balance of an account at a block: another one at every block.
pub fn balance_at(account: &Address, block: &Block) -> u128 {
    let hash = keccak256_of(&[b"balance", &account.0, &block.number().to_be_bytes()]).0;
    hash.iter().take(10).fold(0, |balance, byte| balance << 8 | u128::from(*byte))
}

impl Node {
    pub(super) fn balance(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(2)?;
        let account = params.fixed::<20>(0)?;
        let block = self.state_block(params.block_or_latest(1)?, world)?;
        Ok(json!(quantity(balance_at(&account, block))))
    }

    pub(super) fn transaction_count(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(2)?;
        let account = params.fixed::<20>(0)?;
        self.state_block(params.block_or_latest(1)?, world)?;
        Ok(json!(quantity(world.pool.next_nonce(&account))))
    }

    pub(super) fn code(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(2)?;
        params.fixed::<20>(0)?;
        self.state_block(params.block_or_latest(1)?, world)?;
        Ok(json!("0x"))
    }

    /// Two words: the number of the block at which it was evaluated, and its hash.
    pub(super) fn eth_call(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(4)?;
        let input = input(params)?;
        let block = self.state_block(params.block_or_latest(1)?, world)?;
        reverts(&input)?;
        let mut words = [0; 64];
        words[24..32].copy_from_slice(&block.number().to_be_bytes());
        words[32..].copy_from_slice(&block.hash.0);
        Ok(json!(data(&words)))
    }

    pub(super) fn estimate_gas(&self, params: &Params, world: &World<'_>) -> Outcome {
        params.at_most(3)?;
        let input = input(params)?;
        self.state_block(params.block_or_latest(1)?, world)?;
        reverts(&input)?;
        Ok(json!(quantity(GAS_BASE + GAS_OF_BYTE * input.len() as u64)))
    }

    pub(super) fn gas_price(&self, world: &World<'_>) -> u64 {
        let base = self.resolve(BlockRef::Latest, world).map_or(0, |block| block.header.base_fee);
        base.saturating_add(TIP)
    }
}

/// The data of a call, under either of its names.
fn input(params: &Params) -> Result<Vec<u8>, RpcError> {
    let Value::Object(fields) = params.required(0)? else {
        let reason = "json: cannot unmarshal into Go value of type ethapi.TransactionArgs";
        return Err(super::params::invalid(0, reason));
    };
    let given = fields.get("input").or(fields.get("data")).filter(|value| !value.is_null());
    let Some(given) = given else { return Ok(Vec::new()) };
    let bytes = given.as_str().and_then(parse_data);
    bytes.ok_or_else(|| super::params::invalid(0, "invalid hex string"))
}

/// Error 3 with the reason encoded as a contract would, where the call asks for it.
fn reverts(input: &[u8]) -> Result<(), RpcError> {
    let marker = parse_data(REVERT_CALL).unwrap_or_default();
    if !input.starts_with(&marker) {
        return Ok(());
    }
    let word = |number: usize| {
        let mut word = [0; 32];
        word[24..].copy_from_slice(&(number as u64).to_be_bytes());
        word
    };
    let mut text = REVERT_REASON.as_bytes().to_vec();
    text.resize(text.len().next_multiple_of(32), 0);
    let encoded = [&ERROR_SELECTOR[..], &word(32), &word(REVERT_REASON.len()), &text].concat();
    let message = format!("execution reverted: {REVERT_REASON}");
    Err(RpcError { code: 3, message, data: Some(json!(data(&encoded))) })
}
