//! One client over WebSocket, from its upgrade to its close. Its requests run beside each other; what it is told waits in
//! `Outbound`. It must never know a node.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use runtime::DrainHandle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::core::Class;
use crate::core::SessionId;
use crate::core::error_response;
use crate::core::filter::Filter;
use crate::core::hex;
use crate::core::params::nth;
use crate::core::streams::{SubscriptionId, Topic};
use crate::core::{Invalid, Request, Scanned, scan_request};
use crate::exchange::{Asked, Exchange};
use crate::keys::{Counted, Holder, Place, Spent};
use crate::metrics::Limit;
use crate::outbound::{DRAINING, Ending, Outbound, SLOW};
use crate::pool_loop::{Event, ReplyTo, subscription_answer};

/// How long a client that is closed may take to read what it was sent.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// What a session needs of its pool.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) pool: mpsc::Sender<Event>,
    pub(crate) batch_max: usize,
    pub(crate) calls_max: usize,
    pub(crate) outbound_bytes_max: usize,
}

type Running = Pin<Box<dyn Future<Output = Option<Done>> + Send>>;

/// An answer, and the subscriptions that may be told of after it.
struct Done {
    frame: Bytes,
    release: Vec<SubscriptionId>,
}

pub(crate) struct Session<S> {
    id: SessionId,
    door: Door,
    socket: WebSocketStream<S>,
    outbound: Arc<Outbound>,
    running: FuturesUnordered<Running>,
    /// Whose key it is, where there are keys.
    holder: Option<Arc<Holder>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(
        id: SessionId,
        door: Door,
        socket: WebSocketStream<S>,
        holder: Option<Arc<Holder>>,
    ) -> Self {
        let outbound = Arc::new(Outbound::new(door.outbound_bytes_max));
        Self { id, door, socket, outbound, running: FuturesUnordered::new(), holder }
    }

    /// Until one of the two sides ends it.
    pub(crate) async fn run(mut self, mut drain: DrainHandle) {
        let outbound = Arc::clone(&self.outbound);
        let (mut started, mut draining) = (std::pin::pin!(drain.started()), false);
        loop {
            let is_listening = !draining && self.running.len() < self.door.calls_max;
            tokio::select! {
                () = started.as_mut(), if !draining => draining = true,
                () = outbound.changed() => {}
                Some(done) = self.running.next() => {
                    self.done(done);
                    // What else is ready goes out with it.
                    while let Some(Some(done)) = self.running.next().now_or_never() {
                        self.done(done);
                    }
                }
                message = self.socket.next(), if is_listening => match message {
                    Some(Ok(Message::Text(text))) => self.heard(text.into()).await,
                    Some(Ok(Message::Binary(bytes))) => self.heard(bytes).await,
                    Some(Ok(Message::Close(_))) | Some(Err(_)) | None => break,
                    Some(Ok(_)) => continue,
                },
            }
            if draining && self.running.is_empty() {
                outbound.end(DRAINING);
            }
            if self.write().await.is_err() {
                break;
            }
        }
        // The pool may be gone as well, with all that it knew.
        let _ = self.door.pool.send(Event::SessionEnded { session: self.id }).await;
    }

    fn done(&mut self, done: Option<Done>) {
        let Some(done) = done else { return };
        self.outbound.push(done.frame);
        done.release.into_iter().for_each(|subscription| self.outbound.release(subscription));
    }

    /// Everything that waits. `Err` when it was the last.
    async fn write(&mut self) -> Result<(), ()> {
        let outbound = Arc::clone(&self.outbound);
        loop {
            let (frames, ending) = outbound.take();
            if frames.is_empty() && ending.is_none() {
                return Ok(());
            }
            tokio::select! {
                biased;
                written = send_all(&mut self.socket, frames) => written?,
                // A client that does not read is closed by its bound.
                () = overrun(&outbound, ending) => {}
            }
            if let Some(ending) = ending.or(outbound.ending()) {
                if ending == SLOW {
                    self.door.exchange.record.metrics.slow_clients_closed.inc();
                }
                // Whoever reads nothing will not read this.
                let _ = timeout(CLOSE_WITHIN, close(&mut self.socket, ending)).await;
                return Err(());
            }
        }
    }

