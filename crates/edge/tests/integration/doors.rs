//! Connections of clients: how they end, and what becomes of those that say nothing, read nothing or break the protocol.

use devnet::client::{Entry, Seen, WsClient};
use devnet::network::Plan;
use devnet::node::NodePlan;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::stage::{BLOCK_MS, PATIENCE, Stage, stage, stage_with, two_nodes, until, until_head};

const UPGRADE: &str = "GET /net HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

async fn quick() -> Stage {
    stage_with(plan(), "request_timeout = \"500ms\"\nidle_timeout = \"1s\"", "").await
}

fn plan() -> Plan {
    Plan { block_ms: BLOCK_MS, nodes: vec![NodePlan::default(); 2], ..Plan::default() }
}

async fn connected(stage: &Stage, says: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(stage.edge.listen).await.unwrap();
    stream.write_all(says).await.unwrap();
    stream
}

/// A WebSocket whose frames are written by hand.
async fn upgraded(stage: &Stage) -> TcpStream {
    let mut stream = connected(stage, UPGRADE.as_bytes()).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// Masked with zeros.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0x80 | kind, 0x80 | 126][..], &length, &[0; 4], payload].concat()
}

async fn next_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()? & 0xf;
    let length = match stream.read_u8().await.ok()? {
        126 => u64::from(stream.read_u16().await.ok()?),
        127 => stream.read_u64().await.ok()?,
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some((kind, payload))
}

