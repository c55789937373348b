//! OTLP over HTTP: `POST /v1/traces`, protobuf or JSON, answered in the encoding of the request.

use std::sync::Arc;

use api::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use intake::{Encoding, partial_success};

use super::{Form, Ingest, Receipt, Source};
use crate::http::{Failure, MessageWriter};

const SURFACE: &str = "otlp_http";

pub(crate) fn router(ingest: Arc<Ingest>) -> Router {
    Router::new().route("/v1/traces", post(export)).with_state(ingest)
}

async fn export(State(ingest): State<Arc<Ingest>>, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let source = match source(&parts.headers) {
        Ok(source) => source,
        Err(failure) => return Err(ingest.refuse(SURFACE, failure, body)),
    };
    let body = ingest.read_body(SURFACE, &parts.headers, body).await?;
    let receipt = ingest.take_in(source, body).await?;
    Ok(answer(source.form, &receipt))
}

fn source(headers: &HeaderMap) -> Result<Source, Failure> {
    let form = match media_type(headers).as_str() {
        "application/x-protobuf" => Form::OtlpProtobuf,
        "application/json" => Form::OtlpJson,
        other => return Err(unsupported(other, "application/x-protobuf or application/json")),
    };
    Ok(Source { surface: SURFACE, form, encoding: encoding(headers)? })
}

fn answer(form: Form, receipt: &Receipt) -> Response {
    let (media_type, body) = match form {
        Form::OtlpJson => ("application/json", write_json(receipt)),
        _ => ("application/x-protobuf", write_protobuf(receipt)),
    };
    ([(CONTENT_TYPE, media_type)], Body::from(body)).into_response()
}

/// `ExportTraceServiceResponse`; empty where all was taken as it came. With warnings only, it rejects none and says so.
pub(super) fn write_protobuf(receipt: &Receipt) -> Vec<u8> {
    let Some(message) = partial_success(&receipt.rejected, &receipt.warnings) else { return Vec::new() };
    let partial = MessageWriter::default().number(1, receipt.rejected.len() as u64).text(2, &message);
    MessageWriter::default().message(1, partial).finish()
}

fn write_json(receipt: &Receipt) -> Vec<u8> {
    let Some(message) = partial_success(&receipt.rejected, &receipt.warnings) else {
        return b"{}".to_vec();
    };
    // Protobuf's JSON form writes 64-bit numbers as texts, but every reader has to take a number as well, and some take
    // nothing else.
    let partial = serde_json::json!({ "partialSuccess": {
        "rejectedSpans": receipt.rejected.len(),
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
        let response = ExportTraceServiceResponse::decode(write_protobuf(&receipt()).as_slice()).unwrap();
        let partial = response.partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 300);
        assert!(
            partial.error_message.starts_with("rejected 300 spans: in_future."),
            "{}",
            partial.error_message
        );
        let empty = ExportTraceServiceResponse::decode(write_protobuf(&Receipt::default()).as_slice());
        assert_eq!(empty, Ok(ExportTraceServiceResponse::default()));
    }

    #[test]
    fn the_json_answer_is_the_one_of_protobufs_json_form() {
        let response: ExportTraceServiceResponse = serde_json::from_slice(&write_json(&receipt())).unwrap();
        assert_eq!(response.partial_success.unwrap().rejected_spans, 300);
    }
}
