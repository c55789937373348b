//! Where clients come in: connections, their TLS, and from a path to its pool. It must never know a node, nor what a method
//! means.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use runtime::{DrainHandle, TlsSource};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::core::SessionId;
use crate::core::error_response;
use crate::core::{Scanned, scan_request};
use crate::keys::{Counted, Holder, Keys, Spent};
use crate::metrics::{EdgeMetrics, Limit};
use crate::session::{Door, Session, asked, needs_session, refusal};

/// Each idle client has one of these.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 4 << 10;
const HEADERS_MAX: usize = 100;
/// A head of a request is no longer than this.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// After an error of the listener, such as too few file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One pool, as clients reach it.
pub(crate) struct Entrance {
    pub(crate) door: Door,
    pub(crate) request_bytes_max: usize,
}

pub(crate) struct Front {
    pub(crate) pools: BTreeMap<Arc<str>, Entrance>,
    pub(crate) tls: Option<Arc<TlsSource>>,
    pub(crate) request_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) sessions: AtomicU64,
    pub(crate) metrics: Arc<EdgeMetrics>,
    pub(crate) keys: Keys,
    pub(crate) drain: DrainHandle,
}

type Answer = Response<Full<Bytes>>;

impl Front {
    /// Takes connections until the drain starts, then waits for those that are there.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener, connections_max: usize) {
        let places = Arc::new(Semaphore::new(connections_max));
        let mut connections = JoinSet::new();
        let mut drain = self.drain.clone();
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let accepted = tokio::select! {
                () = drain.started() => break,
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let front = Arc::clone(&self);
                    connections.spawn(async move {
                        let open = front.metrics.client_connections.clone();
                        open.inc();
                        front.take(stream, peer).await;
                        open.dec();
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    async fn take(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.serve(stream).await };
        match timeout(self.request_timeout, TlsAcceptor::from(tls.config()).accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a client's TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a client's TLS handshake took too long"),
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self: Arc<Self>, stream: S) {
        let front = Arc::clone(&self);
        let sessions = Arc::new(tokio::sync::Mutex::new(JoinSet::new()));
        let own = Arc::clone(&sessions);
        let service = service_fn(move |request| {
            let (front, own) = (Arc::clone(&front), Arc::clone(&own));
            async move { Ok::<_, Infallible>(front.answer(request, &own).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .header_read_timeout(self.idle_timeout);
        builder.http2().timer(TokioTimer::new()).max_header_list_size(HEAD_BYTES_MAX as u32);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let mut drain = self.drain.clone();
        tokio::select! {
            _ = connection.as_mut() => {}
            () = drain.started() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
        // What was upgraded counts as this connection until it ends.
        let mut sessions = sessions.lock().await;
        while sessions.join_next().await.is_some() {}
    }

    async fn answer(&self, request: Request<Incoming>, sessions: &tokio::sync::Mutex<JoinSet<()>>) -> Answer {
        let name = request.uri().path().trim_matches('/');
        let Some(entrance) = self.pools.get(name) else {
            return problem(
                StatusCode::NOT_FOUND,
                "there is no such pool; the path is the name of a pool, as in /mainnet",
            );
        };
        let Ok(holder) = self.keys.holder(request.headers()) else {
            self.metrics.denied.inc();
            return problem(
                StatusCode::UNAUTHORIZED,
                "no key that counts: send Authorization: Bearer KEY, or X-Api-Key: KEY",
            );
        };
        match *request.method() {
            Method::POST => self.call(request, entrance, holder.as_deref()).await,
            Method::GET if wants_upgrade(request.headers()) => {
                self.upgrade(request, entrance, holder, sessions).await
            }
            _ => problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "JSON-RPC is sent with POST; GET is for a WebSocket's upgrade",
            ),
        }
    }

    /// JSON-RPC errors have the status 200, as nodes have it; other statuses say that no call was read.
    async fn call(&self, request: Request<Incoming>, entrance: &Entrance, holder: Option<&Holder>) -> Answer {
        let body = Limited::new(request.into_body(), entrance.request_bytes_max).collect();
        let body = match timeout(self.request_timeout, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                self.metrics.refused.of(Limit::RequestBytes).inc();
                let said = format!("the request is longer than {} bytes", entrance.request_bytes_max);
                return json(StatusCode::PAYLOAD_TOO_LARGE, error_response(b"null", -32600, &said).into());
            }
            Ok(Err(_)) => return problem(StatusCode::BAD_REQUEST, "the request's body ended early"),
            Err(_) => {
                return problem(StatusCode::REQUEST_TIMEOUT, "the request's body did not arrive in time");
            }
        };
        let door = &entrance.door;
        let scanned = scan_request(&body, door.batch_max);
        if let Some(refused) = holder.and_then(|holder| self.over_rate(holder, calls(&scanned), body.len())) {
            return refused;
        }
        let answer = match scanned {
            Err(invalid) => Some(refusal(&invalid)),
            Ok(Scanned::Single(request)) => one(door, asked(&body, &request)).await,
            Ok(Scanned::Batch(items)) => {
                let members = items.iter().map(|item| async {
                    match item {
                        Err(invalid) => Some(refusal(invalid)),
                        Ok(request) => one(door, asked(&body, request)).await,
                    }
                });
                together(futures_util::future::join_all(members).await)
            }
        };
        match answer {
            Some(answer) => json(StatusCode::OK, answer),
            None => empty(StatusCode::NO_CONTENT),
        }
    }

    /// What the holder of a key is told beyond its rate.
    fn over_rate(&self, holder: &Holder, calls: u64, bytes: usize) -> Option<Answer> {
        let (limit, what, retry_after_s) = match holder.spend(Instant::now(), calls, bytes as u64) {
            Spent::Ok => return None,
            Spent::Requests { retry_after_s } => (Limit::KeyRequests, "calls", retry_after_s),
            Spent::Bytes { retry_after_s } => (Limit::KeyBytes, "bytes", retry_after_s),
        };
        self.metrics.refused.of(limit).inc();
        let said = format!("this key has no {what} left for now; try again in {retry_after_s} s");
        let mut answer = json(StatusCode::TOO_MANY_REQUESTS, error_response(b"null", -32005, &said).into());
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
        Some(answer)
    }

    async fn upgrade(
        &self,
        mut request: Request<Incoming>,
        entrance: &Entrance,
        holder: Option<Arc<Holder>>,
        sessions: &tokio::sync::Mutex<JoinSet<()>>,
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
        let place = match &holder {
            None => None,
            Some(holder) => match holder.enter(Counted::Connection) {
                Some(place) => Some(place),
                None => {
                    self.metrics.refused.of(Limit::KeyConnections).inc();
                    return problem(
                        StatusCode::TOO_MANY_REQUESTS,
                        "this key has as many connections as it may have",
                    );
                }
            },
        };
        let id = SessionId(self.sessions.fetch_add(1, Ordering::Relaxed) + 1);
        let (door, drain, bytes_max) =
            (entrance.door.clone(), self.drain.clone(), entrance.request_bytes_max);
        let upgraded = hyper::upgrade::on(&mut request);
        sessions.lock().await.spawn(async move {
            let Ok(upgraded) = upgraded.await else { return };
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(WRITE_BUFFER)
                .max_message_size(Some(bytes_max))
                .max_frame_size(Some(bytes_max));
            let socket =
                WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
            Session::new(id, door, socket, holder).run(drain).await;
            drop(place);
        });
        let mut answer = empty(StatusCode::SWITCHING_PROTOCOLS);
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        answer.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
        answer
    }
}

async fn one(door: &Door, asked: crate::exchange::Asked) -> Option<Bytes> {
    let is_notification = asked.is_notification();
    let answer = match needs_session(asked.route.class) {
        true => error_response(
            asked.id(),
            -32601,
            "subscriptions need a WebSocket: connect to the same path with one",
        )
        .into(),
        false => door.exchange.answer(asked).await,
    };
    (!is_notification).then_some(answer)
}

/// The answers of a batch in their order; none where it held nothing but notifications.
fn together(answers: Vec<Option<Bytes>>) -> Option<Bytes> {
    let mut body = Vec::new();
    for answer in answers.into_iter().flatten() {
        body.push(if body.is_empty() { b'[' } else { b',' });
        body.extend_from_slice(&answer);
    }
    (!body.is_empty()).then(|| {
        body.push(b']');
        body.into()
    })
}

/// Each call of a batch counts.
fn calls(scanned: &Result<Scanned<'_>, crate::core::Invalid<'_>>) -> u64 {
    match scanned {
        Ok(Scanned::Batch(items)) => items.len() as u64,
        Ok(Scanned::Single(_)) | Err(_) => 1,
    }
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    let names = |value: &HeaderValue, word: &str| {
        value.to_str().is_ok_and(|text| text.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    headers.get_all(CONNECTION).iter().any(|value| names(value, "upgrade"))
        && headers.get(UPGRADE).is_some_and(|value| names(value, "websocket"))
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// RFC 9457.
fn problem(status: StatusCode, detail: &str) -> Answer {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut answer = json(status, body.to_string().into());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    answer
}
