//! Subscriptions: their ids are the proxy's, and what is delivered under them is nobody else's.

use std::collections::BTreeSet;
use std::time::Duration;

use devnet::chain::{data, signed};
use devnet::client::{Record, Seen, WsClient};
use devnet::node::{Fault, IdScheme, NodePlan};
use serde_json::{Value, json};

use crate::stage::{Stage, stage, two_nodes, until, until_head};

const PENDING: &str = "newPendingTransactions";

fn notified(record: &Record, id: &str) -> usize {
    let is_of = |seen: &Seen| matches!(seen, Seen::Notified { subscription, .. } if subscription == id);
    record.entries().iter().filter(|entry| is_of(&entry.seen)).count()
}

/// All that came under an id.
fn told(record: &Record, id: &str) -> usize {
    let heads = record.heads().filter(|head| head.subscription == id).count();
    heads + record.logs().filter(|log| log.subscription == id).count() + notified(record, id)
}

/// A transaction of which all nodes hear.
async fn send(stage: &Stage, sender: u64) {
    let raw = data(&signed(sender, 0, 1_337));
    let answer = stage.http().call("eth_sendRawTransaction", json!([raw])).await.unwrap().json();
    assert!(answer["result"].is_string(), "{answer}");
}

/// Transactions go by until all are told of one: of what was sent before a node took over nobody tells.
async fn until_notified(stage: &Stage, sender: &mut u64, all: &[(&WsClient, &String)]) {
    let counts = || all.iter().map(|(client, id)| notified(&client.record(), id)).collect::<Vec<_>>();
    let before = counts();
    until("all are told of a transaction", async || {
        *sender += 1;
        send(stage, *sender).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        counts().iter().zip(&before).all(|(now, before)| now > before)
    })
    .await;
}

fn asked(stage: &Stage, method: &str) -> [u64; 2] {
    [0, 1].map(|node| stage.devnet.node(node).count(method))
}

/// Behaviour 12. At both nodes, and on every new connection, the first subscription is 0x1, whatever it is about.
#[tokio::test]
async fn nodes_that_count_their_ids_cross_no_wires() {
    let counting = || NodePlan { ids: IdScheme::Counter, ..NodePlan::default() };
    let stage = stage(vec![counting(), counting()], "").await;
    (0..2).for_each(|node| stage.set(node, Fault::CounterRestart));
    let [heads, logs, pending] = [stage.ws().await, stage.ws().await, stage.ws().await];
    let ids = [
        heads.subscribe(json!(["newHeads"])).await.unwrap(),
        logs.subscribe(json!(["logs", {}])).await.unwrap(),
        pending.subscribe(json!([PENDING])).await.unwrap(),
    ];
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(ids.iter().all(|id| id.len() == 34), "no node's id is seen: {ids:?}");
    let mut sender = 0;
    let mut go_on = async || {
        until_notified(&stage, &mut sender, &[(&pending, &ids[2])]).await;
        until_head(&heads, stage.head() + 4).await;
    };
    go_on().await;
    stage.set(0, Fault::Kill);
    go_on().await;
    // What the node's own ids name is nobody's here, and nothing ends with it.
    for guess in ["0x1", "0x2"] {
        let answer = heads.call("eth_unsubscribe", json!([guess])).await.unwrap();
        assert_eq!(answer.error().map(|(code, _)| code), Some(-32_000), "{guess}");
    }
    stage.devnet.node(0).clear(Some("kill")).unwrap();
    until("the first node is back", async || stage.devnet.node(0).connections().sockets > 0).await;
    stage.set(1, Fault::Kill);
    go_on().await;
    stage.devnet.pause();
    until_head(&heads, stage.head()).await;
    logs.until(|record| record.logs().last().is_some_and(|log| log.number + 4 > stage.head())).await.unwrap();
    let records = [heads.close().await, logs.close().await, pending.close().await];
    let of = |record: &Record| {
        let is_notified = |seen: &Seen| matches!(seen, Seen::Notified { .. });
        let others = record.entries().iter().filter(|entry| is_notified(&entry.seen)).count();
        [record.heads().count(), record.logs().count(), others].map(|count| count > 0)
    };
    let kinds = records.each_ref().map(of);
    assert_eq!(kinds, [[true, false, false], [false, true, false], [false, false, true]]);
    records.iter().for_each(|record| stage.assert_well(record));
}

