//! Requests to the issuer: bounded in time, size and number, without redirects. It must never know what is asked.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;

/// From the connection to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// So that people who come to log in cannot be made a flood upon the issuer.
const AT_ONCE_MAX: usize = 16;

type Connection = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Debug)]
pub(crate) struct Client {
    connection: Connection,
    places: Semaphore,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no root certificates of this machine can be read, and the issuer is reached over https: {0}")]
    Roots(std::io::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why no answer came.
#[derive(Debug)]
pub(crate) enum FetchError {
    Busy,
    Failed(String),
}

impl Client {
    /// Over http only where the issuer itself is on this machine without TLS.
    pub(crate) fn new(https: bool) -> Result<Self, ClientError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match https {
            true => config.with_native_roots().map_err(ClientError::Roots)?,
            false => config.with_root_certificates(RootCertStore::empty()),
        };
        let builder = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth());
        let builder = if https { builder.https_only() } else { builder.https_or_http() };
        let connection = legacy::Client::builder(TokioExecutor::new()).build(builder.enable_http1().build());
        Ok(Self { connection, places: Semaphore::new(AT_ONCE_MAX) })
    }

    pub(crate) async fn fetch(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let _place = self.places.try_acquire().map_err(|_| FetchError::Busy)?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("casebook/", env!("CARGO_PKG_VERSION"))));
        let asking = async {
            let response = self.connection.request(request).await.map_err(|error| innermost(&error))?;
            let (parts, body) = response.into_parts();
            let body =
                Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| innermost(&*error))?;
            Ok((parts.status, body.to_bytes()))
        };
        match tokio::time::timeout(TIMEOUT, asking).await {
            Ok(answered) => answered.map_err(FetchError::Failed),
            Err(_) => Err(FetchError::Failed(format!("no answer within {TIMEOUT:?}"))),
        }
    }
}

/// The outer causes only say that a request failed.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
