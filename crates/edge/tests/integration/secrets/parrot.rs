//! The worst node that a proxy can have: it repeats whatever it was sent, credentials and all, in every way that a node can
//! answer. What it is not to fail at it passes on to a good node.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use devnet::client::HttpClient;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HOST, LINK, LOCATION, REFRESH,
    SET_COOKIE, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::server as handshake;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Methods, and how each of them is answered.
pub(super) const METHODS: &[&str] = &[
    "eth_call",
    "eth_estimateGas",
    "eth_getCode",
    "eth_getBalance",
    "eth_getStorageAt",
    "eth_gasPrice",
    "eth_feeHistory",
];

/// Forms of an answer to `/say/STATUS/FORM`, and whether anybody can see what is in it.
pub(super) const FORMS: &[(&str, bool)] = &[
    ("plain", true),
    ("json", true),
    ("escaped", true),
    ("latin", true),
    ("headers", true),
    ("reason", true),
    ("gzip", true),
    ("br", false),
    ("long", false),
];
/// Forms of a redirect: by another scheme, to a folder, with the address in every header, and written in other letters.
pub(super) const MOVED: &[&str] = &["scheme", "slash", "everywhere", "encoded"];
/// Stands in each of them.
pub(super) const NO: &str = "there is no such thing";
/// More than the proxy holds.
const LONG_BYTES: usize = 2 << 20;

/// It listens until it is dropped.
pub(super) struct Parrot {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Drop for Parrot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Parrot {
    /// Over HTTP. WebSockets are refused, with their requests repeated.
    pub(super) async fn over_http(good: String) -> Self {
        let (listener, address, heard) = listener().await;
        let (good, hears) = (Arc::new(HttpClient::new(&good)), Arc::clone(&heard));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (good, heard) = (Arc::clone(&good), Arc::clone(&hears));
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let (good, heard) = (Arc::clone(&good), Arc::clone(&heard));
                        async move { Ok::<_, Infallible>(answer(request, &good, &heard).await) }
                    });
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, heard, task }
    }

    /// Takes WebSockets and closes them, with their addresses as the reason.
    pub(super) async fn over_websocket() -> Self {
        let (listener, address, heard) = listener().await;
        let hears = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(close(stream, Arc::clone(&hears)));
            }
        });
        Self { address, heard, task }
    }

    /// Every request that came, as text.
    pub(super) fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

async fn listener() -> (TcpListener, SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address, Arc::default())
}

async fn close(stream: TcpStream, heard: Arc<Mutex<String>>) {
    let mut uri = String::new();
    #[expect(clippy::result_large_err, reason = "the library asks for this error")]
    let hear = |request: &handshake::Request, response| {
        uri = request.uri().to_string();
        heard.lock().unwrap().push_str(&format!("{uri} {:?}\n", request.headers()));
        Ok::<handshake::Response, handshake::ErrorResponse>(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, hear).await else { return };
    let _ = socket.close(Some(CloseFrame { code: 4_401.into(), reason: uri.into() })).await;
}

async fn answer(
    request: Request<Incoming>,
    good: &HttpClient,
    heard: &Mutex<String>,
) -> Response<Full<Bytes>> {
    let basic =
        request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let user = basic.and_then(|pair| STANDARD.decode(pair).ok()).unwrap_or_default();
    let user = String::from_utf8_lossy(&user).into_owned();
    let told = format!("{} {} {user} {:?}", request.method(), request.uri(), request.headers());
    heard.lock().unwrap().push_str(&format!("{told}\n"));
    if request.headers().contains_key(UPGRADE) {
        return text(StatusCode::UNAUTHORIZED, told);
    }
    let uri = request.uri().clone();
    if let Some((_, how)) = uri.path().split_once("/moved/") {
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        return moved(how, host, &uri);
    }
    if let Some((_, how)) = uri.path().split_once("/say/") {
        return say(how, &told, uri.path_and_query().map_or("", |uri| uri.as_str()));
    }
    if let Some(at) = uri.path().find("/eth/") {
        return match good.get(&uri.path()[at..]).await {
            Ok(answer) => text(StatusCode::OK, answer.text()),
            Err(_) => text(StatusCode::BAD_GATEWAY, told),
        };
    }
    let Ok(body) = request.into_body().collect().await else { return text(StatusCode::BAD_REQUEST, told) };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let error = |status, code: i64, words: &str| {
        let error =
            json!({ "code": code, "message": format!("{words}: {told}"), "data": { "request": told } });
        text(status, json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error }).to_string())
    };
    match asked["method"].as_str().unwrap_or_default() {
        "eth_call" => error(StatusCode::OK, 3, "execution reverted"),
        "eth_estimateGas" => error(StatusCode::OK, -32_000, "denied"),
        "eth_getCode" => error(StatusCode::FORBIDDEN, -32_602, "invalid key"),
        "eth_getBalance" => text(StatusCode::UNAUTHORIZED, told),
        "eth_getStorageAt" => text(StatusCode::OK, told),
        "eth_gasPrice" => text(StatusCode::TOO_MANY_REQUESTS, told),
        "eth_feeHistory" => error(StatusCode::OK, -32_603, "internal error"),
        _ => match good.post(&body).await {
            Ok(answer) => text(StatusCode::OK, answer.text()),
            Err(_) => text(StatusCode::BAD_GATEWAY, told),
        },
    }
}

