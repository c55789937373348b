//! Subscriptions: their ids are the proxy's, and what is delivered under them is nobody else's.

use devnet::node::{Fault, IdScheme, NodePlan};
use serde_json::json;

use crate::stage::{stage, two_nodes, until_head};

/// Behaviour 12.
#[tokio::test]
async fn nodes_that_count_their_ids_cross_no_wires() {
    let counting = || NodePlan { ids: IdScheme::Counter, ..NodePlan::default() };
    let stage = stage(vec![counting(), counting()], "").await;
    let (heads, logs) = (stage.ws().await, stage.ws().await);
    let head_id = heads.subscribe(json!(["newHeads"])).await.unwrap();
    let log_id = logs.subscribe(json!(["logs", {}])).await.unwrap();
    assert_ne!(head_id, log_id);
    until_head(&heads, stage.head() + 3).await;
    stage.set(0, Fault::Kill);
    until_head(&heads, stage.head() + 5).await;
    stage.devnet.pause();
    until_head(&heads, stage.head()).await;
    assert_eq!(logs.record().heads().count(), 0);
    assert_eq!(heads.record().logs().count(), 0);
    stage.assert_well(&heads.close().await);
}

/// Behaviour 13.
#[tokio::test]
async fn nothing_comes_after_an_unsubscribe_during_a_failover() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    let id = client.subscribe(json!(["newHeads"])).await.unwrap();
    let kept = client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 2).await;
    stage.set(0, Fault::Kill);
    let answer = client.call("eth_unsubscribe", json!([id])).await.unwrap();
    assert_eq!(answer.result(), Some(json!(true)));
    let told = |id: &str| client.record().heads().filter(|head| head.subscription == id).count();
    let before = told(&id);
    until_head(&client, stage.head() + 5).await;
    assert_eq!(told(&id), before);
    assert!(told(&kept) > before);
    let again = client.call("eth_unsubscribe", json!([id])).await.unwrap();
    assert_eq!(again.error().map(|(code, _)| code), Some(-32000));
}

/// Behaviour 14.
#[tokio::test]
async fn subscriptions_in_batches_and_binary_frames_are_as_any_other() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    let batch = r#"[{"jsonrpc":"2.0","id":"s","method":"eth_subscribe","params":["newHeads"]},
        {"jsonrpc":"2.0","id":2,"method":"eth_chainId","params":[]}]"#;
    client.send_binary(batch).await.unwrap();
    until_head(&client, stage.head() + 4).await;
    stage.set(0, Fault::Kill);
    until_head(&client, stage.head() + 4).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}
