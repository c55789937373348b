//! JSON-RPC to a node over HTTP. An answer is whole or it is a fault. It must never know what it carries.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{Instant, timeout_at};
use tower::Service as _;

use super::answer::Head;
use super::arrivals::{Held, Share};
use super::connection::{Connection, Trouble};
use super::dial::fault_of;
use crate::config::Endpoint;
use crate::core::Fault;
use crate::patience::Late;

/// Shorter than nodes keep idle connections, so that a request does not meet one that is being closed.
pub(super) const IDLE: Duration = Duration::from_secs(20);
/// An answer with another status may still be JSON-RPC; one that is not is no longer than this.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// The way to one node, and connections to it that nobody uses now.
#[derive(Clone)]
pub(crate) struct HttpClient(Arc<Way>);

struct Way {
    connector: HttpsConnector<HttpConnector>,
    uri: Uri,
    /// The head of every request, up to the length of its body. It may hold a key.
    before: Vec<u8>,
    dial_timeout: Duration,
    answer_bytes_max: AtomicUsize,
    idle_max: usize,
    /// Since when; the one that was used last stands last.
    idle: Mutex<VecDeque<(Instant, Connection)>>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

impl HttpClient {
    pub(crate) fn new(
        endpoint: &Endpoint,
        tls: rustls::ClientConfig,
        dial_timeout: Duration,
        idle_max: usize,
        answer_bytes_max: usize,
    ) -> Result<Self, http::Error> {
        let headers = endpoint.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let uri = Uri::try_from(endpoint.url.expose().as_str())?;
        Self::to(uri, headers, tls, dial_timeout, (idle_max, answer_bytes_max))
    }

    fn to(
        uri: Uri,
        mut headers: HeaderMap,
        tls: rustls::ClientConfig,
        dial_timeout: Duration,
        (idle_max, answer_bytes_max): (usize, usize),
    ) -> Result<Self, http::Error> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(dial_timeout));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::try_from(host(&uri))?);
        }
        let before = before(&uri, &headers);
        let (idle, answer_bytes_max) = (Mutex::new(VecDeque::new()), AtomicUsize::new(answer_bytes_max));
        Ok(Self(Arc::new(Way { connector, uri, before, dial_timeout, answer_bytes_max, idle_max, idle })))
    }

    /// Counts for every clone, from the next answer on.
    pub(crate) fn hold_to(&self, answer_bytes_max: usize) {
        self.0.answer_bytes_max.store(answer_bytes_max, Ordering::Relaxed);
    }

    /// The body of the answer. `within` is for all of it.
    pub(crate) async fn post(&self, body: Bytes, within: Duration) -> Result<Bytes, Fault> {
        self.post_as(body, within, None).await
    }

    /// The same, of a batch whose answers have to be bounded together.
    pub(crate) async fn post_as(
        &self,
        body: Bytes,
        within: Duration,
        share: Option<&Share>,
    ) -> Result<Bytes, Fault> {
        let (way, deadline) = (&*self.0, Instant::now() + within);
        loop {
            let (mut connection, is_new) = match way.take() {
                Some(idle) => (idle, false),
                None => (way.dial(deadline).await?, true),
            };
            let clock = connection.clock();
            let asked = clock.limit(deadline, way.ask(&mut connection, &body, share)).await;
            match asked.map_err(|Late| Fault::Timeout)? {
                // It was closed while nobody looked, and the node has read nothing of this.
                Err(Trouble::Unsent) if !is_new => {}
                Err(Trouble::Unsent) => return Err(Fault::Reset),
                Err(Trouble::Fault(fault)) => return Err(fault),
                Ok(result) => {
                    way.give_back(connection);
                    return result;
                }
            }
        }
    }
}

impl Way {
    async fn ask(
        &self,
        connection: &mut Connection,
        body: &Bytes,
        share: Option<&Share>,
    ) -> Result<Result<Bytes, Fault>, Trouble> {
        let head = connection.ask(&self.before, body).await?;
        Ok(self.read(&head, connection, Held::new(share)).await)
    }

    async fn read(
        &self,
        head: &Head,
        connection: &mut Connection,
        mut held: Held<'_>,
    ) -> Result<Bytes, Fault> {
        let status = StatusCode::from_u16(head.status).map_err(|_| Fault::Reset)?;
        if status == StatusCode::OK {
            return connection.body(head, self.answer_bytes_max.load(Ordering::Relaxed), &mut held).await;
        }
        let is_said_by_status = !status.is_client_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if (!is_said_by_status || connection.has_body(head))
            && let Ok(body) = connection.body(head, ERROR_BYTES_MAX, &mut held).await
            && !is_said_by_status
            && crate::core::scan_response(&body).is_some()
        {
            return Ok(body);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after_ms = head.retry_after_s.and_then(|seconds| seconds.checked_mul(1_000));
            return Err(Fault::RateLimited { retry_after_ms });
        }
        Err(Fault::Status(head.status))
    }

    async fn dial(&self, deadline: Instant) -> Result<Connection, Fault> {
        let mut connector = self.connector.clone();
        let connect = async {
            std::future::poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(self.uri.clone()).await
        };
        let within = deadline.min(Instant::now() + self.dial_timeout);
        match timeout_at(within, connect).await {
            Ok(Ok(stream)) => Ok(Connection::new(stream, deadline)),
            Ok(Err(error)) => Err(io_error(&*error).map_or(Fault::Refused, fault_of)),
            Err(_) if within == deadline => Err(Fault::Timeout),
            Err(_) => Err(Fault::DialTimeout),
        }
    }

    /// The one that was used last, of those that are still good. All that are too old are let go.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        let_go(&mut idle, Instant::now());
        while let Some((_, mut connection)) = idle.pop_back() {
            if connection.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    fn give_back(&self, connection: Connection) {
        if !connection.is_kept() {
            return;
        }
        let now = Instant::now();
        let mut idle = self.lock();
        let_go(&mut idle, now);
        if idle.len() < self.idle_max {
            idle.push_back((now, connection));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        // Whoever panicked left whole connections behind.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nodes are asked how they are every few seconds, so nothing idle outlives its time by much.
fn let_go(idle: &mut VecDeque<(Instant, Connection)>, now: Instant) {
    while idle.front().is_some_and(|(since, _)| now.duration_since(*since) >= IDLE) {
        idle.pop_front();
    }
}

fn host(uri: &Uri) -> String {
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16());
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    match port.filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn before(uri: &Uri, headers: &HeaderMap) -> Vec<u8> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("POST {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(CONTENT_LENGTH.as_str().as_bytes());
    head.extend_from_slice(b": ");
    head
}

pub(super) fn io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

#[cfg(test)]
mod tests;
