//! What a Casebook server is told, by a made-up one that writes everything down.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use devnet::node::{Fault, NodePlan, Switch};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Attribute;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stage::{PATIENCE, Stage, stage, until};

const SERVER: i32 = 2;
const FAILED: i32 = 2;

/// Takes everything but what it was told to refuse.
#[derive(Default)]
struct Server {
    signals: Mutex<Vec<Value>>,
    spans: Mutex<Vec<Span>>,
    keys: Mutex<BTreeSet<String>>,
    /// So many requests are answered 503, though they are understood.
    refuses: AtomicUsize,
    refused: AtomicUsize,
}

impl Server {
    async fn start() -> (Arc<Self>, String) {
        let server = Arc::new(Self::default());
        let router = Router::new()
            .route("/v1/signals", post(signals))
            .route("/v1/traces", post(traces))
            .with_state(Arc::clone(&server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (server, url)
    }

    /// Whether this request is one that is to fail.
    fn refuses(&self, headers: &HeaderMap) -> StatusCode {
        let key = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.keys.lock().unwrap().insert(key.to_owned());
        let fewer = |left: usize| left.checked_sub(1);
        if self.refuses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        StatusCode::OK
    }

    fn told(&self, subtype: &str) -> Vec<Value> {
        let signals = self.signals.lock().unwrap();
        signals.iter().filter(|signal| signal["subtype"] == subtype).cloned().collect()
    }

    fn spans(&self, operation: &str) -> Vec<Span> {
        let spans = self.spans.lock().unwrap();
        spans.iter().filter(|span| word(span, "casebook.operation") == operation).cloned().collect()
    }

    async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        let until = async {
            while !wanted(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, until).await.expect("the server is told");
    }
}

async fn signals(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut document: Value = serde_json::from_slice(&body).unwrap();
    let Value::Array(signals) = document["signals"].take() else { panic!("{document}") };
    let status = server.refuses(&headers);
    // What is refused may have arrived all the same: its ids are those that come again.
    server.signals.lock().unwrap().extend(signals);
    status
}

async fn traces(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let status = server.refuses(&headers);
    if status == StatusCode::OK {
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        server.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    }
    status
}

fn word(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Attribute::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn has_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == FAILED)
}

async fn told_stage(url: &str) -> Stage {
    let casebook = format!(
        "hedge_percent_max = 0\n[casebook]\nurl = \"{url}\"\notlp_url = \"{url}\"\nkey = \"k-1\"\nenv = \"test\"\n"
    );
    stage(vec![NodePlan::default(); 2], &casebook).await
}

async fn call(stage: &Stage, times: usize) {
    let client = stage.http();
    for _ in 0..times {
        let answer = client.call("eth_getBalance", json!([format!("0x{:040x}", 7), "latest"])).await.unwrap();
        assert!(answer.answered().result().is_some(), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_nodes_death_is_told_as_a_failover_and_as_attempts_that_failed_in_calls_that_did_not() {
    let (server, url) = Server::start().await;
    let stage = told_stage(&url).await;
    call(&stage, 50).await;
    // One call is under way at the node when it dies.
    let before = stage.devnet.node(0).count("eth_getBalance");
    let slow = Switch::from(Fault::Slow { ms: 60_000 }).for_methods(&["eth_getBalance"]);
    stage.devnet.node(0).set(slow).unwrap();
    let dies = async {
        until("the call waits", async || stage.devnet.node(0).count("eth_getBalance") > before).await;
        stage.set(0, Fault::Kill);
    };
    tokio::join!(call(&stage, 1), dies);
    call(&stage, 50).await;
    server.until(|server| !server.told("failover").is_empty() && !server.told("node_down").is_empty()).await;
    let failover = server.told("failover").remove(0);
    let said = ["kind", "subject", "status", "service", "env"].map(|key| failover[key].clone());
    assert_eq!(said, ["dependency", "node-0", "down", "casebook-edge", "test"].map(Value::from));
    assert_eq!(
        (&failover["attributes"]["to"], &failover["attributes"]["pool"]),
        (&json!("node-1"), &json!("net"))
    );
    server
        .until(|server| server.spans("watch net/node-0").iter().filter(|span| has_failed(span)).count() >= 3)
        .await;
    server.until(|server| server.spans("call net").len() == 101).await;
    let calls = server.spans("call net");
    assert!(calls.iter().all(|span| span.kind == SERVER && !has_failed(span)));
    let failed: Vec<Span> = server.spans("call net/node-0").into_iter().filter(has_failed).collect();
    assert!(!failed.is_empty(), "no attempt failed");
    let roots: BTreeSet<&[u8]> = calls.iter().map(|span| &span.span_id[..]).collect();
    for attempt in &failed {
        assert_eq!(word(attempt, "peer.service"), "node-0");
        assert!(roots.contains(&attempt.parent_span_id[..]), "an attempt belongs to a call");
    }
    stage.clear(0);
    server.until(|server| !server.told("node_back").is_empty()).await;
    server.until(|server| !server.told("failback").is_empty()).await;
    assert_eq!(*server.keys.lock().unwrap(), BTreeSet::from(["Bearer k-1".to_owned()]));
}

#[tokio::test]
async fn what_was_refused_is_sent_again_under_the_ids_that_it_had() {
    let (server, url) = Server::start().await;
    let stage = told_stage(&url).await;
    server.refuses.store(4, Ordering::SeqCst);
    call(&stage, 20).await;
    stage.set(0, Fault::Kill);
    call(&stage, 20).await;
    server.until(|server| server.refused.load(Ordering::SeqCst) == 4).await;
    server.until(|server| server.spans("call net").len() >= 40 && !server.told("failover").is_empty()).await;
    let calls = server.spans("call net");
    let ids: BTreeSet<&[u8]> = calls.iter().map(|span| &span.span_id[..]).collect();
    assert_eq!((calls.len(), ids.len()), (40, 40), "each call is told of once");
    let admin = devnet::client::HttpClient::new(&format!("http://{}", stage.edge.admin_listen));
    let told = admin.get("/status").await.unwrap().json()["casebook"].clone();
    assert_eq!((&told["signals"]["dropped"], &told["traces"]["dropped"]), (&json!(0), &json!(0)), "{told}");
    assert_eq!(told["address"], json!(url));
    // The same fact has one id, however often it came.
    let all = server.signals.lock().unwrap();
    let distinct: BTreeSet<String> = all.iter().map(|signal| signal["id"].to_string()).collect();
    let whole: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), whole.len());
}

#[tokio::test]
async fn what_is_left_is_sent_before_the_process_ends() {
    let (server, url) = Server::start().await;
    let stage = told_stage(&url).await;
    call(&stage, 30).await;
    assert!(stage.edge.stop().await);
    assert_eq!(server.spans("call net").len(), 30);
}

#[tokio::test]
async fn a_server_that_is_not_there_costs_no_call_anything_and_is_told_of_in_the_status() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let stage = told_stage(&url).await;
    call(&stage, 20).await;
    stage.set(0, Fault::Kill);
    call(&stage, 20).await;
    let admin = devnet::client::HttpClient::new(&format!("http://{}", stage.edge.admin_listen));
    let trouble = async {
        loop {
            let told = admin.get("/status").await.unwrap().json()["casebook"].clone();
            if told["trouble"] == "it cannot be reached" && told["signals"]["waiting"].as_u64() > Some(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, trouble).await.expect("the status says so");
    assert!(stage.edge.stop().await);
}
