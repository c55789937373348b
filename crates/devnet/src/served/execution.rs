//! The execution face over HTTP: a POST is a request, a GET that asks for it becomes a WebSocket. It must never know what a
//! method does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::body::Body;
use super::channel::Channel;
use super::door::Door;
use super::shared::Shared;
use super::socket;
use super::stream::{Cut, Stream};
use crate::node::{Answer, Face, Gate, Reply};

/// Of a request, as geth has it. A larger one is refused.
const BODY_BYTES_MAX: usize = 5 << 20;

/// What the parts of one connection share.
#[derive(Debug)]
pub(super) struct Connection {
    pub shared: Arc<Shared>,
    pub door: Arc<Door>,
    pub cut: Arc<Cut>,
    upgraded: Mutex<Option<Upgraded>>,
    is_socket: AtomicBool,
}

/// A WebSocket that begins when HTTP is through.
#[derive(Debug)]
struct Upgraded {
    io: OnUpgrade,
    channel: Channel,
}

/// There is no answer: the connection goes.
#[derive(Debug, thiserror::Error)]
#[error("the devnet was told to reset this connection")]
pub(super) struct NoAnswer;

pub(super) async fn serve(stream: TcpStream, endings: u64, door: Arc<Door>, shared: Arc<Shared>) {
    let cut = Cut::new();
    let stream = Stream::new(stream, Arc::clone(&cut), Arc::clone(&door));
    let connection = Arc::new(Connection::new(shared, door, cut));
    let whole = async {
        let service = service_fn(|request| respond(Arc::clone(&connection), request));
        let http =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // An error is a client that went away or spoke nonsense.
        let _ = http.with_upgrades().await;
        if let Some(Upgraded { io, channel }) = connection.take_upgraded()
            && let Ok(io) = io.await
        {
            socket::run(&connection, TokioIo::new(io), channel).await;
        }
    };
    // Not moved into the select: the stream is let go of only after it is known how.
    let mut whole = std::pin::pin!(whole);
    tokio::select! {
        () = whole.as_mut() => {}
        () = connection.cut.was_reset() => {}
        reset = connection.door.ended(endings) => match reset {
            true => connection.cut.reset(),
            // A WebSocket says goodbye first; HTTP has nothing to say.
            false if connection.is_socket.load(Ordering::Relaxed) => {
                let _ = tokio::time::timeout(socket::GOODBYE, whole).await;
            }
            false => {}
        },
    }
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, door: Arc<Door>, cut: Arc<Cut>) -> Self {
        Self { shared, door, cut, upgraded: Mutex::new(None), is_socket: AtomicBool::new(false) }
    }

    fn take_upgraded(&self) -> Option<Upgraded> {
        self.upgraded.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put_upgraded(&self, upgraded: Upgraded) {
        *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgraded);
        self.is_socket.store(true, Ordering::Relaxed);
    }

    /// Sends what a reply says, when it says so.
    pub(super) async fn answer(
        &self,
        reply: Reply,
        content_type: &'static str,
    ) -> Result<Response<Body>, NoAnswer> {
        match reply {
            Reply::Silent => std::future::pending().await,
            Reply::Reset { at_ms } => {
                tokio::time::sleep_until(self.shared.instant(at_ms)).await;
                self.cut.reset();
                Err(NoAnswer)
            }
            Reply::Answer(Answer { at_ms, status, retry_after_s, body, cut }) => {
                tokio::time::sleep_until(self.shared.instant(at_ms)).await;
                self.door.thawed().await;
                let body = match cut {
                    Some(cut) => Body::cut(&body, cut),
                    None => Body::whole(body),
                };
                let mut response = Response::new(body);
                *response.status_mut() =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                if let Some(seconds) = retry_after_s {
                    response.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                Ok(response)
            }
        }
    }
}

async fn respond(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Body>, NoAnswer> {
    connection.door.thawed().await;
    if request.method() == Method::POST {
        return post(&connection, request).await;
    }
    match accept_key(&request) {
        Some(key) => Ok(upgrade(&connection, request, &key)),
        // As geth answers to who only looks whether somebody is there.
        None if request.method() == Method::GET => Ok(plain(StatusCode::OK, "")),
        None => Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n")),
    }
}

async fn post(connection: &Connection, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
    let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "content length too large\n"));
    };
    let (body, node) = (body.to_bytes(), connection.door.node);
    let reply = loop {
        connection.door.thawed().await;
        let asked = connection.shared.step(|network, now_ms| match network.gate(node, Face::Execution) {
            Gate::Frozen => (None, Vec::new()),
            _ => {
                let (reply, pushed) = network.post(node, &body, now_ms);
                (Some(reply), pushed)
            }
        });
        if let Some(reply) = asked {
            break reply;
        }
    };
    connection.answer(reply, "application/json").await
}

/// What a WebSocket handshake is answered with.
fn accept_key(request: &Request<Incoming>) -> Option<String> {
    let asks = request.headers().get(UPGRADE)?.to_str().ok()?;
    let key = request.headers().get("sec-websocket-key")?;
    asks.eq_ignore_ascii_case("websocket").then(|| derive_accept_key(key.as_bytes()))
}

fn upgrade(connection: &Connection, mut request: Request<Incoming>, key: &str) -> Response<Body> {
    let node = connection.door.node;
    // The line is there before anything can be pushed to it.
    let opened = connection.shared.step(|network, _| {
        let opened = network.open(node).map(|id| connection.door.connect(id, Arc::clone(&connection.cut)));
        (opened, Vec::new())
    });
    let line = match opened {
        Ok(line) => line,
        Err(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return plain(status, "no websocket\n");
        }
    };
    let channel = Channel::new(line, connection);
    connection.put_upgraded(Upgraded { io: hyper::upgrade::on(&mut request), channel });
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(key) = HeaderValue::from_str(key) {
        headers.insert("sec-websocket-accept", key);
    }
    response
}

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
