//! The consensus face over HTTP: documents, and streams of events. It must never know what is in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::body::Body;
use super::channel::Channel;
use super::door::Door;
use super::execution::{Connection, NoAnswer, plain};
use super::shared::Shared;
use super::socket::GOODBYE;
use super::stream::{Cut, Stream};
use crate::node::{Action, BeaconReply, Face, Gate};

/// Pieces of a stream that are on their way. When they are this many, what follows waits on the line.
const PIECES_MAX: usize = 16;
/// What a stream sends while nothing happens, so that either side sees whether the other is there.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

pub(super) async fn serve(stream: TcpStream, endings: u64, door: Arc<Door>, shared: Arc<Shared>) {
    let cut = Cut::new();
    let stream = Stream::new(stream, Arc::clone(&cut), Arc::clone(&door));
    let connection = Arc::new(Connection::new(shared, door, cut));
    let mut streams = JoinSet::new();
    let (begun, mut begins) = mpsc::channel(1);
    let whole = async {
        let service = service_fn(|request| respond(Arc::clone(&connection), request, begun.clone()));
        let http =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // An error is a client that went away or spoke nonsense.
        let _ = http.await;
    };
    // Not moved into the select: the stream is let go of only after it is known how.
    let mut whole = std::pin::pin!(whole);
    loop {
        tokio::select! {
            () = whole.as_mut() => return,
            () = connection.cut.was_reset() => return,
            reset = connection.door.ended(endings) => {
                // One may have begun in the same moment.
                while let Ok(stream) = begins.try_recv() {
                    streams.spawn(carry(Arc::clone(&connection), stream));
                }
                if reset {
                    connection.cut.reset();
                } else if !streams.is_empty() {
                    // The streams end by themselves, and their clients see it.
                    let _ = tokio::time::timeout(GOODBYE, whole).await;
                }
                return;
            }
            Some(stream) = begins.recv() => {
                streams.spawn(carry(Arc::clone(&connection), stream));
            }
        }
    }
}

/// A stream that begins with its answer.
#[derive(Debug)]
struct Begun {
    channel: Channel,
    pieces: mpsc::Sender<Bytes>,
}

async fn respond(
    connection: Arc<Connection>,
    request: Request<Incoming>,
    begun: mpsc::Sender<Begun>,
) -> Result<Response<Body>, NoAnswer> {
    if request.method() != Method::GET {
        return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n"));
    }
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or(""));
    let node = connection.door.node;
    let (reply, line) = loop {
        connection.door.thawed().await;
        let asked = connection.shared.step(|network, now_ms| {
            if network.gate(node, Face::Consensus) == Gate::Frozen {
                return (None, Vec::new());
            }
            let reply = network.beacon(node, path, query, now_ms);
            // The line is there before anything can be pushed to it.
            let line = match &reply {
                BeaconReply::Stream { connection: id, .. } => {
                    Some(connection.door.connect(*id, Arc::clone(&connection.cut)))
                }
                BeaconReply::Reply(_) => None,
            };
            (Some((reply, line)), Vec::new())
        });
        if let Some(asked) = asked {
            break asked;
        }
    };
    match (reply, line) {
        (BeaconReply::Stream { at_ms, .. }, Some(line)) => {
            let channel = Channel::new(line, &connection);
            tokio::time::sleep_until(connection.shared.instant(at_ms)).await;
            let (pieces, events) = mpsc::channel(PIECES_MAX);
            begun.send(Begun { channel, pieces }).await.map_err(|_| NoAnswer)?;
            let mut response = Response::new(Body::Stream(events));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            Ok(response)
        }
        (BeaconReply::Reply(reply), _) => connection.answer(reply, "application/json").await,
        (BeaconReply::Stream { .. }, None) => Err(NoAnswer),
    }
}

/// From the channel to the body.
async fn carry(connection: Arc<Connection>, Begun { mut channel, pieces }: Begun) {
    loop {
        let piece = tokio::select! {
            () = pieces.closed() => return,
            action = channel.next() => match action {
                Some(Action::Send(piece)) => piece,
                // The end of the body is all the goodbye that there is.
                Some(Action::Close { .. }) => return,
                Some(Action::Reset) | None => return connection.cut.reset(),
            },
            () = tokio::time::sleep(KEEP_ALIVE_EVERY) => KEEP_ALIVE,
        };
        connection.door.thawed().await;
        if pieces.send(piece).await.is_err() {
            return;
        }
    }
}
