//! The WebSocket of one client: what waits is written beside what is read, so neither holds up the other; and a goodbye that
//! arrives. It must never know what a message says.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink as _, Stream as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::outbound::{Ending, Outbound};

/// How long a client that is closed may take to read what it was sent.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to answer the goodbye. What it sends meanwhile is read: bytes that nobody reads make the system reset
/// the connection, and a reset destroys what was sent last.
const GOODBYE: Duration = Duration::from_secs(1);
const UNREAD: usize = 4 << 10;

pub(super) const TOO_LONG: Ending =
    Ending { code: 1009, reason: "the message is longer than a request may be" };
pub(super) const NO_TEXT: Ending = Ending { code: 1007, reason: "a text message has to be UTF-8" };
pub(super) const NO_PROTOCOL: Ending =
    Ending { code: 1002, reason: "what came is no WebSocket frame as RFC 6455 has it" };

pub(super) struct Socket<S> {
    inner: WebSocketStream<S>,
    is_flushed: bool,
    wants_ping: bool,
    /// What comes now cannot be told apart into frames any more.
    is_broken: bool,
}

/// What a turn came to.
#[derive(Debug)]
pub(super) enum Turn {
    Message(Bytes),
    /// A ping, or the answer to one.
    Life,
    /// All was written that is to be written before the end.
    Over(Ending),
    /// It said goodbye, and was answered.
    Goodbye,
    /// It broke a rule.
    Broke(Ending),
    /// The connection is no more.
    Lost,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(inner: WebSocketStream<S>) -> Self {
        Self { inner, is_flushed: true, wants_ping: false, is_broken: false }
    }

    /// Asks for a sign of life.
    pub(super) fn ping(&mut self) {
        self.wants_ping = true;
    }

    /// Writes all that waits, and hears what comes. May be dropped at any time and begun again.
    pub(super) async fn turn(&mut self, outbound: &Outbound, is_listening: bool) -> Turn {
        std::future::poll_fn(|context| self.poll_turn(context, outbound, is_listening)).await
    }

    fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        outbound: &Outbound,
        is_listening: bool,
    ) -> Poll<Turn> {
        // A client that does not read is not waited for.
        if let Some(ending) = outbound.is_cut() {
            return Poll::Ready(Turn::Over(ending));
        }
        match self.poll_write(context, outbound) {
            Poll::Ready(Err(())) => return Poll::Ready(Turn::Lost),
            Poll::Ready(Ok(())) => {
                if let Some(ending) = outbound.over() {
                    return Poll::Ready(Turn::Over(ending));
                }
            }
            Poll::Pending => {}
        }
        match is_listening {
            true => self.poll_hear(context),
            false => Poll::Pending,
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, outbound: &Outbound) -> Poll<Result<(), ()>> {
        let mut inner = Pin::new(&mut self.inner);
        loop {
            ready!(inner.as_mut().poll_ready(context)).map_err(|_| ())?;
            let message = match outbound.pop() {
                // Nodes and clients were checked for UTF-8 when they were scanned.
                Some(frame) => Message::Text(Utf8Bytes::try_from(frame).map_err(|_| ())?),
                None if std::mem::take(&mut self.wants_ping) => Message::Ping(Bytes::new()),
                None => break,
            };
            inner.as_mut().start_send(message).map_err(|_| ())?;
            self.is_flushed = false;
        }
        if !self.is_flushed {
            ready!(inner.as_mut().poll_flush(context)).map_err(|_| ())?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_next(context)) {
            Some(Ok(Message::Text(text))) => Turn::Message(text.into()),
            Some(Ok(Message::Binary(bytes))) => Turn::Message(bytes),
            Some(Ok(Message::Close(_))) => Turn::Goodbye,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Turn::Life,
            Some(Err(error)) => {
                self.is_broken = true;
                broken(&error).map_or(Turn::Lost, Turn::Broke)
            }
            None => Turn::Lost,
        })
    }

    /// Says goodbye, and waits a moment for its answer.
    pub(super) async fn close(mut self, ending: Ending) {
        let frame = CloseFrame { code: ending.code.into(), reason: Utf8Bytes::from_static(ending.reason) };
        // Whoever reads nothing will not read this.
        if let Ok(Ok(())) = timeout(CLOSE_WITHIN, self.inner.close(Some(frame))).await {
            self.part().await;
        }
    }

    /// Reads until the client is gone. The answer to a goodbye of its own goes out with this.
    pub(super) async fn part(mut self) {
        let gone = async {
            while !self.is_broken {
                match self.inner.next().await {
                    Some(Ok(_)) => {}
                    // Both have said goodbye.
                    None => return,
                    Some(Err(_)) => self.is_broken = true,
                }
            }
            let mut unread = vec![0; UNREAD];
            while let Ok(1..) = self.inner.get_mut().read(&mut unread).await {}
        };
        // Whoever does not answer is let go of all the same.
        let _ = timeout(GOODBYE, gone).await;
    }
}

/// What the client is told of an error, where it is the client's and it may still be told.
fn broken(error: &Error) -> Option<Ending> {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(TOO_LONG),
        Error::Utf8(_) => Some(NO_TEXT),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(NO_PROTOCOL),
        _ => None,
    }
}
