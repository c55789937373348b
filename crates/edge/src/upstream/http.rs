//! JSON-RPC to a node over HTTP. An answer is whole or it is a fault. It must never know what it carries.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::dial::fault_of;
use crate::config::Endpoint;
use crate::core::Fault;

/// Shorter than nodes keep idle connections, so that a request does not meet one that is being closed.
const IDLE: Duration = Duration::from_secs(20);
/// An answer with another status may still be JSON-RPC; one that is not is no longer than this.
const ERROR_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    answer_bytes_max: usize,
}

impl HttpClient {
    pub(crate) fn new(
        endpoint: &Endpoint,
        tls: rustls::ClientConfig,
        dial_timeout: Duration,
        idle_max: usize,
        answer_bytes_max: usize,
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
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(idle_max)
            .build(connector);
        let mut headers: HeaderMap =
            endpoint.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok(Self { client, uri: Uri::try_from(endpoint.url.expose().as_str())?, headers, answer_bytes_max })
    }

    /// The body of the answer. `within` is for all of it.
    pub(crate) async fn post(&self, body: Bytes, within: Duration) -> Result<Bytes, Fault> {
        let mut request =
            Request::post(self.uri.clone()).body(Full::new(body)).map_err(|_| Fault::Refused)?;
        *request.headers_mut() = self.headers.clone();
        timeout(within, self.ask(request)).await.unwrap_or(Err(Fault::Timeout))
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Fault> {
        let response = self.client.request(request).await.map_err(|error| match error.is_connect() {
            true => io_error(&error).map_or(Fault::Refused, fault_of),
            false => Fault::Reset,
        })?;
        let status = response.status();
        if status == StatusCode::OK {
            return whole(response, self.answer_bytes_max).await;
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Fault::RateLimited { retry_after_ms: retry_after_ms(response.headers()) });
        }
        if status.is_client_error()
            && let Ok(body) = whole(response, ERROR_BYTES_MAX).await
            && crate::core::scan_response(&body).is_some()
        {
            return Ok(body);
        }
        Err(Fault::Status(status.as_u16()))
    }
}

async fn whole(response: Response<Incoming>, bytes_max: usize) -> Result<Bytes, Fault> {
    // What says that it is too long is not waited for.
    if response.body().size_hint().lower() > bytes_max as u64 {
        return Err(Fault::TooLarge);
    }
    match Limited::new(response.into_body(), bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Fault::TooLarge),
        Err(_) => Err(Fault::Reset),
    }
}

/// Seconds; the other form, a date, is taken for none.
fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    seconds.checked_mul(1_000)
}

fn io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        at = error.source();
    }
    None
}
