//! Beacon nodes: requests, and streams of events, whatever becomes of a node.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use devnet::client::{Event, EventStream, Expected, HttpClient, check_events};
use devnet::network::Plan;
use devnet::node::{Face, Fault, NodePlan, Switch};
use devnet::served::Devnet;
use edge::Edge;
use serde_json::{Value, json};

use crate::stage::{BLOCK_MS, PATIENCE, node as execution_node, parsed, serves};

/// A pool of each kind before the same nodes.
pub(crate) struct Stage {
    pub(crate) devnet: Devnet,
    pub(crate) edge: Edge,
}

async fn stage(nodes: Vec<NodePlan>) -> Stage {
    let all: Vec<usize> = (0..nodes.len()).collect();
    stage_of(nodes, &all, "", "").await
}

/// With keys, and settings of the pools that differ from one test to another.
pub(crate) async fn stage_of(nodes: Vec<NodePlan>, used: &[usize], keys: &str, pool: &str) -> Stage {
    // Now and then a slot stays empty, as it does anywhere.
    let plan = Plan { block_ms: BLOCK_MS, missed_slot_every: 7, nodes, ..Plan::default() };
    let devnet = Devnet::start(plan).await.unwrap();
    let edge = Edge::start(&parsed(&configuration(&devnet, used, keys, pool))).await.unwrap();
    let stage = Stage { devnet, edge };
    for pool in ["net", "beacon"] {
        stage.until(pool, serves).await;
    }
    stage
}

pub(crate) fn configuration(devnet: &Devnet, used: &[usize], keys: &str, of_pools: &str) -> String {
    let mut text =
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain_lead = \"0s\"\ndrain_grace = \"5s\"\nlog = \"off\"\n".to_owned();
    text.push_str(keys);
    for (pool, kind) in [("net", "execution"), ("beacon", "consensus")] {
        writeln!(
            text,
            "[pools.{pool}]\nkind = \"{kind}\"\nchain_id = 1337\nblock_time = \"{BLOCK_MS}ms\"\n\
             probe_every = \"500ms\"\nfailback_after = \"2s\"\ndeadline = \"15s\"\nattempt_timeout = \"3s\"\n{of_pools}"
        )
        .unwrap();
        for at in used.iter().copied() {
            let (name, node) = (format!("node-{at}"), devnet.node(at));
            let tier = if at == 0 { "primary" } else { "backup" };
            text += &match kind {
                "execution" => execution_node(pool, &name, tier, &node),
                _ => format!(
                    "[[pools.{pool}.nodes]]\nname = \"{name}\"\ntier = \"{tier}\"\nhttp_url = \"{}\"\n",
                    node.beacon_url()
                ),
            };
        }
    }
    text
}

