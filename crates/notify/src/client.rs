//! One attempt: a request, and what its answer means. Follows no redirect and reads a bounded part of the answer.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use engine::render::inert::inert;
use http::header::{RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};

use crate::config::Notifications;
use crate::payload::Request;
use crate::target::Target;

/// Of an answer that says no, as much is kept.
const ANSWER_BYTES_MAX: usize = 2048;
const ERROR_CHARS_MAX: usize = 300;

type Connection = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Debug, Clone)]
pub struct Client {
    connection: Connection,
    timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no root certificates of this machine can be read, and a target is reached over https: {0}")]
    Roots(std::io::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    Taken,
    /// It may be taken another time, not before this long if the receiver said so.
    Later {
        error: String,
        retry_after: Option<Duration>,
    },
    /// It would be refused again.
    Never {
        error: String,
    },
}

impl Client {
    pub fn new(notifications: &Notifications) -> Result<Self, ClientError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut targets = notifications.targets.iter().filter_map(Target::uri);
        let needs_roots = targets.any(|uri| uri.scheme_str() == Some("https"));
        let config = match needs_roots {
            true => config.with_native_roots().map_err(ClientError::Roots)?,
            false => config.with_root_certificates(RootCertStore::empty()),
        };
        let config = config.with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
        let connection = legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { connection, timeout: notifications.timeout.0 })
    }

    pub(crate) async fn attempt(&self, target: &Target, request: Request) -> Attempt {
        let sending = tokio::time::timeout(self.timeout, self.send(request)).await;
        let later = |error: String| Attempt::Later { error, retry_after: None };
        let attempt = match sending {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(error)) => later(innermost(&*error)),
            Err(_) => later(format!("no answer within {:?}", self.timeout)),
        };
        let clean = |error: String| inert(&target.redact(&error)).chars().take(ERROR_CHARS_MAX).collect();
        match attempt {
            Attempt::Taken => Attempt::Taken,
            Attempt::Later { error, retry_after } => Attempt::Later { error: clean(error), retry_after },
            Attempt::Never { error } => Attempt::Never { error: clean(error) },
        }
    }

    async fn send(&self, request: Request) -> Result<Attempt, Box<dyn Error + Send + Sync>> {
        let Request { uri, headers, body } = request;
        let mut built = http::Request::post(uri).body(Full::new(body))?;
        built.headers_mut().extend(headers);
        let agent = concat!("casebook/", env!("CARGO_PKG_VERSION"));
        built.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
        let mut response = self.connection.request(built).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(Attempt::Taken);
        }
        let told = String::from_utf8_lossy(&beginning(&mut response).await).into_owned();
        let error = format!("answered {}: {}", status.as_u16(), told.trim());
        Ok(match is_passing(status) {
            true => Attempt::Later { error, retry_after: retry_after(response.headers(), SystemTime::now()) },
            false if status.is_redirection() => {
                Attempt::Never { error: format!("answered {}: redirects are not followed", status.as_u16()) }
            }
            false => Attempt::Never { error },
        })
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::CONFLICT
        )
}

/// An answer that breaks off says no less by that.
async fn beginning(response: &mut Response<hyper::body::Incoming>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_BYTES_MAX
        && let Some(Ok(frame)) = response.frame().await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
    }
    bytes.truncate(ANSWER_BYTES_MAX);
    bytes
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The outer causes only say that a request failed.
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 90);
        let asked = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]), now)
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(asked("Sun, 06 Nov 1983 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(asked("soon"), None);
    }
}
