//! Clients that ask and do not take the answer: it is given up after the idle timeout, and takes no place from others
//! meanwhile unless it is large. Whoever reads slowly may read to the end.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::running::{Running, eventually, span, trace_path, url};

const WAIT_MAX: Duration = Duration::from_secs(30);
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A connection over HTTP/2 whose client says how much it has room for.
struct Asking {
    address: SocketAddr,
    requests: SendRequest<Bytes>,
    ended: JoinHandle<Result<(), h2::Error>>,
}

impl Asking {
    async fn connect(address: SocketAddr, window: u32) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let handshake = h2::client::Builder::new().initial_window_size(window).handshake(stream);
        let (requests, connection) = handshake.await.unwrap();
        Self { address, requests, ended: tokio::spawn(connection) }
    }

    /// The head of the answer. Its body comes as the window has room.
    async fn ask(&self, path: &str) -> Response<RecvStream> {
        let request = Request::builder().uri(url(self.address, path));
        let (request, body) = match path {
            EXPORT => (request.method("POST").header("content-type", "application/grpc"), Some([0; 5])),
            _ => (request, None),
        };
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (answer, mut sending) = requests.send_request(request.body(()).unwrap(), body.is_none()).unwrap();
        if let Some(body) = body {
            sending.send_data(Bytes::copy_from_slice(&body), true).unwrap();
        }
        timeout(WAIT_MAX, answer).await.expect("an answer").unwrap()
    }

    async fn ask_often(&self, path: &str, times: usize) -> Vec<RecvStream> {
        let mut answers = Vec::new();
        for _ in 0..times {
            answers.push(self.ask(path).await.into_body());
        }
        answers
    }
}

/// Each listener with what it says a little to.
fn listeners(server: &Running) -> [(SocketAddr, &'static str); 4] {
    let ready = &server.ready;
    let (api, admin) = ((ready.listen, "/v1/incidents"), (ready.admin, "/livez"));
    [api, admin, (ready.otlp_http, "/nothing"), (ready.otlp_grpc, EXPORT)]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_ends_its_stream_and_keeps_no_connection() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("idle-timeout", "500ms")]).await;
    for (address, path) in listeners(&server) {
        // With room for a byte the rest waits in the connection and not in the stream.
        for window in [0, 1] {
            let client = Asking::connect(address, window).await;
            let mut answers = client.ask_often(path, 8).await;
            for answer in answers.iter_mut().filter(|_| window == 0) {
                let end = timeout(WAIT_MAX, answer.data()).await.expect("an end of the stream");
                let error = end.expect("more than nothing was to come").unwrap_err();
                assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{path}: {error}");
            }
            drop(client.requests);
            let ended = timeout(WAIT_MAX, client.ended).await;
            assert!(ended.is_ok(), "{path}: the connection stays, window {window}");
        }
    }
    let given_up = "casebook_answers_not_taken_total{listener=\"otlp_grpc\"}";
    assert_eq!(server.metric(given_up).await, 8.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_answers_that_nobody_takes_take_no_place_from_others() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("idle-timeout", "1h"), ("requests-max", "4")];
    let server = Running::start_with(data.path(), &flags).await;
    for (address, path) in listeners(&server) {
        let client = Asking::connect(address, 0).await;
        let held = client.ask_often(path, 100).await;
        let other = Asking::connect(address, 65_535).await;
        let answer = other.ask(path).await;
        let status = answer.headers().get("grpc-status").cloned();
        assert!(answer.status() != 503 && status.is_none(), "{path}: {answer:?}");
        drop(held);
    }
    server.stop().await;
}

/// A trace whose text is larger than what waits for a client beside its place.
async fn large(server: &Running) -> String {
    let spans: Vec<_> = (0..500).map(|id| span(1, id, "GET /", false)).collect();
    assert_eq!(server.export_json(&spans, Some("shop")).await.status(), 200);
    trace_path(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_gives_its_place_back_when_nobody_takes_it() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("idle-timeout", "3s"), ("requests-max", "2")];
    let server = Running::start_with(data.path(), &flags).await;
    let path = large(&server).await;
    let client = Asking::connect(server.ready.listen, 0).await;
    let held = client.ask_often(&path, 2).await;
    assert_eq!(server.get("/v1/incidents").send().await.unwrap().status(), 503);
    eventually("a place", async || {
        (server.get("/v1/incidents").send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let given_up = "casebook_answers_not_taken_total{listener=\"api\"}";
    eventually("both to be given up", async || (server.metric(given_up).await == 2.0).then_some(())).await;
    drop(held);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_that_is_read_slowly_comes_whole() {
    const WINDOW: u32 = 8 * 1024;
    const PAUSE: Duration = Duration::from_millis(150);
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("idle-timeout", "1s")]).await;
    let path = large(&server).await;
    let client = Asking::connect(server.ready.listen, WINDOW).await;
    let mut answer = client.ask(&path).await.into_body();
    let (mut text, begun) = (Vec::new(), std::time::Instant::now());
    while let Some(piece) = timeout(WAIT_MAX, answer.data()).await.unwrap() {
        let piece = piece.unwrap();
        text.extend_from_slice(&piece);
        sleep(PAUSE).await;
        answer.flow_control().release_capacity(piece.len()).unwrap();
    }
    assert!(begun.elapsed() > Duration::from_millis(1_500), "{:?} is not slow", begun.elapsed());
    let trace: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(trace["events"].as_array().unwrap().len(), 500);
    server.stop().await;
}

/// Asks for so many pages over HTTP/1.1 at once, the last of them the last of the connection.
async fn pipelined(address: SocketAddr, pages: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(pages - 1);
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_1_too_who_reads_nothing_is_cut_off_and_who_reads_slowly_is_not() {
    const READ_BYTES: u64 = 128 * 1024;
    const PAUSE: Duration = Duration::from_millis(20);
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("idle-timeout", "1s")]).await;
    // More than the buffers of both sides hold.
    let mut slow = pipelined(server.ready.admin, 1_000).await;
    let (mut read, begun) = (0, std::time::Instant::now());
    let mut text = Vec::new();
    loop {
        text.clear();
        let piece = timeout(WAIT_MAX, (&mut slow).take(READ_BYTES).read_to_end(&mut text)).await.unwrap();
        match piece.expect("no reset") {
            0 => break,
            _ => read += text.windows(15).filter(|part| *part == b"HTTP/1.1 200 OK").count(),
        }
        sleep(PAUSE).await;
    }
    assert!(begun.elapsed() > Duration::from_millis(1_500), "{:?} is not slow", begun.elapsed());
    // A few heads fall on the border of two pieces.
    assert!(read > 900, "{read} answers");
    let given_up = "casebook_answers_not_taken_total{listener=\"admin\"}";
    assert_eq!(server.metric(given_up).await, 0.0);
    let deaf = pipelined(server.ready.admin, 1_000).await;
    eventually("the connection to be cut off", async || (server.metric(given_up).await == 1.0).then_some(()))
        .await;
    drop(deaf);
    server.stop().await;
}
