//! Records of what arises inside: a version byte, then JSON of the model's words. A tick has neither.

use model::Input;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Kind, RecordError};

const VERSION: u8 = 1;

pub(super) fn encode(input: &Input) -> (Kind, Vec<u8>) {
    match input {
        Input::AcceptBaseline(accepted) => (Kind::AcceptBaseline, versioned(accepted)),
        Input::Evidence(evidence) => (Kind::Evidence, versioned(evidence)),
        Input::Operator(action) => (Kind::Operator, versioned(action)),
        Input::Configure(text) => (Kind::Configure, versioned(text)),
        Input::Shed(shed) => (Kind::Shed, versioned(shed)),
        Input::Tick => (Kind::Tick, Vec::new()),
        Input::Events(_)
        | Input::Logs(_)
        | Input::Metrics(_)
        | Input::Alerts(_)
        | Input::Signals(_)
        | Input::Deployments(_) => (Kind::Decoded, versioned(input)),
    }
}

pub(super) fn decode(kind: Kind, payload: &[u8]) -> Result<Input, RecordError> {
    Ok(match kind {
        Kind::AcceptBaseline => Input::AcceptBaseline(read(kind, payload)?),
        Kind::Evidence => Input::Evidence(read(kind, payload)?),
        Kind::Operator => Input::Operator(read(kind, payload)?),
        Kind::Configure => Input::Configure(read(kind, payload)?),
        Kind::Shed => Input::Shed(read(kind, payload)?),
        Kind::Tick if payload.is_empty() => Input::Tick,
        Kind::Tick => {
            return Err(RecordError::Damaged {
                kind,
                detail: format!("{} bytes, expected none", payload.len()),
            });
        }
        _ => read(kind, payload)?,
    })
}

/// The JSON of a record of what arose inside: a configuration, an action.
pub fn inside_json(payload: &[u8]) -> Option<&[u8]> {
    payload.split_first().filter(|(version, _)| **version == VERSION).map(|(_, json)| json)
}

/// The record that such JSON is kept in.
pub fn inside_payload(json: &[u8]) -> Vec<u8> {
    [&[VERSION][..], json].concat()
}

fn versioned<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value)
        .expect("the model's words have text keys only, and writing to memory does not fail");
    bytes
}

fn read<T: DeserializeOwned>(kind: Kind, payload: &[u8]) -> Result<T, RecordError> {
    let damaged = |detail| RecordError::Damaged { kind, detail };
    match payload.split_first() {
        None => Err(damaged("no version byte".to_owned())),
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| damaged(error.to_string())),
        Some((&found, _)) => Err(RecordError::UnknownVersion { kind, found, expected: VERSION }),
    }
}
