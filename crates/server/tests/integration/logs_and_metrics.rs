//! Logs and metrics over every transport: taken in, told of what was rejected, and kept as they came.

use model::{Input, LogRecord, MetricPoint};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::otlp_http::gzip;
use crate::running::{self, Running, url};

const FUTURE: &str = "3786912000000000000";

fn resource() -> Value {
    json!({ "attributes": [{ "key": "service.name", "value": { "stringValue": "shop" } }] })
}

fn logs(records: &[Value]) -> Value {
    json!({ "resourceLogs": [{ "resource": resource(), "scopeLogs": [{ "logRecords": records }] }] })
}

fn log(body: &str) -> Value {
    json!({ "timeUnixNano": server::now().0.to_string(), "severityNumber": 17, "body": { "stringValue": body } })
}

fn metrics(points: &[Value]) -> Value {
    let metric = json!({ "name": "queue.depth", "gauge": { "dataPoints": points } });
    json!({ "resourceMetrics": [{ "resource": resource(), "scopeMetrics": [{ "metrics": [metric] }] }] })
}

fn point(value: i64) -> Value {
    json!({ "timeUnixNano": server::now().0.to_string(), "asInt": value.to_string() })
}

/// The generated types, by way of their JSON form.
fn typed<T: serde::de::DeserializeOwned>(request: &Value) -> T {
    serde_json::from_value(request.clone()).unwrap()
}

fn protobuf<T: Message + serde::de::DeserializeOwned>(request: &Value) -> Vec<u8> {
    typed::<T>(request).encode_to_vec()
}

