//! Texts to scan: JSON values of every kind, requests around them, and damage.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON, small enough to be looked at.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e15..1e15).prop_map(|number: f64| json!(number)),
        ".{0,12}".prop_map(Value::from),
        "0x[0-9a-f]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An id as a client may write it.
pub(crate) fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("1.0".to_owned()),
        Just("18446744073709551616123".to_owned()),
        any::<i64>().prop_map(|id| id.to_string()),
        ".{0,8}".prop_map(|id| Value::from(id).to_string()),
        Just(r#""\u0041\ud83d\ude00""#.to_owned()),
    ]
}

/// A request with its members in any order, some further ones among them, and spaces.
pub(crate) fn requests() -> impl Strategy<Value = (Option<String>, String, Option<String>, String)> {
    let params = prop_oneof![
        Just(None),
        prop::collection::vec(values(), 0..4).prop_map(|params| Some(Value::from(params).to_string())),
        values().prop_map(|value| Some(json!({ "a": value }).to_string())),
    ];
    let further = prop::collection::vec(("[xyz][a-z\u{e9}]{0,5}", values()), 0..3);
    let parts =
        (prop::option::of(ids()), "[a-z]{2,5}_[a-zA-Z0-9]{1,20}", params, further, " ?\n?", any::<u64>());
    parts.prop_map(|(id, method, params, further, space, order)| {
        let mut members = vec![r#""jsonrpc":"2.0""#.to_owned(), format!("\"method\":{space}\"{method}\"")];
        members.extend(id.as_ref().map(|id| format!("{space}\"id\":{space}{id}{space}")));
        members.extend(params.as_ref().map(|params| format!("\"params\"{space}:{params}")));
        members
            .extend(further.iter().enumerate().map(|(at, (name, value))| format!("\"{name}{at}\":{value}")));
        let turn = (order % members.len() as u64) as usize;
        members.rotate_left(turn);
        (id, method, params, format!("{space}{{{}}}{space}", members.join(",")))
    })
}

/// JSON texts of which about half are still JSON: bytes replaced, taken out, doubled, or the end cut off.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        values().prop_map(|value| value.to_string()),
        requests().prop_map(|(.., text)| text),
        prop::collection::vec(requests(), 0..3).prop_map(|batch| {
            let texts: Vec<String> = batch.into_iter().map(|(.., text)| text).collect();
            format!("[{}]", texts.join(","))
        }),
    ];
    let bytes = prop_oneof![
        prop::sample::select(b"{}[],:\"\\0123456789eE+-.tfnu \n\x00\x1f\x7f".to_vec()),
        any::<u8>(),
    ];
    let damage = (0_u8..6, any::<prop::sample::Index>(), bytes);
    (text, prop::collection::vec(damage, 0..3)).prop_map(|(text, damages)| {
        let mut text = text.into_bytes();
        for (kind, at, byte) in damages {
            let at = at.index(text.len() + 1);
            match kind {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                2 if at < text.len() => _ = text.remove(at),
                3 => text.truncate(at),
                _ => {}
            }
        }
        text
    })
}
