//! One connection to a node over HTTP/1.1: one request, its answer, and whether another may follow. Whoever asks reads and
//! writes it itself, so that no other task has to be woken. It must never know a call, nor which node it leads to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::answer::{Body, Broken, Chunks, Head, Progress, head};
use super::arrivals::Held;
use crate::core::Fault;
use crate::patience::Patience;

/// What is read at once while the length is not known. Each idle connection holds one of these.
const READ_BUFFER: usize = 8 << 10;
/// Nobody has so much to say before the body.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// A request up to this goes out in one piece with its head.
const ONE_PIECE: usize = 16 << 10;
/// An answer up to this is copied, and the buffer stays with the connection.
const COPIED: usize = 4 << 10;

type Encrypted = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Encrypted(Box<Encrypted>),
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    /// Read and not understood yet; empty between two requests.
    read: BytesMut,
    out: Vec<u8>,
    is_kept: bool,
    clock: Patience,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Not a byte of the request left: another connection may take it.
    Unsent,
    Fault(Fault),
}

impl Connection {
    /// `first` is when its first request has to be answered.
    pub(super) fn new(stream: MaybeHttpsStream<TokioIo<TcpStream>>, first: Instant) -> Self {
        let stream = match stream {
            MaybeHttpsStream::Http(tcp) => Stream::Plain(tcp.into_inner()),
            encrypted => Stream::Encrypted(Box::new(TokioIo::new(encrypted))),
        };
        Self { stream, read: BytesMut::new(), out: Vec::new(), is_kept: false, clock: Patience::new(first) }
    }

    pub(super) fn clock(&self) -> Patience {
        self.clock.clone()
    }

    /// Whether another request may be sent, as the last answer said.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept && self.read.is_empty()
    }

    /// Whether the other side has neither ended it nor said something that nobody asked for.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let polled =
            Pin::new(&mut self.stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        polled.is_pending()
    }

    /// The head of the answer. `before` is the head of the request up to the value of the length, which comes last.
    pub(super) async fn ask(&mut self, before: &[u8], body: &Bytes) -> Result<Head, Trouble> {
        self.is_kept = false;
        self.send(before, body).await?;
        self.head().await.map_err(Trouble::Fault)
    }

    /// The body behind that head, whole. Without it the connection is of no more use.
    pub(super) async fn body(
        &mut self,
        head: &Head,
        most: usize,
        held: &mut Held<'_>,
    ) -> Result<Bytes, Fault> {
        let body = self.bounded(head.body, most, held).await?;
        self.is_kept = head.is_kept;
        Ok(body)
    }

    /// Whether the whole body has come already.
    pub(super) fn has_body(&self, head: &Head) -> bool {
        matches!(head.body, Body::Length(length) if length <= self.read.len() as u64)
    }

    async fn send(&mut self, before: &[u8], body: &Bytes) -> Result<(), Trouble> {
        self.out.clear();
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(body.len().to_string().as_bytes());
        self.out.extend_from_slice(b"\r\n\r\n");
        let is_one_piece = body.len() <= ONE_PIECE;
        if is_one_piece {
            self.out.extend_from_slice(body);
        }
        let first = self.stream.write(&self.out).await.map_err(|_| Trouble::Unsent)?;
        if first == 0 {
            return Err(Trouble::Unsent);
        }
        let rest = async {
            self.stream.write_all(self.out.get(first..).unwrap_or_default()).await?;
            if !is_one_piece {
                self.stream.write_all(body).await?;
            }
            self.stream.flush().await
        };
        // Who does not read all of it may have said why.
        let _ = rest.await;
        Ok(())
    }

    async fn head(&mut self) -> Result<Head, Fault> {
        loop {
            match head(&self.read).map_err(|Broken| Fault::Reset)? {
                // Switching was not asked for.
                Some(head) if head.status == 101 => return Err(Fault::Reset),
                Some(head) => {
                    self.read.advance(head.bytes);
                    if head.status >= 200 {
                        return Ok(head);
                    }
                }
                None if self.read.len() > HEAD_BYTES_MAX => return Err(Fault::Reset),
                None => self.fill().await?,
            }
        }
    }

    async fn bounded(&mut self, body: Body, most: usize, held: &mut Held<'_>) -> Result<Bytes, Fault> {
        match body {
            Body::Length(length) => {
                let length = usize::try_from(length).ok().filter(|length| *length <= most);
                let length = length.ok_or(Fault::TooLarge)?;
                held.grow_to(length)?;
                self.of_length(length).await
            }
            Body::Chunks => {
                let (mut chunks, mut body) = (Chunks::default(), Vec::new());
                loop {
                    match chunks.take(&mut self.read, &mut body, most).map_err(|Broken| Fault::Reset)? {
                        Progress::Over => return Ok(body.into()),
                        Progress::TooLarge => return Err(Fault::TooLarge),
                        Progress::More => {
                            held.grow_to(body.len())?;
                            self.fill().await?;
                        }
                    }
                }
            }
            Body::UntilTheEnd => {
                let mut body = self.read.split().to_vec();
                // A byte more than may be shows that there is more.
                while body.len() <= most {
                    held.grow_to(body.len())?;
                    body.reserve(READ_BUFFER);
                    if self.stream.read_buf(&mut body).await.map_err(|_| Fault::Reset)? == 0 {
                        return Ok(body.into());
                    }
                }
                Err(Fault::TooLarge)
            }
        }
    }

    async fn of_length(&mut self, length: usize) -> Result<Bytes, Fault> {
        if length <= COPIED {
            while self.read.len() < length {
                self.fill().await?;
            }
            let body = Bytes::copy_from_slice(&self.read[..length]);
            self.read.advance(length);
            return Ok(body);
        }
        let mut body = Vec::with_capacity(length);
        let at_hand = length.min(self.read.len());
        body.extend_from_slice(&self.read[..at_hand]);
        self.read.advance(at_hand);
        while body.len() < length {
            let left = length - body.len();
            if self.stream.read_buf(&mut (&mut body).limit(left)).await.map_err(|_| Fault::Reset)? == 0 {
                return Err(Fault::Reset);
            }
        }
        Ok(body.into())
    }

    /// At least a byte more.
    async fn fill(&mut self) -> Result<(), Fault> {
        self.read.reserve(READ_BUFFER);
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(Fault::Reset),
            Ok(_) => Ok(()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
