//! Clients of Beacon nodes and of plain services: any verb on any path below the pool's name. It must never know a node, nor
//! what a path means.

use std::sync::Arc;

use futures_util::stream::unfold;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use runtime::DrainHandle;

use super::answer::{Answer, Body, json, problem};
use super::events::EventsDoor;
use super::link::Link;
use super::{Front, Unread};
use crate::core::Refusal;
use crate::core::rest::{Service, path, route};
use crate::keys::Holder;
use crate::rest::{Flow, RestAnswer, RestBody, RestExchange};
use crate::upstream::RestRequest;

/// Headers of one connection, which are none of whoever is on the next (RFC 9110, 7.6.1).
static OF_A_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Instead of words that could not be looked through.
const HIDDEN: &str = "the node answered in a form that cannot be shown";
const EVENTS_PATH: &str = "/eth/v1/events";

/// A pool of Beacon nodes or of plain services, as clients reach it.
pub(crate) struct RestEntrance {
    pub(crate) exchange: Arc<RestExchange>,
    /// Where events are told.
    pub(crate) events: Option<EventsDoor>,
    /// The pool is no longer served.
    pub(crate) closing: DrainHandle,
}

impl Front {
    pub(super) async fn rest(
        &self,
        request: Request<Incoming>,
        below: String,
        entrance: &RestEntrance,
        holder: Option<Arc<Holder>>,
        link: &Link,
    ) -> Answer {
        let exchange = &entrance.exchange;
        let said = |status, text: &str| answer_of(exchange.service, status, text);
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            return said(StatusCode::NOT_IMPLEMENTED, "this verb is not passed on");
        }
        if !path::is_safe(&below) {
            return said(
                StatusCode::BAD_REQUEST,
                "the path has a part that leads up, or a control character",
            );
        }
        if let Some(door) = entrance.events.as_ref().filter(|_| below.trim_end_matches('/') == EVENTS_PATH)
            && request.method() == Method::GET
        {
            if let Some(refused) = self.rest_over_rate(exchange.service, holder.as_deref(), 0) {
                return refused;
            }
            let query = request.uri().query().unwrap_or_default().to_owned();
            return self.events(door, entrance, &query, holder, link).await;
        }
        let method = request.method().clone();
        let query = request.uri().query().map(str::to_owned);
        let headers = for_nodes(request.headers(), holder.is_some());
        let bytes_max = exchange.calls.rules().request_bytes_max;
        let (body, _room) = match self.body(request, bytes_max, link).await {
            Ok(read) => read,
            Err(Unread::TooLong) => {
                let text = format!("the request is longer than {bytes_max} bytes");
                return said(StatusCode::PAYLOAD_TOO_LARGE, &text);
            }
            Err(Unread::Other(answer)) => return answer,
        };
        if let Some(refused) = self.rest_over_rate(exchange.service, holder.as_deref(), body.len()) {
            return refused;
        }
        let route = route::route_of(exchange.service, method.as_str(), &below);
        let asked = RestRequest { method, path: below, query, headers, body };
        match exchange.answer(asked, route).await {
            Ok(answer) => self.passed_on(answer, exchange.service, &entrance.closing),
            Err(refusal) => refused(exchange.service, &refusal),
        }
    }

    /// What the holder of a key is told beyond its rate.
    fn rest_over_rate(&self, service: Service, holder: Option<&Holder>, bytes: usize) -> Option<Answer> {
        let (text, retry_after_s) = self.over_rate(holder?, 1, bytes)?;
        Some(with_pause(answer_of(service, StatusCode::TOO_MANY_REQUESTS, &text), retry_after_s))
    }

    fn passed_on(&self, answer: RestAnswer, service: Service, closing: &DrainHandle) -> Answer {
        let RestAnswer { mut head, body } = answer;
        strip(&mut head.headers);
        let body = match body {
            RestBody::Held(held) => Body::from(held),
            RestBody::Hidden => {
                let (own, body) = answer_of(service, head.status, HIDDEN).into_parts();
                own.headers.iter().for_each(|(name, value)| _ = head.headers.insert(name, value.clone()));
                body
            }
            RestBody::Flow(held, flow) => {
                let drain = (self.drain.clone(), closing.clone());
                let first = Some(held).filter(|held| !held.is_empty());
                Body::flow(unfold(
                    (first, flow, drain),
                    |(first, mut flow, mut drain): (_, Flow, _)| async move {
                        if let Some(first) = first {
                            return Some((Ok(first), (None, flow, drain)));
                        }
                        let is_endless = flow.is_endless();
                        let next = tokio::select! {
                            next = flow.next() => next,
                            // What would never end by itself ends with us.
                            () = drain.0.started(), if is_endless => None,
                            () = drain.1.started(), if is_endless => None,
                        };
                        next.map(|next| (next, (None, flow, drain)))
                    },
                ))
            }
        };
        Response::from_parts(head, body)
    }
}

/// What of a client's headers a node is shown: nothing of the connection, and no key that was meant for us.
fn for_nodes(headers: &HeaderMap, has_key: bool) -> HeaderMap {
    let mut headers = headers.clone();
    strip(&mut headers);
    for name in [HOST, CONTENT_LENGTH, EXPECT] {
        headers.remove(name);
    }
    if has_key {
        headers.remove(AUTHORIZATION);
        headers.remove(API_KEY);
    }
    headers.append(VIA, HeaderValue::from_static("1.1 casebook-edge"));
    headers
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in OF_A_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

/// In the words of RFC 9457, and for Beacon clients in those of the Beacon API as well.
pub(super) fn answer_of(service: Service, status: StatusCode, text: &str) -> Answer {
    if service == Service::Plain {
        return problem(status, text);
    }
    let body = serde_json::json!({ "code": status.as_u16(), "message": text });
    json(status, body.to_string().into())
}

fn refused(service: Service, refusal: &Refusal) -> Answer {
    let status = match refusal {
        Refusal::NoNode { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Late { .. } => StatusCode::GATEWAY_TIMEOUT,
        Refusal::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_GATEWAY,
    };
    let answer = answer_of(service, status, &refusal.to_string());
    match refusal {
        Refusal::RateLimited { retry_after_ms } => {
            with_pause(answer, retry_after_ms.unwrap_or_default().div_ceil(1_000).max(1))
        }
        _ => answer,
    }
}

fn with_pause(mut answer: Answer, seconds: u64) -> Answer {
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_a_connection_stay_on_it() {
        let said = [
            ("connection", "close, X-Mine"),
            ("connection", "x-other"),
            ("keep-alive", "5"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("proxy-authorization", "Basic x"),
            ("accept", "application/json"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }
}
