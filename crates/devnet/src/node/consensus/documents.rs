//! Beacon blocks and headers as JSON. It must never know who asked.

use serde_json::{Value, json};

use crate::chain::hex::{Fixed, data};
use crate::chain::{Block, keccak256_of};

/// The name of the fork whose blocks these look like.
pub(super) const VERSION: &str = "electra";

pub(super) fn header(block: &Block, canonical: bool) -> Value {
    json!({
        "root": block.root,
        "canonical": canonical,
        "header": {
            "message": {
                "slot": block.slot.to_string(),
                "proposer_index": proposer(block),
                "parent_root": block.parent_root(),
                "state_root": block.state_root(),
                "body_root": keccak256_of(&[b"beacon body", &block.root.0]),
            },
            "signature": signature(block),
        },
    })
}

/// A block with little in it: enough to find the execution block.
pub(super) fn block(block: &Block) -> Value {
    let payload = json!({
        "parent_hash": block.parent(),
        "fee_recipient": block.header.miner,
        "state_root": block.header.state_root,
        "receipts_root": block.header.receipts_root,
        "prev_randao": block.header.mix,
        "block_number": block.number().to_string(),
        "gas_limit": block.header.gas_limit.to_string(),
        "gas_used": block.header.gas_used.to_string(),
        "timestamp": block.header.timestamp.to_string(),
        "base_fee_per_gas": block.header.base_fee.to_string(),
        "block_hash": block.hash,
        "transactions": [],
        "withdrawals": [],
    });
    json!({
        "message": {
            "slot": block.slot.to_string(),
            "proposer_index": proposer(block),
            "parent_root": block.parent_root(),
            "state_root": block.state_root(),
            "body": {
                "randao_reveal": signature(block),
                "graffiti": data(&[0; 32]),
                "proposer_slashings": [],
                "attester_slashings": [],
                "attestations": [],
                "deposits": [],
                "voluntary_exits": [],
                "execution_payload": payload,
            },
        },
        "signature": signature(block),
    })
}

fn proposer(block: &Block) -> String {
    (block.slot % 64).to_string()
}

fn signature(block: &Block) -> Fixed<96> {
    let mut bytes = [0; 96];
    bytes.iter_mut().zip(block.root.0.iter().cycle()).for_each(|(to, from)| *to = *from);
    Fixed(bytes)
}
