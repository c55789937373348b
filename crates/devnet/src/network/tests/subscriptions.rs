//! What subscribers are told, by nodes that see the chain in different ways.

use proptest::prelude::*;

use super::*;
use crate::chain::hex::{data, parse_quantity, quantity};
use crate::chain::signed;
use crate::node::{HeadStyle, IdScheme, LogFilter};

#[test]
fn heads_come_as_headers_and_stop_when_nobody_wants_them() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let id = net.subscribe(0, socket, json!(["newHeads"]));
    let (block, pushed) = net.mine();
    let heads = notified(&pushed, &id);
    assert_eq!((heads.len(), &heads[0]["hash"]), (1, &json!(block.hash)));
    assert!(heads[0].get("transactions").is_none() && heads[0].get("withdrawalsRoot").is_some());
    let answer = sent(&net.frame(0, socket, "eth_unsubscribe", json!([id])));
    assert_eq!(answer[0]["result"], true);
    assert!(net.mine().1.is_empty());
    let answer = sent(&net.frame(0, socket, "eth_unsubscribe", json!([id])));
    assert_eq!(answer[0]["error"]["message"], "subscription not found");
}

#[test]
fn a_reorganisation_takes_logs_back_and_shows_the_new_side() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let heads = net.subscribe(0, socket, json!(["newHeads"]));
    let logs = net.subscribe(0, socket, json!(["logs", {}]));
    let mined: Vec<Arc<Block>> = (0..6).map(|_| net.mine().0).collect();
    let pushed = net.reorganise(4, 5);
    let numbers: Vec<Value> = notified(&pushed, &heads).iter().map(|head| head["number"].clone()).collect();
    assert_eq!(json!(numbers), json!(["0xd", "0xe", "0xf", "0x10", "0x11"]));
    let told = notified(&pushed, &logs);
    let split = told.iter().position(|log| log["removed"] == false).unwrap();
    let (removed, added) = told.split_at(split);
    let gone: usize = mined[2..].iter().map(|block| block.logs.len()).sum();
    assert_eq!(removed.len(), gone);
    assert!(added.iter().all(|log| log["removed"] == false));
}

#[test]
fn ids_follow_the_scheme_of_the_node() {
    let counter = NodePlan { ids: IdScheme::Counter, ..NodePlan::default() };
    let mut net = Net::new(vec![NodePlan::default(), counter]);
    let sockets = [net.socket(0), net.socket(1)];
    let random = net.subscribe(0, sockets[0], json!(["newHeads"]));
    assert!(random.len() > 20 && random.starts_with("0x"), "{random}");
    let counted = [1, 2].map(|_| net.subscribe(1, sockets[1], json!(["newHeads"])));
    assert_eq!(counted, ["0x1", "0x2"]);
    let other = net.socket(1);
    assert_eq!(net.subscribe(1, other, json!(["newHeads"])), "0x3");
    net.set(1, Fault::CounterRestart);
    assert_eq!(net.subscribe(1, sockets[1], json!(["syncing"])), "0x3", "one id, two connections");
}

#[test]
fn a_head_may_be_announced_before_it_can_be_read() {
    let late = NodePlan { lag_ms: 100, data_lag_ms: 200, ..NodePlan::default() };
    let mut net = Net::new(vec![late]);
    let socket = net.socket(0);
    let heads = net.subscribe(0, socket, json!(["newHeads"]));
    let logs = net.subscribe(0, socket, json!(["logs"]));
    let block = std::iter::repeat_with(|| net.mine().0).find(|block| !block.logs.is_empty()).unwrap();
    let at = net.now_ms;
    assert_eq!(net.network.due(at), Some(at + 100));
    net.now_ms = at + 100;
    let pushed = net.network.advance(at + 100);
    assert_eq!((notified(&pushed, &heads).len(), notified(&pushed, &logs).len()), (1, 0));
    assert_eq!(net.result(0, "eth_getBlockByHash", json!([block.hash, false])), Value::Null);
    assert_eq!(net.network.due(at + 100), Some(at + 300));
    net.now_ms = at + 300;
    let pushed = net.network.advance(at + 300);
    assert_eq!((notified(&pushed, &heads).len(), notified(&pushed, &logs).len()), (0, block.logs.len()));
    assert_ne!(net.result(0, "eth_getBlockByHash", json!([block.hash, false])), Value::Null);
}

