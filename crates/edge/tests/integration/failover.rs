//! Heads and logs over the death, the freeze and the lag of nodes.

use std::time::{Duration, Instant};

use devnet::client::{Expected, Record, check};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::stage::{number, stage, stage_of, two_nodes, until, until_head};

const ACCOUNT: &str = "0x0000000000000000000000000000000000000001";

/// Behaviour 1.
#[tokio::test]
async fn heads_over_a_hard_failover_come_once_and_in_order_and_soon() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    until_head(&client, stage.head() + 3).await;
    stage.set(0, Fault::Kill);
    let killed = Instant::now();
    until_head(&client, stage.head() + 1).await;
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    until_head(&client, stage.head() + 10).await;
    stage.clear(0);
    until_head(&client, stage.head() + 10).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// Behaviour 2.
#[tokio::test]
async fn a_freeze_is_found_and_the_missed_blocks_are_told() {
    let stage = stage(vec![NodePlan::default()], "").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    stage.set(0, Fault::Freeze);
    tokio::time::sleep(Duration::from_secs(3)).await;
    stage.clear(0);
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// Behaviour 2: within three block times, at most five seconds.
#[tokio::test]
async fn a_stall_is_found_within_three_blocks_or_five_seconds() {
    let found = async |block_ms: u64| {
        let plan = Plan { block_ms, nodes: vec![NodePlan::default(); 2], ..Plan::default() };
        let stage = stage_of(plan, "").await;
        let client = stage.ws().await;
        client.subscribe(json!(["newHeads"])).await.unwrap();
        until_head(&client, stage.head() + 1).await;
        // The last sign of life is older than the fault, which leaves a busy machine time to find it.
        tokio::time::sleep(Duration::from_millis(block_ms / 2)).await;
        stage.set(0, Fault::Freeze);
        let frozen = Instant::now();
        let is_found = async || stage.metric("casebook_edge_stalls_total", &["node=\"node-0\""]).await > 0.0;
        until("the stall is found", is_found).await;
        frozen.elapsed()
    };
    let (short, long) = tokio::join!(found(1_000), found(2_000));
    assert!(short <= Duration::from_secs(3), "{short:?}");
    assert!(long <= Duration::from_secs(5), "{long:?}");
}

/// Behaviour 4.
#[tokio::test]
async fn the_head_never_goes_back_over_a_switch_to_a_node_that_is_behind() {
    let behind = NodePlan { lag_blocks: 3, ..NodePlan::default() };
    let stage = stage(vec![NodePlan::default(), behind], "").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    let newest = || client.record().heads().map(|head| head.number).max().unwrap();
    let (at_switch, http) = (newest(), stage.http());
    stage.set(0, Fault::Kill);
    let backup = stage.node(1).call("eth_blockNumber", json!([])).await.unwrap().json();
    assert!(number(&backup) < at_switch, "the backup is behind: {backup} of {at_switch}");
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        for (method, params) in
            [("eth_blockNumber", json!([])), ("eth_getBlockByNumber", json!(["latest", false]))]
        {
            let told = newest();
            let (over_ws, over_http) =
                tokio::join!(client.call(method, params.clone()), http.call(method, params.clone()));
            for answer in [over_ws.unwrap().json(), over_http.unwrap().json()] {
                assert!(number(&answer) >= told, "{method}: {answer} after {told}");
            }
        }
    }
    stage.devnet.pause();
    until_head(&client, stage.head() - 3).await;
    let record = client.close().await;
    let wrong = check(&record, &stage.devnet.history(), Expected::default());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let numbers: Vec<u64> = record.heads().map(|head| head.number).collect();
    assert!(numbers.is_sorted_by(|before, after| before + 1 == *after), "the head goes on: {numbers:?}");
    assert!(numbers.last().is_some_and(|last| *last > at_switch + 3), "{numbers:?} after {at_switch}");
}

/// Behaviour 6, where somebody is there all along.
#[tokio::test]
async fn a_reorganisation_is_retractions_and_then_the_new_side_once() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    until_head(&client, stage.head() + 4).await;
    stage.set(0, Fault::Kill);
    stage.devnet.reorganise(3, 4).unwrap();
    until_head(&client, stage.head() + 3).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    let record = client.close().await;
    assert!(record.logs().any(|log| log.removed), "logs were taken back");
    stage.assert_well(&record);
}

