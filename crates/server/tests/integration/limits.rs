//! Limits: what is too much is refused in each protocol's own words, and who has no key holds nobody back.

use api::Scope;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::Value;
use server::NewKey;
use tonic::Code;
use tonic_types::StatusExt;

use crate::keys::Keys;
use crate::running::{Running, request_of, span, url};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_charged_whatever_its_size() {
    // Small ones are charged by their length, large ones as they come.
    for bytes in [40_000, 100_000] {
        let data = tempfile::tempdir().unwrap();
        let server = Running::start_with(data.path(), &[("rate-address-bytes", "1KiB")]).await;
        let large = request_of(&[span(1, 1, &"x".repeat(bytes), false)], Some("shop")).to_string();
        assert_eq!(server.export("application/json", large).send().await.unwrap().status(), 200);
        assert_eq!(server.get("/v1/incidents").send().await.unwrap().status(), 429, "{bytes}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_a_limit_http_and_grpc_are_told_when_to_come_again() {
    let data = tempfile::tempdir().unwrap();
    // What one request owes takes most of a minute to come back.
    let flags = [("rate-address-bytes", "1KiB")];
    let server = Running::start_with(data.path(), &flags).await;
    let large = request_of(&[span(1, 1, &"x".repeat(40_000), false)], Some("shop"));
    assert_eq!(server.export("application/json", large.to_string()).send().await.unwrap().status(), 200);
    let refused = server.get("/v1/incidents").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "rate_limited");
    assert!(problem["detail"].as_str().unwrap().contains("--rate-address-bytes"), "{problem}");
    let mut client = TraceServiceClient::connect(url(server.ready.otlp_grpc, "")).await.unwrap();
    let request = serde_json::from_value(request_of(&[span(2, 2, "GET /", false)], Some("shop"))).unwrap();
    let status = client.export(tonic::Request::new(request)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.get_details_retry_info().is_some());
    let limited = "casebook_requests_limited_total{listener=\"otlp_grpc\",by=\"address\"}";
    assert_eq!(server.metric(limited).await, 1.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_keys_are_held_back_and_a_good_one_from_the_same_address_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::write(dir.path());
    let flags = [("keys", keys.path.to_str().unwrap()), ("rate-denied-requests", "1")];
    let server = Running::start_with(&dir.path().join("data"), &flags).await;
    let mut told = Vec::new();
    for _ in 0..300 {
        let key = NewKey::generate(Scope::Read).unwrap();
        let status = server.get("/v1/incidents").bearer_auth(key.reveal()).send().await.unwrap().status();
        told.push(status.as_u16());
        let good = server.get("/v1/incidents").bearer_auth(keys.of(Scope::Read)).send().await.unwrap();
        assert_eq!(good.status(), 200);
    }
    assert!(told.iter().all(|status| [401, 429].contains(status)), "{told:?}");
    assert!(told.starts_with(&[401, 401]) && told.contains(&429), "{told:?}");
    server.stop().await;
}
