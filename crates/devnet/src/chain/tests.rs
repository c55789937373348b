//! Blocks are linked, blooms miss nothing, forks part and join where they should.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn chain(seed: u64) -> Chain {
    Chain::new(Origin { seed, chain_id: 1_337, epoch_s: 1_700_000_000, slot_ms: 1_000 })
}

fn mined(seed: u64, blocks: u64) -> Chain {
    let mut chain = chain(seed);
    (1..=blocks).for_each(|at| _ = chain.mine(BranchId::MAIN, at_ms(at * 1_000)));
    chain
}

fn at_ms(now_ms: u64) -> Mining {
    Mining { now_ms, ..Mining::default() }
}

#[test]
fn the_same_seed_gives_the_same_chain_and_another_another() {
    assert_eq!(mined(1, 20).head(), mined(1, 20).head());
    assert_ne!(mined(1, 20).head().hash, mined(2, 20).head().hash);
}

#[test]
fn blocks_are_linked_and_hashes_are_those_of_the_headers() {
    let chain = mined(3, 50);
    let mut at = chain.head();
    while at.number() > 0 {
        assert_eq!(at.hash, at.header.hash());
        let parent = chain.block(&at.parent()).unwrap();
        assert_eq!((parent.number() + 1, parent.slot + 1), (at.number(), at.slot));
        assert_eq!(at.parent_root(), parent.root);
        assert!(at.header.timestamp > parent.header.timestamp);
        at = parent;
    }
    assert_eq!(at.parent(), Hash::ZERO);
}

#[test]
fn some_blocks_have_logs_and_some_have_none() {
    let chain = mined(4, 50);
    let counts: Vec<usize> =
        (1..=50).map(|number| chain.ancestor(&chain.head().hash, number).unwrap().logs.len()).collect();
    assert!(counts.contains(&0), "{counts:?}");
    assert!(counts.iter().any(|logs| *logs > 3), "{counts:?}");
}

#[test]
fn a_fork_shares_what_is_before_it_and_some_transactions() {
    let mut chain = mined(5, 40);
    let old = chain.head().hash;
    let branch = chain.fork(20, 30, 41_000).unwrap();
    let tip = chain.tip(branch).hash;
    assert_eq!((chain.head().hash, chain.tip(branch).number()), (old, 50), "nobody follows it yet");
    assert_eq!(chain.ancestor(&tip, 20), chain.ancestor(&old, 20));
    assert_ne!(chain.ancestor(&tip, 21), chain.ancestor(&old, 21));
    let path = chain.adopt(branch, 42_000).unwrap();
    let numbers = |blocks: &[Arc<Block>]| blocks.iter().map(|block| block.number()).collect::<Vec<_>>();
    assert_eq!(numbers(&path.removed), (21..=40).rev().collect::<Vec<_>>());
    assert_eq!(numbers(&path.added), (21..=50).collect::<Vec<_>>());
    assert_eq!(chain.head().hash, tip);
    let hashes = |blocks: &[Arc<Block>]| -> Vec<Hash> {
        blocks.iter().flat_map(|block| &block.transactions).map(|held| held.hash).collect()
    };
    let (gone, come) = (hashes(&path.removed), hashes(&path.added));
    assert!(gone.iter().any(|hash| come.contains(hash)), "mined again on the other side");
    assert!(gone.iter().any(|hash| !come.contains(hash)), "lost with its branch");
}

#[test]
fn forks_that_cannot_be_are_refused() {
    let mut chain = mined(6, 3);
    let said = chain.fork(4, 1, 0).unwrap_err().to_string();
    assert_eq!(said, "block 4 is not on the main branch: it has blocks 1 to 3");
    assert_eq!(chain.fork(1, 0, 0), Err(ForkError::Length));
    assert_eq!(chain.adopt(BranchId(9), 0), Err(ForkError::NoSuchBranch(9)));
    let refused = (0..300).find_map(|_| chain.fork(1, 1, 0).err());
    assert_eq!(refused, Some(ForkError::TooManyBranches));
}

