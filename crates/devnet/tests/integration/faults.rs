//! Every fault that has to do with sockets, as a plain client sees it.

use std::time::{Duration, Instant};

use devnet::client::{ClientError, HttpClient, HttpFailure, Record, Seen, WsClient};
use devnet::node::{Face, Fault, Switch};
use serde_json::{Value, json};

use crate::running::{beacon, clear, http, of, one, result, set, ws};

fn ended(record: &Record) -> Option<&Seen> {
    let end = |seen: &&Seen| matches!(seen, Seen::Lost { .. } | Seen::Closed { .. });
    record.entries().iter().map(|entry| &entry.seen).find(end)
}

fn is_reset(failure: &HttpFailure) -> bool {
    let HttpFailure::Lost(error) = failure else { return false };
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

fn is_refused(failure: &HttpFailure) -> bool {
    matches!(failure, HttpFailure::Connect(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[tokio::test]
async fn a_killed_node_resets_and_refuses_and_comes_back_on_its_port() {
    let devnet = one().await;
    let (url, socket) = (devnet.node(0).http_url(), ws(&devnet, 0).await);
    let (plain, waiting) = (http(&devnet, 0), http(&devnet, 0));
    let in_flight = async { waiting.call("devnet_sleep", json!([60_000])).await };
    let kill = async {
        while devnet.node(0).count("devnet_sleep") == 0 {
            tokio::task::yield_now().await;
        }
        set(&devnet, 0, Fault::Kill).await;
    };
    let (lost, ()) = tokio::join!(in_flight, kill);
    assert!(is_reset(&lost.unwrap_err()), "what was in flight is reset");
    socket.until(|record| ended(record).is_some()).await.unwrap();
    let record = socket.record();
    let Some(Seen::Lost { why }) = ended(&record) else { panic!("{:?}", ended(&record)) };
    assert!(why.contains("reset"), "{why}");
    assert!(is_refused(&plain.call("eth_chainId", json!([])).await.unwrap_err()));
    assert!(is_refused(&beacon(&devnet, 0).get("/eth/v1/node/health").await.unwrap_err()));
    clear(&devnet, 0).await;
    assert_eq!(devnet.node(0).http_url(), url);
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x539");
    assert_eq!(beacon(&devnet, 0).get("/eth/v1/node/health").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_node_that_is_killed_and_cleared_at_once_has_still_reset() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    devnet.node(0).set(Fault::Kill).unwrap();
    devnet.node(0).clear(None).unwrap();
    socket.until(|record| ended(record).is_some()).await.unwrap();
    devnet.node(0).settled().await;
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x539");
}

#[tokio::test]
async fn a_stopped_node_says_goodbye_first() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    set(&devnet, 0, Fault::Stop).await;
    socket.until(|record| ended(record).is_some()).await.unwrap();
    let expected = Seen::Closed { code: Some(1001), reason: "going away".to_owned() };
    assert_eq!(ended(&socket.record()), Some(&expected));
    assert!(is_refused(&http(&devnet, 0).call("eth_chainId", json!([])).await.unwrap_err()));
}

#[tokio::test]
async fn a_frozen_node_accepts_and_answers_when_it_thaws() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    socket.subscribe(json!(["newHeads"])).await.unwrap();
    set(&devnet, 0, Fault::Freeze).await;
    let impatient = HttpClient::new(&devnet.node(0).http_url()).with_patience(Duration::from_millis(150));
    assert!(matches!(impatient.call("eth_chainId", json!([])).await, Err(HttpFailure::Patience(_))));
    let block = devnet.mine();
    let patient = http(&devnet, 0);
    let (answered, over_ws, ()) = tokio::join!(
        patient.call("eth_blockNumber", json!([])),
        socket.call("eth_blockNumber", json!([])),
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(socket.record().heads().count(), 0, "it pushes nothing");
            clear(&devnet, 0).await;
        }
    );
    assert_eq!(answered.unwrap().json()["result"], "0xb");
    assert_eq!(over_ws.unwrap().result(), Some(json!("0xb")));
    socket.until(|record| record.heads().any(|head| head.hash == block.hash)).await.unwrap();
}

#[tokio::test]
async fn a_dial_that_hangs_neither_connects_nor_fails() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    set(&devnet, 0, Switch::from(Fault::HangDial).on(Face::Execution)).await;
    let address = devnet.node(0).http_url().replace("http://", "");
    let dial = tokio::time::timeout(Duration::from_millis(400), tokio::net::TcpStream::connect(address));
    assert!(dial.await.is_err(), "it hangs");
    let open = socket.call("eth_chainId", json!([])).await.unwrap();
    assert_eq!(open.result(), Some(json!("0x539")), "what is open works");
    assert_eq!(beacon(&devnet, 0).get("/eth/v1/node/health").await.unwrap().status, 200);
    clear(&devnet, 0).await;
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x539");
}

#[tokio::test]
async fn answers_slow_refused_cut_or_no_json() {
    let devnet = one().await;
    let plain = http(&devnet, 0);
    let begun = Instant::now();
    set(&devnet, 0, of(Fault::Slow { ms: 200 }, "eth_chainId")).await;
    plain.call("eth_chainId", json!([])).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
    set(&devnet, 0, of(Fault::Status { status: 429, retry_after_s: Some(3) }, "eth_chainId")).await;
    let refused = plain.call("eth_chainId", json!([])).await.unwrap();
    assert_eq!((refused.status, refused.retry_after.as_deref()), (429, Some("3")));
    set(&devnet, 0, of(Fault::Truncate { bytes: 9 }, "eth_chainId")).await;
    assert!(matches!(plain.call("eth_chainId", json!([])).await, Err(HttpFailure::Cut(_))));
    set(&devnet, 0, of(Fault::Malformed, "eth_chainId")).await;
    let malformed = plain.call("eth_chainId", json!([])).await.unwrap();
    assert!(malformed.status == 200 && malformed.json() == Value::Null, "{}", malformed.text());
    set(&devnet, 0, of(Fault::Reset, "eth_chainId")).await;
    assert!(is_reset(&plain.call("eth_chainId", json!([])).await.unwrap_err()));
    set(&devnet, 0, of(Fault::Silent, "eth_chainId")).await;
    let impatient = HttpClient::new(&devnet.node(0).http_url()).with_patience(Duration::from_millis(100));
    assert!(matches!(impatient.call("eth_chainId", json!([])).await, Err(HttpFailure::Patience(_))));
    set(&devnet, 0, of(Fault::Null, "eth_chainId")).await;
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, Value::Null);
    assert_eq!(result(&devnet, "eth_blockNumber", json!([])).await, "0xa", "no other method ever felt it");
    clear(&devnet, 0).await;
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x539");
}

