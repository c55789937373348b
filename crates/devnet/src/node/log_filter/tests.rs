//! Matching compared with the words of the specification, and reading in all its forms.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::chain::{BranchId, Chain, Fixed, Mining, Origin, accounts, contracts, events};

fn log(address: u8, topics: &[u8]) -> Log {
    Log {
        address: Fixed([address; 20]),
        topics: topics.iter().map(|topic| Fixed([*topic; 32])).collect(),
        data: Vec::new(),
        index: 0,
        transaction_index: 0,
        transaction: Hash::ZERO,
    }
}

fn hash(byte: u8) -> Hash {
    Fixed([byte; 32])
}

#[test]
fn the_examples_of_the_specification() {
    let filter = |topics: Value| LogFilter::read(&json!({ "topics": topics }), 0).unwrap();
    let cases = [
        (json!([]), [true, true, true]),
        (json!([hash(1)]), [false, true, true]),
        (json!([null, hash(2)]), [false, false, true]),
        (json!([hash(1), hash(2)]), [false, false, true]),
        (json!([[hash(1), hash(2)], [hash(1), hash(2)]]), [false, false, true]),
        (json!([hash(2)]), [false, false, false]),
        (json!([null, null]), [false, false, true]),
        (json!([[hash(9), null]]), [false, true, true]),
    ];
    for (topics, expected) in cases {
        let filter = filter(topics);
        let found = [&[][..], &[1], &[1, 2]].map(|topics| filter.matches(&log(7, topics)));
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[test]
fn addresses_are_one_or_many() {
    let filter = |address: Value| LogFilter::read(&json!({ "address": address }), 0).unwrap();
    let (seven, eight): (Address, Address) = (Fixed([7; 20]), Fixed([8; 20]));
    assert!(filter(Value::Null).matches(&log(7, &[])) && filter(json!([])).matches(&log(7, &[])));
    assert!(filter(json!(seven)).matches(&log(7, &[])) && !filter(json!(eight)).matches(&log(7, &[])));
    assert!(filter(json!([eight, seven])).matches(&log(7, &[])));
}

#[test]
fn what_is_wrong_is_refused() {
    let said = |value: Value| LogFilter::read(&value, 0).unwrap_err().message;
    assert_eq!(said(json!({"address": "0x12"})), "invalid argument 0: invalid address or topic");
    assert_eq!(said(json!({"topics": [null, null, null, null, null]})), "exceed max topics");
    assert_eq!(said(json!({"topics": {}})), "invalid argument 0: invalid topics");
    assert!(said(json!("x")).starts_with("invalid argument 0: json: cannot unmarshal"));
    let many = vec![hash(1); ALTERNATIVES_MAX + 1];
    assert!(said(json!({ "topics": [many] })).contains("exceed max"));
    let both = Range::read(&json!({"blockHash": hash(1), "fromBlock": "0x1"}), 0).unwrap_err().message;
    assert!(both.contains("choose one or the other"));
}

#[test]
fn ranges_default_to_the_latest_block() {
    let read = |value: Value| Range::read(&value, 0).unwrap();
    assert_eq!(read(json!({})), Range::Between(BlockRef::Latest, BlockRef::Latest));
    assert_eq!(read(json!({"fromBlock": "0x1"})), Range::Between(BlockRef::Number(1), BlockRef::Latest));
    assert_eq!(read(json!({"blockHash": hash(1)})), Range::Block(hash(1)));
}

/// Filters over what the logs of a seed really have.
fn filters(seed: u64) -> impl Strategy<Value = LogFilter> {
    let addresses = proptest::sample::subsequence(contracts(seed), 0..3);
    let first = proptest::sample::subsequence(events(), 0..3);
    let second = proptest::sample::subsequence(accounts(seed), 0..4);
    (addresses, first, second, 0_usize..3).prop_map(|(addresses, first, second, places)| {
        let topics = [first, second].into_iter().take(places).collect();
        LogFilter { addresses, topics }
    })
}

proptest! {
    #[test]
    fn what_a_filter_finds_is_what_looking_at_every_log_finds(filter in filters(21)) {
        let mut chain = Chain::new(Origin { seed: 21, chain_id: 1, epoch_s: 0, slot_ms: 1_000 });
        for _ in 0..12 {
            let block = chain.mine(BranchId::MAIN, Mining::default());
            let expected: Vec<&Log> = block.logs.iter().filter(|log| {
                let address = filter.addresses.is_empty() || filter.addresses.contains(&log.address);
                address && filter.topics.iter().enumerate().all(|(at, any)| match log.topics.get(at) {
                    None => false,
                    Some(topic) => any.is_empty() || any.iter().any(|wanted| wanted == topic),
                })
            }).collect();
            let found: Vec<&Log> = filter.of(&block).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
