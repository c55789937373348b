//! The WebSocket of one node: heads, other subscriptions that are relayed, calls of clients, and signs of life. It dials until
//! the process ends. It must never judge what it hears; that is the pool's.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink as _, SinkExt as _, StreamExt as _};
use http::header::HOST;
use http::{Request, StatusCode};
use runtime::DrainHandle;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::dial::{Wire, dial, fault_of};
use super::line::{FIRST_ID, Line};
use crate::config::Endpoint;
use crate::core::keccak::keccak256;
use crate::core::pool::Input;
use crate::core::streams::StreamId;
use crate::core::{Fault, Hash, NodeId, wire};
use crate::core::{Response, ResponseKind, Upstream, scan_upstream};

/// Between two dials, the first time and at most: what was dropped is back within a second.
pub(super) const REDIAL_MIN: Duration = Duration::from_millis(50);
const REDIAL_MAX: Duration = Duration::from_millis(800);
/// Who asked for a pause without saying how long, or said too long a one, is dialled again after so long at most.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A node that does not take what it is sent is as good as gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);
/// A header is some two kilobytes, an answer rarely more than one.
const READ_BUFFER: usize = 32 << 10;
/// What is asked at once goes out in pieces of about this.
const WRITE_BUFFER: usize = 64 << 10;
/// The id of our own first request.
const HEADS_ID: u64 = 1;

/// What the pool wants of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Ping,
    Redial,
    OpenRelay { stream: StreamId, params: Arc<[u8]> },
    CloseRelay { stream: StreamId },
}

/// Everything that it needs to know of its node.
pub(crate) struct Followed {
    pub(crate) node: NodeId,
    pub(crate) endpoint: Endpoint,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) dial_timeout: Duration,
    /// Looked at with every dial.
    pub(crate) frame_bytes_max: Arc<AtomicUsize>,
    /// Calls of clients.
    pub(crate) line: Arc<Line>,
}

struct Connection {
    socket: WebSocketStream<Box<dyn Wire>>,
    /// The node's id of our subscription, as it wrote it.
    heads: Bytes,
    /// By the ids of requests. None where the subscription is wanted no more.
    asked: HashMap<u64, Option<StreamId>>,
    relays: HashMap<Bytes, StreamId>,
    next_id: u64,
    /// Of our own, to be written next.
    own: VecDeque<Message>,
    /// Since when something was written that the node has not taken.
    untaken: Option<Instant>,
}

/// Why a connection is no more.
pub(super) enum End {
    Lost(Fault),
    /// We wanted it.
    Redial,
    Drain,
}

/// Follows a node until the drain starts, or until nobody listens any more.
pub(crate) async fn follow(
    followed: Followed,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Input>,
    mut drain: DrainHandle,
) {
    let mut pause = REDIAL_MIN;
    loop {
        let (end, lived) = match Connection::open(&followed).await {
            Err(fault) => (End::Lost(fault), Duration::ZERO),
            Ok(mut connection) => {
                let opened = Instant::now();
                if events.send(Input::Connected { node: followed.node }).await.is_err() {
                    return;
                }
                followed.line.open();
                let end = connection.run(&followed, &mut orders, &events, &mut drain).await;
                followed.line.close(match end {
                    End::Lost(Fault::TooLarge) => Fault::TooLarge,
                    End::Lost(_) | End::Redial | End::Drain => Fault::Closed,
                });
                (end, opened.elapsed())
            }
        };
        match end {
            End::Drain => return,
            End::Redial => pause = REDIAL_MIN,
            End::Lost(fault) => {
                if events.send(Input::Lost { node: followed.node, fault }).await.is_err() {
                    return;
                }
                pause = pause_after(fault, pause, lived);
            }
        }
        if wait(pause, followed.node, &mut orders, &events, &mut drain).await.is_break() {
            return;
        }
    }
}

