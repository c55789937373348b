//! Signs of life of clients' connections, and the one sweep that looks after all of them: who sends half a request, takes
//! nothing of what it is sent, or is silent for too long, is told on. No connection has a timer of its own. It must never know
//! what is carried.

use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Between two looks. What is told on is late by so much at most.
const SWEEP: Duration = Duration::from_millis(250);

/// All connections of clients.
#[derive(Debug)]
pub(crate) struct Pulses {
    began: Instant,
    /// Milliseconds, as of the last sweep: to read the clock for every byte would cost more than it is worth.
    now: Arc<AtomicU64>,
    all: Mutex<Vec<Weak<Pulse>>>,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For a request's head to arrive, and for a client to take anything of what it is sent.
    pub(crate) request: Duration,
    /// Without a request, or without a sign of life.
    pub(crate) idle: Duration,
}

/// One connection. Times are as in `Pulses`; 0 is never.
#[derive(Debug)]
pub(crate) struct Pulse {
    now: Arc<AtomicU64>,
    stage: AtomicU8,
    requests: AtomicU64,
    /// Of the bytes that no request was made of yet, the first.
    begun: AtomicU64,
    /// Since when there is nothing to do, or, for a session, since when nothing was heard.
    rests: AtomicU64,
    sent: AtomicU64,
    /// Since when nothing can be written.
    stuck: AtomicU64,
    verdict: AtomicU8,
    wake: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was asked yet.
    New,
    Http1,
    /// Frames come at any time and begin nothing.
    Http2,
    Session,
}

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A request that was begun did not arrive in time, or none was begun at all.
    Late,
    /// It was not used for long.
    Idle,
    /// It takes nothing of what it is sent.
    Stuck,
    /// A session said nothing for half its time: it may be asked for a sign of life.
    Quiet,
    /// Nor did it answer.
    Silent,
}

impl Pulses {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), now: Arc::new(AtomicU64::new(1)), all: Mutex::default() }
    }

    pub(crate) fn begin(&self) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new(Arc::clone(&self.now)));
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&pulse));
        pulse
    }

    /// For ever. `patience` is asked for anew each time: it may change.
    pub(crate) async fn sweep(&self, patience: impl Fn() -> Patience) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.now.store(ms(self.began.elapsed()).max(1), Relaxed);
            self.look(patience());
        }
    }

    fn look(&self, patience: Patience) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|pulse| match pulse.upgrade() {
            None => false,
            Some(pulse) => {
                if let Some(verdict) = pulse.judged(patience) {
                    pulse.verdict.store(verdict as u8 + 1, Relaxed);
                    pulse.wake.notify_one();
                }
                true
            }
        });
    }
}

impl Pulse {
    fn new(now: Arc<AtomicU64>) -> Self {
        let began = now.load(Relaxed);
        Self {
            now,
            stage: AtomicU8::new(Stage::New as u8),
            requests: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            rests: AtomicU64::new(began),
            sent: AtomicU64::new(began),
            stuck: AtomicU64::new(0),
            verdict: AtomicU8::new(0),
            wake: Notify::new(),
        }
    }

    /// A request is under way until what this returns is dropped.
    pub(crate) fn request(self: &Arc<Self>, is_http2: bool) -> UnderWay {
        let stage = if is_http2 { Stage::Http2 } else { Stage::Http1 };
        self.stage.store(stage as u8, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.begun.store(0, Relaxed);
        UnderWay { pulse: Arc::clone(self) }
    }

    /// From now on it lives as long as it gives signs of life.
    pub(crate) fn is_session(&self) {
        self.stage.store(Stage::Session as u8, Relaxed);
        self.heard();
    }

    /// Whoever fills its queue saw that nothing is taken. Of HTTP/2 that says nothing of the connection's other streams: the one
    /// is reset when it is read again, and nothing is kept for it until then.
    pub(crate) fn is_stuck(&self) {
        if self.stage.load(Relaxed) == Stage::Http2 as u8 {
            return;
        }
        self.verdict.store(Verdict::Stuck as u8 + 1, Relaxed);
        self.wake.notify_one();
    }

    /// A sign of life.
    pub(crate) fn heard(&self) {
        self.rests.store(self.now.load(Relaxed), Relaxed);
    }

    /// Waits for the next one. Only one waits at a time.
    pub(crate) async fn verdict(&self) -> Verdict {
        loop {
            self.wake.notified().await;
            match self.verdict.swap(0, Relaxed) {
                1 => return Verdict::Late,
                2 => return Verdict::Idle,
                3 => return Verdict::Stuck,
                4 => return Verdict::Quiet,
                5 => return Verdict::Silent,
                _ => {}
            }
        }
    }

    fn judged(&self, patience: Patience) -> Option<Verdict> {
        let (request, idle) = (ms(patience.request), ms(patience.idle));
        let now = self.now.load(Relaxed);
        let age = |at: &AtomicU64| match at.load(Relaxed) {
            0 => 0,
            at => now.saturating_sub(at),
        };
        if age(&self.stuck) > request {
            return Some(Verdict::Stuck);
        }
        let stage = self.stage.load(Relaxed);
        if stage == Stage::Session as u8 {
            return match age(&self.rests) {
                silent if silent > idle => Some(Verdict::Silent),
                silent if silent > idle / 2 => Some(Verdict::Quiet),
                _ => None,
            };
        }
        if self.requests.load(Relaxed) > 0 {
            return None;
        }
        let is_late = (stage == Stage::New as u8 && age(&self.rests) > request)
            || (stage == Stage::Http1 as u8 && age(&self.begun) > request);
        let is_idle = age(&self.rests).min(age(&self.sent)) > idle;
        is_late.then_some(Verdict::Late).or(is_idle.then_some(Verdict::Idle))
    }

    fn read(&self) {
        if self.stage.load(Relaxed) == Stage::Session as u8 {
            self.heard();
        } else if self.requests.load(Relaxed) == 0 && self.begun.load(Relaxed) == 0 {
            self.begun.store(self.now.load(Relaxed), Relaxed);
        }
    }

    fn wrote(&self, is_done: bool) {
        let now = self.now.load(Relaxed);
        if is_done {
            self.sent.store(now, Relaxed);
            self.stuck.store(0, Relaxed);
        } else if self.stuck.load(Relaxed) == 0 {
            self.stuck.store(now, Relaxed);
        }
    }
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pulse: Arc<Pulse>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.pulse.heard();
        self.pulse.requests.fetch_sub(1, Relaxed);
    }
}

/// A connection whose bytes are its pulse.
#[derive(Debug)]
pub(crate) struct Felt<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Felt<S> {
    pub(crate) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Felt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Felt<S> {
    fn note(&self, polled: Poll<std::io::Result<usize>>) -> Poll<std::io::Result<usize>> {
        match &polled {
            Poll::Ready(Ok(_)) => self.pulse.wrote(true),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.pulse.wrote(false),
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Felt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
