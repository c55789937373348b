//! Clients that mean harm, over real sockets and against the real binary: each is answered, bounded or closed with a reason,
//! while a client that behaves is told everything, and the process is as small afterwards as it was before.

mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use devnet::client::{Expected, Record, WsClient, check};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan, Switch};
use devnet::served::Devnet;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::program::{Folder, Program};
use crate::stage::{PATIENCE, metric, node, open_files, until};
use raw::{Frame, Socket, connect, dribbled, frame, post, read_to_end, until_closed};

/// Clients that say nothing. Each is a file here and one in the proxy.
const IDLE: usize = 10_000;
const FILES: u64 = 11_000;
/// What one of them may cost.
const IDLE_KIB_MAX: f64 = 40.0;
/// What an allocator keeps back in a process that had much to do.
const GROWTH_KIB_MAX: u64 = 96 << 10;
/// What a client that behaves has to be told before a test proves anything.
const HEADS_MIN: usize = 5;
const TOO_LONG: usize = 300 << 10;

/// A proxy with small limits, nodes behind it, and a client that behaves.
struct Arena {
    devnet: Devnet,
    program: Program,
    listen: String,
    well_behaved: JoinHandle<(Record, Vec<String>)>,
    is_over: Arc<AtomicBool>,
    before_kib: u64,
    _folder: Folder,
}

impl Arena {
    async fn open(connections_max: usize) -> Self {
        Self::with(connections_max, "2s").await
    }

    async fn with(connections_max: usize, idle_timeout: &str) -> Self {
        let plan = Plan { block_ms: 200, nodes: vec![NodePlan::default(); 2], ..Plan::default() };
        let devnet = Devnet::start(plan).await.unwrap();
        let mut text = format!(
            "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain_lead = \"0s\"\nrequest_timeout = \"1s\"\n\
             idle_timeout = \"{idle_timeout}\"\n\
             connections_max = {connections_max}\nlog = \"off\"\n[pools.net]\nkind = \"execution\"\nchain_id = 1337\n\
             block_time = \"200ms\"\nprobe_every = \"500ms\"\nrequest_bytes_max = \"256KiB\"\nbatch_max = 100\n\
             calls_per_client_max = 50\nsubscriptions_per_client_max = 20\n"
        );
        for at in 0..devnet.nodes() {
            text += &node("net", &format!("node-{at}"), "primary", &devnet.node(at));
        }
        let folder = Folder::new();
        let program = Program::serve(&folder.file("edge.toml", &text), &[]).await;
        let listen = program.address("listen").to_owned();
        until_ready(&program).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let well_behaved = tokio::spawn(behave(format!("ws://{listen}/net"), Arc::clone(&is_over)));
        sleep(Duration::from_millis(500)).await;
        let before_kib = resident_kib(&program);
        Self { devnet, program, listen, well_behaved, is_over, before_kib, _folder: folder }
    }

    async fn refused(&self, limit: &str) -> u64 {
        let label = format!("limit=\"{limit}\"");
        metric(&self.program.admin(), "casebook_edge_refused_total", &[&label]).await as u64
    }

    async fn connections(&self) -> u64 {
        let status = self.program.admin().get("/status").await.unwrap().json();
        status["clients"]["connections"].as_u64().unwrap()
    }

    /// Nobody else was disturbed, and nothing is left behind.
    async fn close(self) {
        self.close_after(0).await;
    }