/// Before the next dial. Only a connection that lasted says that all is well again.
pub(super) fn pause_after(fault: Fault, before: Duration, lived: Duration) -> Duration {
    match fault {
        Fault::RateLimited { retry_after_ms: Some(ms) } => {
            Duration::from_millis(ms).clamp(REDIAL_MIN, PAUSE_MAX)
        }
        Fault::RateLimited { retry_after_ms: None } => (before * 2).min(PAUSE_MAX),
        _ if lived > REDIAL_MAX => REDIAL_MIN,
        _ => (before * 2).min(REDIAL_MAX),
    }
}

/// Until the next dial; what is wanted meanwhile cannot be had.
pub(super) async fn wait(
    pause: Duration,
    node: NodeId,
    orders: &mut mpsc::Receiver<Order>,
    events: &mpsc::Sender<Input>,
    drain: &mut DrainHandle,
) -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::{Break, Continue};
    let until = Instant::now() + pause;
    loop {
        tokio::select! {
            () = sleep_until(until) => return Continue(()),
            () = drain.started() => return Break(()),
            order = orders.recv() => match order {
                None => return Break(()),
                Some(Order::OpenRelay { stream, .. }) => {
                    let lost = Input::RelayLost { stream, node, fault: Fault::Closed };
                    if events.send(lost).await.is_err() {
                        return Break(());
                    }
                }
                Some(Order::Ping | Order::Redial | Order::CloseRelay { .. }) => {}
            },
        }
    }
}