    async fn heard(&mut self, message: Bytes) {
        let scanned = scan_request(&message, self.door.batch_max);
        if let Some(holder) = &self.holder {
            let (id, calls) = match &scanned {
                Ok(Scanned::Single(request)) => (request.id, 1),
                Ok(Scanned::Batch(items)) => (None, items.len() as u64),
                Err(invalid) => (invalid.id, 1),
            };
            if holder.spend(Instant::now(), calls, message.len() as u64) != Spent::Ok {
                self.door.exchange.record.refused.of(Limit::KeyRequests).inc();
                let said = "this key has no calls or bytes left for now; try again in a second";
                return self.outbound.push(error_response(id.unwrap_or(b"null"), -32005, said).into());
            }
        }
        match scanned {
            Err(invalid) => self.outbound.push(refusal(&invalid)),
            Ok(Scanned::Single(request)) => self.single(&message, &request).await,
            Ok(Scanned::Batch(items)) => {
                let items = items.iter().map(|item| self.item(&message, item)).collect();
                let door = self.door.clone();
                let (id, outbound) = (self.id, Arc::clone(&self.outbound));
                self.running.push(Box::pin(async move { batch(door, id, outbound, items).await }));
            }
        }
    }

    async fn single(&mut self, message: &Bytes, request: &Request<'_>) {
        match request.method {
            b"eth_subscribe" => self.subscribe(message, request).await,
            b"eth_unsubscribe" => self.unsubscribe(message, request).await,
            _ => {
                let (exchange, asked) = (Arc::clone(&self.door.exchange), asked(message, request));
                self.running.push(Box::pin(async move {
                    let is_notification = asked.is_notification();
                    let frame = exchange.answer(asked).await;
                    (!is_notification).then(|| Done { frame, release: Vec::new() })
                }));
            }
        }
    }

    /// A request without an id cannot be told a subscription's: there is nothing to do for it.
    async fn subscribe(&mut self, message: &Bytes, request: &Request<'_>) {
        let Some(id) = request.id else { return };
        let (session, outbound) = (self.id, Arc::clone(&self.outbound));
        match topic(request.params) {
            Err(problem) => self.outbound.push(error_response(id, -32602, &problem).into()),
            Ok(topic) => match place(self.holder.as_ref()) {
                Err(problem) => {
                    self.door.exchange.record.refused.of(Limit::KeySubscriptions).inc();
                    self.outbound.push(error_response(id, -32005, problem).into());
                }
                Ok(place) => {
                    let reply = ReplyTo::Client { id: message.slice_ref(id) };
                    let _ = self
                        .door
                        .pool
                        .send(Event::Subscribe { session, outbound, topic, reply, place })
                        .await;
                }
            },
        }
    }

    async fn unsubscribe(&mut self, message: &Bytes, request: &Request<'_>) {
        let Some(id) = request.id else { return };
        let (session, outbound) = (self.id, Arc::clone(&self.outbound));
        match subscription(request.params) {
            None => self.outbound.push(error_response(id, -32000, "subscription not found").into()),
            Some(subscription) => {
                let id = message.slice_ref(id);
                let _ = self.door.pool.send(Event::Unsubscribe { session, subscription, id, outbound }).await;
            }
        }
    }

    fn item(&self, message: &Bytes, item: &Result<Request<'_>, Invalid<'_>>) -> Item {
        match item {
            Err(invalid) => Item::Refused(refusal(invalid)),
            Ok(request) if request.method == b"eth_subscribe" => match (request.id, topic(request.params)) {
                (None, _) => Item::Nothing,
                (Some(id), Err(problem)) => Item::Refused(error_response(id, -32602, &problem).into()),
                (Some(id), Ok(topic)) => match place(self.holder.as_ref()) {
                    Err(problem) => Item::Refused(error_response(id, -32005, problem).into()),
                    Ok(place) => Item::Subscribe { id: message.slice_ref(id), topic, place },
                },
            },
            Ok(request) => Item::Call(asked(message, request)),
        }
    }
}

/// What a member of a batch asks for.
enum Item {
    Nothing,
    Refused(Bytes),
    Call(Asked),
    Subscribe { id: Bytes, topic: Topic, place: Option<Place> },
}

/// The members run beside each other; their answers come in their order.
async fn batch(door: Door, session: SessionId, outbound: Arc<Outbound>, items: Vec<Item>) -> Option<Done> {
    let members = items.into_iter().map(|item| member(&door, session, &outbound, item));
    let answers = futures_util::future::join_all(members).await;
    let mut release = Vec::new();
    let mut frame =
        Vec::with_capacity(2 + answers.iter().flatten().map(|(answer, _)| answer.len() + 1).sum::<usize>());
    for (answer, subscription) in answers.into_iter().flatten() {
        frame.push(if frame.is_empty() { b'[' } else { b',' });
        frame.extend_from_slice(&answer);
        release.extend(subscription);
    }
    frame.push(b']');
    // A batch of notifications has no answer at all.
    (frame.len() > 1).then(|| Done { frame: frame.into(), release })
}

