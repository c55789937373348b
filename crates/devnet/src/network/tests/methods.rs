//! Every method over the pure door.

use super::*;
use crate::chain::hex::{data, quantity};
use crate::chain::{Address, Fixed, contracts, signed};
use crate::node::{REVERT_CALL, balance_at};

const ACCOUNT: Address = Fixed([0x22; 20]);

#[test]
fn who_and_where() {
    let mut net = Net::plain();
    for (method, expected) in [
        ("eth_chainId", json!("0x539")),
        ("net_version", json!("1337")),
        ("net_listening", json!(true)),
        ("net_peerCount", json!("0x19")),
        ("eth_syncing", json!(false)),
        ("eth_blockNumber", json!("0xa")),
        ("eth_accounts", json!([])),
        ("web3_clientVersion", json!(NodePlan::default().client)),
    ] {
        assert_eq!(net.result(0, method, json!([])), expected, "{method}");
    }
}

#[test]
fn blocks_by_hash_number_and_tag() {
    let mut net = Net::plain();
    (0..20).for_each(|_| _ = net.mine());
    let head = net.network.chain().head().hash;
    let by_hash = net.result(0, "eth_getBlockByHash", json!([head, false]));
    assert_eq!(by_hash["hash"], json!(head));
    for (tag, number) in
        [("latest", 30), ("pending", 30), ("earliest", 0), ("safe", 16), ("finalized", 8), ("0x5", 5)]
    {
        let block = net.result(0, "eth_getBlockByNumber", json!([tag, false]));
        assert_eq!(block["number"], json!(quantity(number as u64)), "{tag}");
    }
    assert_eq!(net.result(0, "eth_getBlockByNumber", json!(["0x1f", false])), Value::Null);
    assert_eq!(net.result(0, "eth_getBlockByHash", json!([Fixed([9; 32]), true])), Value::Null);
}

#[test]
fn transactions_and_receipts_belong_to_their_block() {
    let mut net = Net::plain();
    let block = std::iter::repeat_with(|| net.mine().0).find(|block| block.logs.len() > 2).unwrap();
    let full = net.result(0, "eth_getBlockByHash", json!([block.hash, true]));
    let receipts = net.result(0, "eth_getBlockReceipts", json!([quantity(block.number())]));
    let by_hash = net.result(0, "eth_getBlockReceipts", json!([{ "blockHash": block.hash }]));
    assert_eq!(receipts, by_hash);
    for (at, transaction) in block.transactions.iter().enumerate() {
        let one = net.result(0, "eth_getTransactionByHash", json!([transaction.hash]));
        assert_eq!(one, full["transactions"][at]);
        assert_eq!(
            (&one["blockHash"], &one["transactionIndex"]),
            (&json!(block.hash), &json!(quantity(at as u64)))
        );
        assert_eq!(net.result(0, "eth_getTransactionReceipt", json!([transaction.hash])), receipts[at]);
    }
    let unknown = json!([Fixed([3; 32])]);
    assert_eq!(net.result(0, "eth_getTransactionByHash", unknown.clone()), Value::Null);
    assert_eq!(net.result(0, "eth_getTransactionReceipt", unknown.clone()), Value::Null);
    assert_eq!(net.result(0, "eth_getBlockReceipts", unknown), Value::Null);
}

#[test]
fn logs_by_block_and_range_agree() {
    let mut net = Net::plain();
    (0..10).for_each(|_| _ = net.mine());
    let contract = contracts(1)[0];
    let range =
        net.result(0, "eth_getLogs", json!([{"fromBlock": "0x0", "toBlock": "latest", "address": contract}]));
    let mut single = Vec::new();
    for number in 0..=20_u64 {
        let block = net.result(0, "eth_getBlockByNumber", json!([quantity(number), false]));
        let logs = net.result(0, "eth_getLogs", json!([{"blockHash": block["hash"], "address": [contract]}]));
        single.extend(logs.as_array().unwrap().clone());
    }
    assert!(single.len() > 5);
    assert_eq!(range, json!(single));
    let beyond = json!([{"fromBlock": "0x14", "toBlock": "0xffff"}]);
    let last = json!([{"fromBlock": "0x14"}]);
    assert_eq!(net.result(0, "eth_getLogs", beyond), net.result(0, "eth_getLogs", last));
    let backwards = json!([{"fromBlock": "0x5", "toBlock": "0x4"}]);
    assert_eq!(net.error(0, "eth_getLogs", backwards), (-32_000, "invalid block range params".to_owned()));
    let unknown = json!([{ "blockHash": Fixed([9; 32]) }]);
    assert_eq!(net.error(0, "eth_getLogs", unknown), (-32_000, "unknown block".to_owned()));
}

