//! The Beacon API over real sockets.

use std::time::Duration;

use devnet::client::{Event, EventStream, Expected, HttpClient, HttpFailure, check_events};
use devnet::network::Plan;
use devnet::node::{Face, Fault, NodePlan, Switch};
use devnet::served::{Devnet, Setup};
use serde_json::{Value, json};

use crate::running::{beacon, clear, one, result, set};

async fn get(devnet: &Devnet, path: &str) -> (u16, Value) {
    let answer = beacon(devnet, 0).get(path).await.unwrap();
    (answer.status, answer.json())
}

async fn listen(devnet: &Devnet, topics: &str) -> EventStream {
    EventStream::open(&devnet.node(0).beacon_url(), topics).await.unwrap().unwrap()
}

fn heads(events: &[Event]) -> Vec<&Value> {
    events.iter().filter(|event| event.topic == "head").map(|event| &event.data).collect()
}

#[tokio::test]
async fn every_path_answers() {
    let devnet = one().await;
    let root = devnet.head().root;
    for path in [
        "/eth/v1/node/health",
        "/eth/v1/node/syncing",
        "/eth/v1/node/version",
        "/eth/v1/node/peer_count",
        "/eth/v1/beacon/headers",
        "/eth/v1/beacon/headers/head",
        "/eth/v1/beacon/headers/genesis",
        "/eth/v1/beacon/headers/finalized",
        "/eth/v1/beacon/headers/3",
        "/eth/v2/beacon/blocks/head",
        "/eth/v1/beacon/genesis",
        "/eth/v1/config/spec",
    ] {
        assert_eq!(get(&devnet, path).await.0, 200, "{path}");
    }
    let (_, header) = get(&devnet, &format!("/eth/v1/beacon/headers/{root}")).await;
    assert_eq!(header["data"]["root"], json!(root));
    assert_eq!(get(&devnet, "/eth/v1/beacon/headers/99").await.0, 404);
    assert_eq!(get(&devnet, "/eth/v1/beacon/headers/nonsense").await.0, 400);
    let refused = EventStream::open(&devnet.node(0).beacon_url(), "nonsense").await.unwrap();
    assert_eq!(refused.err(), Some(400));
    let posted =
        beacon(&devnet, 0).send("POST".parse().unwrap(), "/eth/v1/node/health", "{}".into()).await.unwrap();
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn events_are_linked_over_missed_slots_and_reorganisations() {
    let plan = Plan { missed_slot_every: 3, nodes: vec![NodePlan::default()], ..Plan::default() };
    let devnet = Devnet::start(Setup::from(plan).by_hand()).await.unwrap();
    let stream = listen(&devnet, "head,chain_reorg,finalized_checkpoint").await;
    (0..12).for_each(|_| _ = devnet.mine());
    devnet.reorganise(2, 3).unwrap();
    let last = devnet.mine();
    let root = json!(last.root);
    stream.until(|events| heads(events).iter().any(|head| head["block"] == root)).await.unwrap();
    let events = stream.events();
    let expected = Expected { from_block: Some(11), finished: true, ..Expected::default() };
    assert_eq!(check_events(&events, &devnet.history(), expected), [""; 0]);
    let slots: Vec<u64> =
        heads(&events).iter().map(|head| head["slot"].as_str().unwrap().parse().unwrap()).collect();
    assert!(slots.windows(2).any(|two| two[1] == two[0] + 2), "slots were missed: {slots:?}");
    assert!(events.iter().any(|event| event.topic == "chain_reorg" && event.data["depth"] == "2"));
    assert!(events.iter().any(|event| event.topic == "finalized_checkpoint"));
    for head in heads(&events) {
        let path = format!("/eth/v1/beacon/headers/{}", head["block"].as_str().unwrap());
        let (status, header) = get(&devnet, &path).await;
        assert_eq!((status, &header["data"]["header"]["message"]["slot"]), (200, &head["slot"]));
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_node_and_not_with_the_other_face() {
    let devnet = one().await;
    let stream = listen(&devnet, "head").await;
    assert_eq!(devnet.node(0).connections().streams, 1);
    set(&devnet, 0, Switch::from(Fault::Kill).on(Face::Execution)).await;
    let block = devnet.mine();
    stream.until(|events| !events.is_empty()).await.unwrap();
    assert_eq!(stream.events()[0].data["block"], json!(block.root));
    set(&devnet, 0, Switch::from(Fault::Kill).on(Face::Consensus)).await;
    stream.until(|_| false).await.unwrap();
    assert!(stream.ended().is_some());
    clear(&devnet, 0).await;
    let stream = listen(&devnet, "head").await;
    set(&devnet, 0, Fault::Stop).await;
    stream.until(|_| false).await.unwrap();
    assert_eq!(stream.ended().as_deref(), Some("the stream ended"), "in order");
}

#[tokio::test]
async fn a_hung_consensus_node_changes_nothing_for_its_execution_node() {
    let devnet = one().await;
    let stream = listen(&devnet, "head").await;
    set(&devnet, 0, Switch::from(Fault::Freeze).on(Face::Consensus)).await;
    let impatient = HttpClient::new(&devnet.node(0).beacon_url()).with_patience(Duration::from_millis(100));
    assert!(matches!(impatient.get("/eth/v1/node/health").await, Err(HttpFailure::Patience(_))));
    let block = devnet.mine();
    assert_eq!(result(&devnet, "eth_blockNumber", json!([])).await, "0xb");
    assert_eq!(stream.events(), []);
    clear(&devnet, 0).await;
    stream.until(|events| heads(events).iter().any(|head| head["block"] == json!(block.root))).await.unwrap();
}

#[tokio::test]
async fn health_faults_and_faults_of_requests() {
    let devnet = one().await;
    for fault in [Fault::Optimistic, Fault::ElOffline, Fault::SyncDistance { slots: 9 }] {
        set(&devnet, 0, fault).await;
    }
    let (_, syncing) = get(&devnet, "/eth/v1/node/syncing").await;
    let data = &syncing["data"];
    assert_eq!(data["sync_distance"], "9");
    assert_eq!([&data["is_optimistic"], &data["el_offline"], &data["is_syncing"]], [true, true, true]);
    assert_eq!(get(&devnet, "/eth/v1/node/health").await.0, 206);
    clear(&devnet, 0).await;
    set(&devnet, 0, Switch::from(Fault::Truncate { bytes: 10 }).for_methods(&["/eth/v1/node/syncing"])).await;
    assert!(matches!(beacon(&devnet, 0).get("/eth/v1/node/syncing").await, Err(HttpFailure::Cut(_))));
    set(&devnet, 0, Switch::from(Fault::Status { status: 503, retry_after_s: None }).on(Face::Consensus))
        .await;
    assert_eq!(get(&devnet, "/eth/v1/node/health").await.0, 503);
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x539");
}
