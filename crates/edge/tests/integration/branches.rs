//! What a client is told where nodes are on different branches, or were gone for some blocks: logs and heads in order, once.

use devnet::chain::{contracts, events};
use devnet::client::{Expected, Record, WsClient, check};
use devnet::node::{Fault, NodePlan, Switch};
use serde_json::json;

use crate::stage::{Stage, stage, two_nodes, until, until_head};

/// The seed of every devnet here.
const SEED: u64 = 1;

/// Logs of the blocks in a range that the record has, and that the chain has for anybody.
fn logs_of(stage: &Stage, record: &Record, from: u64, to: u64) -> (usize, usize) {
    let told = record.logs().filter(|log| (from..=to).contains(&log.number)).count();
    let main = stage.devnet.history().main();
    let all = main.iter().filter(|block| (from..=to).contains(&block.number())).map(|block| block.logs.len());
    (told, all.sum())
}

async fn mine_and_tell(stage: &Stage, client: &WsClient, blocks: u64) {
    (0..blocks).for_each(|_| _ = stage.devnet.mine());
    until_head(client, stage.head()).await;
}

/// Behaviour 3.
#[tokio::test]
async fn logs_of_blocks_mined_while_disconnected_come_in_order_and_once_before_live_ones() {
    let stage = stage(vec![NodePlan::default()], "").await;
    stage.devnet.pause();
    let (contracts, events) = (contracts(SEED), events());
    let filter = json!({"address": [contracts[0], contracts[1]], "topics": [[events[0], events[1]]]});
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    let first = stage.head() + 1;
    client.subscribe(json!(["logs", filter])).await.unwrap();
    mine_and_tell(&stage, &client, 6).await;

    let cut = stage.head();
    stage.set(0, Fault::Kill);
    (0..20).for_each(|_| _ = stage.devnet.mine());
    let back = stage.head();
    // What is missing takes a while to be had, and meanwhile the chain goes on.
    let slow = Switch::from(Fault::Slow { ms: 150 }).for_methods(&["eth_getLogs"]);
    stage.devnet.node(0).set(slow).unwrap();
    let asked = stage.devnet.node(0).count("eth_getLogs");
    stage.devnet.node(0).clear(Some("kill")).unwrap();
    until("the backfill begins", async || stage.devnet.node(0).count("eth_getLogs") > asked).await;
    assert!(client.record().logs().all(|log| log.number <= cut), "nothing of the gap was told yet");
    (0..6).for_each(|_| _ = stage.devnet.mine());
    until_head(&client, stage.head()).await;
    stage.clear(0);
    mine_and_tell(&stage, &client, 4).await;

    let record = client.close().await;
    let expected = Expected { from_block: Some(first), finished: true, ..Expected::default() };
    let wrong = check(&record, &stage.devnet.history(), expected);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (from, to) in [(first, cut), (cut + 1, back), (back + 1, stage.head())] {
        let (told, all) = logs_of(&stage, &record, from, to);
        assert!(0 < told && told < all, "{told} of {all} logs in blocks {from} to {to}");
    }
}

/// A head that clients were told of is taken back only when it is not the chain's: who is slower by some milliseconds does not vote
/// for whoever left it.
#[tokio::test]
async fn one_node_that_goes_its_own_way_takes_back_nothing_of_what_was_told() {
    let plan = |lag_ms| NodePlan { lag_ms, ..NodePlan::default() };
    let stage = stage(vec![plan(0), plan(150), plan(300)], "").await;
    stage.devnet.pause();
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    for depth in [1, 2, 1] {
        mine_and_tell(&stage, &client, 1).await;
        // The others are still below the head.
        stage.set(0, Fault::OwnFork { depth });
        let next = stage.head() + 1;
        let slowest = stage.node(2);
        let reached = json!(format!("{:#x}", next - 1));
        until("the others come as far", async || {
            slowest.call("eth_blockNumber", json!([])).await.unwrap().json()["result"] == reached
        })
        .await;
        mine_and_tell(&stage, &client, 3).await;
        stage.clear(0);
        mine_and_tell(&stage, &client, 3).await;
    }
    let record = client.close().await;
    stage.assert_well(&record);
    let numbers: Vec<u64> = record.heads().map(|head| head.number).collect();
    assert!(numbers.is_sorted_by(|before, after| before + 1 == *after), "none was told twice: {numbers:?}");
}

/// Behaviour 7.
#[tokio::test]
async fn a_failover_onto_another_branch_goes_back_to_the_common_ancestor_first() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    until_head(&client, stage.head() + 4).await;
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    let ancestor = stage.head() - 3;

    let branch = stage.devnet.fork(ancestor, 3).unwrap();
    let asked = stage.devnet.node(1).count("eth_getBlockByHash");
    stage.devnet.node(1).follow(branch);
    until("the branch is looked at", async || stage.devnet.node(1).count("eth_getBlockByHash") > asked).await;
    let (heads, logs) = (client.record().heads().count(), client.record().logs().count());
    stage.set(0, Fault::Kill);
    stage.devnet.mine();
    let tip = stage.devnet.read(|network| network.chain().tip(branch).clone());
    client.until(|record| record.heads().any(|head| head.hash == tip.hash)).await.unwrap();
    // From here on the branch is the chain, and the other side is history.
    stage.devnet.adopt(branch).unwrap();
    stage.clear(0);
    mine_and_tell(&stage, &client, 3).await;

    let record = client.close().await;
    stage.assert_well(&record);
    let told: Vec<u64> = record.heads().skip(heads).map(|head| head.number).collect();
    assert_eq!(told, (ancestor + 1..=stage.head()).collect::<Vec<_>>(), "the new side, from the ancestor on");
    let (removed, others): (Vec<_>, Vec<_>) = record.logs().skip(logs).partition(|log| log.removed);
    assert!(removed.iter().all(|log| log.number > ancestor) && !removed.is_empty(), "{removed:?}");
    let retracted = record.logs().skip(logs).take_while(|log| log.removed).count();
    assert_eq!(retracted, removed.len(), "what is taken back comes first");
    assert_eq!(others.first().map(|log| log.number), Some(ancestor + 1));
}
