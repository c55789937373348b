//! OTLP over HTTP: both encodings, compressed and not, and the answers of the specification.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use crate::running::{Running, protobuf_of, request_of, span, trace_path, url};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_can_be_read_at_once_in_every_encoding() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let request = |trace| request_of(&[span(trace, trace, "GET /", false)], Some("shop"));
    let protobuf = protobuf_of(&request(1));
    let compressed = gzip(&protobuf_of(&request(2)));
    let zstd = zstd::encode_all(protobuf_of(&request(3)).as_slice(), 1).unwrap();
    let sent = [
        server.export("application/json", request(0).to_string()),
        server.export("application/x-protobuf", protobuf),
        server.export("application/x-protobuf", compressed).header("content-encoding", "gzip"),
        server.export("application/x-protobuf; charset=utf-8", zstd).header("content-encoding", "zstd"),
    ];
    for (trace, request) in sent.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "request {trace}");
        let expected = if trace == 0 { "application/json" } else { "application/x-protobuf" };
        assert_eq!(response.headers()["content-type"], expected);
        let read = server.json(&trace_path(trace as u64)).await;
        assert_eq!(read["events"].as_array().unwrap().len(), 1, "trace {trace}: {read}");
        assert_eq!(read["events"][0]["service"], "shop");
    }
    let accepted = server.metric("casebook_ingest_events_accepted_total{surface=\"otlp_http\"}").await;
    assert_eq!(accepted, 4.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_is_counted_in_the_answer_and_the_rest_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let mut future = span(8, 8, "GET /", false);
    future["startTimeUnixNano"] = "3786912000000000000".into();
    future["endTimeUnixNano"] = "3786912000000000001".into();
    let request = request_of(&[span(7, 7, "GET /", false), future], Some("shop"));
    let response = server.export("application/x-protobuf", protobuf_of(&request)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    let told = partial.error_message;
    assert!(told.starts_with("rejected 1 span: in_future. The first is span 1: it ends at 2090-"), "{told}");
    let counted = "casebook_ingest_events_rejected_total{surface=\"otlp_http\",reason=\"in_future\"}";
    assert_eq!(server.metric(counted).await, 1.0);
    assert_eq!(server.get(&trace_path(7)).send().await.unwrap().status(), 200);
    assert_eq!(server.get(&trace_path(8)).send().await.unwrap().status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_without_service_name_is_kept_and_the_lack_is_told_and_counted() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let response = server.export_json(&[span(1, 1, "GET /", false)], None).await;
    assert_eq!(response.status(), 200);
    let answer: serde_json::Value = response.json().await.unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], 0, "{answer}");
    let told = answer["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(told.starts_with("warnings: 1 missing_service_name ("), "{told}");
    let request = protobuf_of(&request_of(&[span(2, 2, &"x".repeat(300), false)], None));
    let response = server.export("application/x-protobuf", request).send().await.unwrap();
    let answer = ExportTraceServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 0);
    for part in ["1 missing_service_name", "1 text_cut"] {
        assert!(partial.error_message.contains(part), "{}", partial.error_message);
    }
    let read = server.json(&trace_path(1)).await;
    assert_eq!(read["events"][0]["service"], "unknown_service");
    let warned = "casebook_ingest_events_warned_total{surface=\"otlp_http\",reason=\"missing_service_name\"}";
    assert_eq!(server.metric(warned).await, 2.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_carry_a_status_message_in_the_encoding_of_the_request() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let truncated = &protobuf_of(&request_of(&[span(1, 1, "GET /", false)], Some("shop")))[..20];
    let response = server.export("application/x-protobuf", truncated.to_vec()).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (400, &"application/x-protobuf".parse().unwrap())
    );
    let body = response.bytes().await.unwrap();
    // Field 1, INVALID_ARGUMENT; field 2, the message.
    assert_eq!(body[..3], [8, 3, 18]);
    let response = server.export("application/json", "{\"resourceSpans\":7}").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let status: serde_json::Value = response.json().await.unwrap();
    assert_eq!(status["code"], 3);
    let told = status["message"].as_str().unwrap();
    assert_eq!(told.matches("expected").count(), 1, "{told}");
    let invalid = "casebook_ingest_requests_total{surface=\"otlp_http\",outcome=\"invalid_body\"}";
    assert_eq!(server.metric(invalid).await, 2.0);
    let untyped = server.client.post(url(server.ready.otlp_http, "/v1/traces")).body("{}");
    let response = untyped.send().await.unwrap();
    assert_eq!(response.status(), 415);
    let told = String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned();
    assert!(told.contains("the request names no content type; use application/x-protobuf or"), "{told}");
    for (content_type, encoding, expected) in
        [("text/plain", "identity", 415), ("application/json", "br", 415), ("application/json", "gzip", 400)]
    {
        let request = server.export(content_type, "{}").header("content-encoding", encoding);
        assert_eq!(request.send().await.unwrap().status(), expected, "{content_type} {encoding}");
    }
    let refused = "casebook_ingest_requests_total{surface=\"otlp_http\",outcome=\"unsupported_media_type\"}";
    assert_eq!(server.metric(refused).await, 2.0);
    server.stop().await;
}
