//! The few pages around logins: plain, without scripts, every text from outside escaped.

use api::{ErrorCode, Role, Scope};
use axum::response::{IntoResponse, Response};
use engine::render::escape;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

pub(super) fn who(name: &str, scope: Scope, role: Option<Role>) -> Response {
    let may = role.map_or_else(|| format!("a key of scope {scope}"), |role| format!("role {role}"));
    let end = match role {
        Some(_) => "<form method=\"post\" action=\"/logout\"><button>Log out</button></form>",
        None => "",
    };
    page(StatusCode::OK, "You are logged in", &format!("<p>{}, {may}.</p>{end}", escape(name)))
}

pub(super) fn logged_out() -> Response {
    page(StatusCode::OK, "You are logged out", "<p><a href=\"/login\">Log in again</a></p>")
}

pub(super) fn failed(code: ErrorCode, detail: &str) -> Response {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = format!(
        "<p>{}.</p><p>{}</p><p><a href=\"/login\">Log in again</a></p><p><small>{code}</small></p>",
        escape(detail),
        escape(code.info().remedy)
    );
    page(status, code.info().title, &body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} - Casebook</title><h1>{title}</h1>{body}</html>\n"
    );
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Without one, browsers do not say which page a form comes from.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}