/// What a later start would read of logs and metrics.
fn journaled(data: &std::path::Path) -> (Vec<LogRecord>, Vec<MetricPoint>) {
    let (mut logs, mut points) = (Vec::new(), Vec::new());
    for input in running::journaled(data) {
        match input {
            Input::Logs(some) => logs.extend(some),
            Input::Metrics(some) => points.extend(some),
            _ => {}
        }
    }
    (logs, points)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_over_http_is_in_the_journal_as_it_came() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let post = |path: &str, content_type: &'static str, body: Vec<u8>| {
        server.client.post(url(server.ready.otlp_http, path)).header("content-type", content_type).body(body)
    };
    let (json, binary) = ("application/json", "application/x-protobuf");
    let log_of = |n: u32| logs(&[log(&format!("order {n} failed"))]);
    let metric_of = |n| metrics(&[point(n)]);
    let zstd = |bytes: Vec<u8>| zstd::encode_all(&bytes[..], 1).unwrap();
    let sent = [
        post("/v1/logs", json, log_of(1).to_string().into()),
        post("/v1/logs", binary, protobuf::<ExportLogsServiceRequest>(&log_of(2))),
        post("/v1/logs", binary, gzip(&protobuf::<ExportLogsServiceRequest>(&log_of(3))))
            .header("content-encoding", "gzip"),
        post("/v1/metrics", json, metric_of(1).to_string().into()),
        post("/v1/metrics", binary, protobuf::<ExportMetricsServiceRequest>(&metric_of(2))),
        post("/v1/metrics", binary, zstd(protobuf::<ExportMetricsServiceRequest>(&metric_of(3))))
            .header("content-encoding", "zstd"),
    ];
    for (at, request) in sent.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "request {at}");
        let told = response.bytes().await.unwrap();
        assert!(told.is_empty() || told == "{}", "request {at}: {told:?}");
    }
    for surface in ["otlp_http_logs", "otlp_http_metrics"] {
        let accepted = format!("casebook_ingest_events_accepted_total{{surface=\"{surface}\"}}");
        assert_eq!(server.metric(&accepted).await, 3.0);
    }
    server.stop().await;
    let (logs, points) = journaled(data.path());
    let bodies: Vec<_> = logs.iter().map(|log| &*log.body).collect();
    assert_eq!(bodies, ["order 1 failed", "order 2 failed", "order 3 failed"]);
    assert!(logs.iter().all(|log| &*log.template == "order <*> failed" && &*log.service == "shop"));
    let values: Vec<_> = points.iter().map(|point| (&*point.name, point.value)).collect();
    let expected = [1_000_000, 2_000_000, 3_000_000].map(|value| ("queue.depth", value));
    assert_eq!(values, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_taken_over_grpc_plain_and_compressed() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let address = url(server.ready.otlp_grpc, "");
    let logs_client = LogsServiceClient::connect(address.clone()).await.unwrap();
    let metrics_client = MetricsServiceClient::connect(address).await.unwrap();
    for encoding in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let (mut logs_client, mut metrics_client) = (logs_client.clone(), metrics_client.clone());
        if let Some(encoding) = encoding {
            logs_client = logs_client.send_compressed(encoding).accept_compressed(encoding);
            metrics_client = metrics_client.send_compressed(encoding).accept_compressed(encoding);
        }
        let answer = logs_client.export(typed::<ExportLogsServiceRequest>(&logs(&[log("x")]))).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
        let request = typed::<ExportMetricsServiceRequest>(&metrics(&[point(1)]));
        assert_eq!(metrics_client.export(request).await.unwrap().into_inner().partial_success, None);
    }
    let mut late = point(1);
    late["timeUnixNano"] = FUTURE.into();
    let request = typed::<ExportMetricsServiceRequest>(&metrics(&[late, point(2)]));
    let partial = metrics_client.clone().export(request).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    assert!(partial.error_message.starts_with("rejected 1 data point: in_future."), "{partial:?}");
    for surface in ["otlp_grpc_logs", "otlp_grpc_metrics"] {
        let accepted = format!("casebook_ingest_events_accepted_total{{surface=\"{surface}\"}}");
        let expected = if surface == "otlp_grpc_logs" { 3.0 } else { 4.0 };
        assert_eq!(server.metric(&accepted).await, expected, "{surface}");
    }
    server.stop().await;
    let (logs, points) = journaled(data.path());
    assert_eq!((logs.len(), points.len()), (3, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_are_counted_in_the_answer_of_either_encoding() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let mut late = log("late");
    late["timeUnixNano"] = FUTURE.into();
    let request = logs(&[log("kept"), late]);
    let post = |path: &str, content_type: &'static str, body: Vec<u8>| {
        server.client.post(url(server.ready.otlp_http, path)).header("content-type", content_type).body(body)
    };
    let binary = protobuf::<ExportLogsServiceRequest>(&request);
    let response = post("/v1/logs", "application/x-protobuf", binary).send().await.unwrap();
    let answer = ExportLogsServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    let told = partial.error_message;
    assert!(
        told.starts_with("rejected 1 log record: in_future. The first is log record 1: it is of 2090-"),
        "{told}"
    );
    let mut infinite = point(1);
    infinite["asInt"].take();
    infinite["asDouble"] = "Infinity".into();
    let body = metrics(&[infinite]).to_string().into_bytes();
    let response = post("/v1/metrics", "application/json", body).send().await.unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], 1, "{answer}");
    let typed: ExportMetricsServiceResponse = serde_json::from_value(answer).unwrap();
    assert!(typed.partial_success.unwrap().error_message.contains("not_finite"));
    for (surface, reason) in [("otlp_http_logs", "in_future"), ("otlp_http_metrics", "not_finite")] {
        let counted =
            format!("casebook_ingest_events_rejected_total{{surface=\"{surface}\",reason=\"{reason}\"}}");
        assert_eq!(server.metric(&counted).await, 1.0, "{counted}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_as_traces_are() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("body-bytes-max", "64KiB")]).await;
    for path in ["/v1/logs", "/v1/metrics"] {
        let post = |content_type: &'static str, body: Vec<u8>| {
            server
                .client
                .post(url(server.ready.otlp_http, path))
                .header("content-type", content_type)
                .body(body)
        };
        for (request, status) in [
            (post("application/json", b"{".to_vec()), 400),
            (post("application/x-protobuf", b"\x0a\xff\x01abc".to_vec()), 400),
            (post("text/plain", Vec::new()), 415),
            (post("application/json", b"{}".to_vec()).header("content-encoding", "br"), 415),
            (post("application/x-protobuf", vec![0; 100_000]), 413),
            (
                post("application/x-protobuf", gzip(&vec![0; 1_000_000])).header("content-encoding", "gzip"),
                413,
            ),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{path}");
            assert!(!response.headers().contains_key("retry-after"), "{path} {status}");
        }
        let surface = path.replace("/v1/", "otlp_http_");
        for (outcome, count) in [("invalid_body", 2.0), ("body_too_large", 2.0)] {
            let counted =
                format!("casebook_ingest_requests_total{{surface=\"{surface}\",outcome=\"{outcome}\"}}");
            assert_eq!(server.metric(&counted).await, count, "{counted}");
        }
    }
    // A trace sent to the wrong service is not taken for something else.
    let mut client = LogsServiceClient::connect(url(server.ready.otlp_http, "")).await.unwrap();
    let refused = client.export(typed::<ExportLogsServiceRequest>(&logs(&[log("x")]))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused:?}");
    assert!(refused.message().contains(&server.ready.otlp_grpc.to_string()), "{}", refused.message());
    server.stop().await;
}
