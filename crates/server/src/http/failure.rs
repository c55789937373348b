//! A request that failed. Handlers say what went wrong once, as a problem; each listener writes it as its clients
//! read it: RFC 9457 on the API, `google.rpc.Status` on OTLP over HTTP, trailers on gRPC.

use std::time::Duration;

use api::{ErrorCode, Problem, Retry};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::signpost::is_grpc;
use super::status_wire;

const JSON: &str = "application/json";

/// How a listener writes failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorForm {
    Problem,
    OtlpHttp,
    Grpc,
}

/// Travels in the response's extensions until the listener's layer writes it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    /// What is sent beside the problem, whatever its form.
    header: Option<Box<(HeaderName, HeaderValue)>>,
    /// Where it is known when there is room again.
    wait_s: Option<u32>,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    pub(crate) fn with_header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    pub(crate) fn with_wait(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        Self { wait_s: Some(u32::try_from(seconds).unwrap_or(u32::MAX)), ..self }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.problem.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.problem.detail
    }

    /// When to come again, for what may be sent again.
    fn retry_after_s(&self) -> Option<u32> {
        match (self.problem.code.info().retry, self.problem.code) {
            (Retry::Never, _) => None,
            (Retry::Later, ErrorCode::DiskFull | ErrorCode::JournalFailed | ErrorCode::StorageFailed) => {
                Some(5)
            }
            (Retry::Later, _) => Some(self.wait_s.unwrap_or(1)),
        }
    }

    /// Writes the failure into the response that carries it.
    pub(super) fn write(self, form: ErrorForm, request: &RequestFacts, response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        if let Some(seconds) = self.retry_after_s() {
            parts.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = self.header.as_deref().cloned() {
            parts.headers.insert(name, value);
        }
        match form {
            // Whoever speaks gRPC reads nothing else, whichever port it is.
            _ if request.is_grpc => self.write_grpc(parts),
            ErrorForm::Grpc => self.write_text(parts),
            ErrorForm::Problem => {
                let problem = (*self.problem).with_request_id(request.id.as_str());
                let body = serde_json::to_vec(&problem).unwrap_or_default();
                parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
                Response::from_parts(parts, Body::from(body))
            }
            ErrorForm::OtlpHttp => self.write_otlp(request, parts),
        }
    }

    /// The specification wants a `Status` in the encoding of the request.
    fn write_otlp(self, request: &RequestFacts, mut parts: http::response::Parts) -> Response {
        let code = grpc_code(self.problem.code);
        let (media_type, body) = if request.is_json {
            let status = serde_json::json!({ "code": code as i32, "message": self.problem.detail });
            ("application/json", status.to_string().into_bytes())
        } else {
            let bytes = status_wire::write_status(code as i32, &self.problem.detail, self.retry_after_s());
            ("application/x-protobuf", bytes)
        };
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Response::from_parts(parts, Body::from(body))
    }

    /// For a request on the gRPC port that is no gRPC at all: an HTTP status, and a line for whoever sent it.
    fn write_text(self, mut parts: http::response::Parts) -> Response {
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Response::from_parts(parts, Body::from(format!("{}\n", self.problem.detail)))
    }

    /// gRPC answers 200 and says in its own headers what failed.
    fn write_grpc(self, parts: http::response::Parts) -> Response {
        let code = grpc_code(self.problem.code);
        let details = status_wire::write_status(code as i32, &self.problem.detail, self.retry_after_s());
        let status = tonic::Status::with_details(code, self.problem.detail, details.into());
        let mut response: Response = status.into_http();
        response.extensions_mut().clear();
        for name in [RETRY_AFTER, WWW_AUTHENTICATE] {
            if let Some(value) = parts.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}

/// What the layer remembers of a request to answer it.
#[derive(Debug, Clone)]
pub(super) struct RequestFacts {
    pub id: String,
    pub is_json: bool,
    pub is_grpc: bool,
}

impl RequestFacts {
    pub(super) fn new(id: String, headers: &HeaderMap) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let name = content_type.trim_start().get(..JSON.len());
        let is_json = name.is_some_and(|name| name.eq_ignore_ascii_case(JSON));
        Self { id, is_json, is_grpc: is_grpc(headers) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), header: None, wait_s: None }
    }
}

/// Codes that OTLP clients take as "send it again" only where that can help.
fn grpc_code(code: ErrorCode) -> tonic::Code {
    use tonic::Code;
    match code {
        ErrorCode::InvalidBody | ErrorCode::InvalidParameter | ErrorCode::InvalidCursor => {
            Code::InvalidArgument
        }
        ErrorCode::InvalidSignature | ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::Forbidden | ErrorCode::LoginFailed => Code::PermissionDenied,
        ErrorCode::IncidentNotFound
        | ErrorCode::ReportNotFound
        | ErrorCode::NotificationNotFound
        | ErrorCode::TraceNotFound => Code::NotFound,
        ErrorCode::IncidentClosed | ErrorCode::ActionConflict | ErrorCode::NotificationNotRetryable => {
            Code::FailedPrecondition
        }
        ErrorCode::EndpointNotFound
        | ErrorCode::MethodNotAllowed
        | ErrorCode::NotAcceptable
        | ErrorCode::UnsupportedMediaType
        | ErrorCode::UnsupportedEncoding => Code::Unimplemented,
        ErrorCode::RequestTimeout => Code::DeadlineExceeded,
        ErrorCode::BodyTooLarge | ErrorCode::RateLimited => Code::ResourceExhausted,
        ErrorCode::DiskFull
        | ErrorCode::NotReady
        | ErrorCode::Overloaded
        | ErrorCode::IssuerUnavailable
        | ErrorCode::JournalFailed
        | ErrorCode::StorageFailed => Code::Unavailable,
        ErrorCode::Internal | ErrorCode::ReportCorrupt => Code::Internal,
    }
}
