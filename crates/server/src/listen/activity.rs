//! Whether a connection has anything to do, since when not, and since when its client takes nothing of what is written.
//! It must never know what the connection carries.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::ConnectionLimits;

/// A fresh connection has to bring its first request sooner than an old one its next.
const FIRST_REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// Times are milliseconds after `opened`.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    idle_since_ms: AtomicU64,
    /// Since when bytes wait of which none were taken; 0 where none wait.
    stuck_since_ms: AtomicU64,
}

/// Held while a request is worked on and its answer is on its way.
#[derive(Debug)]
pub(super) struct Busy {
    activity: Arc<Activity>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            idle_since_ms: AtomicU64::new(0),
            stuck_since_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn begin(this: &Arc<Self>) -> Busy {
        this.in_flight.fetch_add(1, Ordering::Relaxed);
        this.requests.fetch_add(1, Ordering::Relaxed);
        Busy { activity: Arc::clone(this) }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0 || self.stuck_since().is_some()
    }

    /// When the connection has to be looked at again.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Instant {
        match self.stuck_since() {
            Some(since) => since + limits.idle_timeout,
            None if self.is_busy() => Instant::now() + limits.idle_timeout,
            None => self.opened + ms(&self.idle_since_ms) + self.timeout(limits),
        }
    }

    pub(super) fn is_idle(&self, limits: &ConnectionLimits) -> bool {
        !self.is_busy() && Instant::now() >= self.deadline(limits)
    }

    /// Whether the client has taken nothing for too long.
    pub(super) fn is_stuck(&self, limits: &ConnectionLimits) -> bool {
        self.stuck_since().is_some_and(|since| since.elapsed() >= limits.idle_timeout)
    }

    fn stuck_since(&self) -> Option<Instant> {
        Some(ms(&self.stuck_since_ms)).filter(|since| !since.is_zero()).map(|since| self.opened + since)
    }

    fn timeout(&self, limits: &ConnectionLimits) -> Duration {
        match self.requests.load(Ordering::Relaxed) {
            0 => limits.idle_timeout.min(FIRST_REQUEST_TIMEOUT_MAX),
            _ => limits.idle_timeout,
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What became of an attempt to write; only the connection's own task makes any.
    fn wrote(&self, is_stuck: bool) {
        match (is_stuck, self.stuck_since_ms.load(Ordering::Relaxed)) {
            (true, 0) => self.stuck_since_ms.store(self.now_ms().max(1), Ordering::Relaxed),
            (false, 1..) => {
                self.idle_since_ms.store(self.now_ms(), Ordering::Relaxed);
                self.stuck_since_ms.store(0, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

fn ms(stored: &AtomicU64) -> Duration {
    Duration::from_millis(stored.load(Ordering::Relaxed))
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.idle_since_ms.store(self.activity.now_ms(), Ordering::Relaxed);
        self.activity.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that tells whether what is written to it gets any further.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    fn tell<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.activity.wrote(outcome.is_pending());
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        asked: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, asked)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.tell(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.tell(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Over TLS bytes may still wait here.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.tell(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.tell(outcome)
    }
}
