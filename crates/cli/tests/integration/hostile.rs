//! A server under hostile load, as a process: bodies that are too large, bombs, names without end. Each gets its
//! answer, the memory stays bounded, and a healthy client beside them notices nothing.

use std::io::Write;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::grpc::{Grpc, TRACES};
use crate::serve::{Served, command};

/// Far below what the hostile requests of a test would take if they were held.
const RESIDENT_KIB_MAX: u64 = 400 * 1024;
/// What a bomb unpacks to: sixteen of them would fill any machine that runs tests.
const BOMB_BYTES: usize = 256 << 20;
const OPERATIONS: u64 = 100_000;

/// Sends one good request after another until it is stopped.
struct HealthyClient {
    stop: oneshot::Sender<()>,
    sent: JoinHandle<u64>,
}

impl HealthyClient {
    async fn start(served: &Served) -> Self {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let (http, grpc) = (traces(served), Grpc::connect(served).await);
        let sent = tokio::spawn(async move {
            let (plain, mut sent) = (client(), 0_u64);
            while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
                let request = request_of(&[span(sent, "GET /")]);
                let response = plain.post(&http).json(&request).send().await.unwrap();
                assert_eq!(response.status(), 200, "request {sent} of the healthy client");
                let (status, told) = grpc.call(TRACES, "identity", &protobuf_of(&request)).await;
                assert_eq!(status, 0, "call {sent} of the healthy client: {told}");
                sent += 1;
            }
            sent
        });
        Self { stop, sent }
    }

    /// No request of it failed, and there was at least one.
    async fn stop(self) {
        self.stop.send(()).unwrap();
        assert!(self.sent.await.unwrap() > 0);
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn traces(served: &Served) -> String {
    format!("http://{}/v1/traces", served.ready.otlp_http)
}

fn span(id: u64, operation: &str) -> Value {
    let end = server::now().0;
    json!({
        "traceId": format!("{:032x}", u128::from(id) + 1), "spanId": format!("{:016x}", id + 1),
        "name": operation, "kind": 2,
        "startTimeUnixNano": (end - 1000).to_string(), "endTimeUnixNano": end.to_string(),
    })
}

fn request_of(spans: &[Value]) -> Value {
    let service = json!([{ "key": "service.name", "value": { "stringValue": "shop" } }]);
    json!({ "resourceSpans": [{
        "resource": { "attributes": service }, "scopeSpans": [{ "spans": spans }],
    }] })
}

fn protobuf_of(request: &Value) -> Vec<u8> {
    serde_json::from_value::<ExportTraceServiceRequest>(request.clone()).unwrap().encode_to_vec()
}

/// The number behind a metric's name and labels.
async fn metric(served: &Served, name: &str) -> f64 {
    let page = client().get(format!("http://{}/metrics", served.ready.admin)).send().await.unwrap();
    let page = page.text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in {page}")).parse().unwrap()
}

fn assert_bounded(served: &Served) {
    let resident = served.resident_kib_max();
    assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB were resident");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_grow_no_memory_and_disturb_nobody() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let healthy = HealthyClient::start(&served).await;
    let large = Bytes::from(vec![b' '; 100_000_000]);
    let mut hostile = JoinSet::new();
    for number in 0..16 {
        let (address, body) = (traces(&served), large.clone());
        hostile.spawn(async move {
            // Half of them announce their length, the others do not.
            let body = match number % 2 {
                0 => reqwest::Body::from(body),
                _ => {
                    let parts: Vec<_> = body
                        .chunks(1 << 20)
                        .map(|part| Ok::<_, std::io::Error>(body.slice_ref(part)))
                        .collect();
                    reqwest::Body::wrap_stream(tokio_stream::iter(parts))
                }
            };
            let request = client().post(address).header("content-type", "application/json").body(body);
            request.send().await.unwrap().status()
        });
    }
    while let Some(status) = hostile.join_next().await {
        let status = status.unwrap().as_u16();
        assert!(status == 413 || status == 503, "{status}");
    }
    healthy.stop().await;
    assert_bounded(&served);
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_grow_no_memory_and_disturb_nobody() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let healthy = HealthyClient::start(&served).await;
    let zeros = vec![0; BOMB_BYTES];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let bombs = [
        ("gzip", Bytes::from(gzip.finish().unwrap())),
        ("zstd", zstd::encode_all(&*zeros, 1).unwrap().into()),
    ];
    drop(zeros);
    let mut hostile = JoinSet::new();
    for number in 0..16 {
        let (encoding, bomb) = bombs[number % 2].clone();
        let (http, otlp_grpc) = (traces(&served), served.ready.otlp_grpc);
        hostile.spawn(async move {
            let request = client().post(http).header("content-encoding", encoding).body(bomb.clone());
            let response = request.header("content-type", "application/x-protobuf").send().await.unwrap();
            assert_eq!(response.status(), 413, "a bomb of {encoding}");
            // A connection that says nothing for ten seconds is closed.
            let grpc = Grpc::to(otlp_grpc).await;
            let (status, told) = grpc.call(TRACES, encoding, &bomb).await;
            // RESOURCE_EXHAUSTED, without a delay after which to come again.
            assert_eq!(status, 8, "a bomb of {encoding}: {told}");
            assert!(told.contains("--body-bytes-max"), "{told}");
        });
    }
    while let Some(ended) = hostile.join_next().await {
        ended.unwrap();
    }
    healthy.stop().await;
    assert_bounded(&served);
    for surface in ["otlp_http", "otlp_grpc"] {
        let refused =
            format!("casebook_ingest_requests_total{{surface=\"{surface}\",outcome=\"body_too_large\"}}");
        assert_eq!(metric(&served, &refused).await, 16.0, "{surface}");
    }
    assert_eq!(served.terminate(), Some(0));
}

/// Letters only: digits in names are generalised away.
fn operation(number: u64) -> String {
    (0..6).map(|digit| char::from(b'a' + (number >> (digit * 4) & 15) as u8)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_without_end_grow_no_memory_and_disturb_nobody() {
    let data = tempfile::tempdir().unwrap();
    let served = Served::start(data.path());
    let healthy = HealthyClient::start(&served).await;
    let (plain, mut grpc) = (client(), None);
    // The first half over HTTP, the other, with names of its own, over gRPC.
    for first in (0..2 * OPERATIONS).step_by(5_000) {
        let spans: Vec<_> = (first..first + 5_000).map(|n| span(n, &operation(n))).collect();
        let message = protobuf_of(&request_of(&spans));
        if first < OPERATIONS {
            let request = plain.post(traces(&served)).header("content-type", "application/x-protobuf");
            assert_eq!(request.body(message).send().await.unwrap().status(), 200);
        } else {
            // Not before it is needed: a connection that says nothing for ten seconds is closed.
            let connected = match &mut grpc {
                Some(connected) => connected,
                none => none.insert(Grpc::connect(&served).await),
            };
            assert_eq!(connected.call(TRACES, "identity", &message).await.0, 0);
        }
    }
    healthy.stop().await;
    assert_bounded(&served);
    for surface in ["otlp_http", "otlp_grpc"] {
        let accepted = format!("casebook_ingest_events_accepted_total{{surface=\"{surface}\"}}");
        assert!(metric(&served, &accepted).await >= OPERATIONS as f64, "{surface}");
    }
    assert_eq!(served.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_in_the_log_once_in_a_while() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let mut command = command(data.path());
    command.args(["--log", "info"]).stderr(std::fs::File::create(&log).unwrap());
    let served = Served::spawn(&mut command);
    for number in 0..20 {
        // Truncated, and not OTLP at all.
        let wrong = if number % 2 == 0 { "application/x-protobuf" } else { "text/plain" };
        let request = client().post(traces(&served)).header("content-type", wrong).body("\n\u{7f}abc");
        assert!(request.send().await.unwrap().status().is_client_error());
    }
    assert_eq!(served.terminate(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["message"] == "requests refused")
        .collect();
    for reason in ["invalid_body", "unsupported_media_type"] {
        let told =
            lines.iter().filter(|line| line["surface"] == "otlp_http" && line["reason"] == reason).count();
        // Two if the machine took longer than the pause between lines.
        assert!((1..=2).contains(&told), "{told} lines of {reason}: {log}");
    }
}
