//! What nodes answer, made up by hand.

use super::*;
use crate::core::keccak::keccak256;
use crate::core::testing::hash;

fn header(extra: &str) -> String {
    let (own, parent) = (hash(0, 7), hash(0, 6));
    let bloom = "0".repeat(512);
    format!(r#"{{"hash":"{own}","parentHash":"{parent}","number":"0x7","logsBloom":"0x{bloom}"{extra}}}"#)
}

fn log_of(block: Hash, index: u64, rest: &str) -> String {
    let (address, topic) = ("11".repeat(20), "22".repeat(32));
    format!(
        r#"{{"address":"0x{address}","topics":["0x{topic}"],"blockHash":"{block}","logIndex":"{index:#x}","data":"0x"{rest}}}"#
    )
}

#[test]
fn a_block_is_shown_as_its_header() {
    let seen = block(
        header(r#","size":"0x1","transactions":["a"],"uncles":[],"withdrawals":[],"nonce":"0x0""#).as_bytes(),
    )
    .unwrap();
    let shown = String::from_utf8(seen.header.to_vec()).unwrap();
    assert_eq!(shown, header(r#","nonce":"0x0""#));
    assert_eq!((seen.hash, seen.parent, seen.number), (hash(0, 7), hash(0, 6), 7));
    assert!(seen.bloom.is_some_and(|bloom| bloom.is_empty()));
    // A header stays what it was, to the byte.
    let spaced = header(r#", "extraData" : "0x" "#);
    assert_eq!(&*block(spaced.as_bytes()).unwrap().header, spaced.as_bytes());
}

#[test]
fn what_is_no_block_is_none() {
    for text in
        ["", "null", "[]", "{}", r#"{"hash":1}"#, r#"{"hash":"0x12","parentHash":"0x","number":"0x1"}"#]
    {
        assert_eq!(block(text.as_bytes()), None, "{text}");
    }
    assert_eq!(block(format!("{} x", header("")).as_bytes()), None);
}

#[test]
fn logs_are_of_their_block_and_in_order() {
    let (own, other) = (hash(0, 7), hash(0, 8));
    let seen = logs(format!("[{},{}]", log_of(own, 0, ""), log_of(own, 3, "")).as_bytes(), own).unwrap();
    assert_eq!(seen.iter().map(|log| log.index).collect::<Vec<_>>(), [0, 3]);
    assert_eq!(seen[0].key, LogKey { address: [0x11; 20], topics: vec![[0x22; 32]] });
    assert_eq!(&*seen[1].raw, log_of(own, 3, "").as_bytes());
    for wrong in [
        format!("[{}]", log_of(other, 0, "")),
        format!("[{},{}]", log_of(own, 3, ""), log_of(own, 0, "")),
        format!("[{},{}]", log_of(own, 3, ""), log_of(own, 3, "")),
        "{}".to_owned(),
        "[{}]".to_owned(),
    ] {
        assert_eq!(logs(wrong.as_bytes(), own), None, "{wrong}");
    }
    assert_eq!(logs(b"[]", own), Some(Vec::new()));
}

#[test]
fn a_log_taken_back_says_so_once() {
    let own = hash(0, 7);
    let expected = log_of(own, 0, r#","removed":true"#);
    for rest in ["", r#","removed":false"#, r#","removed":true"#] {
        let told = retracted(log_of(own, 0, rest).as_bytes());
        assert_eq!(std::str::from_utf8(&told).unwrap(), expected);
    }
    assert_eq!(&*retracted(b"{}"), br#"{"removed":true}"#);
}

#[test]
fn a_bloom_rules_out_what_is_not_in_it_and_nothing_else() {
    let filter = |text: &str| super::super::filter::Filter::parse(Some(text.as_bytes())).unwrap();
    let address = [0x11_u8; 20];
    // Three bits by hand: the low eleven bits of the first three pairs of the hash.
    let hash = keccak256(&address);
    let mut bits = [0_u8; 256];
    for at in [0, 2, 4] {
        let bit = (usize::from(hash[at]) << 8 | usize::from(hash[at + 1])) % 2048;
        bits[255 - bit / 8] |= 1 << (bit % 8);
    }
    let bloom = Bloom(Box::new(bits));
    assert!(filter(&format!(r#"{{"address":"0x{}"}}"#, "11".repeat(20))).may_match(&bloom));
    assert!(!filter(&format!(r#"{{"address":"0x{}"}}"#, "12".repeat(20))).may_match(&bloom));
    assert!(!filter(&format!(r#"{{"topics":["0x{}"]}}"#, "22".repeat(32))).may_match(&bloom));
    assert!(filter("{}").may_match(&bloom));
}