impl Connection {
    /// Dials, shakes hands and subscribes to the heads, all within the time for a dial.
    async fn open(followed: &Followed) -> Result<Self, Fault> {
        let until = Instant::now() + followed.dial_timeout;
        let url = followed.endpoint.url.expose();
        let wire = dial(url, &followed.tls, followed.dial_timeout).await?;
        let frame_bytes_max = followed.frame_bytes_max.load(Ordering::Relaxed);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(frame_bytes_max))
            .max_frame_size(Some(frame_bytes_max));
        let request = handshake(&followed.endpoint).ok_or(Fault::Refused)?;
        let shaken = timeout_at(until, client_async_with_config(request, wire, Some(config))).await;
        let (socket, _) = shaken.map_err(|_| Fault::DialTimeout)?.map_err(|error| fault(&error))?;
        let mut connection = Self {
            socket,
            heads: Bytes::new(),
            asked: HashMap::new(),
            relays: HashMap::new(),
            next_id: HEADS_ID,
            own: VecDeque::new(),
            untaken: None,
        };
        timeout_at(until, connection.subscribe_to_heads()).await.map_err(|_| Fault::Timeout)??;
        Ok(connection)
    }

    async fn subscribe_to_heads(&mut self) -> Result<(), Fault> {
        self.subscribe(b"[\"newHeads\"]");
        for message in self.own.drain(..) {
            self.socket.send(message).await.map_err(|error| fault(&error))?;
        }
        loop {
            let Some(text) = self.next().await? else { continue };
            if let Some(Upstream::Response(answer)) = scan_upstream(&text)
                && id_of(&answer, &text) == Some(HEADS_ID)
            {
                self.heads = subscription(&answer, &text).ok_or(Fault::NodeError)?;
                return Ok(());
            }
        }
    }

    async fn run(
        &mut self,
        followed: &Followed,
        orders: &mut mpsc::Receiver<Order>,
        events: &mpsc::Sender<Input>,
        drain: &mut DrainHandle,
    ) -> End {
        let (node, line) = (followed.node, &*followed.line);
        let mut is_leaving = false;
        loop {
            // Calls in flight end where they are.
            if is_leaving && line.is_idle() {
                return End::Drain;
            }
            let taken_by = self.untaken.unwrap_or_else(Instant::now) + TAKEN_WITHIN;
            let heard = tokio::select! {
                () = drain.started() => {
                    let _ = timeout(REDIAL_MAX, self.socket.close(None)).await;
                    return End::Drain;
                }
                order = orders.recv(), if self.untaken.is_none() && !is_leaving => match order {
                    None => {
                        line.shut();
                        is_leaving = true;
                        continue;
                    }
                    Some(Order::Redial) => return End::Redial,
                    Some(order) => {
                        self.obey(order);
                        continue;
                    }
                },
                () = line.asked(), if self.untaken.is_none() => {
                    // Whoever else is about to ask is written out together with it.
                    yield_now().await;
                    continue;
                }
                () = sleep_until(taken_by), if self.untaken.is_some() => return End::Lost(Fault::Stalled),
                heard = std::future::poll_fn(|context| self.poll_turn(context, node, line)) => heard,
            };
            match heard {
                Ok(None) => {}
                Ok(Some(input)) => {
                    if events.send(input).await.is_err() {
                        return End::Drain;
                    }
                }
                Err(fault) => return End::Lost(fault),
            }
        }
    }

    /// Writes what is to be asked, and hears what the node says, until something is to be told to the pool, or until it
    /// changed whether something is untaken.
    fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        node: NodeId,
        line: &Line,
    ) -> Poll<Result<Option<Input>, Fault>> {
        let was_taken = self.untaken.is_none();
        if let Poll::Ready(written) = self.poll_write(context, line) {
            written?;
        }
        if self.untaken.is_none() != was_taken {
            return Poll::Ready(Ok(None));
        }
        loop {
            let message = ready!(self.socket.poll_next_unpin(context));
            if let Some(input) = self.hear(node, message, line)? {
                return Poll::Ready(Ok(Some(input)));
            }
        }
    }

    /// All that waits goes out together. More is taken only once that was.
    fn poll_write(&mut self, context: &mut Context<'_>, line: &Line) -> Poll<Result<(), Fault>> {
        let Self { socket, own, untaken, .. } = self;
        let mut socket = std::pin::Pin::new(socket);
        if untaken.is_none() {
            for request in line.take() {
                own.push_back(Message::Text(Utf8Bytes::try_from(request).map_err(|_| Fault::Malformed)?));
            }
            if own.is_empty() {
                return Poll::Ready(Ok(()));
            }
            *untaken = Some(Instant::now());
        }
        while !own.is_empty() {
            ready!(socket.as_mut().poll_ready(context)).map_err(|error| fault(&error))?;
            if let Some(message) = own.pop_front() {
                socket.as_mut().start_send(message).map_err(|error| fault(&error))?;
            }
        }
        ready!(socket.poll_flush(context)).map_err(|error| fault(&error))?;
        *untaken = None;
        Poll::Ready(Ok(()))
    }

    fn obey(&mut self, order: Order) {
        match order {
            // A pong would say that the socket lives, and nothing of whoever answers calls.
            Order::Ping => {
                let id = self.take_id();
                self.own.push_back(Message::text(format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_chainId","params":[]}}"#
                )));
            }
            Order::OpenRelay { stream, params } => {
                // A node that told too late what it was asked before would feed it twice.
                self.close_relay(stream);
                let id = self.subscribe(&params);
                self.asked.insert(id, Some(stream));
            }
            Order::CloseRelay { stream } => self.close_relay(stream),
            Order::Redial => {}
        }
    }

    /// What it is still asked for is ended once it is there.
    fn close_relay(&mut self, stream: StreamId) {
        let asked = self.asked.values_mut().filter(|asked| **asked == Some(stream));
        asked.for_each(|asked| *asked = None);
        let open = self.relays.iter().find(|(_, of)| **of == stream).map(|(id, _)| id.clone());
        if let Some(subscription) = open {
            self.relays.remove(&subscription);
            self.unsubscribe(&subscription);
        }
    }

    fn unsubscribe(&mut self, subscription: &[u8]) {
        let id = self.take_id();
        let subscription = String::from_utf8_lossy(subscription);
        self.own.push_back(Message::text(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_unsubscribe","params":[{subscription}]}}"#
        )));
    }

    fn subscribe(&mut self, params: &[u8]) -> u64 {
        let id = self.take_id();
        let params = String::from_utf8_lossy(params);
        self.own.push_back(Message::text(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_subscribe","params":{params}}}"#
        )));
        id
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The next message that says something.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        match self.socket.next().await {
            None | Some(Ok(Message::Close(_))) => Err(Fault::Closed),
            Some(Err(error)) => Err(fault(&error)),
            Some(Ok(Message::Text(text))) => Ok(Some(text.into())),
            Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
            Some(Ok(_)) => Ok(None),
        }
    }

    fn hear(
        &mut self,
        node: NodeId,
        message: Option<tungstenite::Result<Message>>,
        line: &Line,
    ) -> Result<Option<Input>, Fault> {
        match message {
            None | Some(Ok(Message::Close(_))) => Err(Fault::Closed),
            Some(Err(error)) => Err(fault(&error)),
            Some(Ok(Message::Pong(_) | Message::Ping(_) | Message::Frame(_))) => Ok(None),
            Some(Ok(Message::Text(text))) => Ok(self.read(node, &Bytes::from(text), line)),
            Some(Ok(Message::Binary(bytes))) => Ok(self.read(node, &bytes, line)),
        }
    }

    /// What nobody asked for is left alone.
    fn read(&mut self, node: NodeId, text: &Bytes, line: &Line) -> Option<Input> {
        match scan_upstream(text)? {
            Upstream::Notification(notification) if *notification.subscription == *self.heads => {
                wire::block(notification.result).map(|block| Input::Head { node, block })
            }
            Upstream::Notification(notification) => {
                let stream = *self.relays.get(notification.subscription)?;
                let raw: Arc<[u8]> = Arc::from(notification.result);
                Some(Input::RelayItem { stream, node, identity: Hash(keccak256(&raw)), raw })
            }
            Upstream::Response(answer) => {
                let id = id_of(&answer, text)?;
                if id >= FIRST_ID {
                    line.answered(id, text.clone(), answer);
                    return None;
                }
                // Whatever it is, it is an answer.
                let wanted = self.asked.remove(&id);
                match (wanted, subscription(&answer, text)) {
                    (Some(Some(stream)), Some(subscription)) => {
                        self.relays.insert(subscription, stream);
                        Some(Input::RelayOpened { stream, node })
                    }
                    (Some(Some(stream)), None) => {
                        Some(Input::RelayLost { stream, node, fault: Fault::NodeError })
                    }
                    (Some(None), Some(subscription)) => {
                        self.unsubscribe(&subscription);
                        Some(Input::Pong { node })
                    }
                    (Some(None) | None, _) => Some(Input::Pong { node }),
                }
            }
        }
    }
}

