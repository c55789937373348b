//! The shell around every router: request ids, who asks and whether they may, a bound on requests at once, headers
//! that protect, failures in the listener's form, and a count of answers.

use std::sync::Arc;

use api::{Access, ErrorCode};
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Body as _;
use tokio::sync::OwnedSemaphorePermit;

use super::failure::RequestFacts;
use super::request_id::RequestIds;
use super::routes::{Answers, Routes};
use super::unread::read_to_its_end;
use super::{Door, Failure, GuardedBody, Signpost, discard, discard_of_stranger};
use crate::auth::{Asked, Auth, Caller, Demand, Denied, Peer, WayBack, demand};
use crate::clock;
use crate::denials::{Denials, Refused};
use crate::limits::{Limited, Limits, Metered};
use crate::login::wants_page;
use crate::metrics::{DenialLabels, LimitLabels, ResponseLabels, ServerMetrics};
use crate::overload::{Class, Places, Scarce};
use crate::refusals::Refusals;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Bodies up to this size are charged by what their length says, so that nobody is charged for much that never comes.
const CHARGED_AT_ONCE_BYTES_MAX: u64 = 64 * 1024;
/// A caller's own id is taken over if it is short and plain.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// What the shell needs. One for each listener; the places may be shared.
#[derive(Debug)]
pub(crate) struct Shell {
    pub listener: &'static str,
    pub signpost: Signpost,
    pub places: Places,
    pub metrics: Arc<ServerMetrics>,
    pub refusals: Arc<Refusals>,
    pub auth: Auth,
    pub limits: Arc<Limits>,
    pub denials: Arc<Denials>,
    pub ids: RequestIds,
    /// Behind TLS only.
    pub hsts: Option<HeaderValue>,
}

/// Why a request is not let through.
enum Turned {
    Away(Failure),
    /// Whoever sits in front of the browser may be somebody.
    ToLogin,
}

impl From<Failure> for Turned {
    fn from(failure: Failure) -> Self {
        Self::Away(failure)
    }
}

/// Puts the shell around what a listener answers.
pub(crate) fn wrap(routes: Routes, shell: Shell) -> Arc<Answers> {
    // Reached by nobody: the layer answers what the table of endpoints does not name. Its own fallback would be
    // outside the layer.
    let nothing = || async { Failure::new(ErrorCode::EndpointNotFound, "there is nothing here") };
    let shell = Arc::new(shell);
    let Routes { router, straight } = routes;
    let router = router
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(from_fn_with_state(Arc::clone(&shell), pass));
    Answers::new(shell, router, straight)
}

