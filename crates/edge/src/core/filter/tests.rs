//! Filters against logs that are matched by hand.

use super::*;

fn parse(text: &str) -> Result<Filter, String> {
    Filter::parse(Some(text.as_bytes()))
}

fn address(digit: char) -> String {
    format!("\"0x{}\"", digit.to_string().repeat(40))
}

fn topic(digit: char) -> String {
    format!("\"0x{}\"", digit.to_string().repeat(64))
}

fn log(address: u8, topics: &[u8]) -> LogKey {
    LogKey { address: [address; 20], topics: topics.iter().map(|byte| [*byte; 32]).collect() }
}

#[test]
fn an_address_and_each_position_narrow_it_down() {
    let filter =
        parse(&format!(r#"{{"address":{},"topics":[null,[{},{}]]}}"#, address('1'), topic('2'), topic('3')))
            .unwrap();
    assert!(filter.matches(&log(0x11, &[0x99, 0x22])));
    assert!(filter.matches(&log(0x11, &[0x99, 0x33, 0x44])));
    for other in [log(0x12, &[0x99, 0x22]), log(0x11, &[0x22]), log(0x11, &[0x99, 0x44]), log(0x11, &[])] {
        assert!(!filter.matches(&other), "{other:?}");
    }
}

#[test]
fn what_is_left_out_matches_anything() {
    for text in ["{}", "null", r#"{"address":[],"topics":[]}"#, r#"{"topics":null}"#] {
        assert!(parse(text).unwrap().matches(&log(1, &[])), "{text}");
    }
    let any_of_one = parse(&format!(r#"{{"topics":[[null,{}]]}}"#, topic('2'))).unwrap();
    assert!(any_of_one.matches(&log(1, &[7])), "null among several is any");
    assert!(!any_of_one.matches(&log(1, &[])), "but the position has to be there");
}

#[test]
fn equal_filters_are_equal_however_written() {
    let (one, two) = (address('a'), address('b'));
    let written = |text: String| parse(&text).unwrap();
    assert_eq!(
        written(format!(r#"{{"address":[{two},{one},{two}]}}"#)),
        written(format!(r#"{{"address":[{one},{two}]}}"#))
    );
    assert_eq!(
        written(format!(r#"{{"address":{one}}}"#)),
        written(format!(r#"{{"address":[{}]}}"#, one.to_uppercase().replace("0X", "0x")))
    );
}

#[test]
fn what_is_wrong_is_named() {
    let said = |text: &str| parse(text).unwrap_err();
    assert_eq!(said(r#"{"address":"0x12"}"#), r#"address has "0x12", which is not 0x and 40 hex digits"#);
    assert_eq!(said(r#"{"topics":[7]}"#), r#"topics has "7", which is not 0x and 64 hex digits"#);
    assert_eq!(said(r#"{"topics":[[],[],[],[],[]]}"#), "topics has to be an array of at most 4");
    assert_eq!(said("[]"), "the filter has to be an object with address and topics");
    let long = said(&format!(r#"{{"address":"{}"}}"#, "x".repeat(10_000)));
    assert!(long.len() < 200, "{long}");
    let many = vec![address('1'); ADDRESSES_MAX + 1].join(",");
    assert_eq!(said(&format!(r#"{{"address":[{many}]}}"#)), "address has more than 1000 values");
}

/// As the yellow paper has it, written down another way: of each of three pairs of bytes of the hash, eleven bits are the
/// place of a one, counted from the end.
fn bloom(values: &[&[u8]]) -> Bloom {
    let mut bits = [false; 2_048];
    for value in values {
        let hash = keccak256(value);
        for pair in hash.chunks_exact(2).take(3) {
            bits[(usize::from(pair[0]) * 256 + usize::from(pair[1])) % 2_048] = true;
        }
    }
    let byte = |at: usize| (0..8).filter(|bit| bits[(255 - at) * 8 + bit]).map(|bit| 1_u8 << bit).sum();
    Bloom(Box::new(std::array::from_fn(byte)))
}

#[test]
fn a_bloom_rules_out_what_is_not_there_and_never_what_is() {
    let ours = bloom(&[&[0x11; 20], &[0x22; 32], &[0x33; 32]]);
    let may = |text: String| parse(&text).unwrap().may_match(&ours);
    assert!(may("{}".to_owned()));
    assert!(may(format!(r#"{{"address":{}}}"#, address('1'))));
    assert!(may(format!(r#"{{"address":[{},{}]}}"#, address('9'), address('1'))));
    assert!(may(format!(r#"{{"topics":[{},null,[{},{}]]}}"#, topic('2'), topic('3'), topic('9'))));
    assert!(!may(format!(r#"{{"address":{}}}"#, address('9'))));
    assert!(!may(format!(r#"{{"topics":[{},{}]}}"#, topic('2'), topic('9'))));
    assert!(!may(format!(r#"{{"address":{},"topics":[{}]}}"#, address('1'), topic('9'))));
    assert!(!may(format!(r#"{{"address":{},"topics":[{}]}}"#, address('9'), topic('2'))));
}

#[test]
fn every_bit_of_a_value_counts_and_every_place_can_be_one() {
    for at in 0..=u8::MAX {
        let filter = Filter::new(vec![[at; 20]], Vec::new());
        let whole = bloom(&[&[at; 20]]);
        assert!(filter.may_match(&whole));
        for byte in (0..256).filter(|byte| whole.0[*byte] != 0) {
            let mut less = whole.clone();
            less.0[byte] &= less.0[byte] - 1;
            assert!(!filter.may_match(&less), "one bit less of {at}");
        }
    }
    assert!(bloom(&[]).is_empty() && !bloom(&[&[1]]).is_empty());
}

#[test]
fn as_many_values_as_nodes_take_are_taken() {
    let many: Vec<String> = (0..ADDRESSES_MAX).map(|at| format!("\"0x{at:040x}\"")).collect();
    let filter = parse(&format!(r#"{{"address":[{}]}}"#, many.join(","))).unwrap();
    let last = u128::try_from(ADDRESSES_MAX - 1).unwrap().to_be_bytes();
    let mut key = LogKey { address: [0; 20], topics: Vec::new() };
    key.address[4..].copy_from_slice(&last);
    assert!(filter.matches(&key));
}
