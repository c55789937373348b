//! A server under test, and what tests say to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Durability, Journal, Options, Position};
use model::{Input, Nanos};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use server::{Server, SettingFlags};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const WAIT_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) ready: api::ReadyLine,
    pub(crate) client: Client,
    end: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), server::ServeError>>,
}

impl Running {
    pub(crate) async fn start(data: &Path) -> Self {
        Self::start_with(data, &[]).await
    }

    pub(crate) async fn start_with(data: &Path, flags: &[(&'static str, &str)]) -> Self {
        let any = "127.0.0.1:0";
        let base = SettingFlags::default()
            .with("data", data.display().to_string())
            .with("listen", any)
            .with("admin", any)
            .with("otlp-grpc", any)
            .with("otlp-http", any)
            .with("tick", "100ms");
        let flags = flags.iter().fold(base, |all, (name, text)| all.with(name, *text));
        let server = Server::start(flags.settings().unwrap()).await.unwrap();
        let ready = server.ready_line().clone();
        let (end, ending) = oneshot::channel();
        let ended = tokio::spawn(server.run_until(async { drop(ending.await) }));
        Self { ready, client: Client::builder().no_proxy().build().unwrap(), end, ended }
    }

    pub(crate) async fn stop(self) {
        drop(self.end);
        self.ended.await.unwrap().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(url(self.ready.listen, path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(url(self.ready.listen, path))
    }

    pub(crate) fn export(&self, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.post(url(self.ready.otlp_http, "/v1/traces"));
        request.header("content-type", content_type.to_owned()).body(body)
    }

    pub(crate) async fn export_json(&self, spans: &[Value], service: Option<&str>) -> Response {
        let body = request_of(spans, service).to_string();
        self.export("application/json", body).send().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// The number behind a metric's name and labels; 0 where it is not there yet.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page = self.client.get(url(self.ready.admin, "/metrics")).send().await.unwrap();
        let page = page.text().await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

pub(crate) fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// Looks again and again until there is something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < WAIT_MAX, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A server span that ended just now; ids from numbers.
pub(crate) fn span(trace: u64, id: u64, operation: &str, failed: bool) -> Value {
    let end = server::now().0;
    json!({
        "traceId": format!("{:032x}", u128::from(trace) + 1),
        "spanId": format!("{:016x}", id + 1),
        "name": operation,
        "kind": 2,
        "startTimeUnixNano": (end - 1_000_000).to_string(),
        "endTimeUnixNano": end.to_string(),
        "status": if failed { json!({ "code": 2 }) } else { json!({}) },
    })
}

pub(crate) fn trace_path(trace: u64) -> String {
    format!("/v1/traces/{:032x}", u128::from(trace) + 1)
}

pub(crate) fn request_of(spans: &[Value], service: Option<&str>) -> Value {
    let name = service.map(|name| json!({ "key": "service.name", "value": { "stringValue": name } }));
    let attributes: Vec<_> = name.into_iter().collect();
    json!({ "resourceSpans": [{ "resource": { "attributes": attributes }, "scopeSpans": [{ "spans": spans }] }] })
}

/// The same request in protobuf.
pub(crate) fn protobuf_of(request: &Value) -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;
    serde_json::from_value::<ExportTraceServiceRequest>(request.clone()).unwrap().encode_to_vec()
}

/// What a later start would read: the inputs that the journal of a stopped server holds.
pub(crate) fn journaled(data: &Path) -> Vec<Input> {
    let options = Options {
        dir: data.join("journal"),
        segment_bytes_max: 64 << 20,
        frame_bytes_max: 32 << 20,
        durability: Durability::Durable,
        keys: intake::record::keys,
        disk: Arc::new(journal::RealDisk),
    };
    let (reader, _) = Journal::read(options).unwrap();
    let limits = intake::Limits::default();
    let input = |entry: journal::Entry| {
        let received = Nanos(entry.received_ns);
        let context = intake::Context { received, limits: &limits, user_salt: &[0; 16] };
        intake::record::decode(entry.kind, &entry.payload, &context).unwrap()
    };
    reader.scan(Position::START).map(|entry| input(entry.unwrap())).collect()
}
