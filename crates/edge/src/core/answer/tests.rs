//! Answers are JSON whatever is said in them, and keep the id.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::core::scan::texts;
use crate::core::{ResponseKind, scan_request, scan_response};

#[test]
fn answers() {
    assert_eq!(
        error_response(b"18446744073709551616123", -32601, "no \"such\" method\n"),
        br#"{"jsonrpc":"2.0","id":18446744073709551616123,"error":{"code":-32601,"message":"no \"such\" method\u000a"}}"#
    );
    assert_eq!(result_response(b"\"a\"", b"\"0x1\""), br#"{"jsonrpc":"2.0","id":"a","result":"0x1"}"#);
}

#[test]
fn each_of_what_was_asked_is_refused_under_its_own_id() {
    for (asked, ids) in [
        (r#"{"id":"a","method":"m"}"#, json!(["a"])),
        (r#"{"method":"m"}"#, json!([])),
        (
            r#"[{"id":1,"method":"m"},7,{"method":"m"},{"id":2},{"id":1,"method":"m"}]"#,
            json!([1, null, 2, 1]),
        ),
        (r#"[{"method":"m"}]"#, json!([])),
        ("{", json!([null])),
        (r#"[{"id":1,"method":"m"},{"id":1,"method":"m"},{},{},{},{}]"#, json!([null])),
    ] {
        let refused = refuse_each(&scan_request(asked.as_bytes(), 5), -32005, "no");
        let refused: Value = refused.map_or(json!([]), |refused| serde_json::from_slice(&refused).unwrap());
        let all = if refused.is_object() { vec![refused] } else { refused.as_array().unwrap().clone() };
        assert!(all.iter().all(|one| one["error"] == json!({"code": -32005, "message": "no"})), "{asked}");
        let told: Vec<&Value> = all.iter().map(|one| &one["id"]).collect();
        assert_eq!(json!(told), ids, "{asked}");
    }
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