impl Shell {
    /// Answers a request with what `next` says to it, if it is let through. `path` is that of the route which fits.
    pub(super) async fn pass<F: Future<Output = Response>>(
        &self,
        mut request: Request,
        path: Option<&str>,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let facts = RequestFacts::new(self.name(&request), request.headers());
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::NOBODY);
        let admitted = match self.admit(&mut request, path) {
            Err(Turned::ToLogin) => return finish(self, &facts, to_login(&request)),
            Err(Turned::Away(failure)) => Err(failure),
            Ok(()) => Ok(()),
        };
        // A caller is told of the wrong door before the path, which means nothing there.
        let wrong = match &admitted {
            Err(failure) if is_denied(failure) => None,
            _ => self.signpost.wrong_protocol(request.headers()),
        };
        let class = Class::of_path(request.uri().path());
        let response = match wrong.map_or(admitted, Err).and_then(|()| self.place(class)) {
            Err(failure) => self.turn_away(failure, request).into_response(),
            // The place is kept while much of the answer is still to be sent.
            Ok(place) => {
                let response = next(request.map(read_to_its_end)).await;
                let refused = response.extensions().get::<Failure>().map(Failure::code);
                if refused == Some(ErrorCode::InvalidSignature) {
                    self.note("invalid_signature", peer, None);
                }
                response.map(|body| Body::new(GuardedBody::new(body, place)))
            }
        };
        finish(self, &facts, response)
    }

    /// As its caller calls it, if that is short and plain.
    fn name(&self, request: &Request) -> String {
        let plain = |text: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
        given.map_or_else(|| self.ids.name(), str::to_owned)
    }

    /// Lets a request through if the table of endpoints names it and its caller may.
    fn admit(&self, request: &mut Request, path: Option<&str>) -> Result<(), Turned> {
        let demand = demand(self.signpost.door, request.method(), path);
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::NOBODY);
        let asked =
            Asked { door: self.signpost.door, method: request.method(), headers: request.headers(), peer };
        match self.auth.admit(demand.access(), asked) {
            Ok(Some(caller)) => self.charge(caller, request)?,
            Ok(None) if demand.access() == Access::Login => self.charge_stranger(peer)?,
            Ok(None) => {}
            Err(denied) if denied.is_unknown() && self.can_log_in(request) => {
                self.charge_stranger(peer)?;
                return Err(Turned::ToLogin);
            }
            Err(denied) => return Err(self.deny(denied, peer).into()),
        }
        match demand {
            Demand::Endpoint(_) => Ok(()),
            Demand::UnknownPath => {
                let detail = self.signpost.unknown_path(request.uri().path());
                Err(Failure::new(ErrorCode::EndpointNotFound, detail).into())
            }
            Demand::UnknownMethod(allowed) => {
                let detail = format!("{} is not allowed here", request.method());
                let failure = Failure::new(ErrorCode::MethodNotAllowed, detail);
                Err(failure.with_header(ALLOW, HeaderValue::from_static(allowed)).into())
            }
        }
    }

    /// As refusals are: who is not known yet cannot use up what others have.
    fn charge_stranger(&self, peer: Peer) -> Result<(), Failure> {
        self.limits.deny(peer.address).map_err(|limited| self.limit(limited, peer, None))
    }

    /// A browser that looks for a page.
    fn can_log_in(&self, request: &Request) -> bool {
        self.auth.people.is_some()
            && self.signpost.door == Door::Api
            && request.method() == Method::GET
            && wants_page(request.headers())
            && !request.headers().contains_key(AUTHORIZATION)
    }

    /// Charges a request to its caller, and its body: a small one of known length at once, which is what telemetry
    /// mostly is and costs nothing more; any other as it comes.
    fn charge(&self, caller: Caller, request: &mut Request) -> Result<(), Failure> {
        let class = Class::of_path(request.uri().path());
        self.limits.admit(&caller.charged, |burst| class.share(burst)).map_err(|limited| {
            self.limit(limited, Peer { address: caller.address }, Some(Arc::clone(&caller.name)))
        })?;
        match request.body().size_hint().exact() {
            Some(bytes) if bytes <= CHARGED_AT_ONCE_BYTES_MAX => {
                self.limits.take_bytes(&caller.charged, bytes)
            }
            _ => {
                let body = std::mem::take(request.body_mut());
                let metered = Metered::new(body, Arc::clone(&self.limits), caller.charged.clone());
                *request.body_mut() = Body::new(metered);
            }
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }

    /// Room to work on a request, and a processor that gets to it in time.
    fn place(&self, class: Class) -> Result<OwnedSemaphorePermit, Failure> {
        let shedding = &self.metrics.shedding;
        if shedding.is_jammed(class) {
            return Err(shedding.shed(class, Scarce::Processor));
        }
        self.places.take(class).ok_or_else(|| shedding.shed(class, Scarce::Places))
    }

    fn limit(&self, limited: Limited, peer: Peer, who: Option<Arc<str>>) -> Failure {
        self.note(limited.by.reason(), peer, who);
        let labels = LimitLabels { listener: self.listener, by: limited.by.as_str() };
        self.metrics.limited.get_or_create(&labels).inc();
        Failure::new(ErrorCode::RateLimited, limited.by.describe()).with_wait(limited.wait)
    }

    fn deny(&self, denied: Denied, peer: Peer) -> Failure {
        let Denied { why, who } = denied;
        if let Err(limited) = self.limits.deny(peer.address) {
            return self.limit(limited, peer, who);
        }
        self.note(why.as_str(), peer, who);
        let labels = DenialLabels { listener: self.listener, reason: why.as_str() };
        self.metrics.denied.get_or_create(&labels).inc();
        why.failure().with_header(WWW_AUTHENTICATE, why.challenge())
    }

    /// For the audit, which has every refusal in summary.
    fn note(&self, reason: &'static str, peer: Peer, actor: Option<Arc<str>>) {
        let refused = Refused { listener: self.listener, reason, address: peer.address, actor };
        self.denials.note(refused, clock::now());
    }

    /// Refuses a request whose body nobody will read.
    fn turn_away(&self, failure: Failure, request: Request) -> Failure {
        if self.signpost.door.takes_telemetry() {
            self.refusals.request(self.listener, &failure);
        }
        match is_denied(&failure) {
            true => discard_of_stranger(request.into_body()),
            false => discard(request.into_body()),
        }
        failure
    }
}

async fn pass(State(shell): State<Arc<Shell>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    shell.pass(request, path.as_ref().map(MatchedPath::as_str), |request| next.run(request)).await
}

/// And back to where it wanted to go.
fn to_login(request: &Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    // What is no fit way back would only be refused.
    let query = WayBack::parse(path).map(|to| {
        form_urlencoded::Serializer::for_suffix("?".to_owned(), 1).append_pair("to", to.as_str()).finish()
    });
    let location = HeaderValue::from_str(&format!("/login{}", query.unwrap_or_default()));
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location.unwrap_or(HeaderValue::from_static("/login")));
    response
}

fn is_denied(failure: &Failure) -> bool {
    matches!(failure.code(), ErrorCode::Unauthenticated | ErrorCode::Forbidden | ErrorCode::RateLimited)
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
    // What speaks gRPC is no browser; anything else on any port may be.
    if !facts.is_grpc {
        protect(&mut response, shell.hsts.as_ref());
    }
    if let Ok(mut id) = HeaderValue::from_str(&facts.id) {
        // It never comes again. HTTP/2 would remember it all the same, and compare every later one with all of those.
        id.set_sensitive(true);
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Answers are data: no browser may guess another type, run them, put them in a frame, show them to other sites' pages or
/// keep them by default.
fn protect(response: &mut Response, hsts: Option<&HeaderValue>) {
    let headers = response.headers_mut();
    if let Some(hsts) = hsts {
        headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, same_origin.clone());
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, same_origin);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A page says itself what it needs.
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
