//! Logins of people: the way to the issuer and back, the page that says who is logged in, and the end of a session. Each
//! login and logout is in the audit before it counts; logins that come to nothing are there in summary.

mod page;

use std::sync::Arc;

use api::ErrorCode;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{ACCEPT, LOCATION, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use model::{Audited, ServerChange, ServerChangeKind};
use oidc::{Identity, IssuerError, LoginError};
use serde::Deserialize;
use store::Store;

use crate::auth::{Begun, Caller, LoginLabels, NoSession, Peer, People, Person, WayBack};
use crate::clock;
use crate::denials::{Denials, Refused};
use crate::http::Failure;
use crate::rest::{NoQuery, Parameters, StrictQuery};

const TOLD_CHARS_MAX: usize = 200;

#[derive(Debug, Clone)]
pub(crate) struct Logins {
    /// Without an issuer there is nothing here.
    pub people: Option<Arc<People>>,
    pub store: Arc<dyn Store>,
    pub denials: Arc<Denials>,
}

#[derive(Debug, Deserialize)]
struct LoginQuery {
    to: Option<String>,
}

impl Parameters for LoginQuery {
    const NAMES: &'static [&'static str] = &["to"];
}

/// What an issuer may send back, among other things.
#[derive(Debug, Deserialize)]
struct CallbackQuery {
    #[serde(default)]
    state: String,
    code: Option<String>,
    /// RFC 9207.
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A login that came to nothing.
#[derive(Debug)]
struct Refusal {
    /// For metrics and the audit.
    reason: &'static str,
    failure: Failure,
    /// Who it was, where the issuer said so.
    who: Option<Arc<str>>,
}

pub(crate) fn router(logins: Logins) -> Router {
    Router::new()
        .route("/login", get(begin))
        .route("/login/callback", get(come_back))
        .route("/session", get(show))
        .route("/logout", post(end))
        .with_state(logins)
}

/// Whoever asks reads pages, and no documents.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/html"))
}

async fn begin(
    State(logins): State<Logins>,
    StrictQuery(query): StrictQuery<LoginQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let people = logins.people()?;
    let to = query.to.as_deref().unwrap_or("/session");
    let to = WayBack::parse(to).ok_or_else(|| {
        Failure::new(ErrorCode::InvalidParameter, "to is no path of this server such as /v1/incidents")
    })?;
    let (cookie, attempt) = people.key.begin(&to, clock::now().as_secs()).map_err(no_randomness)?;
    match people.issuer.begin(&attempt).await {
        Ok(address) => Ok(see(&address, &[people.cookies.set_login(&cookie)])),
        Err(error) => {
            tracing::warn!(%error, "nobody can log in");
            people.count("issuer_unavailable");
            Ok(told(&headers, unavailable(error)))
        }
    }
}

async fn come_back(
    State(logins): State<Logins>,
    Extension(peer): Extension<Peer>,
    Query(query): Query<CallbackQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let people = Arc::clone(logins.people()?);
    match logins.admit(&people, query, &headers, peer).await {
        Ok(response) => Ok(response),
        Err(Refusal { reason, failure, who }) => {
            people.count(reason);
            tracing::info!(
                reason,
                who = who.as_deref(),
                detail = failure.detail(),
                "a login came to nothing"
            );
            let refused = Refused { listener: "api", reason, address: peer.address, actor: who };
            logins.denials.note(refused, clock::now());
            Ok(told(&headers, failure))
        }
    }
}

async fn show(
    State(logins): State<Logins>,
    Extension(caller): Extension<Caller>,
    _: NoQuery,
) -> Result<Response, Failure> {
    logins.people()?;
    let role = caller.person.as_ref().map(|person| person.role);
    Ok(page::who(&caller.name, caller.scope, role))
}

async fn end(
    State(logins): State<Logins>,
    Extension(caller): Extension<Caller>,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let people = logins.people()?;
    let Some(token) = people.cookies.session(&headers).filter(|_| caller.person.is_some()) else {
        return Err(Failure::new(
            ErrorCode::InvalidParameter,
            "the request has a key, and no session to end",
        ));
    };
    people.sessions.end(token);
    logins.record(ServerChangeKind::Logout, &caller.name, format!("from {}", caller.address)).await?;
    people.count("logout");
    let mut response = match wants_page(&headers) {
        true => page::logged_out(),
        false => StatusCode::NO_CONTENT.into_response(),
    };
    response.headers_mut().append(SET_COOKIE, people.cookies.drop_session());
    Ok(response)
}

impl Logins {
    fn people(&self) -> Result<&Arc<People>, Failure> {
        self.people.as_ref().ok_or_else(|| {
            Failure::new(ErrorCode::EndpointNotFound, "nobody logs in here: no --oidc-issuer is configured")
        })
    }