    /// The same where so much was held at once: an allocator may keep that for the next ones.
    async fn close_after(self, held_kib: u64) {
        let most_kib = held_kib + GROWTH_KIB_MAX;
        let gone = async {
            while self.connections().await != 1 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, gone).await.expect("only the client that behaves is left");
        // The allocator gives back what it does not need, and not at once.
        let grown_kib = || resident_kib(&self.program).saturating_sub(self.before_kib);
        let small = async {
            while grown_kib() >= most_kib {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let is_small = timeout(PATIENCE, small).await.is_ok();
        assert!(is_small, "{} KiB at first, and {} KiB more afterwards", self.before_kib, grown_kib());
        self.is_over.store(true, Ordering::Relaxed);
        let (record, failed) = self.well_behaved.await.unwrap();
        let wrong =
            check(&record, &self.devnet.history(), Expected { finished: false, ..Expected::default() });
        assert!(wrong.is_empty() && failed.is_empty(), "{}\n{}", wrong.join("\n"), failed.join("\n"));
        assert!(
            record.heads().count() > HEADS_MIN,
            "the client that behaves was told too little to prove anything"
        );
        assert_eq!(self.program.end().await.code, Some(0));
    }
}

async fn until_ready(program: &Program) {
    let admin = program.admin();
    let ready = async {
        while admin.get("/status").await.unwrap().json()["pools"][0]["head"].is_null() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready).await.expect("the proxy knows a head");
}

/// Follows heads and logs and calls all the while, until it is over. Its record, and the calls that failed.
async fn behave(url: String, is_over: Arc<AtomicBool>) -> (Record, Vec<String>) {
    let client = WsClient::connect(&url).await.unwrap();
    for params in [json!(["newHeads"]), json!(["logs", {}])] {
        client.subscribe(params).await.unwrap();
    }
    let mut failed = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        match timeout(PATIENCE, client.call("eth_getBlockByNumber", json!(["latest", false]))).await {
            Ok(Ok(answer)) if answer.result().is_some_and(|block| block.is_object()) => {}
            other => failed.push(format!("{other:?}")),
        }
        sleep(Duration::from_millis(20)).await;
    }
    // It may have been over sooner than that.
    let told = client.until(|record| record.heads().count() > HEADS_MIN);
    let _ = timeout(PATIENCE, told).await;
    (client.close().await, failed)
}

fn resident_kib(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_his_time_is_closed() {
    let arena = Arena::open(1_000).await;
    let at = &arena.listen;
    let head = "POST /net HTTP/1.1\r\nHost: a\r\n";
    let upgrade = "GET /net HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let beginnings = [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head,
        upgrade,
        "\u{16}\u{3}\u{1}",
    ];
    let silent = beginnings.iter().map(|beginning| until_closed(at, beginning.as_bytes()));
    let dribbling =
        [format!("{head}X-A: {}", "a".repeat(1_000)), format!("{upgrade}X-A: {}", "a".repeat(1_000))];
    let dribbling = dribbling.iter().map(|text| dribbled(at, text.as_bytes()));
    let bodies = ["Content-Length: 100\r\n\r\n{\"id\":1", "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"id\""];
    let bodies = bodies.map(|body| format!("{head}{body}"));
    let bodies = bodies.iter().map(|body| until_closed(at, body.as_bytes()));
    let (_, _, bodies) = tokio::join!(
        futures_util::future::join_all(silent),
        futures_util::future::join_all(dribbling),
        futures_util::future::join_all(bodies)
    );
    for answer in bodies {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_or_no_request_is_told_so() {
    let arena = Arena::open(1_000).await;
    let at = &arena.listen;
    let close = "Connection: close\r\n";
    let long_head = until_closed(at, &post("{}", &format!("X-A: {}\r\n", "a".repeat(200 << 10)))).await;
    assert!(long_head.is_empty() || long_head.starts_with("HTTP/1.1 431"), "{long_head}");
    let many_headers: String = (0..500).map(|n| format!("X-{n}: a\r\n")).collect();
    let many_headers = until_closed(at, &post("{}", &many_headers)).await;
    assert!(many_headers.starts_with("HTTP/1.1 431"), "{many_headers}");
    let long_body = until_closed(at, &post(&"a".repeat(TOO_LONG), close)).await;
    assert!(long_body.is_empty() || long_body.starts_with("HTTP/1.1 413"), "{long_body}");
    let deep = [format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "{\"a\":".repeat(30_000)];
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let batch = format!("[{}]", vec![call; 5_000].join(","));
    let wrong = [
        "",
        " ",
        "{",
        "[",
        "nul",
        "{\"id\":1,}",
        "[1,2",
        "\"text\"",
        "7",
        "{}",
        "[]",
        "[[]]",
        "{\"id\":{},\"method\":\"a\"}",
        "{\"id\":1,\"id\":2,\"method\":\"eth_chainId\"}",
        "{\"id\":1,\"method\":7}",
        "{\"id\":1,\"method\":\"\"}",
        "{\"id\":1,\"method\":\"eth_chainId\",\"params\":7}",
        "{\"id\":1,\"method\":\"eth_\\u0063hainId\"}",
        "{\"id\":1,\"method\":\"eth_chainId\"} {}",
        "\u{feff}{}",
        &deep[0],
        &deep[1],
        &batch,
    ];
    let mut socket = Socket::open(at).await;
    for text in wrong {
        let answer = until_closed(at, &post(text, close)).await;
        let is_told =
            answer.starts_with("HTTP/1.1 200") && (answer.contains("-32700") || answer.contains("-32600"));
        assert!(is_told, "{text:.80}: {answer}");
        socket.text(text).await;
        let Frame::Text(answer) = socket.next().await else { panic!("{text:.80}") };
        assert!(answer.contains("-32700") || answer.contains("-32600"), "{text:.80}: {answer}");
    }
    let bytes = [
        &b"POST /net HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"[..],
        b"\"\xff\xfe\"",
    ];
    assert!(until_closed(at, &bytes.concat()).await.contains("-32700"));
    drop(socket);
    assert!(arena.refused("batch").await >= 2 && arena.refused("request_bytes").await >= 1);
    pipelined(at).await;
    arena.close().await;
}

/// Each is answered, in their order.
async fn pipelined(at: &str) {
    let mut stream = connect(at).await;
    let one = |id: usize| {
        let more = if id == 199 { "Connection: close\r\n" } else { "" };
        post(&format!("{{\"jsonrpc\":\"2.0\",\"id\":\"n{id}.\",\"method\":\"eth_blockNumber\"}}"), more)
    };
    stream.write_all(&(0..200).flat_map(one).collect::<Vec<u8>>()).await.unwrap();
    let answers = read_to_end(stream).await;
    let places: Vec<_> = (0..200).map(|id| answers.find(&format!("\"n{id}.\""))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{answers:.2000}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_none_may_send_are_closed_with_a_reason() {
    let arena = Arena::open(1_000).await;
    let at = &arena.listen;
    let piece = vec![b'a'; 64 << 10];
    let fragments = [vec![frame(0x01, &piece)], vec![frame(0x00, &piece); 5]].concat().concat();
    let huge = [&[0x81, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    for (what, bytes, expected) in [
        ("a frame that is too long", frame(0x81, &vec![b'a'; TOO_LONG]), 1_009),
        ("a frame that says that it has a tebibyte", huge, 1_009),
        ("fragments that are too long together", fragments, 1_009),
        ("a text that is no UTF-8", frame(0x81, b"\"\xff\xfe\""), 1_007),
        ("an opcode that is none", frame(0x83, b""), 1_002),
        ("bits that are reserved", frame(0xf1, b"{}"), 1_002),
        ("a ping that is too long", frame(0x89, &[0; 200]), 1_002),
        ("a fragment of nothing", frame(0x80, b"{}"), 1_002),
        ("a frame without a mask", vec![0x81, 0x02, b'{', b'}'], 1_002),
    ] {
        let mut socket = Socket::open(at).await;
        socket.send(&bytes).await;
        let closed = socket.closed().await;
        let is_told =
            matches!(&closed, Frame::Close { code, reason } if *code == expected && !reason.is_empty());
        assert!(is_told, "{what}: {closed:?}");
    }
    assert_eq!(arena.refused("request_bytes").await, 3);
    let mut socket = Socket::open(at).await;
    for _ in 0..100 {
        socket.send(&frame(0x89, b"are you there").repeat(100)).await;
    }
    socket.text(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#).await;
    loop {
        match socket.next().await {
            Frame::Pong => {}
            Frame::Text(answer) => break assert!(answer.contains("0x539"), "{answer}"),
            other => panic!("{other:?}"),
        }
    }
    socket.send(&frame(0x88, &1_000_u16.to_be_bytes())).await;
    assert!(matches!(socket.closed().await, Frame::Close { code: 1_000, .. }));
    drop(socket);
    arena.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_are_held_to_their_limits() {
    let arena = Arena::open(100).await;
    let at = &arena.listen;
    let mut socket = Socket::open(at).await;
    for id in 0..200 {
        socket
            .text(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_subscribe","params":["newHeads"]}}"#))
            .await;
    }
    let (mut taken, mut refused) = (0, 0);
    while taken + refused < 200 {
        let Frame::Text(answer) = socket.next().await else { panic!("closed") };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        if answer.get("id").is_some() {
            *(if answer["result"].is_string() { &mut taken } else { &mut refused }) += 1;
        }
    }
    assert_eq!((taken, arena.refused("subscriptions_per_client").await), (20, 180));
    drop(socket);
    for node in 0..arena.devnet.nodes() {
        let slow = Switch::from(Fault::Slow { ms: 300 }).for_methods(&["eth_call"]);
        arena.devnet.node(node).set(slow).unwrap();
    }
    let mut socket = Socket::open(at).await;
    for id in 0..300 {
        let call = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_call","params":[{{}},"latest"]}}"#);
        socket.send(&frame(0x82, call.as_bytes())).await;
    }
    for answered in 0..300 {
        assert!(matches!(socket.next().await, Frame::Text(_)), "only {answered} of 300 calls were answered");
    }
    assert!(arena.refused("calls_per_client").await >= 1);
    drop(socket);
    let many = futures_util::future::join_all((0..300).map(|_| connect(at))).await;
    let counted = async {
        while arena.refused("connections").await == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, counted).await.expect("connections beyond the limit are counted");
    drop(many);
    ids(at, 10_000).await;
    arena.close().await;
}

/// So many calls, each under an id of its own, on one connection; each answered once, under its own.
async fn ids(at: &str, count: usize) {
    let mut socket = Socket::open(at).await;
    let mut begun = 0;
    while begun < count {
        let end = count.min(begun + 500);
        for id in begun..end {
            socket.text(&format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"eth_blockNumber"}}"#)).await;
        }
        let mut seen = vec![false; end - begun];
        for _ in begun..end {
            let Frame::Text(answer) = socket.next().await else { panic!("closed after {begun}") };
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let id: usize = answer["id"].as_str().unwrap().parse().unwrap();
            assert!(
                answer["result"].is_string() && !std::mem::replace(&mut seen[id - begun], true),
                "{answer}"
            );
        }
        begun = end;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes all processors for a while: a step of its own in `make test`, and `make edge-crowd`"]
async fn ten_thousand_idle_connections_and_a_million_ids() {
    open_files(FILES);
    let arena = Arena::with(2 * IDLE, "1h").await;
    let at = &arena.listen;
    let mut sockets = Vec::new();
    while sockets.len() < IDLE {
        sockets.extend(futures_util::future::join_all((0..100).map(|_| Socket::open(at))).await);
    }
    // Beside the client that behaves.
    let all = IDLE as u64 + 1;
    assert_eq!(arena.connections().await, all);
    let grown = resident_kib(&arena.program).saturating_sub(arena.before_kib);
    let each = grown as f64 / IDLE as f64;
    println!("{IDLE} idle WebSockets: {each:.1} KiB each");
    assert!(each < IDLE_KIB_MAX, "{each:.1} KiB each");
    ids(at, 1_000_000).await;
    until("whoever is idle stays, and nobody else", async || arena.connections().await == all).await;
    for socket in sockets.iter_mut().step_by(IDLE / 10) {
        socket.text(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#).await;
        let answer = socket.next().await;
        assert!(matches!(&answer, Frame::Text(text) if text.contains("0x539")), "{answer:?}");
    }
    drop(sockets);
    arena.close_after(grown).await;
}
