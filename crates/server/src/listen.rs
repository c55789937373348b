//! Sockets: accepts connections and keeps each within its limits. A connection that brings no request in time is
//! closed, and so is one whose client takes nothing of what it asked for, so that neither idle nor dawdling clients can keep
//! others out. It must never know what a request is for.

mod activity;
mod answer;
mod farewell;
mod places;
mod read_ahead;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use runtime::{DrainHandle, TlsSource};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::server::TlsStream;

use activity::{Activity, Watched};
use answer::{Answer, Streams};
pub(crate) use farewell::Farewell;
use places::AddressPlaces;
use read_ahead::ReadAhead;

use crate::auth::Peer;
use crate::clock;
use crate::denials::{Denials, Refused};
use crate::http::Answers;
use crate::metrics::{DenialLabels, ListenerLabel, ServerMetrics};

/// A pause after the process could not accept, usually for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// A handshake takes two round trips and a signature.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Which part of the places of connections handshakes may take at once, so that strangers who dawdle over theirs leave room
/// for the rest.
const HANDSHAKES_PART: usize = 4;
/// How many clients are told at once why they are not served; the rest are closed without a word.
const FAREWELLS_MAX: usize = 64;
/// How long a connection without requests may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(200);
const HEADER_BYTES_MAX: u32 = 32 * 1024;
const HEADERS_MAX: usize = 100;
const READ_BUFFER_BYTES_MAX: usize = 128 * 1024;
/// As large as what is read at once over HTTP/1.1: a client that can sends fewer pieces.
const FRAME_BYTES_MAX: u32 = 128 * 1024;
const STREAMS_PER_CONNECTION_MAX: u32 = 128;
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Limits that hold for every connection of a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    pub connections_max: usize,
    pub of_address_max: usize,
    /// How long a connection may bring no request, and a client take nothing of an answer.
    pub idle_timeout: Duration,
    pub drain_timeout: Duration,
}

/// A bound socket and its name in metrics.
#[derive(Debug)]
pub(crate) struct Listener {
    pub name: &'static str,
    socket: TcpListener,
    address: SocketAddr,
    farewell: Farewell,
    tls: Option<Arc<TlsSource>>,
}

/// What is told of connections, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    pub metrics: Arc<ServerMetrics>,
    pub denials: Arc<Denials>,
}

impl Telling {
    /// A connection that is not served; the audit has those who may not, in summary.
    fn refuse(&self, listener: &'static str, peer: Peer, reason: &'static str) {
        let refused = Refused { listener, reason, address: peer.address, actor: None };
        self.denials.note(refused, clock::now());
    }
}

#[derive(Debug, thiserror::Error)]
#[error("--{flag} {address} cannot be bound: {error}")]
pub struct BindError {
    pub flag: &'static str,
    pub address: SocketAddr,
    pub error: std::io::Error,
}

impl Listener {
    pub(crate) async fn bind(
        name: &'static str,
        flag: &'static str,
        address: SocketAddr,
        farewell: Farewell,
    ) -> Result<Self, BindError> {
        let fail = |error| BindError { flag, address, error };
        let socket = runtime::listen(address).map_err(fail)?;
        let address = socket.local_addr().map_err(fail)?;
        Ok(Self { name, socket, address, farewell, tls: None })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every connection has to begin with a handshake.
    pub(crate) fn behind(self, tls: Option<Arc<TlsSource>>) -> Self {
        Self { tls, ..self }
    }

    /// Serves until the drain starts, then lets open requests end.
    pub(crate) async fn serve(
        self,
        answers: Arc<Answers>,
        limits: ConnectionLimits,
        telling: Telling,
        mut drain: DrainHandle,
    ) {
        let places = Arc::new(Semaphore::new(limits.connections_max));
        let of_addresses = AddressPlaces::new(limits.of_address_max);
        let farewells = Arc::new(Semaphore::new(FAREWELLS_MAX));
        let shaking = Arc::new(Semaphore::new(limits.connections_max.div_ceil(HANDSHAKES_PART)));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = drain.started() => break,
                accepted = self.accept(&places, &telling.metrics) => accepted,
            };
            while connections.try_join_next().is_some() {}
            let Some((stream, peer, place)) = accepted else { continue };
            let Some(of_address) = AddressPlaces::take(&of_addresses, peer.address) else {
                drop(place);
                telling.refuse(self.name, peer, "connections_of_address");
                let label = ListenerLabel { listener: self.name };
                telling.metrics.connections_refused.get_or_create(&label).inc();
                // Behind TLS words need a handshake, which is just what there is no room for.
                if let (None, Ok(turn)) = (&self.tls, Arc::clone(&farewells).try_acquire_owned()) {
                    let farewell = self.farewell;
                    connections.spawn(async move {
                        farewell.say(stream).await;
                        drop(turn);
                    });
                }
                continue;
            };
            let connection =
                Connection::new(&self, Arc::clone(&answers), limits, telling.clone(), drain.clone());
            let handshake = self.tls.as_ref().map(|tls| (tls.config(), Arc::clone(&shaking)));
            connections.spawn(async move {
                let _ = stream.set_nodelay(true);
                match handshake {
                    None => connection.run(ReadAhead::new(stream), peer).await,
                    Some((config, shaking)) => {
                        if let Some(stream) = connection.shake_hands(stream, peer, config, &shaking).await {
                            connection.run(stream, peer).await;
                        }
                    }
                }
                drop((place, of_address));
            });
        }
        drop(self.socket);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.drain_timeout, ended).await.is_err() {
            tracing::warn!(listener = self.name, "requests were still open when the time to drain was over");
        }
    }

    /// Waits for a place first: while all are taken, new connections wait in the system's queue.
    async fn accept(
        &self,
        places: &Arc<Semaphore>,
        metrics: &ServerMetrics,
    ) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
        let place = match Arc::clone(places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                metrics.connections_full.get_or_create(&ListenerLabel { listener: self.name }).inc();
                Arc::clone(places).acquire_owned().await.ok()?
            }
        };
        match self.socket.accept().await {
            Ok((stream, address)) => Some((stream, Peer::new(address), place)),
            Err(error) => {
                tracing::warn!(listener = self.name, %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
                None
            }
        }
    }
}

