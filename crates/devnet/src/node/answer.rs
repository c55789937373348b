//! Answers in bytes, and errors with the codes and words of geth. It must never know which node answers.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON-RPC error object.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    pub code: i64,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// What a call came to: the result as JSON, or an error.
pub(super) type Outcome = Result<Value, RpcError>;

impl RpcError {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(super) fn parse() -> Self {
        Self::new(-32_700, "parse error")
    }

    pub(super) fn invalid_request(message: &str) -> Self {
        Self::new(-32_600, message)
    }

    pub(super) fn unknown_method(method: &str) -> Self {
        Self::new(-32_601, format!("the method {method} does not exist/is not available"))
    }

    pub(super) fn no_notifications() -> Self {
        Self::new(-32_601, "notifications not supported")
    }

    pub(super) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(-32_602, message)
    }

    /// Of whatever a node could not do and has no better code for.
    pub(super) fn server(message: impl Into<String>) -> Self {
        Self::new(-32_000, message)
    }

    pub(super) fn header_not_found() -> Self {
        Self::server("header not found")
    }
}

/// One answer, the id in the bytes in which it came.
pub(super) fn written(id: Option<&RawValue>, outcome: &Outcome) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id.map_or("null", RawValue::get).as_bytes());
    let written = match outcome {
        Ok(result) => {
            out.extend_from_slice(br#","result":"#);
            serde_json::to_writer(&mut out, result)
        }
        Err(error) => {
            out.extend_from_slice(br#","error":"#);
            serde_json::to_writer(&mut out, error)
        }
    };
    written.expect("JSON values are written to memory without failing");
    out.push(b'}');
    out
}

pub(super) fn batch(answers: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![b'['];
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(answer);
    }
    out.push(b']');
    out
}

/// What a subscription sends.
pub(super) fn notification(subscription: &str, result: &Value) -> Vec<u8> {
    let params = format!(r#"{{"subscription":"{subscription}","result":{result}}}"#);
    format!(r#"{{"jsonrpc":"2.0","method":"eth_subscription","params":{params}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_json() {
        let id: &RawValue = serde_json::from_str("\"x\"").unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let right = written(Some(id), &Ok(Value::from("0x1")));
        assert_eq!(text(right.clone()), r#"{"jsonrpc":"2.0","id":"x","result":"0x1"}"#);
        let wrong = written(None, &Err(RpcError::header_not_found()));
        assert_eq!(
            text(wrong.clone()),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"header not found"}}"#
        );
        assert_eq!(batch(&[right, wrong]).iter().filter(|byte| **byte == b'{').count(), 3);
        assert_eq!(
            text(notification("0x1", &Value::Null)),
            r#"{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1","result":null}}"#
        );
    }
}
