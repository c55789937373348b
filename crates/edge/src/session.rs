//! One client over WebSocket, from its upgrade to its close. Its requests run beside each other; what it is told waits in
//! `Outbound`. A client that does not read holds up nothing but itself. It must never know a node.

mod asks;
mod batch;
mod signs;
mod socket;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use runtime::DrainHandle;
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::Instant;

use crate::core::streams::SubscriptionId;
use crate::core::{
    Class, Invalid, InvalidKind, Request, Scanned, SessionId, error_response, refuse_each, scan_request,
};
use crate::exchange::{Asked, Exchange};
use crate::filters::Network;
use crate::keys::{Holder, Spent, subscribed};
use crate::metrics::{Cut, Limit};
use crate::outbound::{Ending, Outbound, SILENT, SLOW, STUCK};
use crate::pool_loop::{Event, Left, ReplyTo, unsubscription_answer};
use crate::pulse::{Pulse, Verdict};
use crate::record::SessionCounted;
use crate::rules::REQUEST_BYTES_AT_ONCE_MAX;
use asks::{subscription, topic};
use batch::{Item, batch};
use signs::{Sign, Signs};
use socket::{NO_PROTOCOL, NO_TEXT, Socket, TOO_LONG, Turn};

const GONE: &str = "the proxy is shutting down";
/// Turns after which what comes from beside the connection is looked at first.
const SIGNS_EVERY: u64 = 32;

/// What a session needs of its pool.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) pool: mpsc::Sender<Event>,
    /// Starts when the pool is no longer served.
    pub(crate) closing: DrainHandle,
}

type Running = Pin<Box<dyn Future<Output = (Load, Option<Done>)> + Send>>;

/// Of requests: those that are under way, or those that there is room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    /// Each member of a batch counts.
    calls: usize,
    bytes: usize,
}

/// An answer, and the subscriptions that may be told of after it.
struct Done {
    frame: Bytes,
    release: Vec<SubscriptionId>,
}

pub(crate) struct Session<S> {
    id: SessionId,
    door: Door,
    socket: Socket<S>,
    pulse: Arc<Pulse>,
    outbound: Arc<Outbound>,
    running: FuturesUnordered<Running>,
    load: Load,
    /// It was asked for a sign of life since it last gave one.
    is_asked: bool,
    /// Whose key it is, where there are keys.
    holder: Option<Arc<Holder>>,
    /// Where it comes from.
    network: Network,
    _counted: SessionCounted,
}

/// When the process stops.
pub(crate) struct Leaving {
    /// What was asked is still answered.
    pub(crate) drain: DrainHandle,
    /// Nobody waits for answers any more.
    pub(crate) late: DrainHandle,
}

/// What a session has to do next.
enum Next {
    Done(Ended),
    Turn(Turn),
    Sign(Sign),
}

/// How it ends.
enum End {
    Close(Ending),
    /// The client said goodbye.
    Part,
    Lost,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(crate) fn new(
        id: SessionId,
        door: Door,
        stream: S,
        pulse: Arc<Pulse>,
        (holder, network): (Option<Arc<Holder>>, Network),
    ) -> Self {
        let rules = door.exchange.rules();
        let outbound = Arc::new(Outbound::new(rules.outbound_bytes_max));
        let (socket, running) = (Socket::new(stream, rules.request_bytes_max), FuturesUnordered::new());
        pulse.is_session();
        let (load, _counted) = (Load::default(), door.exchange.record.session());
        let is_asked = false;
        Self { id, door, socket, pulse, outbound, running, load, is_asked, holder, network, _counted }
    }

    /// Until one of the two sides ends it.
    pub(crate) async fn run(mut self, leaving: Leaving) {
        let end = self.serve(leaving).await;
        // The pool may be gone as well, with all that it knew.
        let _ = self.door.pool.send(Event::SessionEnded { session: self.id }).await;
        // What is under way for it goes on for nobody.
        self.running.clear();
        match end {
            End::Close(ending) => {
                self.count(ending);
                self.socket.close(ending).await;
            }
            End::Part => self.socket.part().await,
            End::Lost => {}
        }
    }

