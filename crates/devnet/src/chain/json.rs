//! Blocks, transactions, logs and receipts as geth shows them over JSON-RPC. It must never know who asked.

use serde_json::{Map, Value, json};

use super::block::{Block, Header, Log, NO_ITEMS, NO_REQUESTS, NO_UNCLES};
use super::content::bloom;
use super::hex::{Address, Hash, data, quantity};
use super::transaction::Transaction;

/// A header, as `newHeads` announces it.
pub fn header(hash: &Hash, header: &Header) -> Map<String, Value> {
    let fields = json!({
        "hash": hash,
        "parentHash": header.parent,
        "sha3Uncles": NO_UNCLES,
        "miner": header.miner,
        "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root,
        "receiptsRoot": header.receipts_root,
        "logsBloom": header.bloom.to_string(),
        "difficulty": "0x0",
        "number": quantity(header.number),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "extraData": data(&header.extra),
        "mixHash": header.mix,
        "nonce": "0x0000000000000000",
        "baseFeePerGas": quantity(header.base_fee),
        "withdrawalsRoot": NO_ITEMS,
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": header.parent_beacon_root,
        "requestsHash": NO_REQUESTS,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A block, as `eth_getBlockByHash` shows it: transactions in full, or only their hashes.
pub fn block(block: &Block, chain_id: u64, full: bool) -> Value {
    let mut fields = header(&block.hash, &block.header);
    let transactions: Vec<Value> = block
        .transactions
        .iter()
        .enumerate()
        .map(
            |(at, held)| {
                if full { transaction(held, Some((block, at)), chain_id) } else { json!(held.hash) }
            },
        )
        .collect();
    // A header has about 600 bytes, and a made-up transaction about 180.
    let size = 600 + 180 * transactions.len() as u64;
    fields.insert("size".to_owned(), json!(quantity(size)));
    fields.insert("uncles".to_owned(), json!([]));
    fields.insert("withdrawals".to_owned(), json!([]));
    fields.insert("transactions".to_owned(), Value::Array(transactions));
    Value::Object(fields)
}

/// A transaction, in its place in a block or without one.
pub fn transaction(transaction: &Transaction, place: Option<(&Block, usize)>, chain_id: u64) -> Value {
    let price = effective_price(transaction, place.map(|(block, _)| block));
    let mut fields = json!({
        "blockHash": place.map(|(block, _)| block.hash),
        "blockNumber": place.map(|(block, _)| quantity(block.number())),
        "transactionIndex": place.map(|(_, at)| quantity(at as u64)),
        "hash": transaction.hash,
        "type": quantity(transaction.kind),
        "from": transaction.from,
        "to": transaction.to,
        "nonce": quantity(transaction.nonce),
        "value": quantity(transaction.value),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(price),
        "input": data(&transaction.input),
        "v": quantity(transaction.v),
        "r": short(&transaction.r),
        "s": short(&transaction.s),
    });
    if transaction.kind > 0 {
        fields["chainId"] = json!(quantity(chain_id));
        fields["accessList"] = json!([]);
        fields["yParity"] = json!(quantity(transaction.v));
    }
    if transaction.kind > 1 {
        fields["maxFeePerGas"] = json!(quantity(transaction.fee_max));
        fields["maxPriorityFeePerGas"] = json!(quantity(transaction.tip_max));
    }
    fields
}

pub fn log(log: &Log, block: &Block, removed: bool) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics,
        "data": data(&log.data),
        "blockHash": block.hash,
        "blockNumber": quantity(block.number()),
        "blockTimestamp": quantity(block.header.timestamp),
        "transactionHash": log.transaction,
        "transactionIndex": quantity(log.transaction_index),
        "logIndex": quantity(log.index),
        "removed": removed,
    })
}

/// The receipt of the transaction at a place of a block.
pub fn receipt(block: &Block, at: usize) -> Option<Value> {
    let transaction = block.transactions.get(at)?;
    let each = block.header.gas_used / block.transactions.len().max(1) as u64;
    let held: Vec<Log> = block.logs_of(&transaction.hash).cloned().collect();
    let logs: Vec<Value> = held.iter().map(|held| log(held, block, false)).collect();
    Some(json!({
        "blockHash": block.hash,
        "blockNumber": quantity(block.number()),
        "transactionHash": transaction.hash,
        "transactionIndex": quantity(at as u64),
        "from": transaction.from,
        "to": transaction.to,
        "contractAddress": Option::<Address>::None,
        "cumulativeGasUsed": quantity(each * (at as u64 + 1)),
        "gasUsed": quantity(each),
        "effectiveGasPrice": quantity(effective_price(transaction, Some(block))),
        "logs": logs,
        "logsBloom": bloom(&held).to_string(),
        "status": "0x1",
        "type": quantity(transaction.kind),
    }))
}

fn effective_price(transaction: &Transaction, block: Option<&Block>) -> u128 {
    let base = block.map_or(transaction.fee_max, |block| u128::from(block.header.base_fee));
    transaction.fee_max.min(base.saturating_add(transaction.tip_max))
}

/// Halves of a signature are quantities: without leading zeros.
fn short(hash: &Hash) -> String {
    let digits = hash.to_string();
    let digits = digits.trim_start_matches("0x").trim_start_matches('0');
    if digits.is_empty() { "0x0".to_owned() } else { format!("0x{digits}") }
}
