//! A head is told only when what is in it can be had.

use std::sync::Mutex;

use devnet::chain::Hash;
use devnet::client::{HttpClient, WsClient};
use devnet::network::Plan;
use devnet::node::NodePlan;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Value, json};

use crate::stage::stage_of;

const HEADS: usize = 1_000;
const BLOCK_MS: u64 = 20;

/// What was wrong with the four answers about a head that was told just now, and that has so many logs.
async fn asked_at_once(hash: Hash, logs: usize, http: &HttpClient, socket: &WsClient) -> Option<String> {
    let has_all = |answer: &Value| answer["result"].as_array().is_some_and(|found| found.len() == logs);
    let (block, of_block) = (json!([hash, false]), json!([{"blockHash": hash}]));
    let over_http = async |method, params: &Value| http.call(method, params.clone()).await.unwrap().json();
    let over_socket =
        async |method, params: &Value| socket.call(method, params.clone()).await.unwrap().json();
    let (block, of_block) = (&block, &of_block);
    let blocks =
        tokio::join!(over_http("eth_getBlockByHash", block), over_socket("eth_getBlockByHash", block));
    let found = tokio::join!(over_http("eth_getLogs", of_block), over_socket("eth_getLogs", of_block));
    let blocks_are_well = [&blocks.0, &blocks.1].iter().all(|answer| answer["result"]["hash"] == json!(hash));
    let logs_are_well = [&found.0, &found.1].into_iter().all(has_all);
    (!blocks_are_well || !logs_are_well)
        .then(|| format!("{hash}, which has {logs} logs: {blocks:?} {found:?}"))
}

/// Behaviour 5. The nodes tell of a head before they have its data, and of the next one as well; the node that calls are
/// given first has it last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_heads_can_each_be_read_as_soon_as_they_are_told() {
    let nodes = vec![
        NodePlan { data_lag_ms: 70, lag_ms: 10, ..NodePlan::default() },
        NodePlan { data_lag_ms: 30, ..NodePlan::default() },
    ];
    let stage = stage_of(Plan { block_ms: BLOCK_MS, nodes, ..Plan::default() }, "").await;
    let (told, socket, http) = (stage.ws().await, stage.ws().await, stage.http());
    told.subscribe(json!(["newHeads"])).await.unwrap();
    let (mut seen, mut asked, mut wrong) = (0, FuturesUnordered::new(), Vec::new());
    let logs_of =
        |hash: Hash| stage.devnet.read(|network| network.chain().block(&hash).map(|block| block.logs.len()));
    let mut logs_of_all = 0;
    while seen < HEADS || !asked.is_empty() {
        let new = Mutex::new(Vec::new());
        let come = told.until(|record| {
            let mut new = new.lock().unwrap();
            *new = record.heads().skip(seen).map(|head| head.hash).collect();
            !new.is_empty()
        });
        tokio::select! {
            come = come, if seen < HEADS => come.unwrap(),
            Some(problem) = asked.next() => wrong.extend(problem),
        }
        let new = new.into_inner().unwrap();
        seen += new.len();
        for hash in new {
            let logs = logs_of(hash).expect("what is told was mined");
            logs_of_all += logs;
            asked.push(asked_at_once(hash, logs, &http, &socket));
        }
    }
    assert!(logs_of_all > HEADS, "most blocks have some: {logs_of_all}");
    assert!(wrong.is_empty(), "{} of {seen}: {}", wrong.len(), wrong[0]);
    stage.devnet.pause();
}
