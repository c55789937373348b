//! What the edge reads of a node: frames of its stream and bodies of its answers. It must never know who is asked.

use edge::core::chain::Fetched;
use edge::core::pool::{Probe, Readiness};
use edge::core::wire::{self, Log};
use edge::core::{Block, Fault, Hash};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::net::Response;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    subscription: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

/// What a node says on its stream.
#[derive(Debug)]
pub(super) enum Frame {
    Answer { id: u64, result: Result<String, Fault> },
    Notification { subscription: String, raw: Vec<u8> },
}

/// The result of an answer over HTTP, in its own bytes.
pub(super) fn result(response: &Response) -> Result<Vec<u8>, Fault> {
    body(response).and_then(result_of_frame)
}

/// The body of an answer over HTTP, whatever stands in it.
pub(super) fn body(response: &Response) -> Result<&[u8], Fault> {
    let Response::Answer { status, retry_after_s, body, is_cut, .. } = response else {
        return Err(match response {
            Response::Refused => Fault::Refused,
            Response::Nothing => Fault::Timeout,
            Response::Reset { .. } | Response::Answer { .. } => Fault::Reset,
        });
    };
    match status {
        200 if *is_cut => Err(Fault::Reset),
        200 => Ok(body),
        429 => Err(Fault::RateLimited {
            retry_after_ms: retry_after_s.map(|seconds| u64::from(seconds) * 1_000),
        }),
        other => Err(Fault::Status(*other)),
    }
}

fn result_of_frame(body: &[u8]) -> Result<Vec<u8>, Fault> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| Fault::Malformed)?;
    match (envelope.result, envelope.error) {
        (_, Some(_)) => Err(Fault::NodeError),
        (Some(result), None) => Ok(result.get().as_bytes().to_vec()),
        // serde takes `null` for nothing.
        (None, None) => Ok(b"null".to_vec()),
    }
}

pub(super) fn fetched(result: Result<Vec<u8>, Fault>) -> Fetched {
    match result {
        Err(fault) => Fetched::Failed(fault),
        Ok(raw) if raw == b"null" => Fetched::Absent,
        Ok(raw) => wire::block(&raw).map_or(Fetched::Failed(Fault::Malformed), Fetched::Found),
    }
}

pub(super) fn block(result: Result<Vec<u8>, Fault>) -> Result<Block, Fault> {
    result.and_then(|raw| wire::block(&raw).ok_or(Fault::Malformed))
}

pub(super) fn logs(result: Result<Vec<u8>, Fault>, hash: Hash) -> Result<Vec<Log>, Fault> {
    result.and_then(|raw| wire::logs(&raw, hash).ok_or(Fault::Malformed))
}

/// From the answers of a batch: chain id and syncing.
pub(super) fn probe(
    chain_id: Result<Vec<u8>, Fault>,
    syncing: Result<Vec<u8>, Fault>,
) -> Result<Probe, Fault> {
    let text: String = serde_json::from_slice(&chain_id?).map_err(|_| Fault::Malformed)?;
    let chain_id = edge::core::hex::quantity(&text).ok_or(Fault::Malformed)?;
    let readiness = if syncing? == b"false" { Readiness::Ready } else { Readiness::Syncing };
    Ok(Probe { chain_id, readiness })
}

/// `None` for what nobody understands.
pub(super) fn frame(text: &[u8]) -> Option<Frame> {
    let message: Message<'_> = serde_json::from_slice(text).ok()?;
    if let Some(Params { subscription, result }) = message.params {
        return Some(Frame::Notification { subscription, raw: result.get().as_bytes().to_vec() });
    }
    let result =
        result_of_frame(text).and_then(|raw| serde_json::from_slice(&raw).map_err(|_| Fault::Malformed));
    Some(Frame::Answer { id: message.id?, result })
}
