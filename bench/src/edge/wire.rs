//! As little of HTTP/1.1 and of WebSockets as a measurement needs: where a head ends, how long its body is, and frames that
//! are not split. It must never know what a message says.

use std::ops::Range;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

const BUFFER: usize = 8 << 10;
const HEAD_MAX: usize = 64 << 10;

/// A connection and what has come over it and was not taken yet.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    pub(super) bytes: BytesMut,
}

/// A head, and how much of the body comes behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// With the empty line.
    pub(super) len: usize,
    pub(super) body: usize,
}

/// A whole frame that stands at the beginning of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) payload: Range<usize>,
    mask: Option<[u8; 4]>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, bytes: BytesMut::new() })
    }

    /// `false` where the other side has ended.
    pub(super) async fn read(&mut self) -> anyhow::Result<bool> {
        if self.bytes.capacity() == self.bytes.len() {
            self.bytes.reserve(BUFFER);
        }
        Ok(self.stream.read_buf(&mut self.bytes).await? > 0)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// A head with all of its body; `None` where the other side has ended before it began another.
    pub(super) async fn message(&mut self) -> anyhow::Result<Option<Head>> {
        let head = loop {
            if let Some(head) = head(&self.bytes)? {
                break head;
            }
            ensure!(self.bytes.len() < HEAD_MAX, "a head that does not end");
            if !self.read().await? {
                ensure!(self.bytes.is_empty(), "a head was cut off");
                return Ok(None);
            }
        };
        let whole = head.len + head.body;
        // In one piece at once: a long body is not moved while it grows.
        self.bytes.reserve(whole.saturating_sub(self.bytes.len()));
        while self.bytes.len() < whole {
            ensure!(self.read().await?, "a body was cut off");
        }
        Ok(Some(head))
    }

    pub(super) fn taken(&mut self, bytes: usize) {
        self.bytes.advance(bytes);
    }

    /// Text of the next frame that has some, without its mask; `None` where the other side has ended. Pings are answered.
    pub(super) async fn text(&mut self) -> anyhow::Result<Option<BytesMut>> {
        loop {
            while let Some(frame) = frame(&self.bytes) {
                let mut whole = self.bytes.split_to(frame.payload.end);
                whole.advance(frame.payload.start);
                frame.unmask(&mut whole);
                match frame.opcode {
                    TEXT => return Ok(Some(whole)),
                    CLOSE => return Ok(None),
                    PING => {
                        let mut out = Vec::new();
                        put_frame(&mut out, PONG, &whole, frame.mask.is_none());
                        self.write(&out).await?;
                    }
                    _ => {}
                }
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// Whether another whole frame is there, so that nothing has to be read for it.
    pub(super) fn has_frame(&self) -> bool {
        frame(&self.bytes).is_some()
    }
}

impl Frame {
    fn unmask(&self, payload: &mut [u8]) {
        if let Some(mask) = self.mask {
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
    }
}

/// `None` where it is not whole.
pub(super) fn head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let mut body = 0;
    for line in bytes[..end].split(|byte| *byte == b'\n').skip(1) {
        let Some((name, value)) = line.split_at_checked(15) else { continue };
        if name.eq_ignore_ascii_case(b"content-length:") {
            body = std::str::from_utf8(value)?.trim().parse().context("a length that is no number")?;
        } else if name.eq_ignore_ascii_case(b"transfer-encodi") {
            bail!("a body in chunks, which nobody here sends");
        }
    }
    Ok(Some(Head { len: end + 4, body }))
}

pub(super) fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

/// The value of a header, by its name in small letters.
pub(super) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| std::str::from_utf8(line).ok());
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Nobody here splits messages into frames, so every frame is a message.
pub(super) fn frame(bytes: &[u8]) -> Option<Frame> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (mut at, len) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        len => (2, usize::from(len)),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = Some(bytes.get(at..at + 4)?.try_into().ok()?);
        at += 4;
    }
    (bytes.len() >= at + len).then(|| Frame { opcode: first & 0x0f, payload: at..at + len, mask })
}

/// Clients mask, nodes do not.
pub(super) fn put_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8], is_client: bool) {
    const MASK: [u8; 4] = [0x5a, 0x17, 0xc3, 0x88];
    let masked = if is_client { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match payload.len() {
        len @ 0..126 => out.push(masked | len as u8),
        len @ 126..65_536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if is_client {
        out.extend_from_slice(&MASK);
        out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        out.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_empty_line_and_says_how_long_the_body_is() {
        let text = b"HTTP/1.1 200 OK\r\nContent-type: x\r\ncontent-length: 12\r\n\r\nabc";
        assert_eq!(head(text).unwrap(), Some(Head { len: text.len() - 3, body: 12 }));
        assert_eq!(status(text), Some(200));
        assert_eq!(header(text, "content-type"), Some("x"));
        assert_eq!(head(&text[..40]).unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn frames_of_every_length_are_read_as_they_were_written() {
        for (len, is_client) in [(0, false), (125, true), (126, false), (65_535, true), (65_536, true)] {
            let text: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let mut bytes = Vec::new();
            put_frame(&mut bytes, TEXT, &text, is_client);
            assert_eq!(frame(&bytes[..bytes.len() - 1]), None);
            let found = frame(&bytes).unwrap();
            let mut payload = bytes[found.payload.clone()].to_vec();
            found.unmask(&mut payload);
            assert_eq!((found.opcode, found.payload.end, payload), (TEXT, bytes.len(), text));
        }
    }
}
