//! Reads what a socket has in one call of the kernel, and hands it on in the pieces that are asked for. HTTP/2 asks for
//! what is left of its buffer and then for the rest of a frame, which makes two calls of a request that came whole. It must
//! never know what it reads.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who has room for so much reads for itself.
const ASKED_BYTES_MAX: usize = 8 * 1024;
/// What is read at once for who has less: most small requests, with their headers.
const ROOM_BYTES: usize = 16 * 1024;

thread_local! {
    /// Kept, so that no connection has room of its own that it seldom needs.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

#[derive(Debug)]
pub(super) struct ReadAhead<S> {
    stream: S,
    /// Read, and not asked for yet.
    ahead: Bytes,
}

impl<S> ReadAhead<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, ahead: Bytes::new() }
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    /// Fills `asked` from what the stream has, and keeps the rest.
    fn read_more(&mut self, context: &mut Context<'_>, asked: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut room = ROOM.take();
        room.resize(ROOM_BYTES, 0);
        let mut read = ReadBuf::new(&mut room);
        let outcome = Pin::new(&mut self.stream).poll_read(context, &mut read);
        let (now, later) = read.filled().split_at(read.filled().len().min(asked.remaining()));
        asked.put_slice(now);
        if !later.is_empty() {
            self.ahead = Bytes::copy_from_slice(later);
        }
        ROOM.set(room);
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        asked: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            match asked.remaining() {
                1..ASKED_BYTES_MAX => ready!(self.read_more(context, asked))?,
                0 => {}
                _ => ready!(Pin::new(&mut self.stream).poll_read(context, asked))?,
            }
            return Poll::Ready(Ok(()));
        }
        let now = asked.remaining().min(self.ahead.len());
        asked.put_slice(&self.ahead.split_to(now));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Has all its bytes at once, and counts how often it is asked.
    struct Counting {
        bytes: Vec<u8>,
        at: usize,
        asked: usize,
    }

    impl AsyncRead for Counting {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            asked: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let end = self.bytes.len().min(self.at + asked.remaining());
            asked.put_slice(&self.bytes[self.at..end]);
            self.at = end;
            self.asked += 1;
            Poll::Ready(Ok(()))
        }
    }

    /// Reads in these pieces, over and over; how often the stream was asked until its end.
    async fn asked(length: usize, pieces: &[usize]) -> usize {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut stream = ReadAhead::new(Counting { bytes: bytes.clone(), at: 0, asked: 0 });
        let mut read = Vec::new();
        for piece in pieces.iter().cycle() {
            let mut room = vec![0; *piece];
            let count = stream.read(&mut room).await.unwrap();
            if count == 0 {
                break;
            }
            read.extend_from_slice(&room[..count]);
        }
        assert!(read == bytes, "{pieces:?}");
        stream.stream.asked
    }

    #[tokio::test]
    async fn what_came_whole_is_read_at_once_whatever_the_pieces_that_are_asked_for() {
        // The end is one more.
        assert_eq!(asked(7_000, &[1_257, 5_571, 59]).await, 2);
        assert_eq!(asked(ROOM_BYTES, &[9, 1_000]).await, 2);
        assert_eq!(asked(ROOM_BYTES * 3, &[1]).await, 4);
        assert_eq!(asked(100, &[4_000]).await, 2);
    }

    #[tokio::test]
    async fn who_has_room_enough_reads_for_itself() {
        assert_eq!(asked(ROOM_BYTES * 4, &[ROOM_BYTES * 2]).await, 3);
        assert_eq!(asked(ASKED_BYTES_MAX * 2, &[ASKED_BYTES_MAX]).await, 3);
    }
}