    async fn serve(&mut self, leaving: Leaving) -> End {
        let outbound = Arc::clone(&self.outbound);
        let revoked = self.holder.as_ref().map(|holder| holder.revoked());
        let mut signs = Signs::new(leaving, self.door.closing.clone(), revoked, Arc::clone(&self.pulse));
        let (mut goodbye, mut is_late, mut has_waited) = (None, false, false);
        let mut turns = 0_u64;
        loop {
            if goodbye.is_some() && is_late {
                self.running.clear();
            }
            if let Some(ending) = goodbye.filter(|_| self.running.is_empty()) {
                outbound.end(ending);
            }
            let room = if goodbye.is_none() { self.room() } else { Load::default() };
            let next = self.next(&mut signs, turns, room, &mut has_waited).await;
            turns = turns.wrapping_add(1);
            match next {
                Next::Done(done) => {
                    // All that is ready goes out together, and what is about to be: answers come in crowds.
                    done.into_iter().for_each(|(load, done)| self.done(load, done));
                    if !self.running.is_empty() && !std::mem::replace(&mut has_waited, true) {
                        yield_now().await;
                    }
                }
                Next::Turn(Turn::Messages(messages)) => {
                    self.is_asked = false;
                    for message in messages {
                        self.heard(message).await;
                    }
                }
                Next::Turn(Turn::Life) => self.is_asked = false,
                Next::Turn(Turn::Over(ending) | Turn::Broke(ending)) => return End::Close(ending),
                Next::Turn(Turn::Goodbye) => return End::Part,
                Next::Turn(Turn::Lost) => return End::Lost,
                Next::Sign(Sign::Over(ending)) => goodbye = Some(ending),
                // It will be said why.
                Next::Sign(Sign::Late) => is_late = true,
                Next::Sign(Sign::Judged(verdict)) => {
                    self.judged(verdict, room.is_some() && !outbound.is_full())
                }
            }
        }
    }

    /// What is there to be done. Calls that are over come first, so that they are written with the rest.
    async fn next(&mut self, signs: &mut Signs, turns: u64, room: Load, has_waited: &mut bool) -> Next {
        // Whoever sends without a pause is not to keep them away.
        if turns.is_multiple_of(SIGNS_EVERY)
            && let Some(sign) = signs.next().now_or_never()
        {
            return Next::Sign(sign);
        }
        let Self { running, socket, outbound, .. } = self;
        let turn = std::future::poll_fn(|context| {
            *has_waited = false;
            socket.poll_turn(context, outbound, room)
        });
        tokio::select! {
            biased;
            done = std::future::poll_fn(|context| poll_done(running, context)) => Next::Done(done),
            turn = turn => Next::Turn(turn),
            sign = signs.next() => Next::Sign(sign),
        }
    }

    fn room(&self) -> Load {
        Load {
            calls: self.door.exchange.rules().calls_max.saturating_sub(self.load.calls),
            bytes: REQUEST_BYTES_AT_ONCE_MAX.saturating_sub(self.load.bytes),
        }
    }

    fn judged(&mut self, verdict: Verdict, is_listening: bool) {
        match verdict {
            Verdict::Stuck => self.outbound.cut(STUCK),
            // Whom nobody listens to cannot be heard.
            _ if !is_listening => self.pulse.heard(),
            Verdict::Quiet if !std::mem::replace(&mut self.is_asked, true) => self.socket.ping(),
            Verdict::Silent => self.outbound.cut(SILENT),
            Verdict::Quiet | Verdict::Late | Verdict::Idle => {}
        }
    }

    fn count(&self, ending: Ending) {
        let record = &self.door.exchange.record;
        match ending {
            SLOW => _ = record.metrics.slow_clients_closed.inc(),
            STUCK => {
                record.metrics.slow_clients_closed.inc();
                record.cut.of(Cut::Stuck).inc();
            }
            SILENT => _ = record.cut.of(Cut::Silent).inc(),
            TOO_LONG => _ = record.refused.of(Limit::RequestBytes).inc(),
            NO_TEXT | NO_PROTOCOL => _ = record.cut.of(Cut::Protocol).inc(),
            _ => {}
        }
    }

    fn done(&mut self, load: Load, done: Option<Done>) {
        self.load.calls -= load.calls;
        self.load.bytes -= load.bytes;
        let Some(done) = done else { return };
        self.outbound.push_own(done.frame);
        done.release.into_iter().for_each(|subscription| self.outbound.release(subscription));
    }

    fn begin(&mut self, load: Load, running: impl Future<Output = Option<Done>> + Send + 'static) {
        self.load.calls += load.calls;
        self.load.bytes += load.bytes;
        if !self.room().is_some() {
            self.door.exchange.record.refused.of(Limit::CallsPerClient).inc();
        }
        self.running.push(Box::pin(async move { (load, running.await) }));
    }

    async fn heard(&mut self, message: Bytes) {
        let scanned = scan_request(&message, self.door.exchange.rules().batch_max);
        if self.is_over_rate(&scanned, message.len()) {
            return;
        }
        match scanned {
            Err(invalid) => {
                if invalid.kind == InvalidKind::TooMany {
                    self.door.exchange.record.refused.of(Limit::Batch).inc();
                }
                self.outbound.push(refusal(&invalid));
            }
            Ok(Scanned::Single(request)) => self.single(&message, &request).await,
            Ok(Scanned::Batch(items)) => {
                let whose = (self.holder.as_ref(), self.network);
                let item = |item| Item::new(&self.door, whose, &message, item);
                let items: Vec<Item> = items.iter().map(item).collect();
                let (door, id, outbound) = (self.door.clone(), self.id, Arc::clone(&self.outbound));
                let load = Load { calls: items.len(), bytes: message.len() };
                self.begin(load, batch(door, id, outbound, items));
            }
        }
    }