#[tokio::test]
async fn the_same_over_a_websocket() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    let call = || socket.call("eth_chainId", json!([]));
    set(&devnet, 0, Switch::from(Fault::Slow { ms: 200 }).for_requests(1)).await;
    let (slow, begun) = (call(), Instant::now());
    slow.await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let error = Fault::Error { code: -32_603, message: "internal error".to_owned(), data: None };
    set(&devnet, 0, Switch::from(error).for_requests(1)).await;
    assert_eq!(call().await.unwrap().error(), Some((-32_603, "internal error".to_owned())));
    set(&devnet, 0, Switch::from(Fault::Malformed).for_requests(1)).await;
    socket.send_text(r#"{"id":70,"method":"eth_chainId"}"#).await.unwrap();
    let unreadable = |seen: &Seen| matches!(seen, Seen::Unreadable { .. });
    socket.until(|record| record.entries().iter().any(|entry| unreadable(&entry.seen))).await.unwrap();
    set(&devnet, 0, Switch::from(Fault::Truncate { bytes: 20 }).for_requests(1)).await;
    assert!(matches!(call().await, Err(ClientError::Ended)));
    assert!(matches!(ended(&socket.record()), Some(Seen::Lost { .. })));
    let socket = ws(&devnet, 0).await;
    set(&devnet, 0, Switch::from(Fault::Reset).for_requests(1)).await;
    assert!(matches!(socket.call("eth_chainId", json!([])).await, Err(ClientError::Ended)));
}

#[tokio::test]
async fn sockets_are_closed_with_a_code_or_dropped_while_http_works() {
    let devnet = one().await;
    let socket = ws(&devnet, 0).await;
    let reason = "service restart".to_owned();
    set(&devnet, 0, Fault::CloseSockets { code: 1012, reason: reason.clone() }).await;
    socket.until(|record| ended(record).is_some()).await.unwrap();
    assert_eq!(ended(&socket.record()), Some(&Seen::Closed { code: Some(1012), reason }));
    let socket = ws(&devnet, 0).await;
    set(&devnet, 0, Fault::DropSockets).await;
    socket.until(|record| matches!(ended(record), Some(Seen::Lost { .. }))).await.unwrap();
    let refused = WsClient::connect(&devnet.node(0).ws_url()).await.unwrap_err().to_string();
    assert!(refused.contains("503"), "{refused}");
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x539");
    clear(&devnet, 0).await;
    ws(&devnet, 0).await.call("eth_chainId", json!([])).await.unwrap();
}

#[tokio::test]
async fn lies_and_lags_are_seen_by_who_asks() {
    let devnet = one().await;
    set(&devnet, 0, Fault::WrongChain { chain_id: 5 }).await;
    set(&devnet, 0, Fault::LieHead { ahead: 9_000_000 }).await;
    set(&devnet, 0, Fault::Peers { count: 0 }).await;
    set(&devnet, 0, Fault::Syncing).await;
    assert_eq!(result(&devnet, "eth_chainId", json!([])).await, "0x5");
    assert_eq!(result(&devnet, "eth_blockNumber", json!([])).await, "0x89544a");
    assert_eq!(result(&devnet, "net_peerCount", json!([])).await, "0x0");
    assert_eq!(result(&devnet, "eth_syncing", json!([])).await["currentBlock"], "0xa");
    clear(&devnet, 0).await;
    set(&devnet, 0, Fault::Lag { blocks: 2 }).await;
    (0..5).for_each(|_| _ = devnet.mine());
    assert_eq!(result(&devnet, "eth_blockNumber", json!([])).await, "0xd");
    clear(&devnet, 0).await;
    assert_eq!(result(&devnet, "eth_blockNumber", json!([])).await, "0xf");
    let main = result(&devnet, "eth_getBlockByNumber", json!(["0xf", false])).await;
    set(&devnet, 0, Fault::OwnFork { depth: 1 }).await;
    let own = result(&devnet, "eth_getBlockByNumber", json!(["0xf", false])).await;
    assert_ne!(own["hash"], main["hash"]);
}