/// The code of the close, after whatever came before it.
async fn close_code(stream: &mut TcpStream) -> Option<u16> {
    let code = async {
        loop {
            if let (CLOSE, payload) = next_frame(stream).await? {
                return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
        }
    };
    timeout(PATIENCE, code).await.expect("it is closed")
}

async fn until_open(stage: &Stage, connections: f64) {
    until("connections are given back", async || {
        stage.metric("casebook_edge_client_connections", &[]).await == connections
    })
    .await;
}

/// Until the other side is gone, however it went.
async fn ended(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = async { while matches!(stream.read_buf(&mut all).await, Ok(1..)) {} };
    timeout(PATIENCE, read).await.expect("the connection ends");
    all
}

#[tokio::test]
async fn who_says_nothing_or_half_a_request_is_not_waited_for() {
    let stage = quick().await;
    let request = "POST /net HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\n{}";
    for says in ["", "POST /n", &UPGRADE[..UPGRADE.len() - 2], "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = connected(&stage, says.as_bytes()).await;
        assert!(!String::from_utf8_lossy(&ended(&mut stream).await).contains("200 OK"), "{says}");
    }
    assert!(stage.metric("casebook_edge_clients_cut_total", &["late"]).await >= 3.0);
    // Whoever asked is let stay a little longer.
    let mut stream = connected(&stage, request.as_bytes()).await;
    assert!(ended(&mut stream).await.starts_with(b"HTTP/1.1 200 OK"));
    let mut stream = connected(&stage, format!("{request}POST /n").as_bytes()).await;
    assert!(ended(&mut stream).await.starts_with(b"HTTP/1.1 200 OK"));
    until_open(&stage, 0.0).await;
}

#[tokio::test]
async fn a_websocket_stays_while_it_answers_pings_and_no_longer() {
    let stage = quick().await;
    let client = stage.ws().await;
    let mut deaf = upgraded(&stage).await;
    assert_eq!(next_frame(&mut deaf).await.map(|(kind, _)| kind), Some(PING));
    assert_eq!(close_code(&mut deaf).await, Some(1008));
    assert_eq!(stage.metric("casebook_edge_clients_cut_total", &["silent"]).await, 1.0);
    // As long as the other one took, and again: it answered.
    let mut deaf = upgraded(&stage).await;
    assert_eq!(close_code(&mut deaf).await, Some(1008));
    client.call("eth_chainId", json!([])).await.unwrap();
    stage.assert_well(&client.close().await);
}

#[tokio::test]
async fn who_reads_nothing_ends_alone_and_its_calls_do_not_stay() {
    let stage =
        stage_with(plan(), "request_timeout = \"500ms\"", "client_buffer_bytes_max = \"64KiB\"").await;
    let stuck = stage.ws().await;
    let reads = stage.ws().await;
    stuck.subscribe(json!(["newHeads"])).await.unwrap();
    reads.subscribe(json!(["newHeads"])).await.unwrap();
    stuck.read(false);
    // More than the sockets between hold.
    let big = "x".repeat(60_000);
    for id in 0..400 {
        let asks = json!({ "jsonrpc": "2.0", "id": format!("{id}{big}"), "method": "eth_chainId" });
        stuck.send_text(&asks.to_string()).await.unwrap();
    }
    let metric = async |name| stage.metric(name, &[]).await;
    until("it is closed", async || metric("casebook_edge_slow_clients_closed_total").await == 1.0).await;
    until("its calls end", async || metric("casebook_edge_node_calls_in_flight").await == 0.0).await;
    until_open(&stage, 1.0).await;
    until_head(&reads, stage.head() + 2).await;
    stage.assert_well(&reads.close().await);
}

#[tokio::test]
async fn a_goodbye_is_answered_and_so_is_what_is_no_websocket() {
    let stage = stage(vec![NodePlan::default(); 2], "request_bytes_max = \"1KiB\"").await;
    let unmasked = [0x80 | TEXT, 2, b'{', b'}'];
    let long = frame(TEXT, &[b' '; 2_000]);
    let cases = [
        (frame(CLOSE, &1000_u16.to_be_bytes()), 1000),
        (long.clone(), 1009),
        (frame(TEXT, &[0xff, 0xfe]), 1007),
        (unmasked.to_vec(), 1002),
        (frame(3, b""), 1002),
    ];
    for (says, code) in cases {
        let mut stream = upgraded(&stage).await;
        stream.write_all(&says).await.unwrap();
        if code != 1000 {
            // Unread bytes must not destroy the goodbye.
            stream.write_all(&long).await.unwrap();
        }
        assert_eq!(close_code(&mut stream).await, Some(code));
    }
    assert_eq!(stage.metric("casebook_edge_refused_total", &["request_bytes"]).await, 1.0);
    assert_eq!(stage.metric("casebook_edge_clients_cut_total", &["protocol"]).await, 3.0);
    let record = stage.ws().await.close().await;
    assert!(record.entries().iter().all(|entry| !matches!(entry.seen, Seen::Lost { .. })));
}

/// Behaviour 14.
#[tokio::test]
async fn an_unsubscribe_in_a_batch_is_one() {
    let stage = two_nodes().await;
    let client = stage.ws().await;
    let id = client.subscribe(json!(["newHeads"])).await.unwrap();
    let kept = client.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&client, stage.head() + 1).await;
    let batch = format!(
        r#"[{{"jsonrpc":"2.0","id":"u","method":"eth_unsubscribe","params":["{id}"]}},
        {{"jsonrpc":"2.0","id":"v","method":"eth_unsubscribe","params":["{id}"]}}]"#
    );
    client.send_text(&batch).await.unwrap();
    let errors = |record: &devnet::client::Record| -> Vec<Option<i64>> {
        let seen = record.entries().iter().map(|entry| &entry.seen);
        let answers = seen.filter_map(|seen| match seen {
            Seen::Answered { method, error, .. } if method == "eth_unsubscribe" => Some(error),
            _ => None,
        });
        answers.map(|error| error.as_ref().map(|(code, _)| *code)).collect()
    };
    timeout(PATIENCE, client.until(|record| errors(record).len() == 2)).await.unwrap().unwrap();
    assert_eq!(errors(&client.record()), [None, Some(-32000)]);
    let told = |id: &str| client.record().heads().filter(|head| head.subscription == id).count();
    let before = told(&id);
    until_head(&client, stage.head() + 3).await;
    assert_eq!(told(&id), before);
    assert!(told(&kept) > before);
    stage.assert_well(&client.close().await);
}

#[tokio::test]
async fn no_two_proxies_give_the_same_ids_and_every_websocket_is_counted() {
    let (one, other) = (two_nodes().await, two_nodes().await);
    let (client, idle) = (one.ws().await, one.ws().await);
    let id = client.subscribe(json!(["newHeads"])).await.unwrap();
    assert_ne!(other.ws().await.subscribe(json!(["newHeads"])).await.unwrap(), id);
    assert_eq!(one.metric("casebook_edge_sessions", &[]).await, 2.0);
    drop(idle);
    until("it is counted no more", async || one.metric("casebook_edge_sessions", &[]).await == 1.0).await;
}

