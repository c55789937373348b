//! One request over HTTP or HTTPS with a bounded answer, and how it can fail. It must never show the address it asks.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

use crate::config::Headers;
use crate::core::Fault;
use crate::redact::{SecretUrl, Secrets, scrub};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("casebook-edge/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CAUSE_CHARS_MAX: usize = 160;

/// Sends requests; one for all addresses, so that the authorities of this machine are read once.
#[derive(Debug, Clone)]
pub struct Asker {
    tls: Arc<ClientConfig>,
}

/// A request: a `POST` of JSON where it has a body, a `GET` where it has none.
#[derive(Debug)]
pub struct Question<'a> {
    pub url: SecretUrl,
    pub headers: &'a Headers,
    pub body: Option<Bytes>,
    pub dial_timeout: Duration,
    /// From the beginning to the last byte.
    pub timeout: Duration,
    pub answer_bytes_max: usize,
    /// Left out of what is told of a failure.
    pub secrets: &'a Secrets,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: Bytes,
}

/// Why there was no answer. The cause is fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    pub cause: Option<String>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, cause: None }
    }
}

impl Failure {
    /// With somebody else's words, cut and without secrets.
    pub(super) fn because(fault: Fault, words: &str, secrets: &Secrets) -> Self {
        let cause = scrub(words, secrets).chars().take(CAUSE_CHARS_MAX).collect();
        Self { fault, cause: Some(cause) }
    }
}

impl Asker {
    /// Reads the authorities of this machine where some address needs them.
    pub fn new(needs_tls: bool) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if needs_tls {
            let read = builder.with_native_roots();
            read.map_err(|error| format!("the authorities of this machine cannot be read: {error}"))?
        } else {
            builder.with_root_certificates(RootCertStore::empty())
        };
        Ok(Self { tls: Arc::new(builder.with_no_client_auth()) })
    }

    pub async fn ask(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let client = self.client(question.dial_timeout);
        let secrets = question.secrets;
        match tokio::time::timeout(question.timeout, exchange(&client, question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err((fault, words))) => Err(Failure::because(fault, &words, secrets)),
            Err(_) => Err(Fault::Timeout.into()),
        }
    }

    fn client(&self, dial_timeout: Duration) -> Client {
        let mut dial = HttpConnector::new();
        dial.enforce_http(false);
        dial.set_connect_timeout(Some(dial_timeout));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config((*self.tls).clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(dial);
        legacy::Client::builder(TokioExecutor::new()).build(connector)
    }
}

type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// An error is a fault and the words of whoever noticed it.
async fn exchange(client: &Client, question: Question<'_>) -> Result<Answer, (Fault, String)> {
    let request = request(&question).map_err(|error| (Fault::Malformed, error.to_string()))?;
    let answer = client.request(request).await.map_err(|error| {
        let fault = if error.is_connect() { dial_fault(&error) } else { Fault::Reset };
        (fault, innermost(&error))
    })?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), question.answer_bytes_max).collect().await;
    match body {
        Ok(body) => Ok(Answer { status, body: body.to_bytes() }),
        Err(error) if error.is::<LengthLimitError>() => {
            Err((Fault::TooLarge, format!("longer than {} bytes", question.answer_bytes_max)))
        }
        Err(error) => Err((Fault::Reset, innermost(&*error))),
    }
}

fn request(question: &Question<'_>) -> Result<Request<Full<Bytes>>, http::Error> {
    let method = if question.body.is_some() { Method::POST } else { Method::GET };
    let uri: Uri = question.url.expose().as_str().try_into()?;
    let mut request =
        Request::builder().method(method).uri(uri).header(USER_AGENT, AGENT).header(ACCEPT, JSON);
    if question.body.is_some() {
        request = request.header(CONTENT_TYPE, JSON);
    }
    let mut request = request.body(Full::new(question.body.clone().unwrap_or_default()))?;
    for (name, value) in question.headers.iter() {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(request)
}

fn dial_fault(error: &legacy::Error) -> Fault {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return Fault::DialTimeout;
        }
        cause = error.source();
    }
    Fault::Refused
}

/// The outer errors only say that something failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
