//! Nodes that refuse subscriptions: heads and logs are asked for instead, other kinds are taken to another node, and where
//! there is none, the client is told.

use std::time::{Duration, Instant};

use devnet::chain::{data, signed};
use devnet::client::{Record, Seen, WsClient};
use devnet::node::{Fault, NodePlan, Switch};
use serde_json::json;

use crate::stage::{Stage, stage, two_nodes, until, until_head};

const PENDING: &str = "newPendingTransactions";

/// From now on; what is subscribed to already goes on.
fn refuse_subscriptions(stage: &Stage, node: usize) {
    let message = "subscriptions are full".to_owned();
    let refused = Fault::Error { code: -32_000, message, data: None };
    stage.devnet.node(node).set(Switch::from(refused).for_methods(&["eth_subscribe"])).unwrap();
}

fn notified(record: &Record) -> usize {
    record.entries().iter().filter(|entry| matches!(entry.seen, Seen::Notified { .. })).count()
}

fn ending(record: &Record) -> Option<(Option<u16>, String)> {
    record.entries().iter().find_map(|entry| match &entry.seen {
        Seen::Closed { code, reason } => Some((*code, reason.clone())),
        _ => None,
    })
}

/// A transaction that only clients know of; both nodes hear of it.
async fn send_and_be_told(stage: &Stage, client: &WsClient, sender: u64) {
    let before = notified(&client.record());
    let raw = data(&signed(sender, 0, 1_337));
    let answer = stage.http().call("eth_sendRawTransaction", json!([raw])).await.unwrap().json();
    assert!(answer["result"].is_string(), "{answer}");
    client.until(|record| notified(record) > before).await.unwrap();
}

/// Behaviour 15: heads and logs are made from what nodes answer, so no subscription is needed.
#[tokio::test]
async fn heads_and_logs_come_by_polling_where_every_node_refuses_subscriptions() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    for node in 0..2 {
        stage.set(node, Fault::RefuseSubscriptions);
        stage.set(node, Fault::CloseSockets { code: 1012, reason: "service restart".to_owned() });
    }
    let streams = async || stage.metric("casebook_edge_node_streams", &[]).await;
    until("no stream is left", async || streams().await == 0.0).await;
    let from = stage.head();
    until_head(&client, from + 10).await;
    assert_eq!(streams().await, 0.0);
    let late = stage.ws().await;
    late.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&late, stage.head() + 2).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// Behaviour 15: what is relayed from a node is taken to another one, at its beginning and at a failover.
#[tokio::test]
async fn a_relayed_subscription_that_a_node_refuses_is_taken_to_another() {
    let stage = two_nodes().await;
    refuse_subscriptions(&stage, 0);
    let client = stage.ws().await;
    client.subscribe(json!([PENDING])).await.unwrap();
    send_and_be_told(&stage, &client, 1).await;
    // The other way round: the node that feeds it goes, and comes back refusing.
    stage.clear(0);
    refuse_subscriptions(&stage, 1);
    stage.set(1, Fault::CloseSockets { code: 1012, reason: "service restart".to_owned() });
    until("another node feeds it", async || {
        stage.devnet.node(0).connections().sockets > 0 && stage.devnet.node(1).connections().sockets == 0
    })
    .await;
    send_and_be_told(&stage, &client, 2).await;
    assert_eq!(ending(&client.record()), None);
}

/// Behaviour 15: nobody takes it over, so its client is told with a code and a reason, and no other client is.
#[tokio::test]
async fn a_relayed_subscription_that_no_node_takes_over_ends_with_1013_and_a_reason() {
    let stage = two_nodes().await;
    let (client, other) = (stage.ws().await, stage.ws().await);
    other.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!([PENDING])).await.unwrap();
    send_and_be_told(&stage, &client, 1).await;
    (0..2).for_each(|node| refuse_subscriptions(&stage, node));
    stage.set(0, Fault::CloseSockets { code: 1012, reason: "service restart".to_owned() });
    until("it is closed", async || ending(&client.record()).is_some()).await;
    let (code, reason) = ending(&client.record()).unwrap();
    assert_eq!(code, Some(1013));
    assert!(reason.contains("no node takes this subscription"), "{reason}");
    until_head(&other, stage.head() + 2).await;
    assert_eq!(ending(&other.record()), None);
}

