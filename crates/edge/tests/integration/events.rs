//! Clients of event streams: how many there are, what they may do, and what becomes of them while operators change things.

use std::time::Duration;

use bytes::Bytes;
use devnet::client::HttpClient;
use devnet::node::{Face, Fault, NodePlan, Switch};
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::beacon::{Stage, configuration, stage_of, until_heads};
use crate::stage::{PATIENCE, metric, parsed, until};

/// SHA-256 of `test`.
const KEY: &str = "[[keys]]\nname = \"ops\"\nsha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n\
                   subscriptions_max = 1\n";
/// More than sockets hold, at a kibibyte for each head and its block.
const BLOCKS_MAX: usize = 6_000;

async fn stage(nodes: usize) -> Stage {
    let all: Vec<usize> = (0..nodes).collect();
    stage_of(vec![NodePlan::default(); nodes], &all, "", "").await
}

/// What a client that shows the key is answered, as it comes; it stays open.
async fn asked(stage: &Stage, query: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(stage.edge.listen).await.unwrap();
    let head = format!(
        "GET /beacon/eth/v1/events/?{query} HTTP/1.1\r\nHost: edge\r\nX-Api-Key: test\r\nLast-Event-ID: 7\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    (stream, String::from_utf8_lossy(&answer[..read]).into_owned())
}

/// A stream that ends with the process ends in order, and in time.
#[tokio::test]
async fn event_streams_end_when_the_edge_stops() {
    let stage = stage(1).await;
    let events = stage.events("head").await;
    until_heads(&events, 1).await;
    assert!(stage.edge.stop().await, "within the grace");
    events.until(|_| false).await.unwrap();
    assert_eq!(events.ended().as_deref(), Some("the stream ended"));
}

/// However many listen, a node is asked for one stream of each topic.
#[tokio::test]
async fn clients_share_the_streams_of_a_node() {
    let stage = stage(1).await;
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(stage.events("head,block").await);
    }
    for events in &all {
        events.until(|events| events.iter().any(|event| event.topic == "block")).await.unwrap();
        until_heads(events, 1).await;
    }
    assert_eq!(stage.devnet.node(0).connections().streams, 2);
    let pool = stage.pool("beacon").await;
    assert_eq!((&pool["sessions"], &pool["subscriptions"]), (&json!(20), &json!(40)), "{pool}");
    drop(all);
    stage.until("beacon", |pool| pool["sessions"] == 0 && pool["subscriptions"] == 0).await;
}

/// Nodes come and go, and clients are told every head once all the same.
#[tokio::test]
async fn event_streams_go_on_while_an_operator_exchanges_and_drains_nodes() {
    let mut stage = stage_of(vec![NodePlan::default(); 2], &[0], "", "").await;
    let events = stage.events("head,block").await;
    until_heads(&events, 2).await;
    let both = parsed(&configuration(&stage.devnet, &[0, 1], "", ""));
    stage.edge.reload(Ok(both)).await.unwrap();
    stage.until("beacon", |pool| pool["nodes"][1]["http"]["state"] == "serving").await;
    let admin = HttpClient::new(&format!("http://{}", stage.edge.admin_listen)).with_patience(PATIENCE);
    let order = json!({"node": "node-0", "pool": "beacon", "draining": true}).to_string();
    let admin = admin.with_header("content-type", "application/json");
    let told = admin.send("POST".parse().unwrap(), "/drain", order.into()).await.unwrap();
    assert_eq!(told.status, 200, "{}", told.text());
    stage.until("beacon", |pool| pool["nodes"][0]["http"]["state"] == "draining").await;
    let (path, asked) = ("/eth/v1/beacon/genesis", stage.devnet.node(0).count("/eth/v1/beacon/genesis"));
    for _ in 0..5 {
        assert_eq!(stage.beacon().get(path).await.unwrap().status, 200);
    }
    assert_eq!(stage.devnet.node(0).count(path), asked, "it is given nothing new");
    until_heads(&events, 3).await;
    let other = parsed(&configuration(&stage.devnet, &[1], "", ""));
    stage.edge.reload(Ok(other)).await.unwrap();
    stage.until("beacon", |pool| pool["nodes"].as_array().unwrap().len() == 1).await;
    until("nobody follows it any more", async || stage.devnet.node(0).connections().streams == 0).await;
    until_heads(&events, 3).await;
    stage.until_all_is_told(&events).await;
    stage.assert_well(&events);
}

/// What a node may take is looked at with every question, those of a stream that is followed already too.
#[tokio::test]
async fn a_new_attempt_timeout_counts_for_a_stream_that_is_followed() {
    let dial = "dial_timeout = \"100ms\"";
    let mut stage = stage_of(vec![NodePlan::default()], &[0], "", dial).await;
    let events = stage.events("head").await;
    until_heads(&events, 3).await;
    let slow = Switch::from(Fault::Slow { ms: 1_000 }).for_methods(&["/eth/v1/beacon/headers/*"]);
    stage.devnet.node(0).set(slow.on(Face::Consensus)).unwrap();
    until_heads(&events, 2).await;
    let streams = stage.devnet.node(0).count("/eth/v1/events");
    let patient = configuration(&stage.devnet, &[0], "", dial);
    let hasty = patient.replace("attempt_timeout = \"3s\"", "attempt_timeout = \"300ms\"");
    assert_ne!(hasty, patient);
    stage.edge.reload(Ok(parsed(&hasty))).await.unwrap();
    // What was asked before has the time that it was given.
    sleep(Duration::from_millis(1_500)).await;
    let told = events.events().len();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(events.events().len(), told, "nobody waits a second for a header any more");
    stage.edge.reload(Ok(parsed(&patient))).await.unwrap();
    until_heads(&events, 5).await;
    stage.clear(0);
    stage.until_all_is_told(&events).await;
    stage.assert_well(&events);
    assert_eq!(stage.devnet.node(0).count("/eth/v1/events"), streams, "it is the same stream");
}