    async fn admit(
        &self,
        people: &People,
        query: CallbackQuery,
        headers: &HeaderMap,
        peer: Peer,
    ) -> Result<Response, Refusal> {
        let (begun, identity) = identify(people, query, headers).await?;
        let issuer = people.issuer.provider().issuer.as_str();
        let Some(role) = people.roles.of(&identity.values) else {
            let who = Person::name_of(issuer, &identity);
            let detail = format!("{who} has no role here: none of the groups is among those that have one");
            return Err(Refusal { who: Some(who), ..refuse("login_no_role", detail) });
        };
        let person = Person::new(issuer, identity, role);
        let name = Arc::clone(&person.name);
        let token = people.sessions.begin(person, clock::now()).map_err(|error| match error {
            NoSession::Full => Refusal {
                reason: "login_no_room",
                failure: Failure::new(ErrorCode::Overloaded, error.to_string()),
                who: Some(Arc::clone(&name)),
            },
            NoSession::Random(error) => failed(no_randomness(error)),
        })?;
        let detail = format!("role {role}, from {}", peer.address);
        if let Err(failure) = self.record(ServerChangeKind::Login, &name, detail).await {
            people.sessions.end(&token);
            return Err(failed(failure));
        }
        // Who logs in anew needs the old session no more.
        if let Some(before) = people.cookies.session(headers) {
            people.sessions.end(before);
        }
        people.count("login");
        let cookies = [people.cookies.set_session(&token), people.cookies.drop_login()];
        Ok(see(begun.to.as_str(), &cookies))
    }

    async fn record(&self, kind: ServerChangeKind, who: &str, detail: String) -> Result<(), Failure> {
        let change = ServerChange { at: clock::now(), actor: who.into(), kind, detail: detail.into() };
        let recorded = self.store.record(&[Audited::Server(change)]).await;
        recorded.map_err(|error| Failure::new(ErrorCode::StorageFailed, error.to_string()))
    }
}

/// Who has come back, by the word of the issuer.
async fn identify(
    people: &People,
    query: CallbackQuery,
    headers: &HeaderMap,
) -> Result<(Begun, Identity), Refusal> {
    let now_s = clock::now().as_secs();
    let cookie = people.cookies.login(headers).unwrap_or_default();
    let begun = people.key.take_up(cookie, &query.state, now_s).ok_or_else(|| {
        let detail = "no login that was begun in this browser within ten minutes fits; cookies are needed";
        refuse("login_state", detail.to_owned())
    })?;
    let issuer = people.issuer.provider().issuer.as_str();
    if query.iss.is_some_and(|iss| iss != issuer) {
        return Err(refuse("login_issuer", format!("the answer is not one of {issuer}")));
    }
    if let Some(error) = query.error {
        let described = query.error_description.map(|text| format!(": {text}")).unwrap_or_default();
        return Err(refuse(
            "login_issuer_refused",
            outside("the issuer says: ", &format!("{error}{described}")),
        ));
    }
    let code = query.code.ok_or_else(|| refuse("login_code", "the issuer sent no code".to_owned()))?;
    let identity = people.issuer.finish(&code, &begun.attempt, now_s).await.map_err(|error| match error {
        LoginError::Issuer(error) => {
            tracing::warn!(%error, "nobody can log in");
            Refusal { reason: "issuer_unavailable", failure: unavailable(error), who: None }
        }
        LoginError::Code(_) => refuse("login_code", outside("", &error.to_string())),
        LoginError::Token(fault) => refuse(fault.as_str(), fault.to_string()),
    })?;
    Ok((begun, identity))
}

impl People {
    fn count(&self, outcome: &'static str) {
        self.logins.get_or_create(&LoginLabels { outcome }).inc();
    }
}

fn refuse(reason: &'static str, detail: String) -> Refusal {
    Refusal { reason, failure: Failure::new(ErrorCode::LoginFailed, detail), who: None }
}

fn failed(failure: Failure) -> Refusal {
    Refusal { reason: "login_failed", failure, who: None }
}

fn unavailable(error: IssuerError) -> Failure {
    let code = match error {
        IssuerError::Busy => ErrorCode::Overloaded,
        IssuerError::Unusable(_) => ErrorCode::IssuerUnavailable,
    };
    Failure::new(code, outside("", &error.to_string()))
}

fn no_randomness(error: getrandom::Error) -> Failure {
    Failure::new(ErrorCode::Internal, format!("the system gives no random bytes: {error}"))
}

/// Words of the issuer, or of whoever stands in for it.
fn outside(before: &str, text: &str) -> String {
    let text: String = text.chars().take(TOLD_CHARS_MAX).collect();
    format!("{before}{}", engine::render::inert::inert(&text))
}

/// Sends a browser on.
fn see(address: &str, cookies: &[HeaderValue]) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // Both kinds of address have been judged; one that fits no header leads nowhere.
    let address = HeaderValue::from_str(address).unwrap_or(HeaderValue::from_static("/session"));
    response.headers_mut().insert(LOCATION, address);
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    response
}

/// A failure as a page for whoever reads pages.
fn told(headers: &HeaderMap, failure: Failure) -> Response {
    if !wants_page(headers) {
        return failure.into_response();
    }
    let mut response = page::failed(failure.code(), failure.detail());
    if failure.code() == ErrorCode::Overloaded || failure.code() == ErrorCode::IssuerUnavailable {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
