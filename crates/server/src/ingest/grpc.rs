//! OTLP over gRPC: `Export` of the services for traces, logs and metrics. One unary call whose message is handed on as
//! bytes, so the framing (five bytes before the message) is read here and nothing is decoded twice.

use std::sync::Arc;

use api::ErrorCode;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use intake::{Encoding, Telemetry};

use super::otlp_http::{media_type, unsupported, write_protobuf};
use super::{Form, Ingest, Source, exports};
use crate::http::{Failure, Framing, GRPC_PREFIX_BYTES, Routes};

const PATHS: [(&str, Telemetry); 3] = [
    ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Telemetry::Traces),
    ("/opentelemetry.proto.collector.logs.v1.LogsService/Export", Telemetry::Logs),
    ("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", Telemetry::Metrics),
];
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

pub(crate) fn routes(ingest: Arc<Ingest>) -> Routes {
    exports(&ingest, PATHS, export)
}

async fn export(ingest: Arc<Ingest>, telemetry: Telemetry, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let surface = surface(telemetry);
    let named = check_media_type(&parts.headers).and_then(|()| grpc_encoding(&parts.headers));
    let encoding = match named {
        Ok(encoding) => encoding,
        Err(failure) => return Err(ingest.refused(surface, failure)),
    };
    let body = ingest.read_body(surface, &parts, body, Framing::Grpc).await?;
    let encoding =
        unframed(&body.prefix, &body.bytes, encoding).map_err(|failure| ingest.refused(surface, failure))?;
    let source = Source { surface, form: Form::OtlpProtobuf(telemetry), encoding };
    let receipt = ingest.take_in(source, body).await?;
    Ok(answer(&write_protobuf(telemetry, &receipt)))
}

const fn surface(telemetry: Telemetry) -> &'static str {
    match telemetry {
        Telemetry::Traces => "otlp_grpc",
        Telemetry::Logs => "otlp_grpc_logs",
        Telemetry::Metrics => "otlp_grpc_metrics",
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    match media_type(headers).as_str() {
        "application/grpc" | "application/grpc+proto" => Ok(()),
        other => Err(unsupported(other, "application/grpc")),
    }
}

fn grpc_encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    let Some(value) = headers.get(GRPC_ENCODING) else { return Ok(Encoding::Identity) };
    let name = value.to_str().unwrap_or("?");
    Encoding::parse(name).ok_or_else(|| {
        let detail = format!("grpc-encoding {name:?} is not read; use gzip, zstd or identity");
        Failure::new(ErrorCode::UnsupportedEncoding, detail)
    })
}

/// How the message is encoded, if the request is exactly one: the first byte of its prefix says whether it is compressed.
fn unframed(prefix: &[u8], message: &[u8], named: Encoding) -> Result<Encoding, Failure> {
    let invalid = |detail: String| Failure::new(ErrorCode::InvalidBody, detail);
    let Ok([flag, length @ ..]) = <[u8; GRPC_PREFIX_BYTES]>::try_from(prefix) else {
        let found = prefix.len();
        return Err(invalid(format!("a gRPC message of {found} bytes is shorter than its prefix")));
    };
    let length = u32::from_be_bytes(length) as usize;
    if message.len() != length {
        let found = message.len();
        return Err(invalid(format!("the gRPC prefix announces {length} bytes, but {found} came")));
    }
    match (flag, named) {
        (0, _) => Ok(Encoding::Identity),
        (1, Encoding::Identity) => {
            Err(invalid("the message is marked as compressed, but no grpc-encoding is named".to_owned()))
        }
        (1, named) => Ok(named),
        (flag, _) => Err(invalid(format!("the gRPC prefix begins with {flag}; 0 and 1 are known"))),
    }
}

fn answer(message: &[u8]) -> Response {
    let mut frame = Vec::with_capacity(GRPC_PREFIX_BYTES + message.len());
    frame.push(0);
    // The message is short: its text has a bound.
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Body::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(flag: u8, length: u32) -> Vec<u8> {
        [&[flag][..], &length.to_be_bytes()].concat()
    }

    #[test]
    fn one_whole_message_is_taken_as_its_prefix_says() {
        assert_eq!(unframed(&prefix(1, 3), b"abc", Encoding::Gzip).unwrap(), Encoding::Gzip);
        assert_eq!(unframed(&prefix(0, 0), b"", Encoding::Gzip).unwrap(), Encoding::Identity);
    }

    #[test]
    fn what_is_no_single_message_is_refused() {
        let wrong = [
            (vec![], ""),
            (vec![0; 4], ""),
            (prefix(0, 4), "abc"),
            (prefix(0, 2), "abc"),
            (prefix(2, 3), "abc"),
            (prefix(1, 3), "abc"),
        ];
        for (prefix, message) in wrong {
            let failure = unframed(&prefix, message.as_bytes(), Encoding::Identity).unwrap_err();
            assert_eq!(failure.code(), ErrorCode::InvalidBody, "{prefix:?} {message:?}");
        }
    }
}