/// Each limit is its own, counts for all that a holder does, and what is given back can be had again.
#[tokio::test]
async fn a_key_has_so_many_connections_and_calls() {
    // SHA-256 of `test`.
    let key = "[[keys]]\nname = \"ops\"\nconnections_max = 2\nrequests_per_second = 5\n\
               sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
    let stage = stage_with(plan(), key, "").await;
    let url = format!("ws://{}/net", stage.edge.listen);
    let connect = async || WsClient::connect_with(&url, &[("x-api-key", "test")]).await;
    let http = stage.http().with_header("x-api-key", "test");
    let refused = async |limit| stage.metric("casebook_edge_refused_total", &[limit]).await;
    let (first, second) = (connect().await.unwrap(), connect().await.unwrap());
    assert!(connect().await.is_err());
    let answer = http.call("eth_chainId", json!([])).await.unwrap();
    assert!(answer.status == 429 && answer.text().contains("as many connections"), "{}", answer.text());
    assert_eq!(refused("\"key_connections\"").await, 2.0);
    drop(first);
    // A batch is as many calls as it holds: one that is too large goes through alone, and is paid for by all.
    let batch = vec![json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}); 50];
    let batch = json!(batch).to_string();
    until("a place is given back", async || http.post(&batch).await.unwrap().status == 200).await;
    let answer = http.call("eth_chainId", json!([])).await.unwrap();
    assert_eq!((answer.status, answer.retry_after.is_some()), (429, true), "{}", answer.text());
    assert!(answer.text().contains("no calls left"), "{}", answer.text());
    let answer = second.call("eth_chainId", json!([])).await.unwrap();
    assert!(answer.text.contains("-32005"), "{}", answer.text);
    assert_eq!(refused("\"key_requests\"").await, 2.0);
}

/// Whoever waits for an id waits for it until it is answered, so each is.
#[tokio::test]
async fn every_call_beyond_a_rate_is_told_so_under_its_own_id() {
    // SHA-256 of `test`.
    let key = "[[keys]]\nname = \"ops\"\nrequests_per_second = 1\n\
               sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
    let stage = stage_with(plan(), key, "").await;
    let http = stage.http().with_header("x-api-key", "test");
    let url = format!("ws://{}/net", stage.edge.listen);
    let socket = WsClient::connect_with(&url, &[("x-api-key", "test")]).await.unwrap();
    let is_refused = |answer: &Value| answer["error"]["code"] == -32_005 && answer["result"].is_null();
    // It is paid for by all that comes within the next minutes.
    let call = |id: Value| json!({"jsonrpc": "2.0", "id": id, "method": "eth_chainId"});
    let dear = Value::from((0..500).map(|id| call(json!(id))).collect::<Vec<_>>()).to_string();
    assert_eq!(http.post(&dear).await.unwrap().status, 200);

    let single = http.post(&call(json!("mine")).to_string()).await.unwrap();
    assert_eq!((single.status, single.retry_after.is_some()), (429, true));
    assert!(is_refused(&single.json()) && single.json()["id"] == "mine", "{}", single.text());
    let notification = json!({"jsonrpc": "2.0", "method": "eth_chainId"});
    let batch = json!([call(json!("a")), notification, 7, call(json!(2))]).to_string();
    let answered = http.post(&batch).await.unwrap();
    assert_eq!((answered.status, answered.retry_after.is_some()), (429, true));
    let answers = answered.json();
    let ids: Vec<&Value> = answers.as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&json!("a"), &json!(null), &json!(2)], "{answers}");
    assert!(answers.as_array().unwrap().iter().all(is_refused), "{answers}");

    // What nobody asked the number of is not answered; nothing else comes either.
    socket.send_text(&notification.to_string()).await.unwrap();
    let batch = json!([call(json!("b")), notification, call(json!(3))]).to_string();
    socket.send_text(&batch).await.unwrap();
    socket.until(|record| record.unanswered().next().is_none()).await.unwrap();
    let record = socket.close().await;
    let refused = |entry: &Entry| matches!(&entry.seen, Seen::Answered { error: Some((-32_005, _)), .. });
    assert_eq!(record.entries().iter().filter(|entry| refused(entry)).count(), 2);
    stage.assert_well(&record);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_stops_asking_is_told_goodbye_like_everybody() {
    let Stage { devnet: _devnet, edge } = stage(vec![NodePlan::default()], "").await;
    let mut stream = TcpStream::connect(edge.listen).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let (mut answers, mut asks) = stream.into_split();
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let flood = [frame(TEXT, b"no JSON"), frame(TEXT, call)].concat().repeat(2_500);
    let asking = tokio::spawn(async move { while asks.write_all(&flood).await.is_ok() {} });
    let reading = tokio::spawn(async move {
        let (mut last, mut piece) = (Vec::new(), vec![0; 1 << 16]);
        while let Ok(bytes @ 1..) = answers.read(&mut piece).await {
            last = [&last[last.len().saturating_sub(64)..], &piece[..bytes]].concat();
        }
        String::from_utf8_lossy(&last).into_owned()
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(edge.stop().await, "it ends within the grace period");
    let last = timeout(PATIENCE, reading).await.unwrap().unwrap();
    assert!(last.ends_with("the proxy is shutting down"), "{last}");
    asking.abort();
}
