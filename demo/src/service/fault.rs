//! How a handler fails: a status for the caller, a type and a message for its span.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// A failed request.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    /// `error.type` of the span; where there is none the status code stands for it.
    pub(super) error_type: Option<&'static str>,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, error_type: &'static str, message: impl Into<String>) -> Self {
        Self { status, error_type: Some(error_type), message: message.into() }
    }

    /// Something that this service called failed, and the request with it.
    pub(super) fn bad_gateway(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, error_type: None, message: message.into() }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.message }));
        let mut response = (self.status, body).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
