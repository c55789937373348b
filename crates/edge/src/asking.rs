//! What a pool asks its nodes of its own accord, in the words of each kind of node: how they are, and what blocks they have.
//! It must never judge an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::core::chain::Fetched;
use crate::core::pool::{Input, Probe, Readiness};
use crate::core::rest::beacon;
use crate::core::wire::{self, Log};
use crate::core::{Block, Fault, Hash, ResponseKind, hex, scan_response};
use crate::upstream::{HttpClient, RestClient};

const LATEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",false]}"#;
const CHAIN_ID: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
const SYNCING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"eth_syncing","params":[]}"#;
const PEER_COUNT: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"net_peerCount","params":[]}"#;

/// How one node is asked.
#[derive(Debug, Clone)]
pub(crate) enum Asking {
    Rpc(HttpClient),
    Beacon {
        client: RestClient,
        lag_slots_max: u64,
        /// Whether its word about the chain is compared with anything.
        is_of_known_chain: bool,
        /// Of the network, as the nodes last said.
        slots_per_epoch: Arc<AtomicU64>,
    },
    Plain {
        client: RestClient,
        health_path: Option<String>,
    },
}

impl Asking {
    pub(crate) async fn probe(&self, within: Duration) -> Result<Probe, Fault> {
        match self {
            Self::Rpc(http) => rpc_probe(http, within).await,
            Self::Beacon { client, lag_slots_max, is_of_known_chain, slots_per_epoch } => {
                let spec = client.found("/eth/v1/config/spec", within).await?;
                let (chain_id, slots) = beacon::spec(&spec).ok_or(Fault::Malformed)?;
                slots_per_epoch.store(slots, Ordering::Relaxed);
                let syncing = client.found("/eth/v1/node/syncing", within).await?;
                let readiness = beacon::readiness(&syncing, *lag_slots_max).ok_or(Fault::Malformed)?;
                Ok(Probe { chain_id: if *is_of_known_chain { chain_id } else { 0 }, readiness })
            }
            Self::Plain { client, health_path } => {
                let (status, _) = client.document(health_path.as_deref().unwrap_or_default(), within).await?;
                match health_path {
                    Some(_) if !status.is_success() => Err(Fault::Status(status.as_u16())),
                    // Without a path to ask, any answer says that the service is there.
                    Some(_) | None => Ok(Probe { chain_id: 0, readiness: Readiness::Ready }),
                }
            }
        }
    }

    /// How many others it is connected with, by its own word.
    pub(crate) async fn peers(&self, within: Duration) -> Result<u64, Fault> {
        match self {
            Self::Rpc(http) => quantity(&rpc(http, Bytes::from_static(PEER_COUNT), within).await?),
            Self::Beacon { client, .. } => {
                let raw = client.found("/eth/v1/node/peer_count", within).await?;
                beacon::peers(&raw).ok_or(Fault::Malformed)
            }
            Self::Plain { .. } => Err(Fault::Missing),
        }
    }

    /// The newest block that it has.
    pub(crate) async fn latest(&self, within: Duration) -> Result<Block, Fault> {
        match self {
            Self::Rpc(http) => {
                let raw = rpc(http, LATEST.into(), within).await?;
                wire::block(&raw).ok_or(Fault::Malformed)
            }
            Self::Beacon { client, .. } => {
                let raw = client.found("/eth/v1/beacon/headers/head", within).await?;
                beacon::header(&raw).ok_or(Fault::Malformed)
            }
            Self::Plain { .. } => Err(Fault::Missing),
        }
    }

    pub(crate) async fn block(&self, hash: Hash, within: Duration) -> Fetched {
        let read = match self {
            Self::Rpc(http) => match rpc(http, by_hash(hash).into(), within).await {
                Ok(raw) if &*raw == b"null" => return Fetched::Absent,
                raw => raw.map(|raw| wire::block(&raw)),
            },
            Self::Beacon { client, .. } => {
                match client.document(&format!("/eth/v1/beacon/headers/{hash}"), within).await {
                    Ok((status, _)) if status.as_u16() == 404 => return Fetched::Absent,
                    Ok((status, _)) if status.as_u16() != 200 => Err(Fault::Status(status.as_u16())),
                    document => document.map(|(_, raw)| beacon::header(&raw)),
                }
            }
            Self::Plain { .. } => return Fetched::Absent,
        };
        match read {
            Ok(Some(block)) => Fetched::Found(block),
            Ok(None) => Fetched::Failed(Fault::Malformed),
            Err(fault) => Fetched::Failed(fault),
        }
    }

    /// Of one block; only execution nodes have any.
    pub(crate) async fn logs(&self, hash: Hash, within: Duration) -> Result<Vec<Log>, Fault> {
        let Self::Rpc(http) = self else { return Ok(Vec::new()) };
        let raw = rpc(http, logs_of(hash).into(), within).await?;
        wire::logs(&raw, hash).ok_or(Fault::Malformed)
    }
}

/// What a question met with, where it was in vain.
pub(crate) fn fault_of(answer: &Input) -> Option<Fault> {
    match answer {
        Input::Probed { result: Err(fault), .. }
        | Input::PollFailed { fault, .. }
        | Input::Fetched { result: Fetched::Failed(fault), .. }
        | Input::LogsFetched { result: Err(fault), .. } => Some(*fault),
        _ => None,
    }
}

async fn rpc_probe(http: &HttpClient, within: Duration) -> Result<Probe, Fault> {
    let chain_id = quantity(&rpc(http, Bytes::from_static(CHAIN_ID), within).await?)?;
    let syncing = rpc(http, Bytes::from_static(SYNCING), within).await?;
    let readiness = if &*syncing == b"false" { Readiness::Ready } else { Readiness::Syncing };
    Ok(Probe { chain_id, readiness })
}

async fn rpc(http: &HttpClient, body: Bytes, within: Duration) -> Result<Bytes, Fault> {
    let body = http.post(body, within).await?;
    match scan_response(&body).ok_or(Fault::Malformed)?.kind {
        ResponseKind::Result { range, .. } => Ok(body.slice(range)),
        ResponseKind::Error { .. } => Err(Fault::NodeError),
    }
}

fn by_hash(hash: Hash) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByHash","params":["{hash}",false]}}"#)
}

fn logs_of(hash: Hash) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{{"blockHash":"{hash}"}}]}}"#)
}

fn quantity(raw: &[u8]) -> Result<u64, Fault> {
    let text: &str = serde_json::from_slice(raw).map_err(|_| Fault::Malformed)?;
    hex::quantity(text).ok_or(Fault::Malformed)
}
