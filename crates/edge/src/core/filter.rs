//! Which logs a subscription asked for, and which blocks can have any. It must never know who asked.

use std::collections::BTreeSet;

use serde_json::Value;

use super::keccak::keccak256;
use super::{Bloom, hex};

/// As many as nodes accept.
pub const ADDRESSES_MAX: usize = 1_000;
pub const TOPICS_MAX: usize = 1_000;
const POSITIONS_MAX: usize = 4;
/// Twice what the largest filter needs; what is longer is not read, because values take much more memory than their text.
const FILTER_BYTES_MAX: usize = 1 << 20;

pub type Address = [u8; 20];
pub type Topic = [u8; 32];

/// Equal filters are equal as values, however they were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filter {
    /// Sorted; empty for any.
    addresses: Vec<Address>,
    /// By position; an empty one is for any.
    topics: Vec<Vec<Topic>>,
    /// Where a bloom has these, in the same order: no block is asked about before a hash of each is known.
    address_bits: Vec<Bits>,
    topic_bits: Vec<Vec<Bits>>,
}

/// The three bits of a bloom that stand for a value.
type Bits = [u16; 3];

/// What a filter looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    pub address: Address,
    pub topics: Vec<Topic>,
}

impl Filter {
    /// From the second parameter of `eth_subscribe`. The words are those for the client.
    pub fn parse(raw: Option<&[u8]>) -> Result<Self, String> {
        let Some(raw) = raw else { return Ok(Self::new(Vec::new(), Vec::new())) };
        if raw.len() > FILTER_BYTES_MAX {
            return Err(format!("the filter is longer than {FILTER_BYTES_MAX} bytes"));
        }
        let value: Value = serde_json::from_slice(raw).map_err(|_| "the filter is no JSON".to_owned())?;
        let object = match &value {
            Value::Null => return Self::parse(None),
            Value::Object(object) => object,
            _ => return Err("the filter has to be an object with address and topics".to_owned()),
        };
        let addresses = several::<20>(object.get("address"), "address", ADDRESSES_MAX)?;
        let topics = match object.get("topics") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(positions)) if positions.len() <= POSITIONS_MAX => {
                let topic = |position| several::<32>(Some(position), "topics", TOPICS_MAX);
                positions.iter().map(topic).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(format!("topics has to be an array of at most {POSITIONS_MAX}")),
        };
        Ok(Self::new(addresses, topics))
    }

    fn new(addresses: Vec<Address>, topics: Vec<Vec<Topic>>) -> Self {
        let address_bits = addresses.iter().map(|address| bits(address)).collect();
        let of_position = |position: &Vec<Topic>| position.iter().map(|topic| bits(topic)).collect();
        let topic_bits = topics.iter().map(of_position).collect();
        Self { addresses, topics, address_bits, topic_bits }
    }

    pub fn matches(&self, log: &LogKey) -> bool {
        let address = self.addresses.is_empty() || self.addresses.binary_search(&log.address).is_ok();
        address
            && self.topics.len() <= log.topics.len()
            && self
                .topics
                .iter()
                .zip(&log.topics)
                .all(|(wanted, topic)| wanted.is_empty() || wanted.binary_search(topic).is_ok())
    }

    /// Whether a block with this bloom can have a log that matches. `false` is certain.
    pub fn may_match(&self, bloom: &Bloom) -> bool {
        let any = |wanted: &[Bits]| wanted.is_empty() || wanted.iter().any(|bits| bloom.has(*bits));
        any(&self.address_bits) && self.topic_bits.iter().all(|position| any(position))
    }
}

impl Bloom {
    /// Which bits these logs explain.
    pub fn of<'a>(logs: impl Iterator<Item = &'a LogKey>) -> Self {
        let mut bloom = Self(Box::new([0; 256]));
        let mut known = BTreeSet::new();
        for log in logs {
            let topics = log.topics.iter().map(<[u8; 32]>::as_slice);
            for value in std::iter::once(log.address.as_slice()).chain(topics) {
                // Most logs of a block are of a few contracts and kinds.
                if known.insert(value) {
                    bits(value).into_iter().for_each(|bit| bloom.set(bit));
                }
            }
        }
        bloom
    }

    /// Whether every bit of the other is in this one.
    pub fn has_all_of(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0.iter()).all(|(own, others)| own & others == *others)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    fn has(&self, bits: Bits) -> bool {
        bits.into_iter().all(|bit| self.0[255 - usize::from(bit) / 8] & (1 << (bit % 8)) != 0)
    }

    fn set(&mut self, bit: u16) {
        self.0[255 - usize::from(bit) / 8] |= 1 << (bit % 8);
    }
}

/// Three bits of the value's hash, each named by eleven bits of it.
fn bits(value: &[u8]) -> Bits {
    let hash = keccak256(value);
    [0, 2, 4].map(|at| u16::from_be_bytes([hash[at], hash[at + 1]]) & 0x7ff)
}

/// One value, an array of them, or `null` for any; sorted, each once.
fn several<const N: usize>(value: Option<&Value>, name: &str, max: usize) -> Result<Vec<[u8; N]>, String> {
    let wrong = |found: &Value| format!("{name} has {found}, which is not 0x and {} hex digits", 2 * N);
    let one =
        |value: &Value| value.as_str().and_then(hex::bytes::<N>).ok_or_else(|| wrong(&shortened(value)));
    let mut values = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) if values.len() > max => {
            return Err(format!("{name} has more than {max} values"));
        }
        // Among several, one `null` makes the whole position match anything.
        Some(Value::Array(values)) if values.iter().any(Value::is_null) => Vec::new(),
        Some(Value::Array(values)) => values.iter().map(one).collect::<Result<_, _>>()?,
        Some(value) => vec![one(value)?],
    };
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// What a client is told of its own value is no longer than a line.
fn shortened(value: &Value) -> Value {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Value::String(text.chars().take(80).collect())
}

#[cfg(test)]
mod tests;