#[test]
fn answers_about_the_state_show_at_which_block_they_were_given() {
    let mut net = Net::plain();
    let head = Arc::clone(net.network.chain().head());
    let balance = net.result(0, "eth_getBalance", json!([ACCOUNT, "latest"]));
    assert_eq!(balance, json!(quantity(balance_at(&ACCOUNT, &head))));
    assert_ne!(balance, net.result(0, "eth_getBalance", json!([ACCOUNT, "0x1"])));
    let called = net.result(0, "eth_call", json!([{"to": ACCOUNT, "data": "0x01"}]));
    let expected = format!("0x{:064x}{}", head.number(), head.hash.to_string().trim_start_matches("0x"));
    assert_eq!(called, json!(expected));
    assert_eq!(net.result(0, "eth_estimateGas", json!([{"input": "0x0102"}])), json!("0x5228"));
    assert_eq!(
        net.result(0, "eth_gasPrice", json!([])),
        json!(quantity(head.header.base_fee + 1_000_000_000))
    );
    assert_eq!(net.result(0, "eth_getCode", json!([ACCOUNT, "latest"])), json!("0x"));
    let unknown = json!([{"to": ACCOUNT}, {"blockHash": Fixed([9; 32])}]);
    assert_eq!(net.error(0, "eth_call", unknown), (-32_000, "header not found".to_owned()));
}

#[test]
fn a_revert_is_error_three_with_its_reason_encoded() {
    let mut net = Net::plain();
    let answer =
        net.answer(0, "eth_call", json!([{"to": ACCOUNT, "data": format!("{REVERT_CALL}00")}, "latest"]));
    let error = &answer["error"];
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(3), &json!("execution reverted: devnet: reverted as asked"))
    );
    let data = error["data"].as_str().unwrap();
    assert!(data.starts_with("0x08c379a0") && data.len() == 2 + 2 * (4 + 96), "{data}");
    assert_eq!(net.error(0, "eth_estimateGas", json!([{"data": REVERT_CALL}])).0, 3);
}

#[test]
fn to_a_node_that_has_not_seen_its_block_a_transaction_waits() {
    let mut net = Net::plain();
    let raw = json!([data(&signed(1, 0, 1_337))]);
    let hash = net.result(0, "eth_sendRawTransaction", raw.clone());
    net.set(1, Fault::Lag { blocks: 1 });
    net.mine();
    let shown = |net: &mut Net| net.result(1, "eth_getTransactionByHash", json!([hash]))["blockHash"].clone();
    assert_eq!(shown(&mut net), Value::Null);
    assert_eq!(net.error(1, "eth_sendRawTransaction", raw.clone()).1, "already known");
    net.mine();
    assert_ne!(shown(&mut net), Value::Null);
    assert!(net.error(1, "eth_sendRawTransaction", raw).1.starts_with("nonce too low"));
}

