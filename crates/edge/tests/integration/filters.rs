//! Filters whose news are asked for: kept by the proxy, so they outlive every node.

use std::collections::BTreeSet;

use devnet::chain::{contracts, data, events, signed};
use devnet::node::{Fault, IdScheme, NodePlan};
use serde_json::{Value, json};

use crate::stage::{Stage, stage, two_nodes, until};

async fn call(stage: &Stage, method: &str, params: Value) -> Value {
    stage.http().call(method, params).await.unwrap().json()
}

async fn made(stage: &Stage, method: &str, params: Value) -> Value {
    let answer = call(stage, method, params).await;
    assert_eq!(answer["result"].as_str().map(str::len), Some(34), "{answer}");
    answer["result"].clone()
}

async fn changes(stage: &Stage, filter: &Value) -> Vec<Value> {
    let answer = call(stage, "eth_getFilterChanges", json!([filter])).await;
    answer["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Until the proxy has announced the head of the chain.
async fn announced(stage: &Stage) {
    let head = json!(stage.devnet.head().hash);
    until("the head is announced", async || {
        let status = stage.admin().get("/status").await.unwrap().json();
        status["pools"][0]["head"]["hash"] == head
    })
    .await;
}

async fn mine(stage: &Stage, blocks: u64) {
    (0..blocks).for_each(|_| _ = stage.devnet.mine());
    announced(stage).await;
}

fn error_of(answer: &Value) -> (i64, &str) {
    (answer["error"]["code"].as_i64().unwrap(), answer["error"]["message"].as_str().unwrap())
}

/// Nothing is lost and nothing comes twice when the node dies, and ids stay what they were.
#[tokio::test]
async fn a_filter_outlives_the_node_and_tells_all_that_was_mined_meanwhile() {
    let stage = two_nodes().await;
    stage.devnet.pause();
    announced(&stage).await;
    let first = stage.head() + 1;
    let contract = contracts(1)[0];
    let criteria = json!({"address": contract, "topics": [[events()[0], events()[1], events()[2]]]});
    let blocks = made(&stage, "eth_newBlockFilter", json!([])).await;
    let logs = made(&stage, "eth_newFilter", json!([criteria])).await;
    mine(&stage, 6).await;
    let (mut seen, mut logged) = (changes(&stage, &blocks).await, changes(&stage, &logs).await);
    stage.set(0, Fault::Kill);
    mine(&stage, 8).await;
    seen.extend(changes(&stage, &blocks).await);
    stage.set(1, Fault::Kill);
    (0..4).for_each(|_| _ = stage.devnet.mine());
    stage.clear(0);
    announced(&stage).await;
    seen.extend(changes(&stage, &blocks).await);
    logged.extend(changes(&stage, &logs).await);

    let main = stage.devnet.history().main();
    let mined: Vec<_> = main.iter().filter(|block| block.number() >= first).collect();
    let hashes: Vec<Value> = mined.iter().map(|block| json!(block.hash)).collect();
    assert_eq!(seen, hashes);
    let expected: Vec<Value> = mined
        .iter()
        .flat_map(|block| block.logs.iter().map(move |log| (block, log)))
        .filter(|(_, log)| log.address == contract)
        .map(|(block, log)| json!([block.hash, format!("{:#x}", log.index)]))
        .collect();
    let told: Vec<Value> = logged.iter().map(|log| json!([log["blockHash"], log["logIndex"]])).collect();
    assert!(!expected.is_empty());
    assert_eq!(told, expected);
    assert!(changes(&stage, &blocks).await.is_empty(), "everything is told once");
}

/// Two nodes that count their ids alike cannot cross wires, because no id of theirs is seen.
#[tokio::test]
async fn filters_of_many_clients_have_ids_of_their_own_and_no_node_keeps_one() {
    let counting = || NodePlan { ids: IdScheme::Counter, ..NodePlan::default() };
    let stage = stage(vec![counting(), counting()], "").await;
    stage.devnet.pause();
    announced(&stage).await;
    let mut filters = Vec::new();
    for _ in 0..10 {
        filters.push(made(&stage, "eth_newBlockFilter", json!([])).await);
    }
    let different: BTreeSet<String> = filters.iter().map(Value::to_string).collect();
    assert_eq!(different.len(), 10);
    mine(&stage, 2).await;
    for filter in &filters {
        assert_eq!(changes(&stage, filter).await.len(), 2, "each has the news for itself");
    }
    let made_at_nodes: u64 = (0..2).map(|node| stage.devnet.node(node).count("eth_newBlockFilter")).sum();
    assert_eq!(made_at_nodes, 0);
    assert_eq!(stage.metric("casebook_edge_filters", &[]).await, 10.0);
    let answer = call(&stage, "eth_uninstallFilter", json!([filters[0]])).await;
    assert_eq!(answer["result"], true);
    let answer = call(&stage, "eth_uninstallFilter", json!([filters[0]])).await;
    assert_eq!(answer["result"], false);
    assert_eq!(stage.metric("casebook_edge_filters", &[]).await, 9.0);
    let answer = call(&stage, "eth_getFilterChanges", json!([filters[0]])).await;
    assert_eq!(error_of(&answer), (-32_000, "filter not found"));
}

/// A reorganisation is told as nodes tell it: what is taken back says so, and the new side follows.
#[tokio::test]
async fn a_filter_of_logs_tells_what_a_reorganisation_took_back() {
    let stage = two_nodes().await;
    stage.devnet.pause();
    announced(&stage).await;
    let logs = made(&stage, "eth_newFilter", json!([{}])).await;
    mine(&stage, 4).await;
    let before = changes(&stage, &logs).await;
    assert!(!before.is_empty() && before.iter().all(|log| log["removed"] == false));
    stage.devnet.reorganise(3, 4).unwrap();
    announced(&stage).await;
    let news = changes(&stage, &logs).await;
    let removed = news.iter().take_while(|log| log["removed"] == true).count();
    assert!(removed > 0 && news.iter().skip(removed).all(|log| log["removed"] == false), "{news:?}");
    let place = |log: &Value| (log["blockHash"].to_string(), log["logIndex"].to_string());
    let told: BTreeSet<_> = before.iter().map(place).collect();
    assert!(news.iter().take(removed).all(|log| told.contains(&place(log))));
}

/// Everything else that nodes offer with filters.
#[tokio::test]
async fn a_filter_is_used_over_any_way_and_its_whole_logs_and_ranges_are_a_nodes_answers() {
    let stage = two_nodes().await;
    stage.devnet.pause();
    announced(&stage).await;
    let socket = stage.ws().await;
    let (from, to) = (stage.head() + 2, stage.head() + 3);
    let criteria = json!({"fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}")});
    let answer = socket.call_as(&json!("f"), "eth_newFilter", json!([criteria])).await.unwrap();
    let filter = answer.result().unwrap();
    mine(&stage, 5).await;
    let news = changes(&stage, &filter).await;
    let direct = stage.node(0).call("eth_getLogs", json!([criteria])).await.unwrap().json();
    assert!(!news.is_empty());
    assert_eq!(json!(news), direct["result"]);
    let whole = socket.call_as(&json!("w"), "eth_getFilterLogs", json!([filter])).await.unwrap().json();
    assert_eq!((&whole["result"], &whole["id"]), (&direct["result"], &json!("w")));

    let pending = made(&stage, "eth_newPendingTransactionFilter", json!([])).await;
    let raw = data(&signed(1, 0, 1_337));
    let sent = call(&stage, "eth_sendRawTransaction", json!([raw])).await;
    let mut seen = Vec::new();
    until("the transaction is told", async || {
        seen.extend(changes(&stage, &pending).await);
        seen.contains(&sent["result"])
    })
    .await;
    assert_eq!(seen.iter().filter(|hash| **hash == sent["result"]).count(), 1);

    for (method, params) in [
        ("eth_getFilterChanges", json!(["0x1"])),
        ("eth_getFilterChanges", json!([])),
        ("eth_getFilterChanges", json!([format!("0x{}", "ab".repeat(16))])),
        ("eth_getFilterLogs", json!([pending])),
    ] {
        assert_eq!(error_of(&call(&stage, method, params).await), (-32_000, "filter not found"), "{method}");
    }
    let wrong = call(&stage, "eth_newFilter", json!([{"address": "0x12"}])).await;
    assert_eq!(error_of(&wrong).0, -32_602);
}

/// News leave a filter with an answer that is told, and with no other.
#[tokio::test]
async fn news_that_a_batch_has_no_room_for_are_told_the_next_time() {
    let stage = stage(vec![NodePlan::default(); 2], "frame_bytes_max = \"64KiB\"").await;
    stage.devnet.pause();
    announced(&stage).await;
    let first = stage.head() + 1;
    let blocks = made(&stage, "eth_newBlockFilter", json!([])).await;
    mine(&stage, 40).await;
    let call =
        |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let mut batch = vec![call("devnet_large", json!([60 << 10]))];
    // The last one begins when the first is answered.
    batch.resize(64, call("eth_blockNumber", json!([])));
    batch.push(call("eth_getFilterChanges", json!([blocks])));
    let answers = stage.http().post(&Value::from(batch).to_string()).await.unwrap().json();
    assert!(answers[0]["result"].is_string() && answers[63]["result"].is_string());
    assert_eq!(answers[64]["error"]["code"], -32_003, "{}", answers[64]);

    let main = stage.devnet.history().main();
    let mined = main.iter().filter(|block| block.number() >= first);
    let hashes: Vec<Value> = mined.map(|block| json!(block.hash)).collect();
    assert_eq!(hashes.len(), 40);
    assert_eq!(changes(&stage, &blocks).await, hashes);
    assert!(changes(&stage, &blocks).await.is_empty(), "everything is told once");
}

/// One client is not to take the places of all others.
#[tokio::test]
async fn clients_of_one_address_have_only_so_many_filters_over_any_way() {
    let stage = stage(vec![NodePlan::default()], "filters_per_address_max = 3").await;
    let socket = stage.ws().await;
    let first = made(&stage, "eth_newBlockFilter", json!([])).await;
    made(&stage, "eth_newFilter", json!([{}])).await;
    let answer = socket.call("eth_newBlockFilter", json!([])).await.unwrap();
    assert!(answer.result().is_some(), "{}", answer.text);
    let refused = [
        call(&stage, "eth_newPendingTransactionFilter", json!([])).await,
        socket.call("eth_newBlockFilter", json!([])).await.unwrap().json(),
    ];
    for answer in &refused {
        assert_eq!(
            error_of(answer),
            (-32_005, "clients of this address have 3 filters, and may have no more")
        );
    }
    let counted = stage.metric("casebook_edge_refused_total", &["limit=\"filters_per_address\""]).await;
    assert_eq!(counted, 2.0);
    assert_eq!(call(&stage, "eth_uninstallFilter", json!([first])).await["result"], true);
    made(&stage, "eth_newBlockFilter", json!([])).await;
}

/// A gap that cannot be closed is no silent one: the filter is gone, and its client makes a new one.
#[tokio::test]
async fn a_filter_whose_blocks_cannot_be_had_is_gone() {
    let stage = stage(vec![NodePlan::default()], "gap_blocks_max = 10").await;
    stage.devnet.pause();
    announced(&stage).await;
    let blocks = made(&stage, "eth_newBlockFilter", json!([])).await;
    stage.set(0, Fault::Kill);
    (0..30).for_each(|_| _ = stage.devnet.mine());
    stage.clear(0);
    announced(&stage).await;
    let answer = call(&stage, "eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(error_of(&answer), (-32_000, "filter not found"));
    assert_eq!(stage.metric("casebook_edge_filters_lost_total", &[]).await, 1.0);
    let again = made(&stage, "eth_newBlockFilter", json!([])).await;
    mine(&stage, 1).await;
    assert_eq!(changes(&stage, &again).await.len(), 1);
}
