//! The WebSocket of one client: what waits is written beside what is read, so neither holds up the other; and a goodbye that
//! arrives. It must never know what a message says.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;

use super::Load;
use crate::core::frames::{Broken, CLOSE, Decoder, HEAD_BYTES_MAX, Heard, PING, PONG, TEXT, put, put_head};
use crate::outbound::{Ending, Frame, Outbound};

/// How long a client that is closed may take to read what it was sent.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take to answer the goodbye. What it sends meanwhile is read: bytes that nobody reads make the system reset
/// the connection, and a reset destroys what was sent last.
const GOODBYE: Duration = Duration::from_secs(1);
/// What is read at once. It is on the stack, so nobody who says nothing holds any.
const READ_BYTES: usize = 16 << 10;
/// What waits goes out in pieces of about this.
const WRITE_BYTES: usize = 16 << 10;
/// Messages that are heard at once; others have their turn then.
const MESSAGES_MAX: usize = 64;

pub(super) const TOO_LONG: Ending =
    Ending { code: 1009, reason: "the message is longer than a request may be" };
pub(super) const NO_TEXT: Ending = Ending { code: 1007, reason: "a text message has to be UTF-8" };
pub(super) const NO_PROTOCOL: Ending =
    Ending { code: 1002, reason: "what came is no WebSocket frame as RFC 6455 has it" };

pub(super) type Messages = SmallVec<[Bytes; 8]>;

pub(super) struct Socket<S> {
    stream: S,
    decoder: Decoder,
    /// What came and is no whole frame yet.
    read: BytesMut,
    out: Out,
    is_flushed: bool,
    wants_ping: bool,
    /// Only the last ping has to be answered.
    pong: Option<Bytes>,
    /// What is told after the messages that came before it.
    last: Option<Turn>,
    /// The client said goodbye, with this code.
    goodbye: Option<Option<u16>>,
    /// What comes now cannot be told apart into frames any more.
    is_broken: bool,
}

/// Bytes that are on their way.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    written: usize,
    /// Behind them, what is too long to be copied.
    long: Option<Bytes>,
}

