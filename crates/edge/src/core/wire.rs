//! What nodes answer, read as far as the edge needs it and kept in its own bytes. It must never know whom it asked.

use std::fmt;
use std::sync::Arc;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::filter::LogKey;
use super::{Block, Bloom, Hash, hex};

/// What a block has and its header, as `newHeads` shows it, has not.
const BODY_FIELDS: [&str; 5] = ["transactions", "uncles", "withdrawals", "size", "totalDifficulty"];
/// More than any header has.
const FIELDS_MAX: usize = 128;
/// No chain gets there, and no client could read a higher one as a number.
const NUMBER_MAX: u64 = 1 << 53;
/// A block cannot have more, at what a log costs.
pub const LOGS_MAX: usize = 200_000;

/// A log in its own bytes, and what filters look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub key: LogKey,
    pub index: u64,
    pub raw: Arc<[u8]>,
}

/// A block from a header (`newHeads`) or a block (`eth_getBlockByHash`). `None` for what is neither.
pub fn block(raw: &[u8]) -> Option<Block> {
    let fields = fields(raw)?;
    let text = |name: &str| fields.iter().find(|(key, _)| key == name).and_then(|(_, value)| string(value));
    let is_body = |key: &str| BODY_FIELDS.contains(&key);
    let header = match fields.iter().any(|(key, _)| is_body(key)) {
        false => Arc::from(raw),
        true => Arc::from(object(fields.iter().filter(|(key, _)| !is_body(key)))),
    };
    Some(Block {
        hash: Hash(hex::bytes(text("hash")?)?),
        parent: Hash(hex::bytes(text("parentHash")?)?),
        number: hex::quantity(text("number")?).filter(|number| *number <= NUMBER_MAX)?,
        bloom: text("logsBloom").and_then(hex::bytes::<256>).map(|bits| Bloom(Box::new(bits))),
        header,
    })
}

/// The logs of one block, in their order. `None` where it is anything else: another block's logs among them, or an order
/// that is none.
pub fn logs(raw: &[u8], block: Hash) -> Option<Vec<Log>> {
    let values: Vec<&RawValue> = serde_json::from_slice(raw).ok()?;
    if values.len() > LOGS_MAX {
        return None;
    }
    let logs = values.into_iter().map(|value| log(value, block)).collect::<Option<Vec<_>>>()?;
    logs.is_sorted_by(|one, next| one.index < next.index).then_some(logs)
}

/// In which block the log stands.
pub fn number_of_log(raw: &[u8]) -> Option<u64> {
    let fields = fields(raw)?;
    let (_, number) = fields.iter().find(|(key, _)| key == "blockNumber")?;
    hex::quantity(string(number)?)
}

/// The log as it is told when its block is no longer of the chain.
pub fn retracted(raw: &[u8]) -> Arc<[u8]> {
    let Some(fields) = fields(raw) else { return Arc::from(raw) };
    let mut told = object(fields.iter().filter(|(key, _)| key != "removed"));
    told.truncate(told.len().saturating_sub(1));
    if told.len() > 1 {
        told.push(b',');
    }
    told.extend_from_slice(b"\"removed\":true}");
    Arc::from(told)
}

fn log(value: &RawValue, block: Hash) -> Option<Log> {
    let raw = value.get().as_bytes();
    let fields = fields(raw)?;
    let find = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let text = |name: &str| find(name).and_then(string);
    if hex::bytes::<32>(text("blockHash")?)? != block.0 {
        return None;
    }
    let topics: Vec<&str> = serde_json::from_str(find("topics")?.get()).ok()?;
    let topics = topics.into_iter().map(hex::bytes::<32>).collect::<Option<Vec<_>>>()?;
    let key = LogKey { address: hex::bytes(text("address")?)?, topics };
    Some(Log { key, index: hex::quantity(text("logIndex")?)?, raw: Arc::from(raw) })
}

/// A string without escapes, which is all that nodes write where the edge looks.
fn string(value: &RawValue) -> Option<&str> {
    serde_json::from_str(value.get()).ok()
}

fn object<'a, 'b: 'a>(fields: impl Iterator<Item = &'a (String, &'b RawValue)>) -> Vec<u8> {
    let mut text = vec![b'{'];
    for (key, value) in fields {
        if text.len() > 1 {
            text.push(b',');
        }
        text.extend_from_slice(serde_json::Value::from(key.as_str()).to_string().as_bytes());
        text.push(b':');
        text.extend_from_slice(value.get().as_bytes());
    }
    text.push(b'}');
    text
}

/// The fields of an object in their order, the values in their own bytes.
fn fields(raw: &[u8]) -> Option<Vec<(String, &RawValue)>> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(field) = map.next_entry()? {
                if fields.len() == FIELDS_MAX {
                    return Err(serde::de::Error::custom("too many fields"));
                }
                fields.push(field);
            }
            Ok(fields)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(raw);
    let fields = deserializer.deserialize_map(Fields).ok()?;
    deserializer.end().ok()?;
    Some(fields)
}

#[cfg(test)]
mod tests;