#[test]
fn tips_are_known_by_their_time() {
    let mut chain = mined(7, 5);
    let head = chain.head().hash;
    let number_at = |chain: &Chain, ms| chain.tip_at(BranchId::MAIN, ms).number();
    assert_eq!([0, 999, 1_000, 4_500, 9_000].map(|ms| number_at(&chain, ms)), [0, 0, 1, 4, 5]);
    assert_eq!(chain.next_change(BranchId::MAIN, 2_000), Some(3_000));
    assert_eq!(chain.next_change(BranchId::MAIN, 5_000), None);
    let branch = chain.fork(3, 4, 6_000).unwrap();
    chain.adopt(branch, 7_000).unwrap();
    assert_eq!(chain.tip_at(BranchId::MAIN, 6_999).hash, head);
    assert_eq!(number_at(&chain, 7_000), 7);
    assert!(!chain.has_branch(branch));
}

#[test]
fn missed_slots_are_left_out_and_nothing_else() {
    let mut chain = mined(8, 2);
    let block = chain.mine(BranchId::MAIN, Mining { missed_slots: 3, ..at_ms(3_000) });
    assert_eq!((block.number(), block.slot), (3, 6));
    let at = |slot| chain.at_or_before_slot(&block.hash, slot).unwrap().slot;
    assert_eq!([6, 5, 3, 2, 0].map(at), [6, 2, 2, 2, 0]);
}

#[test]
fn the_oldest_blocks_are_forgotten_but_the_first() {
    let chain = mined(9, BLOCKS_MAX as u64 + 10);
    assert_eq!(chain.blocks.len(), BLOCKS_MAX);
    let head = chain.head().hash;
    let has = |number| chain.ancestor(&head, number).is_some();
    assert!(has(0) && !has(1) && !has(11) && has(12));
    let transactions: usize = chain.blocks.values().map(|block| block.transactions.len()).sum();
    assert_eq!(chain.by_transaction.len(), transactions);
    assert_eq!((chain.by_root.len(), chain.main.len()), (BLOCKS_MAX, BLOCKS_MAX));
}

#[test]
fn a_path_over_what_is_forgotten_is_only_its_end() {
    let mut chain = chain(10);
    let side = chain.fork(0, 1, 0).unwrap();
    let lost = chain.tip(side).hash;
    (0..BLOCKS_MAX + 5).for_each(|_| _ = chain.mine(BranchId::MAIN, at_ms(1)));
    assert!(!chain.has_branch(side), "its tip is forgotten");
    let head = Arc::clone(chain.head());
    assert_eq!(chain.path(&lost, &head.hash), Path { removed: vec![], added: vec![head] });
}

/// As a client does that does not believe the node: from the fields, in the order of the specification.
#[test]
fn the_hash_of_a_block_follows_from_what_is_shown_of_it() {
    let chain = mined(13, 20);
    let shown = json::block(chain.head(), 1_337, false);
    let fields = "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom #difficulty #number \
                  #gasLimit #gasUsed #timestamp extraData mixHash nonce #baseFeePerGas withdrawalsRoot #blobGasUsed \
                  #excessBlobGas parentBeaconBlockRoot requestsHash";
    let list = fields.split_whitespace().fold(RlpList::new(), |list, field| {
        let text = |name: &str| shown[name].as_str().unwrap_or_else(|| panic!("{name}"));
        match field.strip_prefix('#') {
            Some(name) => list.number(hex::parse_quantity(text(name)).unwrap()),
            None => list.bytes(&hex::parse_data(text(field)).unwrap()),
        }
    });
    assert_eq!(json!(keccak256(&list.encoded())), shown["hash"]);
}

/// The same of a transaction: type 2, as EIP-1559 has it.
#[test]
fn the_hash_of_a_transaction_follows_from_what_is_shown_of_it() {
    let chain = mined(13, 20);
    let blocks = (1..=20).filter_map(|number| chain.ancestor(&chain.head().hash, number));
    let block = blocks.into_iter().find(|block| block.transactions.len() > 1).unwrap();
    for shown in json::block(block, 1_337, true)["transactions"].as_array().unwrap() {
        let bytes = |name: &str| {
            let text = shown[name].as_str().unwrap().trim_start_matches("0x");
            let even = if text.len() % 2 == 0 { format!("0x{text}") } else { format!("0x0{text}") };
            hex::parse_data(&even).unwrap().into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>()
        };
        let whole = |name: &str| hex::parse_data(shown[name].as_str().unwrap()).unwrap();
        let list = ["chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas"];
        let list = list.into_iter().fold(RlpList::new(), |list, name| list.bytes(&bytes(name)));
        let list =
            list.bytes(&whole("to")).bytes(&bytes("value")).bytes(&whole("input")).list(&RlpList::new());
        let list = ["yParity", "r", "s"].into_iter().fold(list, |list, name| list.bytes(&bytes(name)));
        let hash = keccak256_of(&[&[2], &list.encoded()]);
        assert_eq!(json!(hash), shown["hash"]);
    }
}