/// What a turn came to.
#[derive(Debug)]
pub(super) enum Turn {
    /// At least one.
    Messages(Messages),
    /// A ping, or the answer to one.
    Life,
    /// All was written that is to be written before the end.
    Over(Ending),
    /// It said goodbye.
    Goodbye,
    /// It broke a rule.
    Broke(Ending),
    /// The connection is no more.
    Lost,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S, message_bytes_max: usize) -> Self {
        Self {
            stream,
            decoder: Decoder::new(message_bytes_max),
            read: BytesMut::new(),
            out: Out::default(),
            is_flushed: true,
            wants_ping: false,
            pong: None,
            last: None,
            goodbye: None,
            is_broken: false,
        }
    }

    /// Asks for a sign of life.
    pub(super) fn ping(&mut self) {
        self.wants_ping = true;
    }

    /// Writes all that waits, and hears as many messages as there is room for. May be dropped at any time and begun again.
    pub(super) fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        outbound: &Outbound,
        room: Load,
    ) -> Poll<Turn> {
        outbound.wakes(context);
        // A client that does not read is not waited for.
        if let Some(ending) = outbound.is_cut() {
            return Poll::Ready(Turn::Over(ending));
        }
        match self.poll_write(context, outbound) {
            Poll::Ready(Err(_)) => return Poll::Ready(Turn::Lost),
            Poll::Ready(Ok(())) => {
                if let Some(ending) = outbound.over() {
                    return Poll::Ready(Turn::Over(ending));
                }
            }
            Poll::Pending => {}
        }
        // Looked at after what was written made room.
        match room.is_some() && !outbound.is_full() {
            false => Poll::Pending,
            true => self.poll_hear(context, room),
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>, outbound: &Outbound) -> Poll<io::Result<()>> {
        loop {
            self.out.fill(outbound);
            // What a client that does not read is answered must not pile up.
            if self.out.room() > 0 {
                if let Some(said) = self.pong.take() {
                    put(&mut self.out.bytes, PONG, &said);
                }
                if std::mem::take(&mut self.wants_ping) {
                    put(&mut self.out.bytes, PING, b"");
                }
            }
            if self.out.is_empty() {
                break;
            }
            self.is_flushed = false;
            ready!(self.out.poll_write(context, &mut self.stream))?;
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Messages that came together. The last one may be longer than the room.
    fn poll_hear(&mut self, context: &mut Context<'_>, room: Load) -> Poll<Turn> {
        if let Some(last) = self.last.take() {
            return Poll::Ready(last);
        }
        let (mut messages, mut bytes, mut lives) = (Messages::new(), 0, false);
        let last = loop {
            match self.decoder.next(&mut self.read) {
                Ok(Some(Heard::Message(message))) => {
                    bytes += message.len();
                    messages.push(message);
                    if messages.len() == room.calls.min(MESSAGES_MAX) || bytes >= room.bytes {
                        break None;
                    }
                }
                Ok(Some(Heard::Ping(said))) => (self.pong, lives) = (Some(said), true),
                Ok(Some(Heard::Pong)) => lives = true,
                Ok(Some(Heard::Goodbye(code))) => {
                    self.goodbye = Some(code);
                    break Some(Turn::Goodbye);
                }
                Ok(None) if !messages.is_empty() || lives => break None,
                Ok(None) => match ready!(self.poll_read(context)) {
                    Ok(0) | Err(_) => break Some(Turn::Lost),
                    Ok(_) => {}
                },
                Err(broken) => {
                    self.is_broken = true;
                    break Some(Turn::Broke(ending_of(broken)));
                }
            }
        };
        match last {
            Some(last) if messages.is_empty() => return Poll::Ready(last),
            last => self.last = last,
        }
        Poll::Ready(if messages.is_empty() { Turn::Life } else { Turn::Messages(messages) })
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut space = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        self.read.extend_from_slice(space.filled());
        Poll::Ready(Ok(space.filled().len()))
    }

    /// Says goodbye, and waits a moment for its answer.
    pub(super) async fn close(mut self, ending: Ending) {
        let said = [&ending.code.to_be_bytes()[..], ending.reason.as_bytes()].concat();
        // Whoever reads nothing will not read this.
        if let Ok(Ok(())) = timeout(CLOSE_WITHIN, self.say_last(&said)).await {
            self.part().await;
        }
    }

    /// Behind what is on its way already.
    async fn say_last(&mut self, said: &[u8]) -> io::Result<()> {
        self.write_out().await?;
        put(&mut self.out.bytes, CLOSE, said);
        self.write_out().await?;
        self.stream.flush().await
    }

    async fn write_out(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            std::future::poll_fn(|context| self.out.poll_write(context, &mut self.stream)).await?;
        }
        Ok(())
    }

    /// Answers a goodbye of the client's own; else reads until the client has said it as well, or is gone.
    pub(super) async fn part(mut self) {
        let gone = async {
            if let Some(code) = self.goodbye.take() {
                let said = code.map(u16::to_be_bytes);
                self.say_last(said.as_ref().map_or(&[], |said| said)).await?;
                return self.stream.shutdown().await;
            }
            loop {
                while !self.is_broken {
                    match self.decoder.next(&mut self.read) {
                        Ok(Some(Heard::Goodbye(_))) => return Ok(()),
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => self.is_broken = true,
                    }
                }
                if self.is_broken {
                    self.read.clear();
                }
                if std::future::poll_fn(|context| self.poll_read(context)).await? == 0 {
                    return Ok(());
                }
            }
        };
        // Whoever does not answer is let go of all the same.
        let _: Result<io::Result<()>, _> = timeout(GOODBYE, gone).await;
    }
}

impl Out {
    fn is_empty(&self) -> bool {
        self.written == self.bytes.len() && self.long.is_none()
    }

    /// So many bytes may follow before what is there was written, and whatever stands in a frame that begins in them.
    fn room(&self) -> usize {
        match self.long {
            Some(_) => 0,
            None => WRITE_BYTES.saturating_sub(self.bytes.len() - self.written),
        }
    }

    /// With what is to be written next.
    fn fill(&mut self, outbound: &Outbound) {
        let room = self.room();
        if room == 0 {
            return;
        }
        if self.written > WRITE_BYTES {
            // Else it would grow for as long as no write takes all that there is.
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        let frames = outbound.take(room);
        let copied = frames.iter().filter(|frame| !is_apart(frame));
        self.bytes.reserve(copied.map(|frame| frame.len() + HEAD_BYTES_MAX).sum());
        frames.into_iter().for_each(|frame| self.put(frame));
    }

    fn put(&mut self, frame: Frame) {
        if is_apart(&frame) {
            put_head(&mut self.bytes, TEXT, frame.len());
            self.long = Some(frame.into());
            return;
        }
        frame.with_parts(|parts| {
            let length = parts.iter().map(|part| part.len()).sum();
            put_head(&mut self.bytes, TEXT, length);
            parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        });
    }

    /// Some of it, or all.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        let first = self.bytes.get(self.written..).unwrap_or_default();
        let second = self.long.as_deref().unwrap_or_default();
        let stream = Pin::new(stream);
        let written = match second {
            [] => ready!(stream.poll_write(context, first))?,
            _ => ready!(stream.poll_write_vectored(context, &[IoSlice::new(first), IoSlice::new(second)]))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_first = written.min(first.len());
        self.written += of_first;
        if let Some(long) = &mut self.long {
            long.advance(written - of_first);
        }
        self.long = self.long.take().filter(|long| !long.is_empty());
        if self.written == self.bytes.len() {
            // Whoever is told nothing holds nothing.
            (self.bytes, self.written) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

/// A long answer is not copied behind the rest.
fn is_apart(frame: &Frame) -> bool {
    matches!(frame, Frame::Answer(_)) && frame.len() > WRITE_BYTES
}

fn ending_of(broken: Broken) -> Ending {
    match broken {
        Broken::Protocol => NO_PROTOCOL,
        Broken::NoText => NO_TEXT,
        Broken::TooLong => TOO_LONG,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::streams::SubscriptionId;
    use crate::telling::Told;

    /// A client that has sent this.
    struct Sent(io::Cursor<Vec<u8>>);

    impl AsyncRead for Sent {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            match self.0.position() < self.0.get_ref().len() as u64 {
                true => Pin::new(&mut self.0).poll_read(context, into),
                false => Poll::Pending,
            }
        }
    }

    impl AsyncWrite for Sent {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Takes half of whatever it is offered.
    struct Half;

    impl AsyncWrite for Half {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len().div_ceil(2)))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn messages_are_heard_for_as_long_as_there_is_room_for_their_bytes() {
        let frame = |text: &str| [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0][..], text.as_bytes()].concat();
        let came = ["one", "two", "three", "four"].map(frame).concat();
        let outbound = Outbound::new(usize::MAX);
        let mut socket = Socket::new(Sent(io::Cursor::new(came)), usize::MAX);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut hear = |calls, bytes| match socket.poll_turn(&mut context, &outbound, Load { calls, bytes }) {
            Poll::Ready(Turn::Messages(messages)) => messages.len(),
            _ => 0,
        };
        // The second does not fit whole, and is heard all the same.
        assert_eq!(
            [hear(9, 0), hear(0, 9), hear(9, 4), hear(1, 9), hear(9, 1), hear(9, 9)],
            [0, 0, 2, 1, 1, 0]
        );
    }

    #[test]
    fn who_never_takes_all_that_there_is_makes_nothing_grow() {
        let (outbound, mut out) = (Outbound::new(usize::MAX), Out::default());
        for _ in 0..1_000 {
            let told = Told::Result(Arc::from([b'x'; 2_000].as_slice()));
            (0..8).for_each(|_| outbound.notify(SubscriptionId(1), told.clone()));
            out.fill(&outbound);
            let mut context = Context::from_waker(std::task::Waker::noop());
            assert!(out.poll_write(&mut context, &mut Half).is_ready());
            assert!(out.bytes.len() < 4 * WRITE_BYTES, "{}", out.bytes.len());
        }
    }
}