impl Stage {
    pub(crate) fn beacon(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}/beacon", self.edge.listen)).with_patience(PATIENCE)
    }

    fn execution(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}/net", self.edge.listen)).with_patience(PATIENCE)
    }

    pub(crate) async fn events(&self, topics: &str) -> EventStream {
        EventStream::open(&format!("http://{}/beacon", self.edge.listen), topics).await.unwrap().unwrap()
    }

    pub(crate) fn set(&self, node: usize, fault: Fault) {
        self.devnet.node(node).set(Switch::from(fault).on(Face::Consensus)).unwrap();
    }

    pub(crate) fn clear(&self, node: usize) {
        self.devnet.node(node).clear(None).unwrap();
    }

    pub(crate) async fn pool(&self, name: &str) -> Value {
        let admin = HttpClient::new(&format!("http://{}", self.edge.admin_listen));
        let status = admin.get("/status").await.unwrap().json();
        status["pools"].as_array().unwrap().iter().find(|pool| pool["name"] == name).unwrap().clone()
    }

    /// Until a pool is as wanted.
    pub(crate) async fn until(&self, pool: &str, wanted: impl Fn(&Value) -> bool) {
        let wait = async {
            loop {
                let seen = self.pool(pool).await;
                if wanted(&seen) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        if waited.is_err() {
            panic!("it never came to that: {}", self.pool(pool).await);
        }
    }

    async fn until_node_is(&self, node: usize, state: &str) {
        self.until("beacon", |pool| pool["nodes"][node]["http"]["state"] == state).await;
    }

    /// Until the head of the chain was told, now that no more comes.
    pub(crate) async fn until_all_is_told(&self, events: &EventStream) {
        self.devnet.pause();
        let root = self.devnet.head().root.to_string();
        events.until(|events| heads(events).any(|head| head["block"] == root)).await.unwrap();
    }

    pub(crate) fn assert_well(&self, events: &EventStream) {
        let expected = Expected { finished: true, ..Expected::default() };
        let wrong = check_events(&events.events(), &self.devnet.history(), expected);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(events.ended(), None, "the stream stays open");
    }
}

fn heads(events: &[Event]) -> impl Iterator<Item = &Value> {
    events.iter().filter(|event| event.topic == "head").map(|event| &event.data)
}

pub(crate) async fn until_heads(events: &EventStream, more: usize) {
    let before = heads(&events.events()).count();
    events.until(|events| heads(events).count() >= before + more).await.unwrap();
}

/// Behaviour 23.
#[tokio::test]
async fn a_hung_beacon_node_changes_nothing_for_execution() {
    let stage = stage(vec![NodePlan::default(); 2]).await;
    stage.set(0, Fault::Freeze);
    stage.set(1, Fault::Freeze);
    // Requests that hang must not stand in the way either.
    let beacon = stage.beacon().with_patience(Duration::from_secs(2));
    let hung = async {
        let asked = (0..20).map(|_| beacon.get("/eth/v1/beacon/headers/head"));
        let answers = futures_util::future::join_all(asked).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().is_ok_and(|answer| answer.status >= 500) || answer.is_err())
        );
    };
    let served = async {
        for _ in 0..50 {
            let begun = Instant::now();
            let answer =
                stage.execution().call("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
            assert!(answer.json()["result"].is_object(), "{}", answer.text());
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(hung, served);
    stage.until_node_is(0, "out").await;
    let net = stage.pool("net").await;
    for node in net["nodes"].as_array().unwrap() {
        assert_eq!((&node["http"]["state"], &node["calls_failed"]), (&json!("serving"), &json!(0)), "{net}");
    }
}

/// Behaviour 23.
#[tokio::test]
async fn beacon_nodes_that_are_optimistic_offline_or_far_behind_are_not_chosen_while_a_better_one_exists() {
    let path = "/eth/v1/beacon/genesis";
    for fault in [Fault::Optimistic, Fault::ElOffline, Fault::SyncDistance { slots: 100 }] {
        let stage = stage(vec![NodePlan::default(); 2]).await;
        assert_eq!(stage.beacon().get(path).await.unwrap().status, 200);
        assert_eq!(stage.devnet.node(1).count(path), 0, "the primary is asked while it is well");
        stage.set(0, fault.clone());
        stage.until_node_is(0, "suspect").await;
        let before = stage.devnet.node(0).count(path);
        for _ in 0..10 {
            assert_eq!(stage.beacon().get(path).await.unwrap().status, 200);
        }
        assert_eq!(stage.devnet.node(0).count(path), before, "{fault:?}");
        // It is better than nothing.
        stage.set(1, fault.clone());
        stage.until_node_is(1, "suspect").await;
        assert_eq!(stage.beacon().get(path).await.unwrap().status, 200, "{fault:?}");
        // And is asked first again when it is well.
        stage.clear(0);
        stage.until_node_is(0, "serving").await;
        let before = stage.devnet.node(0).count(path);
        assert_eq!(stage.beacon().get(path).await.unwrap().status, 200);
        assert_eq!(stage.devnet.node(0).count(path), before + 1, "{fault:?}");
    }
}

/// Whatever they say, and whether they say anything.
#[tokio::test]
async fn how_many_peers_a_node_has_is_shown_and_decides_nothing() {
    let stage = stage(vec![NodePlan::default(); 2]).await;
    stage.devnet.node(0).set(Fault::Peers { count: 0 }).unwrap();
    let peers = |pool: &Value| [0, 1].map(|node| pool["nodes"][node]["peers"].clone());
    for pool in ["net", "beacon"] {
        stage.until(pool, |pool| peers(pool) == [json!(0), json!(25)]).await;
        assert!(serves(&stage.pool(pool).await));
    }
    let silent = Switch::from(Fault::Silent).for_methods(&["net_peerCount", "/eth/v1/node/peer_count"]);
    stage.devnet.node(0).set(silent).unwrap();
    stage.devnet.node(1).set(Fault::Kill).unwrap();
    for pool in ["net", "beacon"] {
        stage.until(pool, |pool| peers(pool) == [json!(null), json!(null)]).await;
        assert_eq!(stage.pool(pool).await["nodes"][0]["http"]["state"], "serving");
    }
}

/// Behaviours 21 and 23, for Beacon nodes.
#[tokio::test]
async fn beacon_reads_have_no_failure_that_a_client_sees_while_one_good_node_is_left() {
    let faults = [
        Fault::Kill,
        Fault::Freeze,
        Fault::Silent,
        Fault::Reset,
        Fault::Status { status: 500, retry_after_s: None },
        Fault::Status { status: 503, retry_after_s: None },
        Fault::Status { status: 404, retry_after_s: None },
        Fault::Status { status: 429, retry_after_s: Some(1) },
        Fault::Truncate { bytes: 30 },
        Fault::Malformed,
        Fault::Null,
        Fault::WrongChain { chain_id: 5 },
    ];
    for fault in faults {
        let stage = stage(vec![NodePlan::default(); 2]).await;
        stage.set(0, fault.clone());
        for _ in 0..8 {
            let answer = stage.beacon().get("/eth/v2/beacon/blocks/head").await.unwrap();
            assert_eq!(answer.status, 200, "{fault:?}: {}", answer.text());
            assert!(answer.json()["data"]["message"].is_object(), "{fault:?}: {}", answer.text());
        }
        stage.edge.stop().await;
    }
}

/// What nobody has is told as the nodes tell it, and what a client does wrong as well.
#[tokio::test]
async fn a_beacon_node_s_no_is_passed_on() {
    let stage = stage(vec![NodePlan::default(); 2]).await;
    for (path, status) in [
        ("/eth/v2/beacon/blocks/0x0101010101010101010101010101010101010101010101010101010101010101", 404),
        ("/eth/v2/beacon/blocks/nonsense", 400),
        ("/eth/v1/no/such/path", 404),
        ("/eth/v1/events?topics=nonsense", 400),
        ("/eth/v1/events", 400),
        ("/eth/../admin", 400),
    ] {
        let answer = stage.beacon().get(path).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.json()["code"], json!(status), "{path}: {}", answer.text());
    }
}

/// Behaviour 24.
#[tokio::test]
async fn event_streams_stay_open_over_the_death_of_a_node_and_no_head_is_missing_or_told_twice() {
    let stage = stage(vec![NodePlan::default(); 2]).await;
    let events = stage.events("head,block").await;
    until_heads(&events, 3).await;
    stage.set(0, Fault::Kill);
    until_heads(&events, 8).await;
    stage.clear(0);
    stage.until_node_is(0, "serving").await;
    stage.set(1, Fault::Kill);
    until_heads(&events, 5).await;
    stage.until_all_is_told(&events).await;
    stage.assert_well(&events);
    let slots: Vec<u64> = heads(&events.events())
        .map(|head| head["slot"].as_str().and_then(|slot| slot.parse().ok()).unwrap())
        .collect();
    assert!(slots.is_sorted_by(|before, after| before < after), "{slots:?}");
    assert!(
        slots.windows(2).any(|two| two[1] > two[0] + 1),
        "a slot was empty, and nothing is made up: {slots:?}"
    );
    let blocks = events.events();
    let blocks: Vec<&Value> =
        blocks.iter().filter(|event| event.topic == "block").map(|event| &event.data["block"]).collect();
    let once: BTreeSet<String> = blocks.iter().map(|root| root.to_string()).collect();
    assert!(!once.is_empty());
    assert_eq!(once.len(), blocks.len(), "a block is told once");
}

/// Behaviour 24: nobody is left to tell of some heads, and one that was told is reorganised away meanwhile.
#[tokio::test]
async fn heads_that_were_missed_are_told_in_order_when_a_node_is_back() {
    let stage = stage(vec![NodePlan::default(); 2]).await;
    let events = stage.events("head").await;
    until_heads(&events, 3).await;
    let before = heads(&events.events()).count();
    for node in [0, 1] {
        stage.set(node, Fault::Kill);
    }
    stage.devnet.reorganise(2, 4).unwrap();
    let missed = stage.devnet.head().number() + 5;
    while stage.devnet.head().number() < missed {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(heads(&events.events()).count() <= before + 2, "nobody tells of anything");
    stage.clear(1);
    stage.until_all_is_told(&events).await;
    stage.assert_well(&events);
    assert!(heads(&events.events()).count() >= before + 8);
    let told = events.events();
    let fields: BTreeSet<Vec<&String>> =
        heads(&told).map(|head| head.as_object().unwrap().keys().collect()).collect();
    assert_eq!(fields.len(), 1, "what nobody told of looks as what somebody did: {fields:?}");
}

/// Of each topic, from each node: enough that the slowest twentieth is more than one.
const MEASURED: usize = 40;

/// Behaviour 24.
#[tokio::test]
async fn events_are_relayed_within_50_ms() {
    let stage = stage(vec![NodePlan::default(); 2]).await;
    let mut direct = Vec::new();
    for node in [0, 1] {
        let url = stage.devnet.node(node).beacon_url();
        direct.push((EventStream::open(&url, "head,block").await.unwrap().unwrap(), Instant::now()));
    }
    let edge = stage.events("head,block").await;
    let edge_from = Instant::now();
    // First from the one node, then from the other.
    until_heads(&edge, MEASURED + 1).await;
    let of_first = edge.events().len();
    stage.set(0, Fault::Kill);
    // While it changes over is another behaviour.
    until_heads(&edge, 5).await;
    let before_second = edge.events().len();
    until_heads(&edge, MEASURED + 1).await;
    let events = edge.events();
    for (node, part) in [(0, &events[..of_first]), (1, &events[before_second..])] {
        let (direct, from) = &direct[node];
        let (direct, between_ms) = (direct.events(), (edge_from - *from).as_millis() as i64);
        for topic in ["head", "block"] {
            let mut late_ms: Vec<i64> = part
                .iter()
                .filter(|event| event.topic == topic)
                .filter_map(|event| {
                    let same =
                        |other: &&Event| other.topic == topic && other.data["block"] == event.data["block"];
                    Some(event.at_ms as i64 + between_ms - direct.iter().find(same)?.at_ms as i64)
                })
                .collect();
            late_ms.sort_unstable();
            assert!(late_ms.len() >= MEASURED, "node {node}: {topic}: {late_ms:?}");
            // The last ones are left out: what the machine does besides is not the edge's.
            assert!(late_ms[late_ms.len() * 95 / 100] < 50, "node {node}: {topic}: {late_ms:?}");
        }
    }
}
