//! The Casebook server that is told: its addresses, the key, and one request. It must never know what it sends, and shows no
//! more of an address than host and port.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::sender::Trouble;
use super::signal::Speaker;
use crate::config::{self, basic};
use crate::redact::SecretUrl;
use crate::upstream::client_tls;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("casebook-edge/", env!("CARGO_PKG_VERSION")));
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Of one request, to the last byte of its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(20);
/// One for signals, one for spans.
const IDLE_CONNECTIONS_MAX: usize = 2;
const ANSWER_BYTES_MAX: usize = 1 << 20;

pub(super) struct Target {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    pub(super) signals: Uri,
    pub(super) traces: Option<Uri>,
    authorization: Option<HeaderValue>,
    pub(super) speaker: Speaker,
    /// The address, as it may be shown.
    pub(super) shown: String,
}

impl Target {
    pub(super) fn new(casebook: &config::Casebook, seed: u64) -> Result<Self, String> {
        let urls = [Some(&casebook.url), casebook.otlp_url.as_ref()].into_iter().flatten();
        let needs_tls = urls.into_iter().any(|url| url.expose().scheme() == "https");
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(DIAL_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(client_tls(needs_tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Ok(Self {
            client,
            signals: uri(&casebook.url, "/v1/signals")?,
            traces: casebook.otlp_url.as_ref().map(|url| uri(url, "/v1/traces")).transpose()?,
            authorization: authorization(casebook),
            speaker: Speaker {
                service: casebook.service.clone(),
                env: casebook.env.clone(),
                instance: format!("{seed:016x}"),
            },
            shown: casebook.url.to_string(),
        })
    }

    pub(super) fn takes_spans(&self) -> bool {
        self.traces.is_some()
    }

    /// The answer of a request that was taken.
    pub(super) async fn post(
        &self,
        uri: &Uri,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Bytes, Trouble> {
        timeout(TIMEOUT, self.ask(uri, content_type, body)).await.unwrap_or(Err(Trouble::Timeout))
    }

    async fn ask(&self, uri: &Uri, content_type: &'static str, body: Bytes) -> Result<Bytes, Trouble> {
        let mut request = Request::post(uri.clone())
            .header(CONTENT_TYPE, content_type)
            .header(USER_AGENT, AGENT)
            .body(Full::new(body))
            .map_err(|_| Trouble::Unreachable)?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let answer = self.client.request(request).await.map_err(|_| Trouble::Unreachable)?;
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        match status {
            // It was taken, whatever became of the answer's end.
            _ if status.is_success() => Ok(body.map(|body| body.to_bytes()).unwrap_or_default()),
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Err(Trouble::NotTaken(status.as_u16())),
            _ => Err(Trouble::Status { status: status.as_u16(), retry_after }),
        }
    }
}

/// The key; without one, user and password of the address.
pub(crate) fn authorization(casebook: &config::Casebook) -> Option<HeaderValue> {
    let header = match &casebook.key {
        Some(key) => HeaderValue::try_from(format!("Bearer {}", key.expose())).ok(),
        None => basic(casebook.url.expose()),
    };
    header.map(|mut header| {
        header.set_sensitive(true);
        header
    })
}

/// A path of the server: behind what its address already has.
pub(crate) fn below(url: &SecretUrl, path: &str) -> SecretUrl {
    let mut below = url.expose().clone();
    below.set_path(&format!("{}{path}", url.expose().path().trim_end_matches('/')));
    // These fail for addresses without a host alone.
    let _ = below.set_username("");
    let _ = below.set_password(None);
    SecretUrl::new(below)
}

fn uri(url: &SecretUrl, path: &str) -> Result<Uri, String> {
    let below = below(url, path);
    Uri::try_from(below.expose().as_str()).map_err(|_| format!("{url} cannot be asked"))
}

/// Seconds; the other form, a date, is taken for none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn paths_go_behind_what_an_address_has_and_its_user_is_left_out() {
        for (url, expected) in [
            ("http://a.example.org", "http://a.example.org/v1/signals"),
            ("http://a.example.org/", "http://a.example.org/v1/signals"),
            (
                "https://a.example.org:7420/casebook/?k=1",
                "https://a.example.org:7420/casebook/v1/signals?k=1",
            ),
            ("https://u:p@a.example.org", "https://a.example.org/v1/signals"),
        ] {
            let url = SecretUrl::new(Url::parse(url).unwrap());
            assert_eq!(uri(&url, "/v1/signals").unwrap().to_string(), expected);
        }
    }
}
