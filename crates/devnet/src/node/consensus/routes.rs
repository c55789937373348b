//! The paths of the Beacon API, and faults of requests laid over them. It must never know a socket.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::documents;
use super::events::TOPICS;
use crate::chain::Block;
use crate::chain::hex::data;
use crate::node::handle::Answer;
use crate::node::view::SLOTS_PER_EPOCH;
use crate::node::{ConnectionId, Face, Fault, Node, Reply, World};

/// What a Beacon request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeaconReply {
    Reply(Reply),
    /// An event stream begins at a time and goes on with what is pushed to the connection.
    Stream {
        connection: ConnectionId,
        at_ms: u64,
    },
}

type Found = Result<(u16, Value), (u16, String)>;

impl Node {
    /// Answers a GET. `query` is what stands behind the question mark.
    pub fn beacon(&mut self, path: &str, query: &str, world: &World<'_>) -> BeaconReply {
        let fault = self.switches.take(Face::Consensus, path);
        let slow = if let Some(Fault::Slow { ms }) = fault { ms } else { 0 };
        let at_ms = world.now_ms.saturating_add(slow);
        let reply = |status, retry_after_s, body: Vec<u8>, cut| {
            BeaconReply::Reply(Reply::Answer(Answer { at_ms, status, retry_after_s, body: body.into(), cut }))
        };
        match &fault {
            Some(Fault::Status { status, retry_after_s }) => {
                return reply(*status, *retry_after_s, problem(*status, "as the devnet was told"), None);
            }
            Some(Fault::Error { message, .. }) => return reply(500, None, problem(500, message), None),
            Some(Fault::Silent) => return BeaconReply::Reply(Reply::Silent),
            Some(Fault::Reset) => return BeaconReply::Reply(Reply::Reset { at_ms }),
            Some(Fault::Null) => return reply(200, None, b"null".to_vec(), None),
            _ => {}
        }
        if path == "/eth/v1/events" {
            return match self.stream(query) {
                Ok(connection) => BeaconReply::Stream { connection, at_ms },
                Err((status, message)) => reply(status, None, problem(status, &message), None),
            };
        }
        let (status, mut body) = match self.document(path, world) {
            Ok((status, Value::Null)) => (status, Vec::new()),
            Ok((status, document)) => (status, document.to_string().into_bytes()),
            Err((status, message)) => (status, problem(status, &message)),
        };
        match fault {
            Some(Fault::Truncate { bytes }) => {
                let cut = bytes.min(body.len().saturating_sub(1));
                reply(status, None, body, Some(cut))
            }
            Some(Fault::Malformed) => {
                body.truncate(body.len() / 2);
                body.extend_from_slice(b"<html>");
                reply(status, None, body, None)
            }
            _ => reply(status, None, body, None),
        }
    }

    fn document(&self, path: &str, world: &World<'_>) -> Found {
        match path {
            "/eth/v1/node/health" => Ok((self.health_status(), Value::Null)),
            "/eth/v1/node/syncing" => Ok((200, self.consensus_syncing(world))),
            "/eth/v1/node/version" => {
                Ok((200, json!({ "data": { "version": self.plan().consensus_client } })))
            }
            "/eth/v1/node/peer_count" => Ok((200, self.consensus_peers())),
            "/eth/v1/beacon/genesis" => Ok((200, genesis(world))),
            "/eth/v1/config/spec" => Ok((200, self.spec(world))),
            "/eth/v1/beacon/headers" => self.header("head", world),
            _ => match path.rsplit_once('/') {
                Some(("/eth/v1/beacon/headers", id)) => self.header(id, world),
                Some(("/eth/v2/beacon/blocks", id)) => self.beacon_block(id, world),
                _ => Err((404, "NOT_FOUND: no such path".to_owned())),
            },
        }
    }

    fn health_status(&self) -> u16 {
        let health = self.health();
        let behind = health.sync_distance > 0 || health.optimistic || health.el_offline;
        if behind { 206 } else { 200 }
    }

    fn consensus_syncing(&self, world: &World<'_>) -> Value {
        let health = self.health();
        json!({ "data": {
            "head_slot": self.head_slot(world).to_string(),
            "sync_distance": health.sync_distance.to_string(),
            "is_syncing": health.sync_distance > 0,
            "is_optimistic": health.optimistic,
            "el_offline": health.el_offline,
        }})
    }

