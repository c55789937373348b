//! More than there is room for: telemetry goes first, traces before logs, and an alert is taken all the same.

use std::path::Path;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::running::{Running, eventually, journaled, span, url};

/// What a request holds of the memory as soon as it begins.
const STEP_BYTES: usize = 64 * 1024;

/// Requests with traces whose bodies do not end; each holds a step.
async fn dawdlers(server: &Running, count: usize) -> Vec<TcpStream> {
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(server.ready.otlp_http).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("a request that begins");
        streams.push(stream);
    }
    let held = (count * STEP_BYTES) as f64;
    eventually("the memory to be held", async || {
        (server.metric("casebook_ingest_in_flight_bytes").await >= held).then_some(())
    })
    .await;
    streams
}

#[tokio::test(flavor = "multi_thread")]
async fn when_memory_is_scarce_traces_go_first_and_an_alert_is_taken() {
    let data = tempfile::tempdir().unwrap();
    let server =
        Running::start_with(data.path(), &[("in-flight-bytes-max", "1MiB"), ("body-bytes-max", "64KiB")])
            .await;
    // Eleven steps are the 70 % of the memory that traces may have.
    let held = dawdlers(&server, 11).await;

    let refused = server.export_json(&[span(1, 1, "GET /", false)], Some("shop")).await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    let logs = server.client.post(url(server.ready.otlp_http, "/v1/logs")).json(&json!({"resourceLogs": []}));
    assert_eq!(logs.send().await.unwrap().status(), 200);
    let alert = json!({ "id": "a1", "status": "firing", "title": "checkout is slow", "service": "checkout" });
    let alert = server.post("/v1/alerts").json(&alert).send().await.unwrap();
    assert_eq!(alert.status(), 200, "{}", alert.text().await.unwrap());

    let shed = "casebook_shed_requests_total{class=\"traces\",scarce=\"memory\"}";
    assert_eq!(server.metric(shed).await, 1.0);
    let ready = server.client.get(url(server.ready.admin, "/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let health: api::Health = ready.json().await.unwrap();
    let load = health.checks.iter().find(|check| check.name == "load").unwrap();
    assert!(load.status == api::CheckStatus::Warn && load.detail.contains("traces"), "{load:?}");

    drop(held);
    // The room is free a moment after what held it.
    let refused = std::sync::atomic::AtomicU64::new(1);
    eventually("traces to be taken again", async || {
        let taken = server.export_json(&[span(2, 2, "GET /", false)], Some("shop")).await;
        let is_taken = taken.status() == 200;
        refused.fetch_add(u64::from(!is_taken), std::sync::atomic::Ordering::Relaxed);
        is_taken.then_some(())
    })
    .await;
    let ticks = async || server.metric("casebook_engine_ticks_total").await;
    let before = ticks().await;
    eventually("the next tick, which tells it", async || (ticks().await >= before + 2.0).then_some(())).await;
    server.stop().await;
    let refused = refused.into_inner();
    assert_eq!(told(data.path()).traces, refused, "the journal has it, for the reports of that time");
}

/// What the journal says of requests that there was no room for.
fn told(data: &Path) -> model::Shed {
    journaled(data).into_iter().fold(model::Shed::default(), |sum, input| match input {
        model::Input::Shed(shed) => sum.plus(shed),
        _ => sum,
    })
}
