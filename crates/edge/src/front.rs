//! Where clients come in: connections, their TLS, and from a path to its pool and what is spoken there. It must never know a
//! node.

mod answer;
mod events;
mod link;
mod origin;
mod rest;
mod rpc;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use runtime::{DrainHandle, TlsSource};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::filters::Network;
use crate::keys::{Holder, Keys, Spent};
use crate::metrics::{Cut, EdgeMetrics, Limit};
use crate::places::Places;
use crate::pulse::{Felt, Patience, Pulses, Verdict};
use answer::{Answer, problem};
use link::{Link, UntilTaken};
use origin::Caller;

pub(crate) use events::EventsDoor;
pub(crate) use rest::RestEntrance;
pub(crate) use rpc::RpcEntrance;

const HEADERS_MAX: usize = 100;
/// A head of a request is no longer than this.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Requests of one HTTP/2 connection that are worked on at once; each may hold a whole body.
const HTTP2_REQUESTS_MAX: u32 = 64;
/// After an error of the listener, such as too few file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One pool, as clients reach it.
pub(crate) enum Entrance {
    Rpc(RpcEntrance),
    Rest(RestEntrance),
}

/// Why a request has no body that could be used.
enum Unread {
    TooLong,
    Other(Answer),
}

/// What counts for requests that come now. Nobody holds it for longer than it takes to find an entrance: what is in it may
/// be gone from the next.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(crate) pools: BTreeMap<Arc<str>, Arc<Entrance>>,
    pub(crate) keys: Keys,
    pub(crate) request_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

pub(crate) struct Front {
    pub(crate) rooms: RwLock<Arc<Rooms>>,
    pub(crate) places: Places,
    pub(crate) tls: Option<Arc<TlsSource>>,
    pub(crate) sessions: AtomicU64,
    pub(crate) pulses: Pulses,
    pub(crate) metrics: Arc<EdgeMetrics>,
    pub(crate) drain: DrainHandle,
    /// The end of the time that the drain may take.
    pub(crate) late: DrainHandle,
}

impl Entrance {
    /// Services and Beacon nodes say themselves whose pages may call them.
    fn caller(&self, request: &Request<Incoming>) -> Option<Caller> {
        match self {
            Self::Rpc(entrance) => Caller::of(request.headers(), &entrance.door.exchange.rules().origins),
            Self::Rest(_) => Some(Caller::Program),
        }
    }
}