async fn member(
    door: &Door,
    session: SessionId,
    outbound: &Arc<Outbound>,
    item: Item,
) -> Option<(Bytes, Option<SubscriptionId>)> {
    match item {
        Item::Nothing => None,
        Item::Refused(answer) => Some((answer, None)),
        Item::Call(asked) => {
            let is_notification = asked.is_notification();
            let answer = door.exchange.answer(asked).await;
            (!is_notification).then_some((answer, None))
        }
        Item::Subscribe { id, topic, place } => {
            let (sender, answer) = oneshot::channel();
            let (outbound, reply) = (Arc::clone(outbound), ReplyTo::Batch(sender));
            let sent = door.pool.send(Event::Subscribe { session, outbound, topic, reply, place }).await;
            match (sent, answer.await) {
                (Ok(()), Ok(result)) => Some((subscription_answer(&id, &result), result.ok())),
                _ => Some((error_response(&id, -32000, "the proxy is shutting down").into(), None)),
            }
        }
    }
}

/// From the parameters of `eth_subscribe`. The words are for the client.
fn topic(params: Option<&[u8]>) -> Result<Topic, String> {
    let params =
        params.filter(|params| params.starts_with(b"[")).ok_or("the parameters have to be an array")?;
    match nth(params, 0) {
        Some(b"\"newHeads\"") => Ok(Topic::Heads),
        Some(b"\"logs\"") => Filter::parse(nth(params, 1)).map(Topic::Logs),
        Some(kind) if kind.starts_with(b"\"") => Ok(Topic::Relay(Arc::from(params))),
        _ => Err("the first parameter has to be the kind of subscription, such as \"newHeads\"".to_owned()),
    }
}

/// What the key's holder may have of them.
fn place(holder: Option<&Arc<Holder>>) -> Result<Option<Place>, &'static str> {
    let Some(holder) = holder else { return Ok(None) };
    holder.enter(Counted::Subscription).map(Some).ok_or("this key has as many subscriptions as it may have")
}

fn subscription(params: Option<&[u8]>) -> Option<SubscriptionId> {
    let text: &str = serde_json::from_slice(nth(params?, 0)?).ok()?;
    hex::bytes::<16>(text).map(|bytes| SubscriptionId(u128::from_be_bytes(bytes)))
}

pub(crate) fn asked(message: &Bytes, request: &Request<'_>) -> Asked {
    Asked::new(message, request)
}

pub(crate) fn refusal(invalid: &Invalid<'_>) -> Bytes {
    error_response(invalid.id.unwrap_or(b"null"), invalid.kind.code(), invalid.message).into()
}

/// Whether it is one that a session may have and HTTP may not.
pub(crate) fn needs_session(class: Class) -> bool {
    class == Class::Subscription
}

async fn send_all<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    frames: VecDeque<Bytes>,
) -> Result<(), ()> {
    for frame in frames {
        // Nodes and clients were checked for UTF-8 when they were scanned.
        let text = Utf8Bytes::try_from(frame).map_err(|_| ())?;
        socket.feed(Message::Text(text)).await.map_err(|_| ())?;
    }
    socket.flush().await.map_err(|_| ())
}

/// Until it ends while something is written. What was to be written before an end that was known is written.
async fn overrun(outbound: &Outbound, known: Option<Ending>) {
    if known.is_some() {
        return tokio::time::sleep(CLOSE_WITHIN).await;
    }
    while outbound.ending().is_none() {
        outbound.changed().await;
    }
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    ending: Ending,
) -> Result<(), ()> {
    let frame = CloseFrame { code: ending.code.into(), reason: Utf8Bytes::from_static(ending.reason) };
    socket.close(Some(frame)).await.map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_says_its_kind() {
        assert_eq!(topic(Some(b"[\"newHeads\"]")), Ok(Topic::Heads));
        assert_eq!(topic(Some(b"[ \"newHeads\" , {}]")), Ok(Topic::Heads));
        assert!(matches!(topic(Some(b"[\"logs\"]")), Ok(Topic::Logs(_))));
        assert!(matches!(topic(Some(b"[\"newPendingTransactions\",true]")), Ok(Topic::Relay(_))));
        assert!(
            topic(Some(b"[\"logs\",{\"address\":\"0x1\"}]"))
                .is_err_and(|problem| problem.contains("40 hex digits"))
        );
        for wrong in [None, Some(&b"{}"[..]), Some(b"[]"), Some(b"[7]")] {
            assert!(topic(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_ids_of_ours_are_subscriptions() {
        let id = SubscriptionId(0xab << 120 | 7);
        assert_eq!(subscription(Some(format!("[\"{id}\"]").as_bytes())), Some(id));
        for wrong in [&b"[\"0x1\"]"[..], b"[1]", b"[]", b"{}"] {
            assert_eq!(subscription(Some(wrong)), None);
        }
    }
}
