//! The admin API: a devnet is steered over HTTP with small JSON documents. It must never know what a fault does.

mod routes;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::shared::{Shared, drained};

const BODY_BYTES_MAX: usize = 64 << 10;
/// Connections at one time. One more waits in the system's queue.
const CONNECTIONS_MAX: usize = 64;
/// A pause after the process could not accept, usually for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Why a request is not carried out: its status, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub status: StatusCode,
    pub detail: String,
}

impl Problem {
    pub(super) fn bad(detail: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, detail: detail.to_string() }
    }

    pub(super) fn missing(detail: impl ToString) -> Self {
        Self { status: StatusCode::NOT_FOUND, detail: detail.to_string() }
    }
}

/// Runs until the drain starts.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>, mut drain: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = drained(&mut drain) => return,
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| respond(Arc::clone(&shared), request));
    let builder =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // An error is a client that went away or spoke nonsense.
    let _ = builder.await;
}

async fn respond(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let done = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            let asked = routes::Asked {
                method: head.method,
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or("").to_owned(),
                body: body.to_bytes(),
            };
            routes::handle(&shared, asked).await
        }
        Err(_) => Err(Problem {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            detail: format!("a body has at most {BODY_BYTES_MAX} bytes"),
        }),
    };
    Ok(match done {
        Ok(document) => written(StatusCode::OK, "application/json", &document),
        Err(Problem { status, detail }) => {
            let title = status.canonical_reason().unwrap_or("Error");
            let document =
                json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
            written(status, "application/problem+json", &document)
        }
    })
}

fn written(status: StatusCode, content_type: &'static str, document: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{document}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