/// Behaviour 6: nobody is there while the chain is reorganised and goes on.
#[tokio::test]
async fn a_reorganisation_that_no_node_was_there_to_tell_of_is_retractions_and_then_the_new_side_once() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    until_head(&client, stage.head() + 4).await;
    stage.devnet.pause();
    while stage.devnet.head().logs.is_empty() {
        stage.devnet.mine();
    }
    let left = stage.devnet.head();
    until_head(&client, left.number()).await;
    let of_head = |record: &Record| record.logs().filter(|log| log.block == left.hash).count();
    client.until(|record| of_head(record) == left.logs.len()).await.unwrap();
    let told = |record: &Record| (record.heads().count(), record.logs().count());
    let before = told(&client.record());

    (0..2).for_each(|node| stage.set(node, Fault::Kill));
    let path = stage.devnet.reorganise(3, 4).unwrap();
    (0..2).for_each(|_| _ = stage.devnet.mine());
    until("no node is left", async || {
        let status = stage.admin().get("/status").await.unwrap().json();
        let nodes = status["pools"][0]["nodes"].as_array().unwrap().clone();
        nodes.iter().all(|node| node["http"]["state"] == "out" && node["stream"]["state"] == "out")
    })
    .await;
    assert_eq!(told(&client.record()), before, "nobody tells of anything");
    (0..2).for_each(|node| stage.clear(node));
    until_head(&client, stage.head()).await;
    stage.devnet.mine();
    until_head(&client, stage.head()).await;

    let record = client.close().await;
    stage.assert_well(&record);
    let heads: Vec<u64> = record.heads().skip(before.0).map(|head| head.number).collect();
    assert_eq!(heads, (left.number() - 2..=stage.head()).collect::<Vec<_>>(), "the new side, once");
    let logs: Vec<_> = record.logs().skip(before.1).collect();
    let retracted: usize = path.removed.iter().map(|block| block.logs.len()).sum();
    assert!(retracted > 0, "the side that was left has logs");
    assert!(logs.iter().take(retracted).all(|log| log.removed), "what is taken back comes first: {logs:?}");
    assert!(logs.iter().skip(retracted).all(|log| !log.removed), "and once: {logs:?}");
}

/// Behaviour 16.
#[tokio::test]
async fn a_dropped_stream_of_a_healthy_node_is_dialled_again_and_no_client_notices() {
    let stage = stage(vec![NodePlan::default()], "").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    for _ in 0..3 {
        stage.set(0, Fault::CloseSockets { code: 1012, reason: "service restart".to_owned() });
        until_head(&client, stage.head() + 6).await;
    }
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// Behaviour 16: while a node takes no WebSocket its heads are asked for.
#[tokio::test]
async fn a_node_without_websockets_is_followed_all_the_same_and_dialled_again_within_a_second() {
    let stage = stage(vec![NodePlan::default()], "").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    stage.set(0, Fault::DropSockets);
    until_head(&client, stage.head() + 6).await;
    stage.clear(0);
    let cleared = Instant::now();
    until("the stream is back", async || stage.devnet.node(0).connections().sockets > 0).await;
    assert!(cleared.elapsed() < Duration::from_secs(1), "{:?}", cleared.elapsed());
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// Behaviour 16: while no blocks come, whoever stands between may end a connection that says nothing.
#[tokio::test]
async fn an_idle_stream_that_is_kicked_is_dialled_again_within_a_second_and_no_client_notices() {
    let stage = stage(vec![NodePlan::default()], "").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    let close = |code, reason: &str| Fault::CloseSockets { code, reason: reason.to_owned() };
    for kick in [close(1012, "service restart"), close(1001, "idle"), Fault::DropSockets] {
        let node = stage.devnet.node(0);
        let subscribed = node.count("eth_subscribe");
        stage.set(0, kick);
        stage.clear(0);
        let kicked = Instant::now();
        until("the stream is back", async || node.count("eth_subscribe") > subscribed).await;
        assert!(kicked.elapsed() < Duration::from_secs(1), "{:?}", kicked.elapsed());
        // The same connection of the client, and the same subscription.
        let mined = stage.devnet.mine();
        until_head(&client, mined.number()).await;
    }
    stage.assert_well(&client.close().await);
}

/// Behaviour 18: no connection to the node is left, and a new one is neither taken nor refused.
#[tokio::test]
async fn a_dial_that_hangs_is_given_up_within_two_seconds_and_another_node_is_used() {
    let (stage, most) = (two_nodes().await, Duration::from_millis(2_500));
    let (node, http) = (stage.devnet.node(0), stage.http());
    stage.devnet.pause();
    stage.set(0, Fault::HangDial);
    node.settled().await;
    // Just after a probe none is under way: a connection that is cut under one would be a failure of another kind.
    let probes = node.count("eth_chainId");
    until("it is probed", async || node.count("eth_chainId") > probes).await;
    // Who dials meanwhile hangs as well: nobody is refused.
    stage.set(0, Fault::Kill);
    node.clear(Some("kill")).unwrap();
    until("no connection is left", async || node.connections().execution == 0).await;
    let asked = async |method: &'static str, params: Value| {
        let begun = Instant::now();
        let answer = http.call(method, params).await.unwrap().json();
        assert!(answer.get("error").is_none() && !answer["result"].is_null(), "{method}: {answer}");
        assert!(begun.elapsed() < most, "{method}: {:?}", begun.elapsed());
    };
    // What is no read goes to another node only when it is sure that the first had nothing of it: the dial has to end.
    let others = join_all((0..5).map(|_| asked("devnet_sleep", json!([0]))));
    let reads = join_all((0..5).map(|_| asked("eth_call", json!([{"to": ACCOUNT}, "latest"]))));
    let short_reads = join_all((0..5).map(|_| asked("eth_getBalance", json!([ACCOUNT, "latest"]))));
    tokio::join!(others, reads, short_reads);
    for (method, calls) in [("devnet_sleep", 5), ("eth_call", 5), ("eth_getBalance", 5)] {
        assert_eq!((node.count(method), stage.devnet.node(1).count(method)), (0, calls), "{method}");
    }
    let labels = ["node=\"node-0\"", "transport=\"http\"", "error_class=\"dial_timeout\""];
    let dials = stage.metric("casebook_edge_attempts_total", &labels).await;
    assert!(dials >= 5.0, "each that was sent nothing was given up for its dial: {dials}");
}