fn id_of(answer: &Response, text: &Bytes) -> Option<u64> {
    std::str::from_utf8(text.get(answer.id_range.clone())?).ok()?.parse().ok()
}

/// The result of `eth_subscribe`: a string, with its quotes.
fn subscription(answer: &Response, text: &Bytes) -> Option<Bytes> {
    match &answer.kind {
        ResponseKind::Result { range, is_null: false } => {
            Some(text.slice(range.clone())).filter(|id| id.starts_with(b"\""))
        }
        ResponseKind::Result { .. } | ResponseKind::Error { .. } => None,
    }
}

fn handshake(endpoint: &Endpoint) -> Option<Request<()>> {
    let url = endpoint.url.expose();
    let authority = url.as_str().split_once("://")?.1.split('/').next()?;
    let mut request = Request::get(url.as_str())
        .header(HOST, authority)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", generate_key());
    for (name, value) in endpoint.headers.iter() {
        request = request.header(name, value);
    }
    request.body(()).ok()
}

fn fault(error: &tungstenite::Error) -> Fault {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Fault::Closed,
        tungstenite::Error::Io(error) => match fault_of(error) {
            Fault::Refused => Fault::Reset,
            other => other,
        },
        tungstenite::Error::Http(response) => match response.status() {
            StatusCode::TOO_MANY_REQUESTS => {
                Fault::RateLimited { retry_after_ms: super::retry_after_ms(response.headers()) }
            }
            status => Fault::Status(status.as_u16()),
        },
        tungstenite::Error::Capacity(_) => Fault::TooLarge,
        tungstenite::Error::Protocol(_) => Fault::Reset,
        _ => Fault::Malformed,
    }
}

#[cfg(test)]
mod tests;