    /// Whether the holder of a key is beyond its rate, which is told for each call then.
    fn is_over_rate(&self, scanned: &Result<Scanned<'_>, Invalid<'_>>, bytes: usize) -> bool {
        let Some(holder) = &self.holder else { return false };
        let (limit, what) = match holder.spend(Instant::now(), calls(scanned), bytes as u64) {
            Spent::Ok => return false,
            Spent::Requests { .. } => (Limit::KeyRequests, "calls"),
            Spent::Bytes { .. } => (Limit::KeyBytes, "bytes"),
        };
        self.door.exchange.record.refused.of(limit).inc();
        let said = format!("this key has no {what} left for now; try again in a second");
        if let Some(refused) = refuse_each(scanned, -32005, &said) {
            self.outbound.push(refused.into());
        }
        true
    }

    fn asked(&self, message: &Bytes, request: &Request<'_>) -> Asked {
        Asked::new(message, request, self.holder.as_ref(), self.network)
    }

    async fn single(&mut self, message: &Bytes, request: &Request<'_>) {
        match request.method {
            b"eth_subscribe" => self.subscribe(message, request).await,
            b"eth_unsubscribe" => self.unsubscribe(message, request).await,
            _ => {
                let (exchange, asked) = (Arc::clone(&self.door.exchange), self.asked(message, request));
                let load = Load { calls: 1, bytes: message.len() };
                self.begin(load, async move {
                    let is_notification = asked.is_notification();
                    let frame = exchange.answer(asked, None).await;
                    (!is_notification).then(|| Done { frame, release: Vec::new() })
                });
            }
        }
    }

    /// A request without an id cannot be told a subscription's: there is nothing to do for it.
    async fn subscribe(&mut self, message: &Bytes, request: &Request<'_>) {
        let Some(id) = request.id else { return };
        let (session, outbound) = (self.id, Arc::clone(&self.outbound));
        match topic(request.params) {
            Err(problem) => self.outbound.push(error_response(id, -32602, &problem).into()),
            Ok(topic) => match subscribed(self.holder.as_ref()) {
                Err(problem) => {
                    self.door.exchange.record.refused.of(Limit::KeySubscriptions).inc();
                    self.outbound.push(error_response(id, -32005, problem).into());
                }
                Ok(place) => {
                    let (came, reply) = (Instant::now(), ReplyTo::Client { id: message.slice_ref(id) });
                    let event = Event::Subscribe { session, outbound, topic, came, reply, place };
                    self.tell_pool(id, event).await;
                }
            },
        }
    }

    async fn unsubscribe(&mut self, message: &Bytes, request: &Request<'_>) {
        let Some(id) = request.id else { return };
        match subscription(request.params) {
            None => self.outbound.push(unsubscription_answer(id, false)),
            Some(subscription) => {
                let reply = Left::Client { id: message.slice_ref(id), outbound: Arc::clone(&self.outbound) };
                self.tell_pool(id, Event::Unsubscribe { session: self.id, subscription, reply }).await;
            }
        }
    }

    /// Every request has an answer, even of a pool that is gone.
    async fn tell_pool(&mut self, id: &[u8], event: Event) {
        if self.door.pool.send(event).await.is_err() {
            self.outbound.push(error_response(id, -32000, GONE).into());
        }
    }
}

type Ended = SmallVec<[(Load, Option<Done>); 8]>;

impl Load {
    fn is_some(self) -> bool {
        self.calls > 0 && self.bytes > 0
    }
}

/// All calls that are over, once there is one.
fn poll_done(running: &mut FuturesUnordered<Running>, context: &mut Context<'_>) -> Poll<Ended> {
    let mut ended = Ended::new();
    // Others are begun by the same task, which looks again then.
    if running.is_empty() {
        return Poll::Pending;
    }
    while let Poll::Ready(Some(one)) = running.poll_next_unpin(context) {
        ended.push(one);
    }
    if ended.is_empty() { Poll::Pending } else { Poll::Ready(ended) }
}

pub(crate) fn refusal(invalid: &Invalid<'_>) -> Bytes {
    error_response(invalid.id.unwrap_or(b"null"), invalid.kind.code(), invalid.message).into()
}

/// Each call of a batch counts.
pub(crate) fn calls(scanned: &Result<Scanned<'_>, Invalid<'_>>) -> u64 {
    match scanned {
        Ok(Scanned::Batch(items)) => items.len() as u64,
        Ok(Scanned::Single(_)) | Err(_) => 1,
    }
}

/// Whether it is one that a session may have and HTTP may not.
pub(crate) fn needs_session(class: Class) -> bool {
    class == Class::Subscription
}
