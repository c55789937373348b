//! The SERVER span around every request that a service receives.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use opentelemetry::trace::{FutureExt as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};

use super::fault::Fault;
use super::{Service, crash, propagation};

/// Carries the user's id from service to service.
pub(super) const USER_HEADER: &str = "x-user-id";

pub(super) fn user(headers: &HeaderMap) -> Option<&str> {
    headers.get(USER_HEADER)?.to_str().ok()
}

/// Runs the request in a span of its own, and in a task of its own so that a panic ends only this request.
pub(super) async fn trace(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let context = start(&service, &request);
    let response = match tokio::spawn(next.run(request).with_context(context.clone())).await {
        Ok(response) => response,
        Err(stopped) => crashed(&stopped).into_response(),
    };
    finish(&context, &response);
    response
}

fn start(service: &Service, request: &Request) -> Context {
    let parent = propagation::extract(request.headers());
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let name = match &route {
        Some(route) => format!("{method} {route}"),
        None => method.clone(),
    };
    let mut attributes = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.path", request.uri().path().to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("server.address", service.config.role.as_str()),
    ];
    attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
    attributes.extend(user(request.headers()).map(|user| KeyValue::new("user.id", user.to_owned())));
    let span = service
        .tracer
        .span_builder(name)
        .with_kind(SpanKind::Server)
        .with_attributes(attributes)
        .start_with_context(&service.tracer, &parent);
    parent.with_span(span)
}

fn crashed(stopped: &tokio::task::JoinError) -> Fault {
    let (error_type, message) = match stopped.is_panic() {
        true => (crash::ERROR_TYPE, "the handler panicked"),
        false => ("cancelled", "the handler was cancelled"),
    };
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, error_type, message)
}

fn finish(context: &Context, response: &Response) {
    let (span, status) = (context.span(), response.status());
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        let fault = response.extensions().get::<Fault>();
        let error_type = fault.and_then(|fault| fault.error_type);
        let message = fault.map(|fault| fault.message.clone()).unwrap_or_default();
        span.set_attribute(match error_type {
            Some(error_type) => KeyValue::new("error.type", error_type),
            None => KeyValue::new("error.type", status.as_str().to_owned()),
        });
        span.set_status(Status::error(message));
    }
    span.end();
}
