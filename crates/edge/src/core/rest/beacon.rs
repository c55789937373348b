//! The documents and events of the Beacon API, as far as the edge reads them. Roots are hashes and slots are numbers here, so
//! that a chain of them is a chain as any other. It must never know who said what.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::keccak::keccak256;
use crate::core::pool::Readiness;
use crate::core::{Block, Hash, hex};

/// Topics that clients can ask for. A closed list: for each, a node is asked for a stream of it.
pub const TOPICS: &[&str] = &[
    "head",
    "block",
    "block_gossip",
    "attestation",
    "single_attestation",
    "voluntary_exit",
    "bls_to_execution_change",
    "proposer_slashing",
    "attester_slashing",
    "finalized_checkpoint",
    "chain_reorg",
    "contribution_and_proof",
    "light_client_finality_update",
    "light_client_optimistic_update",
    "payload_attributes",
    "blob_sidecar",
    "data_column_sidecar",
    "execution_payload",
    "execution_payload_gossip",
    "execution_payload_available",
    "execution_payload_bid",
    "payload_attestation_message",
];
/// The one that is not relayed: it is told from the chain of the pool.
pub const HEAD: &str = "head";

/// Of a slot that a node said is behind no clock.
pub const SLOTS_PER_EPOCH: u64 = 32;

/// `/eth/v1/beacon/headers/{id}`: a block, whose header is what a `head` event says of it as far as it is known.
pub fn header(raw: &[u8]) -> Option<Block> {
    let document: Value = serde_json::from_slice(raw).ok()?;
    let root = document.pointer("/data/root")?.as_str()?;
    let message = document.pointer("/data/header/message")?;
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    let slot = text("slot")?;
    let header = json!({
        "slot": slot,
        "block": root,
        "state": text("state_root")?,
        "execution_optimistic": document.get("execution_optimistic").and_then(Value::as_bool).unwrap_or(false),
    });
    Some(Block {
        hash: Hash(hex::bytes(root)?),
        parent: Hash(hex::bytes(text("parent_root")?)?),
        number: slot.parse().ok()?,
        bloom: None,
        header: Arc::from(header.to_string().into_bytes()),
    })
}

/// The slot and root of a `head` event.
pub fn head_event(data: &[u8]) -> Option<(u64, Hash)> {
    let event: Value = serde_json::from_slice(data).ok()?;
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    Some((text("slot")?.parse().ok()?, Hash(hex::bytes(text("block")?)?)))
}

/// By what an event is known, whoever tells it: a block by slot and root, anything else by all that it says, however it is
/// written.
pub fn identity(topic: &str, data: &[u8]) -> Hash {
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return Hash(keccak256(data)) };
    let text = match (topic, event.get("slot"), event.get("block")) {
        ("block" | "block_gossip", Some(slot), Some(root)) => {
            format!("{slot} {root}")
        }
        _ => event.to_string(),
    };
    Hash(keccak256(text.as_bytes()))
}

/// `/eth/v1/node/syncing`.
pub fn readiness(raw: &[u8], lag_slots_max: u64) -> Option<Readiness> {
    let document: Value = serde_json::from_slice(raw).ok()?;
    let data = document.get("data")?;
    let distance: u64 = data.get("sync_distance")?.as_str()?.parse().ok()?;
    let is = |name: &str| data.get(name).and_then(Value::as_bool).unwrap_or(false);
    let is_impaired = is("is_optimistic") || is("el_offline") || distance > lag_slots_max;
    Some(if is_impaired { Readiness::Impaired } else { Readiness::Ready })
}

/// Of `/eth/v1/node/peer_count`: others that the node is connected with.
pub fn peers(raw: &[u8]) -> Option<u64> {
    let document: Value = serde_json::from_slice(raw).ok()?;
    document.pointer("/data/connected")?.as_str()?.parse().ok()
}

/// Of `/eth/v1/config/spec`: the chain that deposits are made on, and the slots of an epoch.
pub fn spec(raw: &[u8]) -> Option<(u64, u64)> {
    let document: Value = serde_json::from_slice(raw).ok()?;
    let number = |name: &str| document.pointer("/data")?.get(name)?.as_str()?.parse().ok();
    Some((number("DEPOSIT_CHAIN_ID")?, number("SLOTS_PER_EPOCH").unwrap_or(SLOTS_PER_EPOCH).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(byte: u8) -> String {
        Hash([byte; 32]).to_string()
    }

    #[test]
    fn a_header_is_a_block_of_its_slot() {
        let text = format!(
            r#"{{"execution_optimistic":true,"data":{{"root":"{}","header":{{"message":{{"slot":"9",
                "parent_root":"{}","state_root":"{}"}}}}}}}}"#,
            root(1),
            root(2),
            root(3)
        );
        let block = header(text.as_bytes()).unwrap();
        assert_eq!((block.number, block.hash, block.parent), (9, Hash([1; 32]), Hash([2; 32])));
        let told: Value = serde_json::from_slice(&block.header).unwrap();
        assert_eq!(told["state"], json!(root(3)));
        assert_eq!(told["execution_optimistic"], json!(true));
        assert_eq!(head_event(&block.header), Some((9, Hash([1; 32]))));
        for wrong in ["", "null", "{}", "[]", r#"{"data":{"root":"0x1","header":{"message":{}}}}"#] {
            assert_eq!(header(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn an_event_is_known_by_what_it_is_about() {
        let one = identity("block", br#"{"slot":"1","block":"0xa","execution_optimistic":false}"#);
        let other = identity("block", br#"{ "block": "0xa", "slot": "1", "execution_optimistic": true }"#);
        assert_eq!(one, other);
        let next = identity("block", br#"{"slot":"1","block":"0xb","execution_optimistic":false}"#);
        assert_ne!(one, next);
        let vote = |text: &str| identity("attestation", text.as_bytes());
        assert_eq!(vote(r#"{"a":1,"b":2}"#), vote(r#"{"b": 2, "a": 1}"#));
        assert_ne!(vote(r#"{"a":1}"#), vote(r#"{"a":2}"#));
        assert_eq!(vote("no json"), Hash(keccak256(b"no json")));
    }

    #[test]
    fn peers_are_those_that_are_connected() {
        let told = br#"{"data":{"disconnected":"7","connecting":"3","connected":"56","disconnecting":"1"}}"#;
        assert_eq!(peers(told), Some(56));
        for wrong in ["", "{}", r#"{"data":{"connected":56}}"#, r#"{"data":{"connected":"-1"}}"#] {
            assert_eq!(peers(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_node_is_ready_where_it_has_verified_what_is_new() {
        let of = |distance: &str, optimistic, offline| {
            let document = json!({ "data": {
                "head_slot": "100", "sync_distance": distance, "is_syncing": false,
                "is_optimistic": optimistic, "el_offline": offline,
            }});
            readiness(document.to_string().as_bytes(), 5)
        };
        assert_eq!(of("0", false, false), Some(Readiness::Ready));
        assert_eq!(of("5", false, false), Some(Readiness::Ready));
        assert_eq!(of("6", false, false), Some(Readiness::Impaired));
        assert_eq!(of("0", true, false), Some(Readiness::Impaired));
        assert_eq!(of("0", false, true), Some(Readiness::Impaired));
        assert_eq!(of("much", false, false), None);
    }
}
