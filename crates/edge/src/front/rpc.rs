//! Clients of an execution pool: JSON-RPC by POST, and the upgrade to a WebSocket. It must never know a node, nor what a method
//! means.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::header::{
    CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::answer::{Answer, empty, json, problem};
use super::link::Link;
use super::{Front, Unread};
use crate::core::{
    Invalid, InvalidKind, Scanned, SessionId, batch_response, error_response, refuse_each, scan_request,
};
use crate::exchange::{Asked, BATCH_CALLS_AT_ONCE, BatchRoom};
use crate::keys::Holder;
use crate::metrics::Limit;
use crate::session::{Door, Leaving, Session, calls, needs_session, refusal};

/// An execution pool, as clients reach it.
pub(crate) struct RpcEntrance {
    pub(crate) door: Door,
}

impl Front {
    pub(super) async fn rpc(
        &self,
        request: Request<Incoming>,
        entrance: &RpcEntrance,
        holder: Option<Arc<Holder>>,
        link: &Link,
    ) -> Answer {
        match *request.method() {
            Method::POST => self.call(request, entrance, holder.as_ref(), link).await,
            Method::GET if wants_upgrade(request.headers()) => {
                self.upgrade(request, entrance, holder, link).await
            }
            _ => problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "JSON-RPC is sent with POST; GET is for a WebSocket's upgrade",
            ),
        }
    }

    /// JSON-RPC errors have the status 200, as nodes have it; other statuses say that no call was read.
    async fn call(
        &self,
        request: Request<Incoming>,
        entrance: &RpcEntrance,
        holder: Option<&Arc<Holder>>,
        link: &Link,
    ) -> Answer {
        let (bytes_max, batch_max, room) = {
            let rules = entrance.door.exchange.rules();
            (rules.request_bytes_max, rules.batch_max, BatchRoom::new(rules.frame_bytes_max))
        };
        let (body, _room) = match self.body(request, bytes_max, link).await {
            Ok(read) => read,
            Err(Unread::TooLong) => {
                let said = format!("the request is longer than {bytes_max} bytes");
                return json(StatusCode::PAYLOAD_TOO_LARGE, error_response(b"null", -32600, &said).into());
            }
            Err(Unread::Other(answer)) => return answer,
        };
        let door = &entrance.door;
        let scanned = scan_request(&body, batch_max);
        if let Some(refused) = holder.and_then(|holder| self.rpc_over_rate(holder, &scanned, body.len())) {
            return refused;
        }
        let answer = match scanned {
            Err(invalid) => {
                if invalid.kind == InvalidKind::TooMany {
                    self.metrics.refused.of(Limit::Batch).inc();
                }
                Some(refusal(&invalid))
            }
            Ok(Scanned::Single(request)) => {
                one(door, Asked::new(&body, &request, holder, link.network), None).await
            }
            Ok(Scanned::Batch(items)) => {
                let member = |item: &_| match item {
                    Err(invalid) => Member::Refused(refusal(invalid)),
                    Ok(request) => Member::Asked(Asked::new(&body, request, holder, link.network)),
                };
                let members: Vec<_> = items.iter().map(member).collect();
                let answers = members.into_iter().map(|member| async {
                    match member {
                        Member::Refused(answer) => Some(answer),
                        Member::Asked(asked) => one(door, asked, Some(&room)).await,
                    }
                });
                let answers: Vec<_> = stream::iter(answers).buffered(BATCH_CALLS_AT_ONCE).collect().await;
                batch_response(&answers.into_iter().flatten().collect::<Vec<Bytes>>()).map(Bytes::from)
            }
        };
        match answer {
            Some(answer) => json(StatusCode::OK, answer),
            None => empty(StatusCode::NO_CONTENT),
        }
    }

    /// What the holder of a key is told beyond its rate, for each call.
    fn rpc_over_rate(
        &self,
        holder: &Holder,
        scanned: &Result<Scanned<'_>, Invalid<'_>>,
        bytes: usize,
    ) -> Option<Answer> {
        let (said, retry_after_s) = self.over_rate(holder, calls(scanned), bytes)?;
        let mut answer = match refuse_each(scanned, -32005, &said) {
            Some(refused) => json(StatusCode::TOO_MANY_REQUESTS, refused.into()),
            None => empty(StatusCode::TOO_MANY_REQUESTS),
        };
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
        Some(answer)
    }

    async fn upgrade(
        &self,
        mut request: Request<Incoming>,
        entrance: &RpcEntrance,
        holder: Option<Arc<Holder>>,
        link: &Link,
    ) -> Answer {
        let headers = request.headers();
        let is_13 = headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
        let (Some(key), true) = (headers.get(SEC_WEBSOCKET_KEY), is_13) else {
            return problem(
                StatusCode::BAD_REQUEST,
                "the upgrade needs Sec-WebSocket-Key and Sec-WebSocket-Version: 13",
            );
        };
        let accept = derive_accept_key(key.as_bytes());
        let Ok(accept) = HeaderValue::try_from(accept) else {
            return problem(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key cannot be answered");
        };
        let id = SessionId(self.sessions.fetch_add(1, Ordering::Relaxed) + 1);
        let leaving = Leaving { drain: self.drain.clone(), late: self.late.clone() };
        let door = entrance.door.clone();
        let upgraded = hyper::upgrade::on(&mut request);
        let (pulse, whose) = (Arc::clone(&link.pulse), (holder, link.network));
        let session = async move {
            let Ok(upgraded) = upgraded.await else { return };
            Session::new(id, door, TokioIo::new(upgraded), pulse, whose).run(leaving).await;
        };
        link.upgraded(session).await;
        let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
        answer
    }
}

/// Of a batch.
enum Member {
    Refused(Bytes),
    Asked(Asked),
}

/// `room` is that of its batch.
async fn one(door: &Door, asked: Asked, room: Option<&BatchRoom>) -> Option<Bytes> {
    let is_notification = asked.is_notification();
    let answer = match (needs_session(asked.route.class), room) {
        (true, _) => error_response(
            asked.id(),
            -32601,
            "subscriptions need a WebSocket: connect to the same path with one",
        )
        .into(),
        (false, Some(room)) => door.exchange.member_answer(asked, room).await,
        (false, None) => door.exchange.answer(asked, None).await,
    };
    (!is_notification).then_some(answer)
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    let names = |value: &HeaderValue, word: &str| {
        value.to_str().is_ok_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    headers.get_all(CONNECTION).iter().any(|value| names(value, "upgrade"))
        && headers.get(UPGRADE).is_some_and(|value| names(value, "websocket"))
}
