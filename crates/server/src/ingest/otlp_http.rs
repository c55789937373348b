//! OTLP over HTTP: `POST /v1/traces`, `/v1/logs` and `/v1/metrics`, protobuf or JSON, answered in the encoding of the
//! request.

use std::sync::Arc;

use api::ErrorCode;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use intake::{Encoding, Telemetry, partial_success};

use super::{Form, Ingest, Receipt, Source, exports};
use crate::http::{Failure, Framing, MessageWriter, Routes};

const PATHS: [(&str, Telemetry); 3] =
    [("/v1/traces", Telemetry::Traces), ("/v1/logs", Telemetry::Logs), ("/v1/metrics", Telemetry::Metrics)];

pub(crate) fn routes(ingest: Arc<Ingest>) -> Routes {
    exports(&ingest, PATHS, export)
}

async fn export(ingest: Arc<Ingest>, telemetry: Telemetry, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let surface = surface(telemetry);
    let source = match source(telemetry, &parts.headers) {
        Ok(source) => source,
        Err(failure) => return Err(ingest.refused(surface, failure)),
    };
    let body = ingest.read_body(surface, &parts, body, Framing::Plain).await?;
    let receipt = ingest.take_in(source, body).await?;
    Ok(answer(telemetry, source.form, &receipt))
}

const fn surface(telemetry: Telemetry) -> &'static str {
    match telemetry {
        Telemetry::Traces => "otlp_http",
        Telemetry::Logs => "otlp_http_logs",
        Telemetry::Metrics => "otlp_http_metrics",
    }
}

fn source(telemetry: Telemetry, headers: &HeaderMap) -> Result<Source, Failure> {
    let form = match media_type(headers).as_str() {
        "application/x-protobuf" => Form::OtlpProtobuf(telemetry),
        "application/json" => Form::OtlpJson(telemetry),
        other => return Err(unsupported(other, "application/x-protobuf or application/json")),
    };
    Ok(Source { surface: surface(telemetry), form, encoding: encoding(headers)? })
}

fn answer(telemetry: Telemetry, form: Form, receipt: &Receipt) -> Response {
    let (media_type, body) = match form {
        Form::OtlpJson(_) => ("application/json", write_json(telemetry, receipt)),
        _ => ("application/x-protobuf", write_protobuf(telemetry, receipt)),
    };
    ([(CONTENT_TYPE, media_type)], Body::from(body)).into_response()
}

/// `ExportTraceServiceResponse` or its sister of another kind, which have the same numbers; empty where all was taken as it came. With warnings only, it rejects none and says so.
pub(super) fn write_protobuf(telemetry: Telemetry, receipt: &Receipt) -> Vec<u8> {
    let Some(message) = partial_success(telemetry, &receipt.rejected, &receipt.warnings) else {
        return Vec::new();
    };
    let partial = MessageWriter::default().number(1, receipt.rejected.len() as u64).text(2, &message);
    MessageWriter::default().message(1, partial).finish()
}

fn write_json(telemetry: Telemetry, receipt: &Receipt) -> Vec<u8> {
    let Some(message) = partial_success(telemetry, &receipt.rejected, &receipt.warnings) else {
        return b"{}".to_vec();
    };
    // Protobuf's JSON form writes 64-bit numbers as texts, but every reader has to take a number as well, and some take
    // nothing else.
    let rejected = match telemetry {
        Telemetry::Traces => "rejectedSpans",
        Telemetry::Logs => "rejectedLogRecords",
        Telemetry::Metrics => "rejectedDataPoints",
    };
    let partial = serde_json::json!({ "partialSuccess": {
        rejected: receipt.rejected.len(),
        "errorMessage": message,
    }});
    partial.to_string().into_bytes()
}

/// The content type without its parameters, in lower case; empty where there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
    let name = value.to_str().unwrap_or("?");
    Encoding::parse(name).ok_or_else(|| {
        Failure::new(
            ErrorCode::UnsupportedEncoding,
            format!("content encoding {name:?} is not read; use gzip, zstd or none"),
        )
    })
}

pub(super) fn unsupported(found: &str, expected: &str) -> Failure {
    let detail = match found {
        "" => format!("the request names no content type; use {expected}"),
        found => format!("content type {found:?} is not read here; use {expected}"),
    };
    Failure::new(ErrorCode::UnsupportedMediaType, detail)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
    use prost::Message;

    use super::*;

    fn receipt() -> Receipt {
        let rejected = intake::Rejected {
            index: 7,
            id: "abc".to_owned(),
            reason: intake::RejectReason::InFuture,
            detail: "ends in 2090".to_owned(),
            problems: Vec::new(),
        };
        Receipt { accepted: 1, rejected: vec![rejected; 300], ..Receipt::default() }
    }

    #[test]
    fn the_generated_types_read_our_answer() {
        let of = |telemetry| write_protobuf(telemetry, &receipt());
        let partial = ExportTraceServiceResponse::decode(&of(Telemetry::Traces)[..]).unwrap();
        let partial = partial.partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 300);
        assert!(
            partial.error_message.starts_with("rejected 300 spans: in_future."),
            "{}",
            partial.error_message
        );
        let logs = ExportLogsServiceResponse::decode(&of(Telemetry::Logs)[..]).unwrap();
        assert_eq!(logs.partial_success.unwrap().rejected_log_records, 300);
        let metrics = ExportMetricsServiceResponse::decode(&of(Telemetry::Metrics)[..]).unwrap();
        let partial = metrics.partial_success.unwrap();
        assert_eq!(partial.rejected_data_points, 300);
        assert!(partial.error_message.contains("300 data points"), "{}", partial.error_message);
        let empty = write_protobuf(Telemetry::Traces, &Receipt::default());
        assert_eq!(empty, b"");
    }

    #[test]
    fn the_json_answer_is_the_one_of_protobufs_json_form() {
        let of = |telemetry| write_json(telemetry, &receipt());
        let traces: ExportTraceServiceResponse = serde_json::from_slice(&of(Telemetry::Traces)).unwrap();
        assert_eq!(traces.partial_success.unwrap().rejected_spans, 300);
        let logs: ExportLogsServiceResponse = serde_json::from_slice(&of(Telemetry::Logs)).unwrap();
        assert_eq!(logs.partial_success.unwrap().rejected_log_records, 300);
        let metrics: ExportMetricsServiceResponse = serde_json::from_slice(&of(Telemetry::Metrics)).unwrap();
        assert_eq!(metrics.partial_success.unwrap().rejected_data_points, 300);
        assert_eq!(write_json(Telemetry::Logs, &Receipt::default()), b"{}");
    }
}
