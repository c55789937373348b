//! Clients of a pool's events: one stream for each, which stays open whatever becomes of a node. It must never know who tells
//! of an event.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream::unfold;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::percent_decode_str;
use runtime::DrainHandle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Front;
use super::answer::{Answer, Body};
use super::link::Link;
use super::rest::{RestEntrance, answer_of};
use crate::core::SessionId;
use crate::core::pool::WhyNot;
use crate::core::rest::{Service, beacon};
use crate::core::streams::Topic;
use crate::exchange::Exchange;
use crate::keys::{Counted, Holder};
use crate::metrics::Limit;
use crate::outbound::{CLOSED, DRAINING, Ending, Outbound, REVOKED, SLOW};
use crate::pool_loop::{Event, ReplyTo};
use crate::record::SessionCounted;
use crate::rest::BrokeOff;

/// Of a topic that there is not.
const TOPIC_CHARS_SHOWN: usize = 40;
/// A comment. A client sees at once that it is heard.
const SIGN: &[u8] = b":\n\n";

/// Where events are told.
pub(crate) struct EventsDoor {
    pub(crate) pool: mpsc::Sender<Event>,
}

/// One client, for as long as its stream is open.
struct Listener {
    session: SessionId,
    pool: mpsc::Sender<Event>,
    exchange: Arc<Exchange>,
    outbound: Arc<Outbound>,
    is_new: bool,
    drain: DrainHandle,
    closing: DrainHandle,
    revoked: Option<DrainHandle>,
    is_over: bool,
    _counted: SessionCounted,
}

impl Front {
    pub(super) async fn events(
        &self,
        door: &EventsDoor,
        entrance: &RestEntrance,
        query: &str,
        holder: Option<Arc<Holder>>,
        link: &Link,
    ) -> Answer {
        let refuse = |status, text: &str| answer_of(Service::Beacon, status, text);
        let topics = match topics(query) {
            Ok(topics) => topics,
            Err(text) => return refuse(StatusCode::BAD_REQUEST, &text),
        };
        let calls = &entrance.exchange.calls;
        let session = SessionId(self.sessions.fetch_add(1, Ordering::Relaxed) + 1);
        let bytes_max = calls.rules().outbound_bytes_max;
        let outbound = Arc::new(Outbound::over_http(bytes_max, Arc::clone(&link.pulse)));
        // Ends what was begun, however far it came.
        let listener = Listener {
            session,
            pool: door.pool.clone(),
            exchange: Arc::clone(calls),
            outbound: Arc::clone(&outbound),
            is_new: true,
            drain: self.drain.clone(),
            closing: entrance.closing.clone(),
            revoked: holder.as_ref().map(|holder| holder.revoked()),
            is_over: false,
            _counted: calls.record.session(),
        };
        let came = Instant::now();
        for topic in topics {
            let place = match holder.as_ref().map(|holder| holder.enter(Counted::Subscription)) {
                Some(None) => {
                    self.metrics.refused.of(Limit::KeySubscriptions).inc();
                    let text = "this key has as many subscriptions as it may have";
                    return refuse(StatusCode::TOO_MANY_REQUESTS, text);
                }
                place => place.flatten(),
            };
            let (sender, answer) = oneshot::channel();
            let (reply, outbound) = (ReplyTo::Batch(sender), Arc::clone(&outbound));
            let event = Event::Subscribe { session, outbound, topic, came, reply, place };
            let sent = door.pool.send(event).await;
            match (sent, answer.await) {
                (Ok(()), Ok(Ok(subscription))) => listener.outbound.release(subscription),
                (Ok(()), Ok(Err(WhyNot::Refused))) => {
                    return refuse(StatusCode::BAD_REQUEST, "no node offers one of these topics");
                }
                (Ok(()), Ok(Err(WhyNot::Late))) => {
                    return refuse(
                        StatusCode::GATEWAY_TIMEOUT,
                        "no node offered all of these topics in time",
                    );
                }
                (Ok(()), Ok(Err(WhyNot::Full(_)))) => {
                    return refuse(StatusCode::SERVICE_UNAVAILABLE, "as many events are followed as may be");
                }
                _ => return refuse(StatusCode::SERVICE_UNAVAILABLE, "the proxy is shutting down"),
            }
        }
        let mut answer = Response::new(Body::flow(unfold(listener, Listener::next)));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        // Whoever stands before us is not to wait for more.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        answer
    }
}

impl Listener {
    async fn next(mut self) -> Option<(Result<Bytes, BrokeOff>, Self)> {
        loop {
            if std::mem::take(&mut self.is_new) {
                return Some((Ok(Bytes::from_static(SIGN)), self));
            }
            if self.is_over {
                return None;
            }
            if self.outbound.is_cut().is_some() {
                // Whoever reads nothing would hold the connection open to its end.
                self.is_over = true;
                return Some((Err(BrokeOff), self));
            }
            if let Some(event) = self.outbound.pop() {
                return Some((Ok(event.into()), self));
            }
            if let Some(ending) = self.outbound.over() {
                self.is_over = true;
                return Some((Ok(goodbye(ending)), self));
            }
            tokio::select! {
                () = self.outbound.changed() => {}
                () = self.drain.started() => self.outbound.end(DRAINING),
                () = self.closing.started() => self.outbound.end(CLOSED),
                () = given_up(&mut self.revoked) => self.outbound.end(REVOKED),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.outbound.is_cut() == Some(SLOW) {
            self.exchange.record.metrics.slow_clients_closed.inc();
        }
        let ended = Event::SessionEnded { session: self.session };
        if let Err(mpsc::error::TrySendError::Full(ended)) = self.pool.try_send(ended) {
            let pool = self.pool.clone();
            tokio::spawn(async move { pool.send(ended).await });
        }
    }
}

async fn given_up(revoked: &mut Option<DrainHandle>) {
    match revoked {
        Some(revoked) => revoked.started().await,
        None => std::future::pending().await,
    }
}

/// A comment, which clients' libraries pass over and people can read.
fn goodbye(ending: Ending) -> Bytes {
    format!(": {}\n\n", ending.reason).into()
}

/// Each once, in the order in which they were asked for.
fn topics(query: &str) -> Result<Vec<Topic>, String> {
    let mut topics = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !matches!(name, "topics" | "topics[]" | "topics%5B%5D") {
            continue;
        }
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        for name in value.split(',') {
            let Some(known) = beacon::TOPICS.iter().find(|topic| **topic == name) else {
                let said: String = name.chars().take(TOPIC_CHARS_SHOWN).collect();
                return Err(format!("{said:?} is no topic; topics are {}", beacon::TOPICS.join(", ")));
            };
            let topic = match *known {
                beacon::HEAD => Topic::Heads,
                other => Topic::Relay(Arc::from(other.as_bytes())),
            };
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    if topics.is_empty() {
        return Err("topics have to be named, as in ?topics=head,block".to_owned());
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_together_or_one_by_one() {
        let block = Topic::Relay(Arc::from(&b"block"[..]));
        for query in ["topics=head,block", "topics=head&topics=block", "x=1&topics=head%2Cblock,head"] {
            assert_eq!(topics(query), Ok(vec![Topic::Heads, block.clone()]), "{query}");
        }
        for wrong in ["", "topics=", "topics=head,nonsense", "topic=head"] {
            assert!(topics(wrong).is_err(), "{wrong}");
        }
        assert!(
            topics("topics=head,%22x")
                .is_err_and(|text| text.starts_with("\"\\\"x\" is no topic; topics are head, "))
        );
    }
}
