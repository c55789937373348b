//! Where clients come in: connections, their TLS, and from a path to its pool and what is spoken there. It must never know a
//! node.

mod answer;
mod rpc;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use runtime::{DrainHandle, TlsSource};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::keys::{Holder, Keys, Spent};
use crate::metrics::{EdgeMetrics, Limit};
use crate::patience::Patience;
use answer::{Answer, problem};

pub(crate) use rpc::RpcEntrance;

const HEADERS_MAX: usize = 100;
/// A head of a request is no longer than this.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// After an error of the listener, such as too few file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One pool, as clients reach it.
pub(crate) enum Entrance {
    Rpc(RpcEntrance),
}

/// Why a request has no body that could be used.
enum Unread {
    TooLong,
    Other(Answer),
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
        let sessions = Arc::new(Mutex::new(JoinSet::new()));
        let own = Arc::clone(&sessions);
        let service = service_fn(move |request| {
            let (front, own) = (Arc::clone(&front), Arc::clone(&own));
            async move { Ok::<_, Infallible>(front.answer(request, &own).await) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(Patience::new(Instant::now() + self.idle_timeout))
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

    async fn answer(&self, request: Request<Incoming>, sessions: &Mutex<JoinSet<()>>) -> Answer {
        let path = request.uri().path();
        let (name, rest) = pool_of(path);
        let Some(entrance) = self.pools.get(name) else {
            return problem(
                StatusCode::NOT_FOUND,
                "there is no such pool; the path begins with the name of a pool, as in /mainnet",
            );
        };
        let Ok(holder) = self.keys.holder(request.headers()) else {
            self.metrics.denied.inc();
            return problem(
                StatusCode::UNAUTHORIZED,
                "no key that counts: send Authorization: Bearer KEY, or X-Api-Key: KEY",
            );
        };
        match entrance {
            Entrance::Rpc(_) if !rest.trim_matches('/').is_empty() => {
                problem(StatusCode::NOT_FOUND, "JSON-RPC has one path, the name of the pool")
            }
            Entrance::Rpc(entrance) => self.rpc(request, entrance, holder, sessions).await,
        }
    }

    /// All of a request's body, in time and within its bound.
    async fn body(&self, request: Request<Incoming>, bytes_max: usize) -> Result<Bytes, Unread> {
        let body = Limited::new(request.into_body(), bytes_max).collect();
        match timeout(self.request_timeout, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
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
