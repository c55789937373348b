//! OTLP over gRPC, spoken by a client that we did not write.

use bytes::{Buf, BufMut, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::running::{Running, request_of, span, trace_path, url};

async fn channel(server: &Running) -> Channel {
    Channel::from_shared(url(server.ready.otlp_grpc, "")).unwrap().connect().await.unwrap()
}

fn export(trace: u64, operation: &str) -> ExportTraceServiceRequest {
    serde_json::from_value(request_of(&[span(trace, trace, operation, false)], Some("shop"))).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_taken_plain_and_compressed() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let client = TraceServiceClient::new(channel(&server).await);
    let encodings = [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)];
    for (trace, encoding) in encodings.into_iter().enumerate() {
        let mut client = match encoding {
            Some(encoding) => client.clone().send_compressed(encoding).accept_compressed(encoding),
            None => client.clone(),
        };
        let response = client.export(export(trace as u64, "GET /")).await.unwrap();
        // Of headers that are new each time HTTP/2 remembers many: there is none but the name, which it is told to forget.
        let told = response.metadata();
        assert!(told.contains_key("x-request-id") && !told.contains_key("date"), "{told:?}");
        assert_eq!(response.into_inner().partial_success, None);
        assert_eq!(server.get(&trace_path(trace as u64)).send().await.unwrap().status(), 200);
    }
    let accepted = server.metric("casebook_ingest_events_accepted_total{surface=\"otlp_grpc\"}").await;
    assert_eq!(accepted, 3.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_and_warnings_come_back_as_partial_success() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path()).await;
    let mut request = export(1, "GET /");
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = 3_786_912_000_000_000_000;
    let response = TraceServiceClient::new(channel(&server).await).export(request).await.unwrap();
    let partial = response.into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    let told = partial.error_message;
    assert!(told.starts_with("rejected 1 span: in_future. The first is span 0: it ends at 20"), "{told}");
    let mut unnamed = export(2, "GET /");
    unnamed.resource_spans[0].resource = None;
    let response = TraceServiceClient::new(channel(&server).await).export(unnamed).await.unwrap();
    let partial = response.into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 0);
    assert!(partial.error_message.contains("1 missing_service_name"), "{}", partial.error_message);
    for (metric, reason) in [("rejected", "in_future"), ("warned", "missing_service_name")] {
        let counted =
            format!("casebook_ingest_events_{metric}_total{{surface=\"otlp_grpc\",reason=\"{reason}\"}}");
        assert_eq!(server.metric(&counted).await, 1.0, "{counted}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_call_gets_the_status_that_says_what_is_wrong() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start_with(data.path(), &[("body-bytes-max", "64KiB")]).await;
    let channel = channel(&server).await;
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let bad = call(&channel, path, Bytes::from_static(b"\x0a\xff\x01abc"), None).await;
    assert_eq!(bad.code(), Code::InvalidArgument, "{bad:?}");
    assert!(bad.message().contains("protobuf"), "{}", bad.message());
    let invalid = "casebook_ingest_requests_total{surface=\"otlp_grpc\",outcome=\"invalid_body\"}";
    assert_eq!(server.metric(invalid).await, 1.0);
    let large = call(&channel, path, Bytes::from(vec![0; 100_000]), None).await;
    assert_eq!(large.code(), Code::ResourceExhausted, "{large:?}");
    assert!(large.message().contains("64 KiB (--body-bytes-max)"), "{}", large.message());
    // Without a delay a client must not send it again.
    assert!(large.get_details_retry_info().is_none());
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let bomb = call(&channel, path, Bytes::from(vec![0; 10_000_000]), Some(encoding)).await;
        assert_eq!(bomb.code(), Code::ResourceExhausted, "{encoding:?}: {bomb:?}");
        assert!(bomb.message().contains("64 KiB (--body-bytes-max)"), "{}", bomb.message());
    }
    let other = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    let unknown = call(&channel, other, Bytes::new(), None).await;
    assert_eq!(unknown.code(), Code::Unimplemented, "{unknown:?}");
    assert!(unknown.message().contains("LogsService/Export"), "{}", unknown.message());
    let refused = "casebook_ingest_requests_total{surface=\"otlp_grpc\",outcome=\"body_too_large\"}";
    assert_eq!(server.metric(refused).await, 3.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_when_to_come_again() {
    let data = tempfile::tempdir().unwrap();
    let flags = [("body-bytes-max", "256KiB"), ("in-flight-bytes-max", "1MiB")];
    let server = Running::start_with(data.path(), &flags).await;
    // Requests that begin and do not end hold all that may be held: large ones most of it, small ones the rest.
    let mut waiting = Vec::new();
    let full = crate::running::eventually("the budget to be spent", async || {
        for bytes in [60_000, 6_000, 600, 60, 6] {
            let (parts, body) = slow_body(bytes);
            let request = server.export("application/json", body);
            waiting.push((parts, tokio::spawn(request.send())));
        }
        let mut client = TraceServiceClient::new(channel(&server).await);
        client.export(export(1, "GET /")).await.err()
    })
    .await;
    assert_eq!(full.code(), Code::Unavailable, "{full:?}");
    assert!(full.get_details_retry_info().unwrap().retry_delay.is_some());
    drop(waiting);
    crate::running::eventually("the budget to come back", async || {
        let mut client = TraceServiceClient::new(channel(&server).await);
        client.export(export(1, "GET /")).await.ok()
    })
    .await;
    server.stop().await;
}

type Parts = tokio::sync::mpsc::Sender<Result<Bytes, std::io::Error>>;

/// A body that has begun and goes on for as long as its sender is held.
fn slow_body(bytes: usize) -> (Parts, reqwest::Body) {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    sender.try_send(Ok(Bytes::from(vec![b' '; bytes]))).unwrap();
    (sender, reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(receiver)))
}

async fn call(
    channel: &Channel,
    path: &'static str,
    message: Bytes,
    encoding: Option<CompressionEncoding>,
) -> Status {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    if let Some(encoding) = encoding {
        grpc = grpc.send_compressed(encoding);
    }
    grpc.ready().await.unwrap();
    grpc.unary(Request::new(message), path.parse().unwrap(), Raw).await.unwrap_err()
}

/// Messages as bytes, whatever they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_the_right_key_is_told_in_grpcs_words() {
    let dir = tempfile::tempdir().unwrap();
    let keys = crate::keys::Keys::write(dir.path());
    let server = keys.server(&dir.path().join("data")).await;
    let mut client = TraceServiceClient::new(channel(&server).await);
    for (trace, scope, code) in [
        (1, None, Code::Unauthenticated),
        (2, Some(api::Scope::Read), Code::PermissionDenied),
        (3, Some(api::Scope::Write), Code::Ok),
    ] {
        let mut request = Request::new(export(trace, "GET /"));
        if let Some(scope) = scope {
            let value = format!("Bearer {}", keys.of(scope)).parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let found = client.export(request).await.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(found, code, "{scope:?}");
    }
    server.stop().await;
}
