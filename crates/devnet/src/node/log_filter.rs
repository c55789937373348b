//! Which logs a client asked for, by address and topics. It must never know where the logs come from.

use serde_json::Value;

use super::answer::RpcError;
use super::params::{BlockRef, invalid};
use crate::chain::{Address, Block, Bloom, Hash, Log};

/// Addresses, or alternatives in a place of the topics; geth has limits of the same kind.
const ALTERNATIVES_MAX: usize = 1_000;
const TOPICS_MAX: usize = 4;

/// Without addresses any will do, as will any topic in a place that is empty or not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    pub addresses: Vec<Address>,
    pub topics: Vec<Vec<Hash>>,
}

/// The blocks whose logs are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    Block(Hash),
    Between(BlockRef, BlockRef),
}

impl LogFilter {
    pub fn matches(&self, log: &Log) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        address
            && self.topics.len() <= log.topics.len()
            && self.topics.iter().zip(&log.topics).all(|(any, topic)| any.is_empty() || any.contains(topic))
    }

    /// `false`: no log of the block can match.
    pub fn may_match(&self, bloom: &Bloom) -> bool {
        let any = |values: &[&[u8]]| values.is_empty() || values.iter().any(|value| bloom.may_contain(value));
        let addresses: Vec<&[u8]> = self.addresses.iter().map(|address| &address.0[..]).collect();
        let topics = |place: &Vec<Hash>| any(&place.iter().map(|topic| &topic.0[..]).collect::<Vec<_>>());
        any(&addresses) && self.topics.iter().all(topics)
    }

    pub fn of<'a>(&'a self, block: &'a Block) -> impl Iterator<Item = &'a Log> {
        let may = self.may_match(&block.header.bloom);
        block.logs.iter().filter(move |log| may && self.matches(log))
    }

    /// Of the parameters of `eth_subscribe`.
    pub fn from_params(params: &Value) -> Result<Self, RpcError> {
        match params.get(1).filter(|value| !value.is_null()) {
            None => Ok(Self::default()),
            Some(value) => Self::read(value, 1),
        }
    }

    pub(super) fn read(value: &Value, at: usize) -> Result<Self, RpcError> {
        let Value::Object(fields) = value else {
            return Err(invalid(at, "json: cannot unmarshal into Go value of type filters.input"));
        };
        let addresses = one_or_many(fields.get("address")).map_err(|why| invalid(at, why))?;
        let mut topics = Vec::new();
        match fields.get("topics") {
            None | Some(Value::Null) => {}
            Some(Value::Array(places)) if places.len() <= TOPICS_MAX => {
                for place in places {
                    topics.push(one_or_many(Some(place)).map_err(|why| invalid(at, why))?);
                }
            }
            Some(Value::Array(_)) => return Err(RpcError::server("exceed max topics")),
            Some(_) => return Err(invalid(at, "invalid topics")),
        }
        Ok(Self { addresses, topics })
    }
}

impl Range {
    pub(super) fn read(value: &Value, at: usize) -> Result<Self, RpcError> {
        let field = |name: &str| value.get(name).filter(|value| !value.is_null());
        match (field("blockHash"), field("fromBlock"), field("toBlock")) {
            (Some(hash), None, None) => {
                let hash = hash.as_str().and_then(|text| text.parse().ok());
                hash.map(Self::Block).ok_or_else(|| invalid(at, "invalid block hash"))
            }
            (Some(_), ..) => Err(invalid(
                at,
                "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other",
            )),
            (None, from, to) => {
                let read = |value: Option<&Value>| {
                    value.map_or(Ok(BlockRef::Latest), BlockRef::read).map_err(|why| invalid(at, why))
                };
                Ok(Self::Between(read(from)?, read(to)?))
            }
        }
    }
}

/// A value, a list of them, or null for any; a null within a list is any as well.
fn one_or_many<T: std::str::FromStr>(value: Option<&Value>) -> Result<Vec<T>, &'static str> {
    let one =
        |value: &Value| value.as_str().and_then(|text| text.parse().ok()).ok_or("invalid address or topic");
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(many)) if many.len() > ALTERNATIVES_MAX => Err("exceed max addresses or topics"),
        Some(Value::Array(many)) if many.iter().any(Value::is_null) => Ok(Vec::new()),
        Some(Value::Array(many)) => many.iter().map(one).collect(),
        Some(value) => Ok(vec![one(value)?]),
    }
}

#[cfg(test)]
mod tests;