#[test]
fn a_transaction_is_taken_once_and_mined() {
    let mut net = Net::plain();
    let raw = json!([data(&signed(1, 0, 1_337))]);
    let hash = net.result(0, "eth_sendRawTransaction", raw.clone());
    assert_eq!(net.error(0, "eth_sendRawTransaction", raw.clone()), (-32_000, "already known".to_owned()));
    assert_eq!(net.error(1, "eth_sendRawTransaction", raw.clone()).1, "already known", "gossip took no time");
    let waiting = net.result(1, "eth_getTransactionByHash", json!([hash]));
    assert_eq!((&waiting["hash"], &waiting["blockHash"]), (&hash, &Value::Null));
    let (block, _) = net.mine();
    let receipt = net.result(1, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!((&receipt["blockHash"], &receipt["status"]), (&json!(block.hash), &json!("0x1")));
    let low = (-32_000, "nonce too low: next nonce 1, tx nonce 0".to_owned());
    assert_eq!(net.error(0, "eth_sendRawTransaction", raw.clone()), low);
    assert_eq!(net.result(0, "eth_getTransactionCount", json!([receipt["from"], "latest"])), json!("0x1"));
    net.reorganise(1, 2);
    assert_eq!(
        net.error(0, "eth_sendRawTransaction", raw).1,
        "already known",
        "its block is gone, it waits again"
    );
    let (block, _) = net.mine();
    assert!(block.transactions.iter().any(|held| json!(held.hash) == hash));
    assert_eq!(net.error(0, "eth_sendRawTransaction", json!(["0x05"])).1, "transaction type not supported");
}

#[test]
fn filters_tell_of_changes_once_and_belong_to_their_node() {
    let mut net = Net::plain();
    let blocks = net.result(0, "eth_newBlockFilter", json!([]));
    let logs = net.result(0, "eth_newFilter", json!([{}]));
    let pending = net.result(0, "eth_newPendingTransactionFilter", json!([]));
    let (block, _) = net.mine();
    let changes = |net: &mut Net, id: &Value| net.result(0, "eth_getFilterChanges", json!([id]));
    assert_eq!(changes(&mut net, &blocks), json!([block.hash]));
    assert_eq!(changes(&mut net, &blocks), json!([]));
    assert_eq!(changes(&mut net, &logs).as_array().unwrap().len(), block.logs.len());
    net.reorganise(1, 2);
    let changed = changes(&mut net, &logs);
    let removed = changed.as_array().unwrap().iter().filter(|log| log["removed"] == true).count();
    assert_eq!(removed, block.logs.len());
    let hash = net.result(1, "eth_sendRawTransaction", json!([data(&signed(1, 0, 1_337))]));
    assert_eq!(changes(&mut net, &pending), json!([hash]));
    assert_eq!(changes(&mut net, &pending), json!([]));
    let missing = (-32_000, "filter not found".to_owned());
    assert_eq!(net.error(1, "eth_getFilterChanges", json!([blocks])), missing);
    assert_eq!(net.result(0, "eth_uninstallFilter", json!([blocks])), json!(true));
    assert_eq!(net.result(0, "eth_uninstallFilter", json!([blocks])), json!(false));
    assert_eq!(net.error(0, "eth_getFilterChanges", json!([blocks])), missing);
}

#[test]
fn errors_have_the_codes_and_words_of_geth() {
    let mut net = Net::plain();
    let missing = (-32_601, "the method eth_foo does not exist/is not available".to_owned());
    assert_eq!(net.error(0, "eth_foo", json!([])), missing);
    let missing = (-32_602, "missing value for required argument 0".to_owned());
    assert_eq!(net.error(0, "eth_getBlockByHash", json!([])), missing);
    assert_eq!(
        net.error(0, "eth_getBlockByHash", json!([1, true, 3])).1,
        "too many arguments, want at most 2"
    );
    assert_eq!(net.error(0, "eth_getBalance", json!({"a": 1})), (-32_602, "non-array args".to_owned()));
    assert_eq!(
        net.error(0, "eth_subscribe", json!(["newHeads"])),
        (-32_601, "notifications not supported".to_owned())
    );
    assert_eq!(
        net.raw(0, "{"),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#
    );
}

#[test]
fn a_batch_is_answered_in_order_with_its_ids_as_they_came() {
    let mut net = Net::plain();
    let batch = r#"[{"id":12345678901234567890123,"method":"eth_chainId"},{"method":"eth_chainId"},7,
        {"id":"x","method":"eth_foo"}]"#;
    let missing = "the method eth_foo does not exist/is not available";
    let expected = [
        r#"{"jsonrpc":"2.0","id":12345678901234567890123,"result":"0x539"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}"#.to_owned(),
        format!(r#"{{"jsonrpc":"2.0","id":"x","error":{{"code":-32601,"message":"{missing}"}}}}"#),
    ];
    assert_eq!(net.raw(0, batch), format!("[{}]", expected.join(",")));
    assert_eq!(net.raw(0, r#"{"method":"eth_chainId"}"#), "", "a notification gets no answer");
}

#[test]
fn large_answers_have_their_size_and_sleeping_ones_their_time() {
    let mut net = Net::plain();
    let large = net.result(0, "devnet_large", json!([100_000]));
    assert_eq!(large.as_str().map(str::len), Some(100_000));
    assert_eq!(net.error(0, "devnet_large", json!([1_u64 << 40])).0, -32_602);
    let body =
        br#"[{"id":1,"method":"devnet_sleep","params":[70]},{"id":2,"method":"devnet_sleep","params":[30]}]"#;
    let (reply, _) = net.network.post(0, body, 1_000);
    let Reply::Answer(answer) = reply else { panic!() };
    assert_eq!(answer.at_ms, 1_070);
}

#[test]
fn what_was_asked_is_known() {
    let mut net = Net::plain();
    net.result(0, "eth_chainId", json!([]));
    net.raw(0, r#"[{"id":1,"method":"eth_chainId"},{"id":2,"method":"eth_call"}]"#);
    net.set(0, Fault::Silent);
    net.network.post(0, br#"{"id":1,"method":"eth_call"}"#, 5);
    let requests = &net.network.requests()[0];
    assert_eq!(requests.count("eth_chainId"), Count { received: 2, answered: 2 });
    assert_eq!(requests.count("eth_call"), Count { received: 2, answered: 1 });
    let last = requests.last().last().unwrap();
    assert_eq!((last.at_ms, last.via, last.outcome), (5, Via::Http, Outcome::Silent));
}
