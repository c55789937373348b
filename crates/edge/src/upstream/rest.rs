//! Requests of any verb and path to a node over HTTP, below the path and with the query and the headers that the
//! configuration has for it. It must never decide what an answer means.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::dial::fault_of;
use super::http::{IDLE, io_error};
use crate::config::Endpoint;
use crate::core::Fault;
use crate::core::rest::path;

/// Documents that the edge itself asks for are no longer than this.
const DOCUMENT_BYTES_MAX: usize = 4 << 20;

/// Connections to one node. Streams of events and answers that are passed on as they come stay on theirs.
type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Debug, Clone)]
pub(crate) struct RestClient {
    connections: Connections,
    /// `http://node.example:5052`
    origin: String,
    /// What comes before every path, without a slash at its end.
    prefix: String,
    query: Option<String>,
    headers: HeaderMap,
}

/// What a node is asked.
#[derive(Debug, Clone)]
pub(crate) struct RestRequest {
    pub(crate) method: Method,
    /// Begins with a slash, or is empty.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl RestRequest {
    pub(crate) fn get(path: &str) -> Self {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        Self {
            method: Method::GET,
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}

impl RestClient {
    pub(crate) fn new(
        endpoint: &Endpoint,
        tls: rustls::ClientConfig,
        dial_timeout: Duration,
        idle_max: usize,
    ) -> Result<Self, http::Error> {
        let url = endpoint.url.expose();
        let origin = url.origin().ascii_serialization();
        let client = Self {
            connections: connections(tls, dial_timeout, idle_max),
            prefix: url.path().trim_end_matches('/').to_owned(),
            query: url.query().map(str::to_owned),
            headers: endpoint.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            origin,
        };
        client.uri("/", None).map(|_| client)
    }

    /// The head of the answer; its body is still to come. Nothing bounds how long this takes but whoever waits.
    pub(crate) async fn send(&self, asked: &RestRequest) -> Result<Response<Incoming>, Fault> {
        let uri = self.uri(&asked.path, asked.query.as_deref()).map_err(|_| Fault::Refused)?;
        let body = Full::new(asked.body.clone());
        let mut request =
            Request::builder().method(&asked.method).uri(uri).body(body).map_err(|_| Fault::Refused)?;
        let headers = request.headers_mut();
        *headers = asked.headers.clone();
        headers.remove(HOST);
        // What the configuration says of a node counts, whatever a client says.
        self.headers.iter().for_each(|(name, value)| _ = headers.insert(name.clone(), value.clone()));
        self.connections.request(request).await.map_err(|error| request_fault(&error))
    }

    /// The status and all of a document that the edge itself needs.
    pub(crate) async fn document(&self, path: &str, within: Duration) -> Result<(StatusCode, Bytes), Fault> {
        let request = RestRequest::get(path);
        let asking = async {
            let response = self.send(&request).await?;
            let status = response.status();
            Ok((status, whole(response, DOCUMENT_BYTES_MAX).await?))
        };
        timeout(within, asking).await.unwrap_or(Err(Fault::Timeout))
    }

    /// The same, where nothing but 200 will do.
    pub(crate) async fn found(&self, path: &str, within: Duration) -> Result<Bytes, Fault> {
        match self.document(path, within).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(Fault::Status(status.as_u16())),
        }
    }

    /// Addresses of the node become paths of the pool; no client can see where the node is.
    pub(crate) fn hide(&self, headers: &mut HeaderMap, pool: &str) {
        let Some(said) = headers.get(LOCATION).and_then(|value| value.to_str().ok()) else { return };
        let local = path::location(said, &self.origin, &self.prefix, pool);
        match local.map(|local| HeaderValue::try_from(self.without_query(&local))) {
            Some(Ok(local)) => _ = headers.insert(LOCATION, local),
            _ if said.starts_with(&self.origin) => _ = headers.remove(LOCATION),
            _ => {}
        }
    }

    /// What the configuration adds to every request is added to the next one as well.
    fn without_query(&self, local: &str) -> String {
        let Some((path, said)) = local.split_once('?') else { return local.to_owned() };
        let own = self.query.as_deref().and_then(|own| said.strip_prefix(own));
        match own.map(|rest| (rest, rest.strip_prefix('&'))) {
            Some(("", _)) => path.to_owned(),
            Some((_, Some(rest))) => format!("{path}?{rest}"),
            _ => local.to_owned(),
        }
    }

    fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, http::Error> {
        let queries = [self.query.as_deref(), query].into_iter().flatten();
        let query = queries.collect::<Vec<_>>().join("&");
        let separator = if query.is_empty() { "" } else { "?" };
        let path = if path.is_empty() && self.prefix.is_empty() { "/" } else { path };
        Ok(Uri::try_from(format!("{}{}{path}{separator}{query}", self.origin, self.prefix))?)
    }
}

fn connections(tls: rustls::ClientConfig, dial_timeout: Duration, idle_max: usize) -> Connections {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(dial_timeout));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle_max)
        .build(connector)
}

/// Before the head of an answer came.
fn request_fault(error: &legacy::Error) -> Fault {
    match error.is_connect() {
        true => io_error(error).map_or(Fault::Refused, fault_of),
        false => Fault::Reset,
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
pub(crate) fn retry_after_ms(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    seconds.checked_mul(1_000)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::config::Headers;
    use crate::redact::SecretUrl;

    fn client(url: &str) -> RestClient {
        let endpoint =
            Endpoint { url: SecretUrl::new(Url::parse(url).unwrap()), headers: Headers::default() };
        let tls = crate::upstream::client_tls(false).unwrap();
        RestClient::new(&endpoint, tls, Duration::from_secs(1), 1).unwrap()
    }

    #[test]
    fn paths_and_queries_stand_behind_what_the_address_has() {
        for (url, path, query, expected) in [
            ("http://n.example", "", None, "http://n.example/"),
            ("http://n.example:5052/", "/eth/v1", None, "http://n.example:5052/eth/v1"),
            ("http://n.example/base/", "", None, "http://n.example/base"),
            ("http://n.example/base", "/a/b", Some("x=1"), "http://n.example/base/a/b?x=1"),
            ("http://n.example/?k=1", "/a", Some("x=1&y"), "http://n.example/a?k=1&x=1&y"),
            ("http://n.example/b?k=1", "/a", None, "http://n.example/b/a?k=1"),
        ] {
            assert_eq!(client(url).uri(path, query).unwrap().to_string(), expected, "{url} {path}");
        }
    }

    #[test]
    fn nobody_is_sent_to_a_node() {
        let client = client("http://n.example/base?k=secret");
        for (said, told) in [
            ("http://n.example/base/x", Some("/pool/x")),
            ("/base/x", Some("/pool/x")),
            ("/base/x/?k=secret", Some("/pool/x/")),
            ("/base/x/?k=secret&y=1", Some("/pool/x/?y=1")),
            ("/base/x/?k=secretive", Some("/pool/x/?k=secretive")),
            ("/base?k=secret", Some("/pool")),
            ("http://n.example/other", None),
            ("https://else.example/x", Some("https://else.example/x")),
        ] {
            let mut headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(said))]);
            client.hide(&mut headers, "pool");
            assert_eq!(headers.get(LOCATION).map(|value| value.to_str().unwrap()), told, "{said}");
        }
    }
}
