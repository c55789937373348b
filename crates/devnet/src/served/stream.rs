//! A TCP stream that can be reset instead of closed, from elsewhere and at any time. It must never know what is said over
//! it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::door::Door;

/// Says that a connection is to be reset. Whoever serves it lets go of the stream then.
#[derive(Debug)]
pub(super) struct Cut {
    reset: watch::Sender<bool>,
}

impl Cut {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { reset: watch::Sender::new(false) })
    }

    pub(super) fn reset(&self) {
        self.reset.send_replace(true);
    }

    pub(super) async fn was_reset(&self) {
        // The sender lives as long as this does.
        let _ = self.reset.subscribe().wait_for(|reset| *reset).await;
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    inner: TcpStream,
    cut: Arc<Cut>,
    door: Arc<Door>,
}

impl Stream {
    pub(super) fn new(inner: TcpStream, cut: Arc<Cut>, door: Arc<Door>) -> Self {
        door.came();
        Self { inner, cut, door }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if *self.cut.reset.borrow() {
            // Closing sends a reset then; where that cannot be had, an ordinary end has to do.
            let _ = self.inner.set_zero_linger();
        }
        self.door.went();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