/// Behaviour 13. What comes after the answer is seen by the client as what nobody asked for.
#[tokio::test]
async fn nothing_comes_after_an_unsubscribe_during_or_after_a_failover() {
    let stage = stage(vec![NodePlan::default(); 2], "linger = \"100ms\"").await;
    let (client, mut sender) = (stage.ws().await, 0);
    let kinds = [json!(["newHeads"]), json!(["logs", {}]), json!([PENDING])];
    let mut ids = Vec::new();
    for params in &kinds {
        // One for each: during the failover, after it, and one that is kept.
        let mut three = Vec::new();
        for _ in 0..3 {
            three.push(client.subscribe(params.clone()).await.unwrap());
        }
        ids.push(three);
    }
    until_head(&client, stage.head() + 2).await;
    let leave = async |which: usize| {
        let leaving = ids.iter().map(|ids| client.call("eth_unsubscribe", json!([ids[which]])));
        for answer in futures_util::future::join_all(leaving).await {
            assert_eq!(answer.unwrap().result(), Some(json!(true)));
        }
    };
    stage.set(0, Fault::Kill);
    leave(0).await;
    until_notified(&stage, &mut sender, &[(&client, &ids[2][1])]).await;
    until_head(&client, stage.head() + 5).await;
    let before = client.record();
    assert!(ids.iter().all(|ids| told(&before, &ids[1]) > told(&before, &ids[0])), "who stayed is told");
    leave(1).await;
    let left: Vec<usize> = ids.iter().map(|ids| told(&client.record(), &ids[1])).collect();
    until_notified(&stage, &mut sender, &[(&client, &ids[2][2])]).await;
    until_head(&client, stage.head() + 5).await;
    let after = client.record();
    assert_eq!(ids.iter().map(|ids| told(&after, &ids[1])).collect::<Vec<_>>(), left);
    assert!(ids.iter().zip(&left).all(|(ids, left)| told(&after, &ids[2]) > *left), "who stays is told");
    for id in [&ids[0][0], &ids[2][1]] {
        let again = client.call("eth_unsubscribe", json!([id])).await.unwrap();
        assert_eq!(again.error().map(|(code, _)| code), Some(-32_000));
    }
    // With the last who follows it, it is over at the node as well, and at no node it begins anew.
    let gone = client.call("eth_unsubscribe", json!([ids[2][2]])).await.unwrap();
    assert_eq!(gone.result(), Some(json!(true)));
    until("the node is told", async || asked(&stage, "eth_unsubscribe") == [0, 1]).await;
    let subscribed = asked(&stage, "eth_subscribe");
    stage.clear(0);
    until("the first node is back", async || stage.devnet.node(0).connections().sockets > 0).await;
    until_head(&client, stage.head() + 3).await;
    assert_eq!(asked(&stage, "eth_subscribe"), [subscribed[0] + 1, subscribed[1]], "for its heads alone");
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// What a batch of one client asks for; ids are of every kind, and one of its members nobody is answered.
fn batch(leaves: &str) -> String {
    let ask = |id: Value, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    json!([
        ask(json!("s"), "eth_subscribe", json!(["newHeads"])),
        ask(json!(2), "eth_subscribe", json!(["logs", {}])),
        {"jsonrpc": "2.0", "method": "eth_subscribe", "params": ["newHeads"]},
        ask(json!(-3), "eth_subscribe", json!([PENDING])),
        ask(json!(4), "eth_chainId", json!([])),
        ask(json!("u"), "eth_unsubscribe", json!([leaves])),
    ])
    .to_string()
}

/// Behaviour 14. In text and in binary frames; no notification comes before the answer that names its subscription, or the
/// client would have seen it as what nobody asked for.
#[tokio::test]
async fn subscriptions_in_batches_and_binary_frames_are_as_any_other() {
    let stage = two_nodes().await;
    let before = asked(&stage, "eth_subscribe");
    let clients = [stage.ws().await, stage.ws().await, stage.ws().await];
    for (at, client) in clients.iter().enumerate() {
        let leaves = client.subscribe(json!(["newHeads"])).await.unwrap();
        until_head(client, stage.head() + 1).await;
        match at {
            0 => client.send_text(&batch(&leaves)).await.unwrap(),
            1 => client.send_binary(&batch(&leaves)).await.unwrap(),
            // One by one, each in a binary frame.
            _ => {
                let members: Vec<Value> = serde_json::from_str(&batch(&leaves)).unwrap();
                for member in members {
                    client.send_binary(&member.to_string()).await.unwrap();
                }
            }
        }
        client.until(|record| record.unanswered().next().is_none()).await.unwrap();
    }
    let ids: Vec<Vec<String>> = clients.iter().map(|client| subscribed(&client.record())).collect();
    // The one that was left, and three; for a request without an id nothing is made.
    assert!(ids.iter().all(|ids| ids.len() == 4), "{ids:?}");
    assert_eq!(ids.iter().flatten().collect::<BTreeSet<_>>().len(), 12, "no two share one: {ids:?}");
    let (pending, mut sender): (Vec<_>, _) = (clients.iter().zip(ids.iter().map(|ids| &ids[3])).collect(), 0);
    for killed in [None, Some(0)] {
        killed.into_iter().for_each(|node| stage.set(node, Fault::Kill));
        until_notified(&stage, &mut sender, &pending).await;
        until_head(&clients[0], stage.head() + 4).await;
    }
    // Each kind is asked of one node once, however many follow it; logs of none, and nobody's leaving is told to one.
    let [first, second] = asked(&stage, "eth_subscribe");
    assert_eq!([first - before[0], second - before[1]], [1, 1], "what is relayed, and no more");
    assert_eq!(asked(&stage, "eth_unsubscribe"), [0, 0]);
    stage.devnet.pause();
    for (client, ids) in clients.into_iter().zip(ids) {
        until_head(&client, stage.head()).await;
        let record = client.close().await;
        let [left, heads, logs] = [&ids[0], &ids[1], &ids[2]];
        assert!(record.heads().all(|head| head.subscription == *left || head.subscription == *heads));
        assert!(record.logs().all(|log| log.subscription == *logs) && record.logs().next().is_some());
        stage.assert_well(&record);
    }
}

/// The ids of what was subscribed to, in order.
fn subscribed(record: &Record) -> Vec<String> {
    let of = |seen: &Seen| match seen {
        Seen::Subscribed { subscription, .. } => Some(subscription.clone()),
        _ => None,
    };
    record.entries().iter().filter_map(|entry| of(&entry.seen)).collect()
}
