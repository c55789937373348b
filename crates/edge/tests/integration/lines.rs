//! Calls over the WebSockets of nodes: which travel there, and what becomes of them when one ends.

use std::time::Duration;

use devnet::node::{Fault, NodePlan, Switch};
use serde_json::json;
use tokio::time::Instant;

use crate::stage::{Stage, stage, two_nodes, until, until_head};

const ACCOUNT: &str = "0x0000000000000000000000000000000000000001";

/// Attempts at nodes, over HTTP and over WebSockets.
async fn attempts(stage: &Stage) -> (f64, f64) {
    let over = async |transport| stage.metric("casebook_edge_attempts_total", &[transport]).await;
    (over("transport=\"http\"").await, over("transport=\"stream\"").await)
}

#[tokio::test]
async fn short_reads_share_the_websocket_of_a_node_whatever_the_client_came_by() {
    let stage = two_nodes().await;
    let (client, params) = (stage.ws().await, json!([ACCOUNT, "latest"]));
    let before = attempts(&stage).await;
    for _ in 0..10 {
        assert!(client.call("eth_getBalance", params.clone()).await.unwrap().result().is_some());
        assert!(
            stage.http().call("eth_getBalance", params.clone()).await.unwrap().json()["result"].is_string()
        );
    }
    assert_eq!(attempts(&stage).await, (before.0, before.1 + 20.0));
    assert!(client.call("eth_getCode", params.clone()).await.unwrap().result().is_some());
    assert!(stage.http().call("eth_getCode", params).await.unwrap().json()["result"].is_string());
    assert_eq!(attempts(&stage).await, (before.0 + 2.0, before.1 + 20.0));
    stage.assert_well(&client.close().await);
}

#[tokio::test]
async fn calls_that_wait_when_a_websocket_drops_are_answered_by_another_node() {
    let stage = two_nodes().await;
    let slow = Switch::from(Fault::Slow { ms: 60_000 }).for_methods(&["eth_getBalance"]);
    stage.devnet.node(0).set(slow).unwrap();
    let client = stage.ws().await;
    let calls = (0..50).map(|_| client.call("eth_getBalance", json!([ACCOUNT, "latest"])));
    let dropped = async {
        until("all calls wait", async || stage.devnet.node(0).count("eth_getBalance") == 50).await;
        stage.set(0, Fault::DropSockets);
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(calls), dropped);
    assert!(answers.into_iter().all(|answer| answer.unwrap().result().is_some()));
    stage.assert_well(&client.close().await);
}

/// A WebSocket that lives does not show that anybody answers on it.
#[tokio::test]
async fn a_node_that_pushes_heads_and_answers_no_call_is_not_waited_for() {
    for fault in [Fault::Silent, Fault::Malformed] {
        let stage = two_nodes().await;
        let client = stage.ws().await;
        client.subscribe(json!(["newHeads"])).await.unwrap();
        until_head(&client, stage.head() + 2).await;
        stage.set(0, fault.clone());
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            let asked = Instant::now();
            let params = json!([ACCOUNT, "latest"]);
            let answer = stage.http().call("eth_getBalance", params).await.unwrap().json();
            assert!(answer["result"].is_string(), "{answer}");
            let took = asked.elapsed();
            assert!(took < Duration::from_secs(2), "{fault:?}: {took:?}, which is the attempt's whole time");
        }
    }
}

/// Nobody can tell which call it was, so all that waited are asked again over HTTP, where a long answer is that of one call.
#[tokio::test]
async fn an_answer_that_is_too_long_is_an_error_of_its_call_and_its_node_is_not_left() {
    let stage = stage(vec![NodePlan::default(); 2], "frame_bytes_max = \"64KiB\"").await;
    let long = Fault::Error { code: 3, message: "x".repeat(100 << 10), data: None };
    for node in 0..2 {
        let node = stage.devnet.node(node);
        node.set(Switch::from(long.clone()).for_methods(&["eth_getBalance"])).unwrap();
        let slow = Fault::Slow { ms: 500 };
        node.set(Switch::from(slow).for_methods(&["eth_getTransactionCount"])).unwrap();
    }
    let asked = |method: &str| (0..2).map(|node| stage.devnet.node(node).count(method)).sum::<u64>();
    let before = asked("eth_subscribe");
    let (client, params) = (stage.ws().await, json!([ACCOUNT, "latest"]));
    let others = (0..20).map(|_| client.call("eth_getTransactionCount", params.clone()));
    let too_long = async {
        until("the others wait", async || asked("eth_getTransactionCount") >= 20).await;
        for _ in 0..10 {
            let answer = stage.http().call("eth_getBalance", params.clone()).await.unwrap().json();
            let said = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(said.contains("larger than what is passed on"), "{answer:.300}");
        }
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(others), too_long);
    assert!(answers.into_iter().all(|answer| answer.unwrap().result().is_some()));
    assert_eq!(stage.metric("casebook_edge_failovers_total", &[]).await, 0.0);
    assert!(asked("eth_subscribe") <= before + 2, "no WebSocket ends for it again and again");
    stage.until_ready().await;
    stage.assert_well(&client.close().await);
}
