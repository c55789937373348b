//! Bodies of answers: whole, cut in the middle, or a stream of events. It must never know what they say.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::Sleep;

/// Between what is sent of a cut answer and its end, so that it is on its way before the connection goes.
const BEFORE_CUT: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) enum Body {
    Whole(Option<Bytes>),
    Cut(CutBody),
    /// Ends when nobody sends any more.
    Stream(mpsc::Receiver<Bytes>),
}

/// Promises more than it has.
#[derive(Debug)]
pub(super) struct CutBody {
    promised: u64,
    first: Option<Bytes>,
    end: Option<Pin<Box<Sleep>>>,
}

impl Body {
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }

    pub(super) fn cut(bytes: &Bytes, cut: usize) -> Self {
        let first = bytes.slice(..cut.min(bytes.len()));
        Self::Cut(CutBody { promised: bytes.len() as u64, first: Some(first), end: None })
    }
}

impl CutBody {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Frame<Bytes>>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Ok(Frame::data(first)));
        }
        let end = self.end.get_or_insert_with(|| Box::pin(tokio::time::sleep(BEFORE_CUT)));
        ready!(end.as_mut().poll(context));
        Poll::Ready(Err(io::Error::other("the devnet was told to cut this answer")))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Cut(body) => body.poll(context).map(Some),
            Self::Stream(events) => events.poll_recv(context).map(|event| Some(Ok(Frame::data(event?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Cut(body) => SizeHint::with_exact(body.promised),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}