    fn spec(&self, world: &World<'_>) -> Value {
        let said = self.switches().find(Face::Consensus, |fault| match fault {
            Fault::WrongChain { chain_id } => Some(*chain_id),
            _ => None,
        });
        spec(world, said.unwrap_or(world.chain.origin().chain_id))
    }

    fn consensus_peers(&self) -> Value {
        let said = self.switches().find(Face::Consensus, |fault| match fault {
            Fault::Peers { count } => Some(*count),
            _ => None,
        });
        let connected = said.unwrap_or(self.plan().peers).to_string();
        json!({ "data": {
            "disconnected": "0", "connecting": "0", "connected": connected, "disconnecting": "0",
        }})
    }

    fn header(&self, id: &str, world: &World<'_>) -> Found {
        let block = self.beacon_find(id, world)?;
        let mut document = self.envelope(block, world);
        document["data"] = documents::header(block, self.is_on_head(block, world));
        Ok((200, document))
    }

    fn beacon_block(&self, id: &str, world: &World<'_>) -> Found {
        let block = self.beacon_find(id, world)?;
        let mut document = self.envelope(block, world);
        document["version"] = json!(documents::VERSION);
        document["data"] = documents::block(block);
        Ok((200, document))
    }

    fn envelope(&self, block: &Block, world: &World<'_>) -> Value {
        let finalized = self.consensus.view().epochs_back(world.chain, 2).map_or(0, |block| block.slot);
        json!({
            "execution_optimistic": self.health().optimistic,
            "finalized": block.slot <= finalized && self.is_on_head(block, world),
        })
    }

    fn is_on_head(&self, block: &Block, world: &World<'_>) -> bool {
        let head = self.consensus.view().readable(world.chain);
        world.chain.is_ancestor(&block.hash, &head.hash)
    }

    fn beacon_find<'w>(&self, id: &str, world: &World<'w>) -> Result<&'w Block, (u16, String)> {
        let view = self.consensus.view();
        let head = view.readable(world.chain);
        let found = match id {
            "head" => Some(head),
            "genesis" => world.chain.ancestor(&head.hash, 0),
            "finalized" => view.epochs_back(world.chain, 2),
            "justified" => view.epochs_back(world.chain, 1),
            _ if id.starts_with("0x") => {
                let root = id.parse().map_err(|_| (400, format!("BAD_REQUEST: invalid block root {id}")))?;
                world.chain.by_root(&root).filter(|block| view.block(world.chain, &block.hash).is_some())
            }
            _ => {
                let slot: u64 =
                    id.parse().map_err(|_| (400, format!("BAD_REQUEST: invalid block id {id}")))?;
                world.chain.at_or_before_slot(&head.hash, slot).filter(|block| block.slot == slot)
            }
        };
        found.map(|block| &**block).ok_or_else(|| (404, format!("NOT_FOUND: beacon block {id}")))
    }

    fn stream(&mut self, query: &str) -> Result<ConnectionId, (u16, String)> {
        let mut topics = BTreeSet::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            if key != "topics" {
                continue;
            }
            for asked in value.split(',') {
                let known = TOPICS.iter().find(|topic| **topic == asked);
                topics.insert(*known.ok_or_else(|| (400, format!("BAD_REQUEST: unknown topic {asked}")))?);
            }
        }
        if topics.is_empty() {
            return Err((400, "BAD_REQUEST: no topics".to_owned()));
        }
        self.consensus.open(topics).ok_or_else(|| (503, "too many event streams".to_owned()))
    }
}

fn genesis(world: &World<'_>) -> Value {
    json!({ "data": {
        "genesis_time": world.chain.origin().epoch_s.to_string(),
        "genesis_validators_root": data(&[0x11; 32]),
        "genesis_fork_version": "0x10000000",
    }})
}

fn spec(world: &World<'_>, chain_id: u64) -> Value {
    let origin = world.chain.origin();
    json!({ "data": {
        "CONFIG_NAME": "casebook-devnet",
        "PRESET_BASE": "minimal",
        "SLOTS_PER_EPOCH": SLOTS_PER_EPOCH.to_string(),
        "SECONDS_PER_SLOT": (origin.slot_ms / 1_000).max(1).to_string(),
        "SLOT_DURATION_MS": origin.slot_ms.to_string(),
        "DEPOSIT_CHAIN_ID": chain_id.to_string(),
        "DEPOSIT_NETWORK_ID": chain_id.to_string(),
    }})
}

fn problem(status: u16, message: &str) -> Vec<u8> {
    json!({ "code": status, "message": message }).to_string().into_bytes()
}
