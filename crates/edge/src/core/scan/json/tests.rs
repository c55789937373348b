//! What is JSON and what is not, by table and beside another reader.

use proptest::prelude::*;

use super::*;
use crate::core::scan::texts;

fn is_json(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    std::str::from_utf8(text).is_ok() && cursor.value().and_then(|_| cursor.end()).is_ok()
}

#[test]
fn json() {
    for text in [
        "0",
        "-0",
        "-1.5e+3",
        "1E9",
        "18446744073709551616123",
        "\"\"",
        "true",
        " false ",
        "\t\r\n null",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,[2,[3]]]",
        "[[],{},[{}]]",
        "{\"a\":{\"b\":[]},\"a\":1}",
        r#""\"\\\/\b\f\n\r\t\u0041\uD83D\ude00\u0000""#,
        "\"\u{7f}\u{e9}\u{1f600}\"",
    ] {
        assert!(is_json(text.as_bytes()), "{text}");
    }
}

#[test]
fn no_json() {
    for text in [
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "truth",
        "nul",
        "True",
        "'a'",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\t\"",
        "\"\u{0}\"",
        r#""\ud800""#,
        r#""\ud800A""#,
        r#""\ud800\ud800""#,
        r#""\udc00""#,
        r#""\ud83d\n""#,
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1]",
        "{\"a\" 1}",
        "1 2",
        "{}{}",
        "[]]",
        "\u{feff}1",
        "1\u{a0}",
        "/**/1",
    ] {
        assert!(!is_json(text.as_bytes()), "{text:?}");
    }
    for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\"", b"\xef\xbb\xbf1"] {
        assert!(!is_json(bytes), "{bytes:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize, open: &str, close: &str| open.repeat(depth) + "1" + &close.repeat(depth);
    let depth = NESTING_MAX as usize;
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]")] {
        let each = open.matches(['[', '{']).count();
        assert!(is_json(nested(depth / each, open, close).as_bytes()));
        assert!(!is_json(nested(depth / each + 1, open, close).as_bytes()));
    }
    assert!(!is_json("[".repeat(1 << 20).as_bytes()));
    let wide = format!("[{}[]]", "[],".repeat(10_000));
    assert!(is_json(wide.as_bytes()), "what was closed does not count");
}

#[test]
fn a_member_is_found_whatever_stands_before_it() {
    let object = br#" { "a" : [ {"b":1} , "}" ] , "b":{"a":2} , "c\"":3 } "#;
    let of = |name: &str| member(object, name.as_bytes()).map(|range| &object[range]);
    assert_eq!(of("a"), Some(&br#"[ {"b":1} , "}" ]"#[..]));
    assert_eq!(of("b"), Some(&br#"{"a":2}"#[..]));
    assert_eq!(of(r#"c\""#), Some(&b"3"[..]));
    assert_eq!(of("d"), None);
    assert_eq!(member(br#"{"a":1,"b":2,"a":3}"#, b"a"), Some(17..18), "the last counts");
    assert_eq!(member(b"[1]", b"a"), None);
    assert_eq!(member(b"null", b"a"), None);
}

/// The other reader's word, except where it is known to be another rule: it reads numbers, so it refuses those that
/// no float holds, and its nesting is bounded otherwise.
fn other_reader(text: &[u8]) -> Option<bool> {
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(_) => Some(true),
        Err(error) => {
            let said = error.to_string();
            let is_other_rule = said.contains("number out of range") || said.contains("recursion limit");
            (!is_other_rule).then_some(false)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_json_is_json_to_another_reader(text in texts::damaged()) {
        if let Some(expected) = other_reader(&text) {
            prop_assert_eq!(is_json(&text), expected, "{:?}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(expected) = other_reader(&bytes) {
            prop_assert_eq!(is_json(&bytes), expected);
        }
    }

    /// Made of what JSON is made of, so that most of it gets far.
    #[test]
    fn any_tokens_end_in_an_answer(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u00e9\"", "1", "-0.5e3", "null", "true", " ", "\"", "\\", "01", "\u{e9}",
        ]), 0..24),
    ) {
        let text = tokens.concat();
        if let Some(expected) = other_reader(text.as_bytes()) {
            prop_assert_eq!(is_json(text.as_bytes()), expected, "{}", text);
        }
    }
}

#[test]
fn nodes_may_nest_deeply_and_clients_may_not() {
    let kinds = [("[", "]"), ("{\"a\":", "}")];
    // Which kind is open at each depth follows no period that a word of bits could hide.
    let nested = |depth: u32| {
        let of = |at: u32| kinds[(at.wrapping_mul(at).wrapping_mul(0x9e37_79b9) >> 31) as usize];
        let opening: String = (0..depth).map(|at| of(at).0).collect();
        let closing: String = (0..depth).rev().map(|at| of(at).1).collect();
        format!("{opening}1{closing}")
    };
    let is_json = |mut cursor: Cursor<'_>| cursor.value().and_then(|_| cursor.end()).is_ok();
    for depth in [1, 127, 128, 129, 255, 256, 257, 1_000, NESTING_MAX_OF_NODES] {
        let text = nested(depth);
        assert!(is_json(Cursor::of_node(text.as_bytes())), "{depth}");
        assert_eq!(is_json(Cursor::new(text.as_bytes())), depth <= NESTING_MAX, "{depth}");
        // One bracket of the wrong kind anywhere is seen.
        let at = text.len() - 1 - depth as usize / 2;
        let wrong = if text.as_bytes()[at] == b']' { "}" } else { "]" };
        let damaged = [&text[..at], wrong, &text[at + 1..]].concat();
        assert!(!is_json(Cursor::of_node(damaged.as_bytes())), "{depth}");
    }
    assert!(!is_json(Cursor::of_node(nested(NESTING_MAX_OF_NODES + 1).as_bytes())));
}
