//! What the failover proxy reads of a client's WebSocket: frames, in whatever pieces they come. Knows nothing of sockets.

use std::io::{self, Cursor, Read, Write};

use ::edge::core::frames::{Broken, Decoder, Heard};
use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

const MESSAGE_BYTES_MAX: usize = 1_000;

/// A stream of frames, behind a byte that says in how large pieces it comes.
pub fn edge_frames(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let whole = heard(stream, stream.len().max(1));
    let in_pieces = heard(stream, usize::from(*piece).max(1));
    assert_eq!(whole, in_pieces, "what is heard depends on how it comes");
    let (ours, (theirs, has_failed)) = (messages(&whole.0), peer(stream));
    let shared = ours.len().min(theirs.len());
    assert_eq!(ours[..shared], theirs[..shared], "another library reads other messages");
    if whole.1.is_none() && !has_failed {
        assert_eq!(ours, theirs, "another library reads more messages, or fewer");
    }
}

/// Until the client says goodbye or something is wrong.
fn heard(stream: &[u8], piece: usize) -> (Vec<Heard>, Option<Broken>) {
    let (mut decoder, mut bytes, mut all) = (Decoder::new(MESSAGE_BYTES_MAX), BytesMut::new(), Vec::new());
    for piece in stream.chunks(piece) {
        bytes.extend_from_slice(piece);
        loop {
            match decoder.next(&mut bytes) {
                Ok(None) => break,
                Ok(Some(heard)) => {
                    let is_over = matches!(heard, Heard::Goodbye(_));
                    all.push(heard);
                    if is_over {
                        return (all, None);
                    }
                }
                Err(broken) => return (all, Some(broken)),
            }
        }
    }
    (all, None)
}

fn messages(heard: &[Heard]) -> Vec<Bytes> {
    let message = |heard: &Heard| match heard {
        Heard::Message(message) => Some(message.clone()),
        _ => None,
    };
    heard.iter().filter_map(message).collect()
}

/// What another library reads there, and whether something was wrong.
fn peer(stream: &[u8]) -> (Vec<Bytes>, bool) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = WebSocket::from_raw_socket(OneWay(Cursor::new(stream)), Role::Server, Some(config));
    let mut all = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => all.push(Bytes::copy_from_slice(text.as_bytes())),
            Ok(Message::Binary(bytes)) => all.push(bytes),
            Ok(Message::Close(_)) => return (all, false),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (all, false),
            Err(_) => return (all, true),
        }
    }
}

/// Says what it has, takes whatever it is told, and then waits.
struct OneWay<'a>(Cursor<&'a [u8]>);

impl Read for OneWay<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            bytes => Ok(bytes),
        }
    }
}

impl Write for OneWay<'_> {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