#[test]
fn json_has_the_fields_that_geth_shows() {
    let chain = mined(11, 30);
    let block = chain.ancestor(&chain.head().hash, 7).unwrap();
    let keys =
        |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&serde_json::Value::Object(json::header(&block.hash, &block.header))),
        "baseFeePerGas blobGasUsed difficulty excessBlobGas extraData gasLimit gasUsed hash logsBloom miner mixHash nonce \
         number parentBeaconBlockRoot parentHash receiptsRoot requestsHash sha3Uncles stateRoot timestamp \
         transactionsRoot withdrawalsRoot"
    );
    let shown = json::block(block, 1_337, false);
    assert_eq!(shown["number"], "0x7");
    for key in ["size", "uncles", "withdrawals", "transactions"] {
        assert!(shown.get(key).is_some(), "{key}");
    }
    let with_logs = (1..30).filter_map(|number| chain.ancestor(&chain.head().hash, number));
    let block = with_logs.into_iter().find(|block| !block.logs.is_empty()).unwrap();
    let log = json::log(&block.logs[0], block, true);
    assert_eq!(
        keys(&log),
        "address blockHash blockNumber blockTimestamp data logIndex removed topics transactionHash transactionIndex"
    );
    let receipts: Vec<_> = (0..block.transactions.len()).filter_map(|at| json::receipt(block, at)).collect();
    let logs: usize = receipts.iter().map(|receipt| receipt["logs"].as_array().unwrap().len()).sum();
    assert_eq!(logs, block.logs.len());
    assert_eq!(json::receipt(block, receipts.len()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_bloom_misses_nothing_and_does_not_have_everything(seed in any::<u64>()) {
        let chain = mined(seed, 12);
        let mut absent = 0;
        for number in 1..=12 {
            let block = chain.ancestor(&chain.head().hash, number).unwrap();
            let bloom = &block.header.bloom;
            for log in &block.logs {
                prop_assert!(bloom.may_contain(&log.address.0));
                prop_assert!(log.topics.iter().all(|topic| bloom.may_contain(&topic.0)));
            }
            absent += usize::from(!bloom.may_contain(b"in no log of any block"));
        }
        prop_assert!(absent >= 10, "{absent} of 12 know that they do not have it");
    }

    /// Whatever is mined, forked and adopted: the path from any block to any other starts and ends where it should, and
    /// every block on it is the parent of the next.
    #[test]
    fn paths_are_linked(steps in proptest::collection::vec((0_u8..4, 0_u64..6), 1..30)) {
        let mut chain = mined(12, 6);
        let mut tips = vec![chain.head().hash];
        for (at, (kind, number)) in steps.into_iter().enumerate() {
            let now = 10_000 + at as u64;
            match kind {
                0 | 1 => _ = chain.mine(BranchId::MAIN, at_ms(now)),
                _ => {
                    let from = chain.head().number() - number.min(chain.head().number());
                    let branch = chain.fork(from, number + 1, now).unwrap();
                    tips.push(chain.tip(branch).hash);
                    if kind == 3 {
                        chain.adopt(branch, now).unwrap();
                    }
                }
            }
            tips.push(chain.head().hash);
        }
        for from in &tips {
            for to in &tips {
                let path = chain.path(from, to);
                let common = path.removed.last().map_or(*from, |block| block.parent());
                prop_assert_eq!(path.removed.first().map_or(common, |block| block.hash), *from);
                prop_assert_eq!(path.added.last().map_or(common, |block| block.hash), *to);
                prop_assert_eq!(path.added.first().map_or(common, |block| block.parent()), common);
                prop_assert!(path.added.windows(2).all(|two| two[1].parent() == two[0].hash));
                prop_assert!(path.removed.windows(2).all(|two| two[0].parent() == two[1].hash));
                prop_assert_eq!(chain.is_ancestor(from, to), path.removed.is_empty());
            }
        }
    }
}
