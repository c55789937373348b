//! Answers on their way. Over HTTP/2 each is given up for itself when its client has no room for the next piece of it
//! for too long; HTTP/1.1 has one answer at a time, and there the connection is what is watched. It must never know
//! what an answer says.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::rt::Executor;
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Busy;

/// What the answer of a stream did last.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Gave a piece: the client has to make room for it.
    HandedOut,
    /// Has nothing to give at the moment, or nothing more.
    Waits,
}

thread_local! {
    /// A stream polls its answer, and all that is between the two is hyper's: this goes past it.
    static STEP: Cell<Option<Step>> = const { Cell::new(None) };
}

/// An answer that tells what it does, and keeps its connection busy.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _busy: Busy,
}

impl Answer {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let is_data = matches!(&frame, Poll::Ready(Some(Ok(frame))) if frame.is_data());
        STEP.set(Some(if is_data { Step::HandedOut } else { Step::Waits }));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the streams of a connection, each until it ends or its client took nothing of its answer for so long.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    pub patience: Duration,
    pub given_up: Counter,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let Self { patience, given_up } = self.clone();
        tokio::spawn(async move {
            let mut stream = pin!(stream);
            let mut wait: Option<Pin<Box<Sleep>>> = None;
            poll_fn(|context| {
                STEP.set(None);
                if stream.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                match STEP.get() {
                    Some(Step::HandedOut) => wait = Some(Box::pin(sleep_until(Instant::now() + patience))),
                    Some(Step::Waits) => wait = None,
                    // It was woken for something else.
                    None => {}
                }
                let Some(wait) = &mut wait else { return Poll::Pending };
                ready!(wait.as_mut().poll(context));
                given_up.inc();
                // A stream that is dropped before its end is reset.
                Poll::Ready(())
            })
            .await;
        });
    }
}
