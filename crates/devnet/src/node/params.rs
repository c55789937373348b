//! Parameters of a call, read one by one; what is wrong with one is said as geth says it. It must never know the chain.

use serde_json::Value;

use super::answer::RpcError;
use crate::chain::hex::{Fixed, Hash, parse_data, parse_quantity};

#[derive(Debug)]
pub(super) struct Params(pub Vec<Value>);

/// Which block a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockRef {
    Number(u64),
    Hash(Hash),
    Latest,
    Pending,
    Safe,
    Finalized,
    Earliest,
}

impl Params {
    pub(super) fn at_most(&self, max: usize) -> Result<(), RpcError> {
        if self.0.len() > max {
            return Err(RpcError::invalid_params(format!("too many arguments, want at most {max}")));
        }
        Ok(())
    }

    /// `None` where it is missing or null.
    pub(super) fn optional(&self, at: usize) -> Option<&Value> {
        self.0.get(at).filter(|value| !value.is_null())
    }

    pub(super) fn required(&self, at: usize) -> Result<&Value, RpcError> {
        self.optional(at)
            .ok_or_else(|| RpcError::invalid_params(format!("missing value for required argument {at}")))
    }

    pub(super) fn text(&self, at: usize) -> Result<&str, RpcError> {
        self.required(at)?.as_str().ok_or_else(|| invalid(at, "json: cannot unmarshal non-string"))
    }

    pub(super) fn fixed<const N: usize>(&self, at: usize) -> Result<Fixed<N>, RpcError> {
        self.text(at)?.parse().map_err(|error| invalid(at, error))
    }

    pub(super) fn data(&self, at: usize) -> Result<Vec<u8>, RpcError> {
        parse_data(self.text(at)?).ok_or_else(|| invalid(at, "invalid hex string"))
    }

    /// A number in JSON, or a quantity.
    pub(super) fn number(&self, at: usize) -> Result<u64, RpcError> {
        let value = self.required(at)?;
        let number = value.as_u64().or_else(|| value.as_str().and_then(parse_quantity));
        number.ok_or_else(|| invalid(at, "invalid hex or decimal number"))
    }

    pub(super) fn flag(&self, at: usize) -> Result<bool, RpcError> {
        match self.optional(at) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| invalid(at, "json: cannot unmarshal into Go value of type bool")),
        }
    }

    pub(super) fn block(&self, at: usize) -> Result<BlockRef, RpcError> {
        BlockRef::read(self.required(at)?).map_err(|reason| invalid(at, reason))
    }

    pub(super) fn block_or_latest(&self, at: usize) -> Result<BlockRef, RpcError> {
        if self.optional(at).is_none() { Ok(BlockRef::Latest) } else { self.block(at) }
    }
}

impl BlockRef {
    /// A tag, a quantity, a hash, or an object with one of the two last as EIP-1898 has it.
    pub(super) fn read(value: &Value) -> Result<Self, &'static str> {
        if let Value::Object(fields) = value {
            return match (fields.get("blockHash"), fields.get("blockNumber")) {
                (Some(hash), None) => Self::from_hash(hash),
                (None, Some(number)) => Self::read(number),
                _ => Err("cannot specify both BlockHash and BlockNumber, choose one or the other"),
            };
        }
        match value.as_str().ok_or("json: cannot unmarshal non-string into Go value of type string")? {
            "latest" => Ok(Self::Latest),
            "pending" => Ok(Self::Pending),
            "safe" => Ok(Self::Safe),
            "finalized" => Ok(Self::Finalized),
            "earliest" => Ok(Self::Earliest),
            text if text.len() == 66 => Self::from_hash(value),
            text if text.starts_with("0x") => {
                parse_quantity(text).map(Self::Number).ok_or("invalid hex string")
            }
            _ => Err("hex string without 0x prefix"),
        }
    }

    fn from_hash(value: &Value) -> Result<Self, &'static str> {
        let hash = value.as_str().and_then(|text| text.parse().ok());
        hash.map(Self::Hash).ok_or("invalid block hash")
    }
}

pub(super) fn invalid(at: usize, reason: impl std::fmt::Display) -> RpcError {
    RpcError::invalid_params(format!("invalid argument {at}: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_in_all_their_forms() {
        let read = |value: Value| BlockRef::read(&value);
        assert_eq!(read(json!("latest")), Ok(BlockRef::Latest));
        assert_eq!(read(json!("0x10")), Ok(BlockRef::Number(16)));
        assert_eq!(read(json!({"blockNumber": "0x10"})), Ok(BlockRef::Number(16)));
        let hash: Hash = Fixed([5; 32]);
        assert_eq!(read(json!({"blockHash": hash})), Ok(BlockRef::Hash(hash)));
        assert_eq!(read(json!("10")), Err("hex string without 0x prefix"));
        assert!(read(json!({"blockHash": hash, "blockNumber": "0x1"})).is_err());
        assert!(read(json!(7)).is_err());
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_with_its_place() {
        let params = Params(vec![json!("0x1"), Value::Null, json!("yes")]);
        let said = |error: RpcError| (error.code, error.message);
        assert_eq!(said(params.required(1).unwrap_err()).1, "missing value for required argument 1");
        assert_eq!(said(params.required(7).unwrap_err()).1, "missing value for required argument 7");
        let expected = "invalid argument 0: expected 0x and 64 hexadecimal digits".to_owned();
        assert_eq!(said(params.fixed::<32>(0).unwrap_err()), (-32_602, expected));
        assert!(params.flag(2).is_err() && params.flag(9) == Ok(false));
        assert_eq!(said(params.at_most(2).unwrap_err()).1, "too many arguments, want at most 2");
    }
}
