//! Parameters at positions, by table.

use proptest::prelude::*;

use super::*;
use crate::core::scan::texts;

const HASH: &str = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";

fn known() -> Hash {
    hash(HASH.as_bytes()).unwrap()
}

#[test]
fn positions() {
    let params = br#" [ {"a":[1,2]} , "x,]" ,null,[]] "#;
    for (n, expected) in [
        (0, Some(&br#"{"a":[1,2]}"#[..])),
        (1, Some(b"\"x,]\"")),
        (2, Some(b"null")),
        (3, Some(b"[]")),
        (4, None),
    ] {
        assert_eq!(nth(params, n), expected, "{n}");
    }
    for nothing in ["[]", "{\"a\":1}", "null", "", "7", "[1"] {
        assert_eq!(nth(nothing.as_bytes(), 1), None, "{nothing}");
    }
    assert_eq!(nth(b"[]", 0), None);
}

#[test]
fn blocks() {
    let check = |raw: &str, expected: Option<BlockAt>| {
        let params = format!("[\"0x1\", {raw}]");
        assert_eq!(block_at(Some(params.as_bytes()), 1), expected, "{raw}");
    };
    let number = |number| Some(BlockAt::Number(number));
    check(r#""latest""#, Some(BlockAt::Latest));
    check(r#""pending""#, Some(BlockAt::Pending));
    check(r#""safe""#, Some(BlockAt::Safe));
    check(r#""finalized""#, Some(BlockAt::Finalized));
    check(r#""earliest""#, Some(BlockAt::Earliest));
    check(r#""""#, Some(BlockAt::Latest));
    check("null", None);
    check(r#""0x0""#, number(0));
    check(r#""0x1b4""#, number(436));
    check(r#""0x1B4""#, number(436));
    check(r#""0xffffffffffffffff""#, number(u64::MAX));
    check("17", number(17));
    check(&format!("\"{HASH}\""), Some(BlockAt::Hash(known())));
    check(&format!("{{\"blockHash\":\"{HASH}\",\"requireCanonical\":true}}"), Some(BlockAt::Hash(known())));
    check(r#"{"blockNumber":"0x10"}"#, number(16));
    check(r#"{"blockNumber":"latest"}"#, Some(BlockAt::Latest));
    for other in [
        r#""0x""#,
        r#""0xg""#,
        r#""latest ""#,
        r#""0x10000000000000000""#,
        "-1",
        "1.5",
        "true",
        "{}",
        "[]",
        r#"{"blockHash":"0x12"}"#,
        r#"{"blockHash":null}"#,
        r#"{"blockNumber":{"blockNumber":"0x1"}}"#,
        &format!("{{\"blockHash\":\"{HASH}\",\"blockNumber\":\"0x1\"}}"),
        &format!("\"{HASH}00\""),
    ] {
        check(other, Some(BlockAt::Other));
    }
    assert_eq!(block_at(Some(b"[]"), 0), None);
    assert_eq!(block_at(None, 0), None);
}

#[test]
fn hashes() {
    let params = format!("[\"{HASH}\", \"0x12\", 7]");
    assert_eq!(hash_at(Some(params.as_bytes()), 0), Some(known()));
    assert_eq!(hash_at(Some(params.as_bytes()), 1), None);
    assert_eq!(hash_at(Some(params.as_bytes()), 2), None);
    assert_eq!(hash_at(None, 0), None);
}

#[test]
fn filters() {
    let check = |filter: &str, expected: LogsAt| {
        assert_eq!(logs_at(Some(format!("[{filter}]").as_bytes()), 0), expected, "{filter}");
    };
    let range = |from, to| LogsAt::Range { from, to };
    let latest = BlockAt::Latest;
    check("{}", range(latest, latest));
    check("", range(latest, latest));
    check("null", range(latest, latest));
    check(r#"{"fromBlock":"0x1"}"#, range(BlockAt::Number(1), latest));
    check(r#"{"fromBlock":"0x1","fromBlock":"0x2"}"#, range(BlockAt::Number(2), latest));
    check(
        r#"{"address":"0x2","toBlock":"0x5","fromBlock":"0x1"}"#,
        range(BlockAt::Number(1), BlockAt::Number(5)),
    );
    check(r#"{"fromBlock":"earliest","toBlock":null}"#, range(BlockAt::Earliest, latest));
    check(&format!("{{\"blockHash\":\"{HASH}\"}}"), LogsAt::Block(known()));
    check(r#"{"blockHash":"0x1","fromBlock":"0x1"}"#, range(BlockAt::Number(1), latest));
    assert_eq!(logs_at(None, 0), range(latest, latest));
}

proptest! {
    #[test]
    fn positions_are_those_of_another_reader(params in prop::collection::vec(texts::values(), 0..6), n in 0_usize..7) {
        let text = serde_json::Value::from(params.clone()).to_string();
        let found = nth(text.as_bytes(), n).map(|raw| serde_json::from_slice::<serde_json::Value>(raw).unwrap());
        prop_assert_eq!(found.as_ref(), params.get(n));
    }

    #[test]
    fn any_params_are_read(text in texts::damaged(), n in 0_usize..3) {
        block_at(Some(&text), n);
        hash_at(Some(&text), n);
        logs_at(Some(&text), n);
    }

    #[test]
    fn numbers(number in any::<u64>()) {
        let params = format!("[\"{number:#x}\"]");
        prop_assert_eq!(block_at(Some(params.as_bytes()), 0), Some(BlockAt::Number(number)));
    }
}
