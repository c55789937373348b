//! RFC 8785 canonical JSON: one sequence of bytes for one value, so that a hash can stand for it.

use serde::Serialize;
use serde_json::Value;

/// The canonical bytes of a JSON value.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(value, &mut out);
    out
}

/// The canonical bytes of a document of ours. Our documents are plain structs with text keys, which always
/// have a JSON form; should one not, its bytes are `null` and a test that compares hashes fails.
pub(crate) fn of<T: Serialize>(document: &T) -> Vec<u8> {
    to_bytes(&serde_json::to_value(document).unwrap_or(Value::Null))
}

/// SHA-256 of the canonical bytes, as hex.
pub(crate) fn digest<T: Serialize>(document: &T) -> String {
    crate::hash::sha256_hex(&of(document))
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            write_list(b'[', items.iter(), b']', out, write_value);
        }
        Value::Object(map) => {
            let mut members: Vec<(&String, &Value)> = map.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            write_list(b'{', members.into_iter(), b'}', out, |(name, member), out| {
                write_string(name, out);
                out.push(b':');
                write_value(member, out);
            });
        }
    }
}

fn write_list<T>(
    open: u8,
    items: impl Iterator<Item = T>,
    close: u8,
    out: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    out.push(open);
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(close);
}

/// Numbers as ECMAScript writes the IEEE 754 double. Ours are integers below 2^53 or rounded fractions.
fn write_number(number: &serde_json::Number, out: &mut Vec<u8>) {
    let double = number.as_f64().unwrap_or(0.0);
    out.extend_from_slice(ryu_js::Buffer::new().format(double).as_bytes());
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            c if c < ' ' => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(value: &Value, expected: &str) {
        assert_eq!(String::from_utf8(to_bytes(value)).unwrap(), expected);
    }

    #[test]
    fn numbers_as_ecmascript_writes_them() {
        check(
            &json!([0, -0.0, 1.0, 0.1, 1e21, 1e-7, 333333333.3333333, 4.5, 2e-3]),
            "[0,0,1,0.1,1e+21,1e-7,333333333.3333333,4.5,0.002]",
        );
        check(&json!(9007199254740991u64), "9007199254740991");
    }

    #[test]
    fn members_in_order_of_utf16_units() {
        check(
            &json!({"\u{fb33}": 1, "\u{1f600}": 2, "b": 3, "a": 4}),
            "{\"a\":4,\"b\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}",
        );
    }

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        check(&json!("\u{1}\u{1f}\n\"\\/é\u{7f}"), "\"\\u0001\\u001f\\n\\\"\\\\/é\u{7f}\"");
    }

    proptest! {
        #[test]
        fn it_reads_back_as_the_same_value(text in ".*", number in -1_000_000i64..1_000_000, flag: bool) {
            let value = json!({text.clone(): [number, flag, null, text]});
            let bytes = to_bytes(&value);
            let back: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(to_bytes(&back), bytes);
            prop_assert_eq!(back, value);
        }
    }
}