#[test]
fn a_node_may_announce_only_the_newest_of_several() {
    let newest = NodePlan { heads: HeadStyle::Newest, ..NodePlan::default() };
    let mut net = Net::new(vec![newest]);
    let socket = net.socket(0);
    let heads = net.subscribe(0, socket, json!(["newHeads"]));
    let pushed = net.reorganise(2, 4);
    let told = notified(&pushed, &heads);
    assert_eq!((told.len(), &told[0]["number"]), (1, &json!("0xc")));
}

#[test]
fn pending_transactions_are_told_once() {
    let mut net = Net::plain();
    let socket = net.socket(1);
    let hashes = net.subscribe(1, socket, json!(["newPendingTransactions"]));
    let full = net.subscribe(1, socket, json!(["newPendingTransactions", true]));
    let raw = data(&signed(1, 0, 1_337));
    let other = net.socket(0);
    let pushed = net.frame(0, other, "eth_sendRawTransaction", json!([raw]));
    let hash = sent(&pushed)[0]["result"].clone();
    assert_eq!(notified(&pushed, &hashes), std::slice::from_ref(&hash));
    assert_eq!(notified(&pushed, &full)[0]["hash"], hash);
    let (block, pushed) = net.mine();
    let made_up = block.transactions.iter().filter(|held| !held.sent).map(|held| json!(held.hash));
    assert_eq!(notified(&pushed, &hashes), made_up.collect::<Vec<_>>());
}

#[test]
fn the_syncing_flag_is_told_when_it_changes() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let id = net.subscribe(0, socket, json!(["syncing"]));
    let pushed = net.set(0, Fault::Syncing);
    assert_eq!(notified(&pushed, &id)[0]["syncing"], true);
    assert_eq!(net.result(0, "eth_syncing", json!([]))["currentBlock"], "0xa");
    let pushed = net.clear(0);
    assert_eq!(notified(&pushed, &id), [json!(false)]);
}

#[test]
fn unknown_kinds_and_too_many_are_refused() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let answer = sent(&net.frame(0, socket, "eth_subscribe", json!(["newBlocks"])));
    assert_eq!(answer[0]["error"]["message"], "no \"newBlocks\" subscription in eth namespace");
    (0..crate::node::SUBSCRIPTIONS_MAX).for_each(|_| _ = net.subscribe(0, socket, json!(["syncing"])));
    let answer = sent(&net.frame(0, socket, "eth_subscribe", json!(["syncing"])));
    assert_eq!(answer[0]["error"]["message"], "too many subscriptions");
}

fn number(log: &Value) -> u64 {
    parse_quantity(log["blockNumber"].as_str().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is mined and reorganised, with whatever lag: what a subscriber of logs is left with after all retractions
    /// is what the main branch has, in order.
    #[test]
    fn logs_after_retractions_are_those_of_the_main_branch(
        steps in proptest::collection::vec((0_u64..5, 1_u64..6), 1..25),
        lag_ms in prop_oneof![Just(0_u64), Just(700), Just(2_500)],
        address in any::<bool>(),
    ) {
        let mut net = Net::new(vec![NodePlan { lag_ms, ..NodePlan::default() }]);
        let contract = crate::chain::contracts(1)[0];
        let filter = LogFilter { addresses: if address { vec![contract] } else { vec![] }, topics: vec![] };
        let socket = net.socket(0);
        let asked = if address { json!({ "address": contract }) } else { json!({}) };
        let id = net.subscribe(0, socket, json!(["logs", asked]));
        let mut held: Vec<Value> = Vec::new();
        let mut take = |pushed: &[Pushed]| {
            for log in notified(pushed, &id) {
                let key = json!([log["blockHash"], log["logIndex"]]);
                match log["removed"] == true {
                    false => held.push(key),
                    true => match held.iter().rposition(|one| *one == key) {
                        Some(at) => _ = held.remove(at),
                        None => assert!(number(&log) <= 10, "{log} was never told, and is no older than the subscription"),
                    },
                }
            }
        };
        for (depth, length) in steps {
            let pushed = if depth == 0 { net.mine().1 } else { net.reorganise(depth, length) };
            take(&pushed);
        }
        take(&net.network.advance(net.now_ms + 10_000));
        let main = net.network.history().main();
        let expected: Vec<Value> = main.iter().filter(|block| block.mined_ms > 0).flat_map(|block| {
            filter.of(block).map(|log| json!([block.hash, quantity(log.index)])).collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(held, expected);
    }
}
