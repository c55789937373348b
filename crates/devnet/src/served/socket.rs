//! One WebSocket of a node: frames in, answers and notifications out, each at its time. It must never know what they say.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes};

use super::channel::Channel;
use super::execution::Connection;
use crate::node::{Action, ConnectionId, Face, Gate};

/// Of a frame that comes in, as geth has it. A larger one ends the connection.
const FRAME_BYTES_MAX: usize = 32 << 20;
/// How long a client may take to answer a close.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Whether a WebSocket goes on.
#[derive(PartialEq, Eq)]
enum Next {
    On,
    Over,
}

/// Until either side ends it. Resets and the end of the node come from outside, by dropping this.
pub(super) async fn run(connection: &Connection, io: TokioIo<Upgraded>, mut channel: Channel) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    loop {
        let next = tokio::select! {
            action = channel.next() => match action {
                Some(action) => act(connection, &mut socket, action).await,
                // Too slow a client, or one that the node has forgotten.
                None => {
                    connection.cut.reset();
                    Next::Over
                }
            },
            message = read(connection, &mut socket) => match message {
                Some(Ok(message)) => take(connection, channel.id(), &message).await,
                Some(Err(_)) | None => Next::Over,
            },
        };
        if next == Next::Over {
            return;
        }
    }
}

/// Nothing is read while the node is frozen.
async fn read(connection: &Connection, socket: &mut Socket) -> Option<Result<Message, Error>> {
    connection.door.thawed().await;
    socket.next().await
}

async fn act(connection: &Connection, socket: &mut Socket, action: Action) -> Next {
    match action {
        Action::Send(bytes) => match socket.send(message(bytes)).await {
            Ok(()) => Next::On,
            Err(_) => Next::Over,
        },
        Action::Reset => {
            connection.cut.reset();
            Next::Over
        }
        Action::Close { code, reason } => {
            let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from(reason) };
            if socket.close(Some(frame)).await.is_ok() {
                let answered = async { while let Some(Ok(_)) = socket.next().await {} };
                // Whoever does not answer is let go of all the same.
                let _ = tokio::time::timeout(GOODBYE, answered).await;
            }
            Next::Over
        }
    }
}

/// Text as a rule; what was cut within a character is none.
fn message(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

/// What it is answered with comes over the channel, like all else.
async fn take(connection: &Connection, id: ConnectionId, message: &Message) -> Next {
    let bytes: &[u8] = match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        // The library answers these when it is next read from.
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => return Next::On,
    };
    let node = connection.door.node;
    loop {
        connection.door.thawed().await;
        let taken = connection.shared.step(|network, now_ms| match network.gate(node, Face::Execution) {
            Gate::Frozen => (false, Vec::new()),
            _ => (true, network.frame(node, id, bytes, now_ms)),
        });
        if taken {
            return Next::On;
        }
    }
}
