//! What a client sent, read as JSON-RPC: one call or a batch, with ids kept in the bytes in which they came. It must never
//! know what a method does.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::RpcError;

/// Calls in a batch, as geth limits them. Of a larger batch none is looked at.
pub const BATCH_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) enum Message<'a> {
    Single(Result<Call<'a>, RpcError>),
    Batch(Vec<Result<Call<'a>, RpcError>>),
    /// Nothing that could be called: the error goes to nobody in particular.
    Bad(RpcError),
}

#[derive(Debug)]
pub(super) struct Call<'a> {
    /// `None` for a notification, which gets no answer.
    pub id: Option<&'a RawValue>,
    pub method: String,
    /// `Err` where they are no list.
    pub params: Result<Vec<Value>, RpcError>,
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::Bad(RpcError::parse()) };
        if !text.trim_start().starts_with('[') {
            return match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) => Self::Single(Call::read(raw)),
                Err(_) => Self::Bad(RpcError::parse()),
            };
        }
        match serde_json::from_str::<Vec<&RawValue>>(text) {
            Err(_) => Self::Bad(RpcError::parse()),
            Ok(calls) if calls.is_empty() => Self::Bad(RpcError::invalid_request("empty batch")),
            Ok(calls) if calls.len() > BATCH_MAX => Self::Bad(RpcError::invalid_request("batch too large")),
            Ok(calls) => Self::Batch(calls.into_iter().map(Call::read).collect()),
        }
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        let calls = match self {
            Self::Single(call) => std::slice::from_ref(call),
            Self::Batch(calls) => calls,
            Self::Bad(_) => &[],
        };
        calls.iter().flatten().map(|call| call.method.as_str())
    }
}

impl<'a> Call<'a> {
    fn read(raw: &'a RawValue) -> Result<Self, RpcError> {
        let invalid = || RpcError::invalid_request("invalid request");
        let written: Written<'a> = serde_json::from_str(raw.get()).map_err(|_| invalid())?;
        let method = written.method.ok_or_else(invalid)?;
        let params = match written.params.map(RawValue::get) {
            None | Some("null") => Ok(Vec::new()),
            Some(text) => serde_json::from_str(text).map_err(|_| RpcError::invalid_params("non-array args")),
        };
        Ok(Self { id: written.id, method, params })
    }
}

/// An id of `null` is an id, and is given back.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&'a RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(text: &str) -> Vec<String> {
        Message::read(text.as_bytes()).methods().map(str::to_owned).collect()
    }

    #[test]
    fn ids_are_kept_as_they_were_written() {
        for id in ["1", "\"a\\u0062\"", "123456789012345678901234567890", "1.50", "null"] {
            let text = format!(r#"{{"id": {id} ,"method":"m","params":[]}}"#);
            let Message::Single(Ok(call)) = Message::read(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(call.id.map(RawValue::get), Some(id));
        }
        let Message::Single(Ok(call)) = Message::read(br#"{"method":"m"}"#) else { panic!() };
        assert!(call.id.is_none());
    }

    #[test]
    fn a_batch_has_its_calls_in_order() {
        assert_eq!(methods(r#" [{"id":1,"method":"a"},{"id":1,"method":"b","params":null}]"#), ["a", "b"]);
        assert_eq!(methods(r#"[{"id":1,"method":"a"},7]"#), ["a"]);
    }

    #[test]
    fn what_is_no_call_is_refused() {
        let refused = |text: &str| match Message::read(text.as_bytes()) {
            Message::Bad(error) | Message::Single(Err(error)) => (error.code, error.message),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("{"), (-32_700, "parse error".to_owned()));
        assert_eq!(refused("[]"), (-32_600, "empty batch".to_owned()));
        assert_eq!(refused("7"), (-32_600, "invalid request".to_owned()));
        assert_eq!(refused("{\"id\":1}"), (-32_600, "invalid request".to_owned()));
        let many = format!("[{}]", vec!["1"; BATCH_MAX + 1].join(","));
        assert_eq!(refused(&many), (-32_600, "batch too large".to_owned()));
    }
}
