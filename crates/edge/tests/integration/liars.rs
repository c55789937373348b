//! A node that tells of a head far beyond the others': nothing goes by its word, and it is found out.

use std::time::{Duration, Instant};

use devnet::chain::Hash;
use devnet::client::WsClient;
use devnet::node::{Fault, NodePlan};
use serde_json::{Value, json};

use crate::stage::{BLOCK_MS, Stage, number, stage, two_nodes, until_head};

/// No head here is ever near it.
const FAR: u64 = 1_000_000;
const LIE: Fault = Fault::LieHead { ahead: 9 * FAR };
const ACCOUNT: &str = "0x0000000000000000000000000000000000000001";
/// So long calls come in, one after the other.
const RUN: Duration = Duration::from_secs(8);
/// Between two rounds of them.
const PAUSE: Duration = Duration::from_millis(20);
/// What a node is asked by the proxy itself to see how it is.
const PROBES: &[&str] = &["eth_chainId", "eth_syncing", "net_peerCount"];
/// What clients alone ask, and only for blocks that a liar was not seen to have.
const CALLS: &[&str] = &["eth_call", "eth_getBalance", "eth_getLogs", "eth_gasPrice"];

/// The head that a client was told last.
fn told(client: &WsClient) -> (u64, Hash) {
    client.record().heads().last().map(|head| (head.number, head.hash)).unwrap()
}

/// A call of every kind over HTTP and over a WebSocket. None may fail, nor be told of a block from that height on.
async fn ask(stage: &Stage, client: &WsClient, below: u64) {
    let (newest, hash) = told(client);
    for (method, params) in [
        ("eth_call", json!([{"to": ACCOUNT}, "latest"])),
        ("eth_getBalance", json!([ACCOUNT, "latest"])),
        ("eth_gasPrice", json!([])),
        ("eth_getBlockByHash", json!([hash, false])),
        ("eth_getLogs", json!([{"blockHash": hash}])),
        ("eth_getBlockByNumber", json!(["latest", false])),
        ("eth_blockNumber", json!([])),
    ] {
        let http = stage.http();
        let (over_http, over_ws) =
            tokio::join!(http.call(method, params.clone()), client.call(method, params.clone()));
        for answer in [over_http.unwrap().json(), over_ws.unwrap().json()] {
            let is_well = match method {
                "eth_getBlockByHash" => answer["result"]["hash"] == json!(hash),
                "eth_getLogs" => answer["result"].is_array(),
                "eth_getBlockByNumber" | "eth_blockNumber" => (newest..below).contains(&number(&answer)),
                _ => answer["result"].is_string(),
            };
            assert!(is_well, "{method}: {answer}");
        }
    }
}

async fn lies(stage: &Stage, node: usize) -> f64 {
    stage.metric("casebook_edge_lies_total", &[&format!("node=\"node-{node}\"")]).await
}

/// Calls all along; says when the liar was found out and nothing that was asked before was under way any more.
async fn ask_for(stage: &Stage, client: &WsClient, time: Duration) -> Option<u64> {
    let (begun, mut found_ms) = (Instant::now(), None);
    while begun.elapsed() < time {
        let is_found = found_ms.is_some() || lies(stage, 0).await > 0.0;
        // Before it tells of its head nobody can know that its answers are made up.
        ask(stage, client, if is_found { FAR } else { u64::MAX }).await;
        if is_found {
            found_ms = found_ms.or(Some(stage.devnet.now_ms()));
        }
        tokio::time::sleep(PAUSE).await;
    }
    found_ms
}

/// What the liar was asked since then, but for some methods.
fn asked_since(stage: &Stage, ms: u64, is_meant: impl Fn(&str) -> bool) -> Vec<Value> {
    let requests = stage.devnet.node(0).requests();
    let since = requests.last().filter(|request| request.at_ms > ms && is_meant(&request.method));
    since.map(|request| json!(request)).collect()
}

/// All is told to the end, and nothing that was made up.
async fn assert_well(stage: &Stage, client: WsClient) {
    until_head(&client, stage.head() + 2).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    let record = client.close().await;
    assert!(record.heads().all(|head| head.number < FAR));
    stage.assert_well(&record);
}

/// Behaviour 22: there are others, so that its word stands against theirs.
#[tokio::test]
async fn a_node_that_tells_of_a_head_far_away_is_found_out_and_given_nothing() {
    let stage = stage(vec![NodePlan::default(); 3], "").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    ask(&stage, &client, FAR).await;
    assert!(stage.devnet.node(0).count("eth_call") > 0, "the primary is asked while it is well");
    stage.set(0, LIE);
    let (set, begun) = (told(&client).0, Instant::now());
    let found_ms = ask_for(&stage, &client, RUN).await.expect("the liar is found out");
    let blocks = begun.elapsed().as_millis() as u64 / BLOCK_MS;
    assert!(told(&client).0 >= set + blocks / 2, "heads go on: {:?} after {set}", told(&client));
    let asked = asked_since(&stage, found_ms, |method| !PROBES.contains(&method));
    assert!(asked.is_empty(), "the liar was asked: {asked:?}");
    assert_eq!((lies(&stage, 1).await, lies(&stage, 2).await), (0.0, 0.0), "the others do not lie");
    assert_well(&stage, client).await;
}

/// Behaviour 22: one word stands against one. While both go on neither is believed more; what is made up is not to be had, and
/// that is seen as soon as it stands still for a while.
#[tokio::test]
async fn of_two_nodes_the_one_that_tells_of_a_head_far_away_moves_nothing_and_is_found_out() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    stage.set(0, LIE);
    let set = stage.head();
    until_head(&client, set + 3).await;
    ask(&stage, &client, FAR).await;
    let from_ms = stage.devnet.now_ms();
    let found = ask_for(&stage, &client, RUN / 2).await;
    assert!(told(&client).0 > set + 3, "heads go on");
    let asked = asked_since(&stage, from_ms, |method| CALLS.contains(&method));
    assert!(asked.is_empty(), "the liar was asked: {asked:?}");

    stage.devnet.pause();
    let found_ms = match found {
        Some(found_ms) => found_ms,
        None => ask_for(&stage, &client, RUN).await.expect("the liar is found out"),
    };
    stage.devnet.set_block_time(Some(Duration::from_millis(BLOCK_MS)));
    let head = stage.head();
    while told(&client).0 < head + 5 {
        ask(&stage, &client, FAR).await;
    }
    let asked = asked_since(&stage, found_ms, |method| !PROBES.contains(&method));
    assert!(asked.is_empty(), "the liar was asked: {asked:?}");
    assert_eq!(lies(&stage, 1).await, 0.0, "the other does not lie");
    assert_well(&stage, client).await;
}