struct Connection {
    label: ListenerLabel,
    protocol: Farewell,
    answers: Arc<Answers>,
    limits: ConnectionLimits,
    telling: Telling,
    drain: DrainHandle,
}

impl Connection {
    fn new(
        listener: &Listener,
        answers: Arc<Answers>,
        limits: ConnectionLimits,
        telling: Telling,
        drain: DrainHandle,
    ) -> Self {
        let label = ListenerLabel { listener: listener.name };
        Self { label, protocol: listener.farewell, answers, limits, telling, drain }
    }

    /// Nothing comes of one that takes too long, fails, or is one too many.
    async fn shake_hands(
        &self,
        stream: TcpStream,
        peer: Peer,
        config: Arc<rustls::ServerConfig>,
        shaking: &Semaphore,
    ) -> Option<TlsStream<TcpStream>> {
        let listener = self.label.listener;
        let failed = |reason| {
            let labels = DenialLabels { listener, reason };
            self.telling.metrics.handshakes_failed.get_or_create(&labels).inc();
            None
        };
        let Ok(_place) = shaking.try_acquire() else { return failed("crowded") };
        let accepting = TlsAcceptor::from(config).accept(stream);
        let mut drain = self.drain.clone();
        tokio::select! {
            () = drain.started() => None,
            accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, accepting) => match accepted {
                Ok(Ok(stream)) => Some(stream),
                // Whoever has no certificate is told so by the protocol.
                Ok(Err(error)) => match lacks_certificate(&error) {
                    Some(reason) => {
                        self.telling.refuse(listener, peer, reason);
                        failed(reason)
                    }
                    None => failed("refused"),
                },
                Err(_) => failed("slow"),
            },
        }
    }

    async fn run<S>(mut self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let metrics = Arc::clone(&self.telling.metrics);
        let open = metrics.connections.get_or_create_owned(&self.label);
        open.inc();
        let activity = Arc::new(Activity::new());
        let service = {
            let (answers, activity) = (Arc::clone(&self.answers), Arc::clone(&activity));
            hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(peer);
                let (answers, busy) = (Arc::clone(&answers), Activity::begin(&activity));
                async move {
                    let response = answers.answer(request.map(Body::new)).await;
                    Ok::<_, std::convert::Infallible>(response.map(|body| Answer::new(body, busy)))
                }
            })
        };
        let given_up = metrics.answers_not_taken.get_or_create_owned(&self.label);
        let streams = Streams { patience: self.limits.idle_timeout, given_up: given_up.clone() };
        let builder = builder(self.protocol, streams);
        let stream = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
        let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
        let mut draining = false;
        loop {
            let deadline = if draining { Instant::now() + GOODBYE } else { activity.deadline(&self.limits) };
            tokio::select! {
                // An error here is a client that went away or spoke nonsense; it has nobody to tell.
                _ = connection.as_mut() => break,
                () = self.drain.started(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = tokio::time::sleep_until(deadline) => {
                    if activity.is_stuck(&self.limits) {
                        given_up.inc();
                        break;
                    }
                    if draining && !activity.is_busy() {
                        break;
                    }
                    if !draining && activity.is_idle(&self.limits) {
                        metrics.connections_closed_idle.get_or_create(&self.label).inc();
                        draining = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
        open.dec();
    }
}

/// Why a client may not even begin, where it is for want of a certificate that counts.
fn lacks_certificate(error: &std::io::Error) -> Option<&'static str> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::NoCertificatesPresented => Some("no_certificate"),
        rustls::Error::InvalidCertificate(_) => Some("bad_certificate"),
        _ => None,
    }
}

fn builder(protocol: Farewell, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_headers(HEADERS_MAX)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        // The watch over idle connections covers the reading of headers, too.
        .header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        // No gRPC client reads it, and HTTP/2 remembers each new one and compares the next with all of them.
        .auto_date_header(protocol != Farewell::Grpc)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX);
    builder
}
