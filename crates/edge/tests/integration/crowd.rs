//! Many clients, one of which stops reading: it is closed with a code and a reason, and nobody else notices.

use devnet::client::{Record, Seen};
use devnet::network::Plan;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use crate::stage::{open_files, stage_with, until, until_head};

const CLIENTS: usize = 1_000;
/// Both ends of each connection are in this process.
const FILES: u64 = 4_096;
/// What the slow client follows, so that few blocks are much for it.
const FOLLOWED: usize = 250;
/// More than sockets hold in both directions, at a kibibyte or so for each head.
const BLOCKS_MAX: usize = 150;

fn ending(record: &Record) -> Option<(Option<u16>, String)> {
    record.entries().iter().find_map(|entry| match &entry.seen {
        Seen::Closed { code, reason } => Some((*code, reason.clone())),
        _ => None,
    })
}

/// Behaviour 19.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_a_thousand_clients_that_stops_reading_is_closed_and_the_others_notice_nothing() {
    open_files(FILES);
    // The bytes that wait are what counts, and not the time.
    let patient = "request_timeout = \"5m\"";
    let stage = stage_with(Plan::default(), patient, "client_buffer_bytes_max = \"64KiB\"").await;
    stage.devnet.pause();
    let connects = (1..CLIENTS).map(|_| async {
        let client = stage.ws().await;
        client.subscribe(json!(["newHeads"])).await.unwrap();
        client
    });
    let others: Vec<_> = stream::iter(connects).buffer_unordered(16).collect().await;
    let slow = stage.ws().await;
    for _ in 0..FOLLOWED {
        slow.subscribe(json!(["newHeads"])).await.unwrap();
    }
    slow.read(false);

    let closed = async || stage.metric("casebook_edge_slow_clients_closed_total", &[]).await;
    let mut blocks = 0;
    while closed().await == 0.0 {
        assert!(blocks < BLOCKS_MAX, "it is never closed");
        stage.devnet.mine();
        until_head(&others[0], stage.head()).await;
        blocks += 1;
    }
    // Reading again, it finds what was on its way, and why it ended.
    slow.read(true);
    until("the slow client is told why", async || ending(&slow.record()).is_some()).await;
    let (code, reason) = ending(&slow.record()).unwrap();
    assert_eq!(code, Some(1008));
    assert_eq!(reason, "slow consumer: messages were not read in time");

    (0..3).for_each(|_| _ = stage.devnet.mine());
    for client in &others {
        until_head(client, stage.head()).await;
        let record = client.record();
        assert!(record.heads().count() >= blocks + 3);
        stage.assert_well(&record);
    }
    assert_eq!(closed().await, 1.0);
}
