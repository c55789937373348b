//! Bytes to and from a socket as no library would send them. It must never know what is right.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than the limits of the proxy under test: what is still open then has no limit.
pub(super) const BOUND: Duration = Duration::from_secs(15);

const UPGRADE: &str = "GET /net HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A WebSocket whose frames are written by hand.
pub(super) struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What the other side sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Text(String),
    Ping,
    Pong,
    Close {
        code: u16,
        reason: String,
    },
    /// The connection ended without a close.
    End,
}

pub(super) async fn connect(address: &str) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Sends bytes, and reads until the other side ends the connection.
pub(super) async fn until_closed(address: &str, bytes: &[u8]) -> String {
    let mut stream = connect(address).await;
    // The other side may have had enough before all is sent.
    let _ = stream.write_all(bytes).await;
    read_to_end(stream).await
}

pub(super) async fn read_to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(BOUND, stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "still open: {}", String::from_utf8_lossy(&bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One byte after the other, until the other side has enough.
pub(super) async fn dribbled(address: &str, bytes: &[u8]) -> String {
    let (mut read, mut write) = connect(address).await.into_split();
    let bytes = bytes.to_vec();
    let writing = tokio::spawn(async move {
        for byte in bytes {
            if write.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The other side has to end it.
        std::future::pending::<()>().await;
    });
    let mut answer = Vec::new();
    let ended = timeout(BOUND, read.read_to_end(&mut answer)).await;
    writing.abort();
    assert!(ended.is_ok(), "still open");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A `POST` with a body.
pub(super) fn post(body: &str, more: &str) -> Vec<u8> {
    format!("POST /net HTTP/1.1\r\nHost: a\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Masked with zeros, so that the payload stands as it is.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        0..126 => frame.push(0x80 | payload.len() as u8),
        126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

impl Socket {
    pub(super) async fn open(address: &str) -> Self {
        let mut stream = connect(address).await;
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        let mut socket = Self { stream, read: Vec::new() };
        while !socket.read.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(socket.more().await, "the upgrade was not answered");
        }
        assert!(socket.read.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&socket.read));
        let end = socket.read.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        socket.read.drain(..end + 4);
        socket
    }

    /// As far as the other side takes it.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub(super) async fn text(&mut self, text: &str) {
        self.send(&frame(0x81, text.as_bytes())).await;
    }

    /// Pings are answered on the way.
    pub(super) async fn next(&mut self) -> Frame {
        loop {
            if let Some((came, bytes)) = parse(&self.read) {
                self.read.drain(..bytes);
                match came {
                    Frame::Ping => self.send(&frame(0x8a, b"")).await,
                    came => return came,
                }
                continue;
            }
            if !self.more().await {
                return Frame::End;
            }
        }
    }

    /// Whatever comes before the close is let go.
    pub(super) async fn closed(&mut self) -> Frame {
        loop {
            match self.next().await {
                Frame::Text(_) | Frame::Ping | Frame::Pong => {}
                end => return end,
            }
        }
    }

    async fn more(&mut self) -> bool {
        let mut bytes = vec![0; 1 << 16];
        let read =
            timeout(BOUND, self.stream.read(&mut bytes)).await.expect("something comes within the bound");
        let read = read.unwrap_or(0);
        self.read.extend_from_slice(&bytes[..read]);
        read > 0
    }
}

/// A frame of a server has no mask.
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&[first, length], rest) = bytes.split_first_chunk::<2>()?;
    let (length, head) = match length {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 10),
        short => (u64::from(short), 2),
    };
    let end = head + usize::try_from(length).ok()?;
    let payload = bytes.get(head..end)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let frame = match first & 0x0f {
        8 => match payload.split_first_chunk::<2>() {
            Some((code, reason)) => Frame::Close { code: u16::from_be_bytes(*code), reason: text(reason) },
            None => Frame::Close { code: 1_005, reason: String::new() },
        },
        9 => Frame::Ping,
        10 => Frame::Pong,
        _ => Frame::Text(text(payload)),
    };
    Some((frame, end))
}
