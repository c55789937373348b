//! Nodes that refuse subscriptions: heads and logs are asked for instead, other kinds are taken to another node, and where
//! there is none, the client is told.

use devnet::chain::{data, signed};
use devnet::client::{Record, Seen, WsClient};
use devnet::node::{Fault, Switch};
use serde_json::json;

use crate::stage::{Stage, two_nodes, until, until_head};

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