/// However many nodes there are that say nothing, whoever asks is answered by its deadline, whichever way it asked.
#[tokio::test]
async fn a_relayed_subscription_that_no_node_answers_is_an_error_by_the_deadline() {
    let pool = "attempt_timeout = \"300ms\"\ndial_timeout = \"300ms\"\ndeadline = \"1s\"";
    let stage = stage(vec![NodePlan::default(); 2], pool).await;
    for node in 0..2 {
        let silent = Switch::from(Fault::Silent).for_methods(&["eth_subscribe"]);
        stage.devnet.node(node).set(silent).unwrap();
    }
    let (batched, alone, http) = (stage.ws().await, stage.ws().await, stage.http());
    let batch = json!([
        {"jsonrpc": "2.0", "id": "heads", "method": "eth_subscribe", "params": ["newHeads"]},
        {"jsonrpc": "2.0", "id": "pending", "method": "eth_subscribe", "params": [PENDING]},
        {"jsonrpc": "2.0", "id": "chain", "method": "eth_chainId", "params": []},
    ]);
    let begun = Instant::now();
    batched.send_text(&batch.to_string()).await.unwrap();
    let (told, single, filter) = tokio::join!(
        batched.until(|record| record.unanswered().next().is_none()),
        alone.call("eth_subscribe", json!([PENDING])),
        http.call("eth_newPendingTransactionFilter", json!([])),
    );
    let took = begun.elapsed();
    told.unwrap();
    // Each of the two nodes would be waited for two seconds.
    assert!(Duration::from_millis(900) < took && took < Duration::from_secs(2), "{took:?}");
    assert_eq!(single.unwrap().error().map(|(code, _)| code), Some(-32_603));
    assert_eq!(filter.unwrap().json()["error"]["code"], json!(-32_603));
    let errors = |record: &Record| {
        let of = |seen: &Seen| match seen {
            Seen::Answered { id, error, .. } => Some((id.clone(), error.as_ref().map(|(code, _)| *code))),
            _ => None,
        };
        record.entries().iter().filter_map(|entry| of(&entry.seen)).collect::<Vec<_>>()
    };
    let expected = [("\"heads\"", None), ("\"pending\"", Some(-32_603)), ("\"chain\"", None)];
    assert_eq!(errors(&batched.record()), expected.map(|(id, error)| (id.to_owned(), error)));
    // Nothing is left of it: a node that takes it after all feeds nobody, and another time it is there.
    (0..2).for_each(|node| stage.clear(node));
    until("the heads alone are followed", async || {
        stage.admin().get("/status").await.unwrap().json()["pools"][0]["subscriptions"] == json!(1)
    })
    .await;
    until_head(&batched, stage.head() + 8).await;
    alone.subscribe(json!([PENDING])).await.unwrap();
    send_and_be_told(&stage, &alone, 1).await;
    stage.devnet.pause();
    until_head(&batched, stage.head()).await;
    stage.assert_well(&batched.close().await);
    stage.assert_well(&alone.close().await);
}

/// What no node offers is an error of that one request, and the connection goes on.
#[tokio::test]
async fn a_kind_of_subscription_that_no_node_offers_is_an_error_of_that_request() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    let answer = client.call("eth_subscribe", json!(["noSuchKind"])).await.unwrap();
    let (code, said) = answer.error().unwrap();
    assert_eq!(code, -32_000, "{said}");
    assert!(said.contains("no node takes this subscription"), "{said}");
    until_head(&client, stage.head() + 2).await;
    assert_eq!(ending(&client.record()), None);
}
