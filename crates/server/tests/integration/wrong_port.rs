//! Clients that came to the wrong port, or for what is not taken in: each is told so in a form that it takes for a
//! refusal, and where the right port is.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use serde_json::Value;
use tonic::Code;

use crate::running::{Running, protobuf_of, request_of, span, url};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_grpc_is_refused_on_the_grpc_port_whatever_its_path() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let body = protobuf_of(&request_of(&[span(1, 1, "GET /", false)], Some("shop")));
    let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let grpc = |path| url(server.ready.otlp_grpc, path);
    let sent = |path, content_type: &str, body: Vec<u8>| {
        server.client.post(grpc(path)).header(CONTENT_TYPE, content_type.to_owned()).body(body)
    };
    let refused = [
        sent("/v1/traces", "application/x-protobuf", body.clone()),
        sent("/v1/traces", "application/json", b"{}".to_vec()),
        sent("/v1/traces", "application/x-protobuf", vec![0; 8_000_000]),
        sent(export, "application/x-protobuf", body.clone()),
        sent(export, "application/grpc-web+proto", body),
        server.client.get(grpc("/")),
        server.client.get(grpc("/v1/traces")),
    ];
    let count = refused.len();
    for request in refused {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 415, "{}", response.url());
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert!(!response.headers().contains_key("grpc-status"));
        let told = response.text().await.unwrap();
        assert!(told.ends_with('\n') && told.lines().count() == 1, "{told:?}");
        assert!(told.contains("OTLP over gRPC"), "{told}");
        assert!(told.contains(&url(server.ready.otlp_http, "/v1/traces")), "{told}");
    }
    let counted = "casebook_ingest_requests_total{surface=\"otlp_grpc\",outcome=\"unsupported_media_type\"}";
    assert_eq!(server.metric(counted).await, count as f64);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_on_another_port_gets_a_status_that_names_the_right_one() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let request: ExportTraceServiceRequest =
        serde_json::from_value(request_of(&[span(1, 1, "GET /", false)], Some("shop"))).unwrap();
    for address in [server.ready.otlp_http, server.ready.listen, server.ready.admin] {
        let mut client = TraceServiceClient::connect(url(address, "")).await.unwrap();
        let refused = client.export(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{refused:?}");
        let right = server.ready.otlp_grpc.to_string();
        assert!(refused.message().contains(&right), "{}", refused.message());
    }
    let counted = "casebook_ingest_requests_total{surface=\"otlp_http\",outcome=\"unsupported_media_type\"}";
    assert_eq!(server.metric(counted).await, 1.0);
    server.stop().await;
}

/// 404 is what SDKs drop at; a 5xx some of them send again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_in_is_refused_for_good_and_what_is_is_named() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    for path in ["/v1development/profiles", "/v1/trace"] {
        let request = server.client.post(url(server.ready.otlp_http, path));
        let response = request.header(CONTENT_TYPE, "application/json").body("{}").send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        assert!(!response.headers().contains_key("retry-after"));
        let status: Value = response.json().await.unwrap();
        let told = status["message"].as_str().unwrap();
        assert!(told.contains("/v1/traces, /v1/logs and /v1/metrics"), "{told}");
    }
    let counted = "casebook_ingest_requests_total{surface=\"otlp_http\",outcome=\"endpoint_not_found\"}";
    assert_eq!(server.metric(counted).await, 2.0);
    let logs: Value = server.post("/v1/logs").body("{}").send().await.unwrap().json().await.unwrap();
    let told = logs["detail"].as_str().unwrap();
    assert!(told.contains(&url(server.ready.otlp_http, "/v1/logs")), "{told}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_a_port_is_told_what_is_there() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let root: Value = server.get("/").send().await.unwrap().json().await.unwrap();
    let told = root["detail"].as_str().unwrap();
    assert!(told.contains("/v1/incidents") && told.contains("doc/reference/endpoints.md"), "{told}");
    let otlp: Value = server
        .post("/v1/traces")
        .header(CONTENT_LENGTH, 2)
        .body("{}")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let told = otlp["detail"].as_str().unwrap();
    assert!(told.contains(&url(server.ready.otlp_http, "/v1/traces")), "{told}");
    let admin: Value =
        server.client.get(url(server.ready.admin, "/")).send().await.unwrap().json().await.unwrap();
    let told = admin["detail"].as_str().unwrap();
    assert!(told.contains("/livez, /readyz and /metrics"), "{told}");
    let http = server.client.get(url(server.ready.otlp_http, "/")).header(CONTENT_TYPE, "application/json");
    let otlp: Value = http.send().await.unwrap().json().await.unwrap();
    assert!(otlp["message"].as_str().unwrap().contains("/v1/traces"), "{otlp}");
    server.stop().await;
}
