//! Answers are JSON whatever is said in them, and keep the id.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::core::scan::texts;
use crate::core::{ResponseKind, scan_response};

#[test]
fn answers() {
    assert_eq!(
        error_response(b"18446744073709551616123", -32601, "no \"such\" method\n"),
        br#"{"jsonrpc":"2.0","id":18446744073709551616123,"error":{"code":-32601,"message":"no \"such\" method\u000a"}}"#
    );
    assert_eq!(result_response(b"\"a\"", b"\"0x1\""), br#"{"jsonrpc":"2.0","id":"a","result":"0x1"}"#);
}

proptest! {
    #[test]
    fn any_words_are_told_as_they_are(id in texts::ids(), code in any::<i64>(), message in "(?s).{0,60}") {
        let response = error_response(id.as_bytes(), code, &message);
        let read: Value = serde_json::from_slice(&response).unwrap();
        prop_assert_eq!(&read["error"], &json!({ "code": code, "message": message }));
        let found = scan_response(&response).unwrap();
        prop_assert_eq!(&response[found.id_range], id.as_bytes());
        let is_that_code = matches!(found.kind, ResponseKind::Error { code: found, .. } if found == code);
        prop_assert!(is_that_code);
    }
}
