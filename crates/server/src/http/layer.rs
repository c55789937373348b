//! The shell around every router: request ids, a bound on requests at once, headers that protect, failures in the
//! listener's form, and a count of answers.

use std::sync::Arc;

use super::failure::RequestFacts;
use super::{ErrorForm, Failure, GuardedBody, Signpost, discard};
use crate::metrics::{ResponseLabels, ServerMetrics};
use crate::overload::{Class, Places, Scarce};
use crate::refusals::Refusals;
use api::ErrorCode;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A caller's own id is taken over if it is short and plain.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// What the shell needs. One for each listener; the places may be shared.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    pub listener: &'static str,
    pub signpost: Signpost,
    pub places: Places,
    pub metrics: Arc<ServerMetrics>,
    pub refusals: Arc<Refusals>,
}

/// Puts the shell around a router, and answers paths and methods that it does not have.
pub(crate) fn wrap(router: Router, shell: Shell) -> Router {
    let lost = shell.clone();
    router
        .fallback(move |request: Request| async move {
            let detail = lost.signpost.unknown_path(request.uri().path());
            lost.turn_away(Failure::new(ErrorCode::EndpointNotFound, detail), request)
        })
        .method_not_allowed_fallback(|method: Method| async move {
            Failure::new(ErrorCode::MethodNotAllowed, format!("{method} is not allowed here"))
        })
        .layer(from_fn_with_state(shell, pass))
}

impl Shell {
    /// Refuses a request whose body nobody will read.
    fn turn_away(&self, failure: Failure, request: Request) -> Failure {
        if self.signpost.door.takes_telemetry() {
            self.refusals.request(self.listener, &failure);
        }
        discard(request.into_body());
        failure
    }
}

async fn pass(State(shell): State<Shell>, request: Request, next: Next) -> Response {
    let facts = RequestFacts::new(request_id(&request), request.headers());
    let wrong = shell.signpost.wrong_protocol(request.headers());
    let class = Class::of_path(request.uri().path());
    let response = match (wrong, shell.places.take(class)) {
        (Some(wrong), _) => shell.turn_away(wrong, request).into_response(),
        // The place is kept until the answer has been sent.
        (None, Some(place)) => next.run(request).await.map(|body| Body::new(GuardedBody::new(body, place))),
        (None, None) => {
            let full = shell.metrics.shedding.shed(class, Scarce::Places);
            shell.turn_away(full, request).into_response()
        }
    };
    let mut response = finish(&shell, &facts, response);
    if let Ok(id) = HeaderValue::from_str(&facts.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn finish(shell: &Shell, facts: &RequestFacts, mut response: Response) -> Response {
    let labels = ResponseLabels { listener: shell.listener, status: response.status().as_u16() };
    shell.metrics.responses.get_or_create(&labels).inc();
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        // Those that mean "later" come in crowds and are told by number.
        if failure.code().status() >= 500 && failure.code().status() != 503 {
            tracing::warn!(listener = shell.listener, request_id = facts.id, ?failure, "request failed");
        }
        response = failure.write(shell.signpost.door.form(), facts, response);
    }
    if shell.signpost.door.form() == ErrorForm::Problem {
        protect(&mut response);
    }
    response
}

/// Answers are data: no browser may guess another type, run them, put them in a frame or keep them by default.
fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A page says itself what it needs.
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn request_id(request: &Request) -> String {
    let plain = |text: &&str| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}
