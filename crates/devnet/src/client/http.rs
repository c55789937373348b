//! An HTTP client that writes down all that it asked and got: a connection for every request, so that each failure is its
//! own. It must never know what should come.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, RETRY_AFTER};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::record::Record;
use super::socket::Answered;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a request that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpFailure {
    #[error("{0} is no URL that begins with http://")]
    Url(String),
    #[error("could not connect: {0}")]
    Connect(std::io::Error),
    #[error("the connection ended before an answer came: {0}")]
    Lost(hyper::Error),
    /// The head of the answer came, and not all of its body.
    #[error("the answer was cut: {0}")]
    Cut(hyper::Error),
    #[error("no answer came within {0:?}")]
    Patience(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Bytes,
}

#[derive(Debug)]
pub struct HttpClient {
    url: String,
    headers: Vec<(String, String)>,
    patience: Duration,
    record: Mutex<Record>,
    next_id: std::sync::atomic::AtomicU64,
    started: Instant,
}

impl HttpAnswer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// As the answer to one call.
    pub fn answered(&self) -> Answered {
        Answered { text: self.text() }
    }
}

impl HttpClient {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            headers: Vec::new(),
            patience: PATIENCE,
            record: Mutex::default(),
            next_id: 1.into(),
            started: Instant::now(),
        }
    }

    /// With a header on every request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long it waits for an answer.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A call under an id of the client's own.
    pub async fn call(&self, method: &str, params: Value) -> Result<HttpAnswer, HttpFailure> {
        let id = self.next_id.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.post(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string())
            .await
    }

    /// A body as it is.
    pub async fn post(&self, body: &str) -> Result<HttpAnswer, HttpFailure> {
        self.lock().sent(self.now_ms(), body);
        let answer = self.send(Method::POST, "", Bytes::copy_from_slice(body.as_bytes())).await?;
        if answer.status == 200 {
            self.lock().came(self.now_ms(), &answer.text());
        }
        Ok(answer)
    }

    /// A path below the URL, as the Beacon API has them.
    pub async fn get(&self, path: &str) -> Result<HttpAnswer, HttpFailure> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// Any method, path and body.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<HttpAnswer, HttpFailure> {
        let url = format!("{}{path}", self.url);
        let exchange = async {
            let answer = request(&url, method, &self.headers, body).await?;
            let status = answer.status().as_u16();
            let retry_after = answer.headers().get(RETRY_AFTER);
            let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = answer.into_body().collect().await.map_err(HttpFailure::Cut)?.to_bytes();
            Ok(HttpAnswer { status, retry_after, body })
        };
        tokio::time::timeout(self.patience, exchange)
            .await
            .unwrap_or(Err(HttpFailure::Patience(self.patience)))
    }

    /// What was seen so far.
    pub fn record(&self) -> Record {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The head of an answer; its body is still to come.
pub(super) async fn request(
    url: &str,
    method: Method,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Response<Incoming>, HttpFailure> {
    let wrong = || HttpFailure::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?.as_str();
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(Full::new(body)).map_err(|_| wrong())?;
    let stream = TcpStream::connect(authority).await.map_err(HttpFailure::Connect)?;
    stream.set_nodelay(true).map_err(HttpFailure::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(HttpFailure::Lost)?;
    // It ends with the answer; how, the answer tells.
    tokio::spawn(async move { _ = connection.await });
    sender.send_request(request).await.map_err(HttpFailure::Lost)
}
