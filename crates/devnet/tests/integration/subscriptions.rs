//! Subscriptions over real sockets, judged by the truth.

use std::time::Duration;

use devnet::client::{Expected, Record, WsClient, check};
use devnet::network::Plan;
use devnet::node::{Fault, IdScheme, NodePlan};
use devnet::served::{Devnet, Setup};
use serde_json::json;

use crate::running::{of, one, set, start, ws};

async fn until_head(client: &WsClient, number: u64) {
    client.until(|record| record.heads().any(|head| head.number >= number)).await.unwrap();
}

/// All notifications of what was sent before have come when this call is answered.
async fn settled(client: &WsClient) {
    client.call("eth_chainId", json!([])).await.unwrap();
}

#[tokio::test]
async fn heads_and_logs_over_reorganisations_are_as_the_chain_has_them() {
    let lagging = NodePlan { lag_ms: 20, data_lag_ms: 30, ids: IdScheme::Counter, ..NodePlan::default() };
    let devnet = start(vec![NodePlan::default(), lagging]).await;
    let from_block = Some(devnet.head().number() + 1);
    let mut clients = Vec::new();
    for node in 0..devnet.nodes() {
        let client = ws(&devnet, node).await;
        client.subscribe(json!(["newHeads"])).await.unwrap();
        client.subscribe(json!(["logs", {}])).await.unwrap();
        clients.push(client);
    }
    for round in 1..=5 {
        (0..8).for_each(|_| _ = devnet.mine());
        devnet.reorganise(round, round + 1).unwrap();
    }
    // A block with logs ends it: when they are there, so is everything before.
    let last = std::iter::repeat_with(|| devnet.mine()).find(|block| !block.logs.is_empty()).unwrap();
    for (node, client) in clients.into_iter().enumerate() {
        client.until(|record| record.logs().any(|log| log.block == last.hash)).await.unwrap();
        until_head(&client, last.number()).await;
        settled(&client).await;
        let record: Record = client.close().await;
        // The one that lags may look when all of it is over.
        assert!(node == 1 || record.logs().any(|log| log.removed), "there were retractions");
        let expected = Expected { from_block, finished: true, ..Expected::default() };
        assert_eq!(check(&record, &devnet.history(), expected), [""; 0]);
    }
}

#[tokio::test]
async fn blocks_come_by_themselves_until_they_are_paused() {
    let plan = Plan { block_ms: 20, ..Plan::default() };
    let devnet = Devnet::start(plan).await.unwrap();
    let client = ws(&devnet, 1).await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, devnet.head().number() + 10).await;
    devnet.pause();
    let paused = devnet.mine();
    until_head(&client, paused.number()).await;
    devnet.set_block_time(Some(Duration::from_millis(5)));
    until_head(&client, paused.number() + 5).await;
    devnet.stop().await;
}

#[tokio::test]
async fn the_judge_sees_the_faults_of_a_node() {
    let devnet = one().await;
    let judged = async |fault: Fault| {
        let client = ws(&devnet, 0).await;
        client.subscribe(json!(["newHeads"])).await.unwrap();
        devnet.mine();
        set(&devnet, 0, fault).await;
        (0..3).for_each(|_| _ = devnet.mine());
        settled(&client).await;
        devnet.node(0).clear(None).unwrap();
        let record = client.close().await;
        check(&record, &devnet.history(), Expected { finished: true, ..Expected::default() })
    };
    for (fault, what) in [
        (Fault::Duplicate, "came twice"),
        (Fault::LieHead { ahead: 9_000_000 }, "was never on the main branch"),
        (Fault::OwnFork { depth: 1 }, "was never on the main branch"),
        (Fault::Stall { kind: Some("newHeads".to_owned()) }, "the last head is"),
        (Fault::Unsolicited, "nobody asked for"),
    ] {
        let violations = judged(fault.clone()).await;
        assert!(violations.iter().any(|violation| violation.contains(what)), "{fault:?}: {violations:?}");
    }
}

#[tokio::test]
async fn late_notifications_and_slow_ids_come_in_their_time() {
    let devnet = one().await;
    set(&devnet, 0, of(Fault::Slow { ms: 150 }, "eth_subscribe").for_requests(1)).await;
    let client = ws(&devnet, 0).await;
    let (id, block) = tokio::join!(client.subscribe(json!(["newHeads"])), async {
        while devnet.node(0).count("eth_subscribe") == 0 {
            tokio::task::yield_now().await;
        }
        devnet.mine()
    });
    id.unwrap();
    until_head(&client, block.number()).await;
    set(&devnet, 0, Fault::Late { ms: 200 }).await;
    let mined_ms = devnet.now_ms();
    let block = devnet.mine();
    until_head(&client, block.number()).await;
    assert!(devnet.now_ms() >= mined_ms + 200);
    assert_eq!(check(&client.close().await, &devnet.history(), Expected::default()), [""; 0]);
}

#[tokio::test]
async fn refused_subscriptions_and_ids_that_repeat() {
    let devnet = one().await;
    set(&devnet, 0, Fault::CounterRestart).await;
    let (first, second) = (ws(&devnet, 0).await, ws(&devnet, 0).await);
    let ids = [first.subscribe(json!(["newHeads"])).await, second.subscribe(json!(["newHeads"])).await];
    assert_eq!(ids.map(Result::unwrap), ["0x1", "0x1"]);
    set(&devnet, 0, Fault::RefuseSubscriptions).await;
    let refused = first.call("eth_subscribe", json!(["logs"])).await.unwrap();
    assert_eq!(refused.error(), Some((-32_601, "notifications not supported".to_owned())));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go_of_and_others_are_not() {
    let devnet = Devnet::start(Setup::from(Plan::default()).by_hand()).await.unwrap();
    let (stuck, well) = (ws(&devnet, 0).await, ws(&devnet, 0).await);
    for _ in 0..100 {
        stuck.subscribe(json!(["newHeads"])).await.unwrap();
    }
    well.subscribe(json!(["newHeads"])).await.unwrap();
    stuck.read(false);
    // Large answers fill what the system holds for the connection; then heads fill the line.
    let ask = r#"{"id":9,"method":"devnet_large","params":[20000000]}"#;
    for _ in 0..3 {
        stuck.send_text(ask).await.unwrap();
    }
    let dropped = async {
        while devnet.node(0).connections().sockets > 1 {
            let block = devnet.mine();
            until_head(&well, block.number()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), dropped).await.expect("the stuck client is let go of");
    let after = devnet.mine();
    until_head(&well, after.number()).await;
}