impl Front {
    /// Takes connections until the drain starts, then waits for those that are there.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let patience = || {
            let rooms = self.rooms();
            Patience { request: rooms.request_timeout, idle: rooms.idle_timeout }
        };
        tokio::select! {
            () = Arc::clone(&self).take_all(listener) => {}
            () = self.pulses.sweep(patience) => {}
        }
    }

    async fn take_all(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        let mut drain = self.drain.clone();
        let mut waits = false;
        loop {
            let accepted = tokio::select! {
                () = drain.started() => break,
                accepted = self.accept(&listener, self.places.free(), &mut waits) => accepted,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer, place)) => {
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

    /// A connection and its place. Without one it waits in the system's queue; that is counted once, however often this begins
    /// anew in the meantime.
    async fn accept(
        &self,
        listener: &TcpListener,
        places: &Arc<Semaphore>,
        waits: &mut bool,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                if !std::mem::replace(waits, true) {
                    self.metrics.refused.of(Limit::Connections).inc();
                }
                Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?
            }
        };
        let (stream, peer) = listener.accept().await?;
        *waits = false;
        Ok((stream, peer, place))
    }

    async fn take(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let link = Arc::new(Link::new(self.pulses.begin(), Network::of(peer.ip())));
        let stream = Felt::new(stream, Arc::clone(&link.pulse));
        let Some(tls) = &self.tls else { return self.serve(stream, link).await };
        match timeout(self.rooms().request_timeout, TlsAcceptor::from(tls.config()).accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, link).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a client's TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a client's TLS handshake took too long"),
        }
    }

    async fn serve<S>(self: Arc<Self>, stream: S, link: Arc<Link>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (front, own) = (Arc::clone(&self), Arc::clone(&link));
        let service = service_fn(move |request: Request<Incoming>| {
            let (front, own) = (Arc::clone(&front), Arc::clone(&own));
            async move {
                let under_way = own.pulse.request(request.version() == Version::HTTP_2);
                let answer = front.answer(request, &own).await;
                Ok::<_, Infallible>(answer.map(|body| UntilTaken::new(body, under_way)))
            }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            // The sweep looks after all of them.
            .header_read_timeout(None);
        let rooms = self.rooms();
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_concurrent_streams(HTTP2_REQUESTS_MAX)
            .keep_alive_interval(rooms.idle_timeout)
            .keep_alive_timeout(rooms.request_timeout);
        drop(rooms);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let mut drain = self.drain.clone();
        let mut is_leaving = false;
        loop {
            tokio::select! {
                _ = connection.as_mut() => break,
                () = drain.started(), if !is_leaving => {
                    is_leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
                verdict = link.pulse.verdict() => match verdict {
                    Verdict::Idle if !is_leaving => {
                        is_leaving = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    _ => {
                        self.metrics.cut.of(cut(verdict)).inc();
                        return;
                    }
                },
            }
        }
        // What was upgraded counts as this connection until it ends.
        link.sessions_ended().await;
    }

    async fn answer(&self, request: Request<Incoming>, link: &Link) -> Answer {
        let rooms = self.rooms();
        let (name, _) = pool_of(request.uri().path());
        let Some(entrance) = rooms.pools.get(name).cloned() else {
            return problem(
                StatusCode::NOT_FOUND,
                "there is no such pool; the path begins with the name of a pool, as in /mainnet",
            );
        };
        match entrance.caller(&request) {
            None => {
                self.metrics.refused.of(Limit::Origin).inc();
                Caller::refusal()
            }
            Some(caller) => caller.told(match caller.preflight(&request) {
                Some(answer) => answer,
                None => self.admit(request, &entrance, rooms, link).await,
            }),
        }
    }

    async fn admit(
        &self,
        request: Request<Incoming>,
        entrance: &Entrance,
        rooms: Arc<Rooms>,
        link: &Link,
    ) -> Answer {
        let Ok(holder) = rooms.keys.holder(request.headers()) else {
            self.metrics.denied.inc();
            return problem(
                StatusCode::UNAUTHORIZED,
                "no key that counts: send Authorization: Bearer KEY, or X-Api-Key: KEY",
            );
        };
        drop(rooms);
        if !holder.as_ref().is_none_or(|holder| link.admits(holder)) {
            self.metrics.refused.of(Limit::KeyConnections).inc();
            return problem(StatusCode::TOO_MANY_REQUESTS, "this key has as many connections as it may have");
        }
        let (_, rest) = pool_of(request.uri().path());
        match entrance {
            Entrance::Rpc(_) if !rest.trim_matches('/').is_empty() => {
                problem(StatusCode::NOT_FOUND, "JSON-RPC has one path, the name of the pool")
            }
            Entrance::Rpc(entrance) => self.rpc(request, entrance, holder, link).await,
            Entrance::Rest(entrance) => {
                let below = rest.to_owned();
                self.rest(request, below, entrance, holder, link).await
            }
        }
    }

    /// All of a request's body, in time and within its bound, and its room.
    async fn body(
        &self,
        request: Request<Incoming>,
        bytes_max: usize,
        link: &Link,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Unread> {
        // Who does not say how long it is may send the longest.
        let said = request.body().size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
        let room = link.request_bytes(said.unwrap_or(bytes_max).min(bytes_max)).await;
        let body = Limited::new(request.into_body(), bytes_max).collect();
        match timeout(self.rooms().request_timeout, body).await {
            Ok(Ok(body)) => Ok((body.to_bytes(), room)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                self.metrics.refused.of(Limit::RequestBytes).inc();
                Err(Unread::TooLong)
            }
            Ok(Err(_)) => {
                Err(Unread::Other(problem(StatusCode::BAD_REQUEST, "the request's body ended early")))
            }
            Err(_) => Err(Unread::Other(problem(
                StatusCode::REQUEST_TIMEOUT,
                "the request's body did not arrive in time",
            ))),
        }
    }

    /// Where a key's holder is beyond its rate: what is said, and after how many seconds it may try again.
    fn over_rate(&self, holder: &Holder, calls: u64, bytes: usize) -> Option<(String, u64)> {
        let (limit, what, retry_after_s) = match holder.spend(Instant::now(), calls, bytes as u64) {
            Spent::Ok => return None,
            Spent::Requests { retry_after_s } => (Limit::KeyRequests, "calls", retry_after_s),
            Spent::Bytes { retry_after_s } => (Limit::KeyBytes, "bytes", retry_after_s),
        };
        self.metrics.refused.of(limit).inc();
        Some((format!("this key has no {what} left for now; try again in {retry_after_s} s"), retry_after_s))
    }
}

fn cut(verdict: Verdict) -> Cut {
    match verdict {
        Verdict::Late => Cut::Late,
        Verdict::Idle | Verdict::Quiet => Cut::Idle,
        Verdict::Stuck => Cut::Stuck,
        Verdict::Silent => Cut::Silent,
    }
}

/// The name of the pool, and what stands behind it with its slash.
fn pool_of(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_at(path.find('/').unwrap_or(path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_the_name_of_its_pool() {
        for (path, expected) in [
            ("/net", ("net", "")),
            ("/net/", ("net", "/")),
            ("/beacon/eth/v1/node/health", ("beacon", "/eth/v1/node/health")),
            ("/net//a", ("net", "//a")),
            ("/", ("", "")),
            ("//net", ("", "/net")),
            ("*", ("*", "")),
        ] {
            assert_eq!(pool_of(path), expected, "{path}");
        }
    }
}