/// The bytes that wait are what counts, and not the time. Nothing is mined yet.
async fn stage_for_the_slow() -> Stage {
    let patient = "request_timeout = \"5m\"\n";
    let stage =
        stage_of(vec![NodePlan::default()], &[0], patient, "client_buffer_bytes_max = \"64KiB\"").await;
    stage.devnet.pause();
    stage
}

#[tokio::test]
async fn who_reads_no_events_is_cut_and_the_others_notice_nothing() {
    let stage = stage_for_the_slow().await;
    let other = stage.events("head,block").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut slow = socket.connect(stage.edge.listen).await.unwrap();
    slow.write_all(b"GET /beacon/eth/v1/events?topics=head,block HTTP/1.1\r\nHost: edge\r\n\r\n")
        .await
        .unwrap();
    stage.until("beacon", |pool| pool["sessions"] == 2).await;
    let mut blocks = 0;
    while stage.pool("beacon").await["sessions"] == 2 {
        assert!(blocks < BLOCKS_MAX, "it is never cut");
        (0..50).for_each(|_| _ = stage.devnet.mine());
        blocks += 50;
        stage.until_all_is_told(&other).await;
    }
    stage.until_all_is_told(&other).await;
    stage.assert_well(&other);
    let admin = HttpClient::new(&format!("http://{}", stage.edge.admin_listen));
    assert_eq!(metric(&admin, "casebook_edge_slow_clients_closed_total", &["pool=\"beacon\""]).await, 1.0);
}

/// An event stream over HTTP/2.
struct Stream {
    body: Incoming,
    told: String,
}

impl Stream {
    async fn open(connection: &mut http2::SendRequest<Empty<Bytes>>) -> Self {
        let request = Request::get("http://edge/beacon/eth/v1/events?topics=head,block").body(Empty::new());
        let answer = connection.send_request(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { body: answer.into_body(), told: String::new() }
    }

    /// Whether that was told before the stream ended.
    async fn until(&mut self, text: &str) -> bool {
        let told = async {
            while !self.told.contains(text) {
                match self.body.frame().await {
                    Some(Ok(frame)) => self.told += &String::from_utf8_lossy(frame.data_ref().unwrap()),
                    _ => return false,
                }
            }
            true
        };
        timeout(PATIENCE, told).await.expect("it goes on or ends")
    }
}

/// More than an HTTP/2 client takes that reads nothing, and what waits here for it.
const BLOCKS_HTTP2: usize = 400;

#[tokio::test]
async fn over_http2_who_reads_no_events_is_cut_and_another_stream_of_the_connection_goes_on() {
    let stage = stage_for_the_slow().await;
    let io = TokioIo::new(TcpStream::connect(stage.edge.listen).await.unwrap());
    let small = 65_535;
    let handshake =
        http2::Builder::new(TokioExecutor::new()).initial_stream_window_size(small).handshake(io).await;
    let (mut connection, running) = handshake.unwrap();
    let running = tokio::spawn(running);
    let (mut slow, mut other) = (Stream::open(&mut connection).await, Stream::open(&mut connection).await);
    for _ in 0..BLOCKS_HTTP2 / 50 {
        (0..50).for_each(|_| _ = stage.devnet.mine());
        let head = stage.devnet.head().root.to_string();
        assert!(other.until(&head).await, "it ended with the one that is not read");
    }
    let last = stage.devnet.head().root.to_string();
    assert!(!slow.until(&last).await, "it is never cut");
    stage.until("beacon", |pool| pool["sessions"] == 1).await;
    stage.devnet.mine();
    assert!(other.until(&stage.devnet.head().root.to_string()).await);
    running.abort();
}

/// A key's limits hold for streams, and whose key is gone is told to leave.
#[tokio::test]
async fn a_key_has_so_many_streams_and_they_end_with_it() {
    let mut stage = stage_of(vec![NodePlan::default()], &[0], KEY, "").await;
    let (_, refused) = asked(&stage, "topics=head,block").await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("as many subscriptions"), "{refused}");
    stage.until("beacon", |pool| pool["subscriptions"] == 0).await;
    // What was begun in vain takes no place.
    let (mut stream, answer) = asked(&stage, "topics=head").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/event-stream"), "{answer}");
    let others = KEY.replace("ops", "others").replace("9f86", "0000");
    let without = parsed(&configuration(&stage.devnet, &[0], &others, ""));
    stage.edge.reload(Ok(without)).await.unwrap();
    let mut rest = Vec::new();
    let mut piece = [0; 4_096];
    let told = async {
        while !String::from_utf8_lossy(&rest).contains("counts no longer") {
            let read = stream.read(&mut piece).await.unwrap();
            assert!(read > 0, "it ends without a word: {}", String::from_utf8_lossy(&rest));
            rest.extend_from_slice(&piece[..read]);
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}