/// `how` is a status and a form.
fn say(how: &str, told: &str, uri: &str) -> Response<Full<Bytes>> {
    let (status, form) = how.split_once('/').unwrap();
    let words = format!("{NO}: {told}");
    let body = match form {
        "json" => json!({ "code": 404, "message": words }).to_string().into_bytes(),
        "escaped" => format!(r#"{{"message":"{NO}","url":"{}"}}"#, uri.replace('p', "\\u0070")).into_bytes(),
        "latin" => [b"\xe9 ", words.as_bytes()].concat(),
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(words.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "long" => format!("{}{words}", " ".repeat(LONG_BYTES)).into_bytes(),
        _ => words.into_bytes(),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status.parse().unwrap();
    match form {
        "headers" => {
            let value = HeaderValue::try_from(format!("Basic realm=\"{uri}\"")).unwrap();
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        "reason" => {
            let reason = ReasonPhrase::try_from(format!("No {uri}").into_bytes()).unwrap();
            response.extensions_mut().insert(reason);
        }
        "gzip" | "br" => {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::try_from(form).unwrap());
        }
        _ => {}
    }
    response
}

/// `how` is a status and a form.
fn moved(how: &str, host: &str, uri: &Uri) -> Response<Full<Bytes>> {
    let (status, form) = how.split_once('/').unwrap();
    let whole = format!("https://{host}{uri}");
    let said = match form {
        "slash" => vec![(LOCATION, format!("{}/?{}", uri.path(), uri.query().unwrap_or_default()))],
        "everywhere" => vec![
            (LOCATION, format!("//{host}{uri}")),
            (CONTENT_LOCATION, whole.clone()),
            (LINK, format!("<{whole}>; rel=\"canonical\"")),
            (REFRESH, format!("0; url={whole}")),
            (SET_COOKIE, format!("session=1; Path={}", uri.path())),
            (CONTENT_TYPE, format!("text/html; profile=\"{whole}\"")),
            (ETAG, format!("\"{uri}\"")),
        ],
        "encoded" => {
            let once = whole.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
            let twice = once.replace('%', "%25");
            let location = format!("https://else.example/login?next={once}");
            vec![(LOCATION, location), (SET_COOKIE, format!("next={once}")), (LINK, format!("<{twice}>"))]
        }
        _ => vec![(LOCATION, whole)],
    };
    let mut response = text(status.parse().unwrap(), "elsewhere".to_owned());
    for (name, value) in said {
        response.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    }
    response
}

fn text(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}
