//! An answer's body, handed out in pieces, that holds something as long as much of it is left. It must never know what it
//! holds.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// The most that is handed out at once: a client that takes a piece now and then is seen to read. What is left of an
/// answer is little from here on: it waits for its client in no more memory than a connection's own buffers, and no
/// place has to wait with it.
const PIECE_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct GuardedBody<G> {
    body: Body,
    /// Of the frame that came last, what was not handed out yet.
    rest: Bytes,
    guard: Option<G>,
}

impl<G> GuardedBody<G> {
    pub(crate) fn new(body: Body, guard: G) -> Self {
        let mut guarded = Self { body, rest: Bytes::new(), guard: Some(guard) };
        guarded.let_go();
        guarded
    }

    /// Where little is left.
    fn let_go(&mut self) {
        let left = self.body.size_hint().upper().map(|left| left.saturating_add(self.rest.len() as u64));
        if left.is_some_and(|left| left <= PIECE_BYTES_MAX as u64) {
            self.guard = None;
        }
    }
}

impl<G: Unpin> HttpBody for GuardedBody<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES_MAX);
        let piece = self.rest.split_to(length);
        self.let_go();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, mut hint) = (self.rest.len() as u64, self.body.size_hint());
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn an_answer_in_pieces_is_the_same_and_lets_go_at_the_last() {
        for length in [0, 1, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 5 * PIECE_BYTES_MAX + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let place = Arc::new(());
            let mut answer = GuardedBody::new(Body::from(bytes.clone()), Arc::clone(&place));
            let mut read = Vec::new();
            loop {
                let left = length - read.len();
                assert_eq!(answer.size_hint().exact(), Some(left as u64), "{length}");
                assert_eq!(Arc::strong_count(&place) == 2, left > PIECE_BYTES_MAX, "{length}, {left} left");
                let Some(piece) = answer.frame().await else { break };
                let piece = piece.unwrap().into_data().unwrap();
                assert!(piece.len() <= PIECE_BYTES_MAX, "{length}");
                read.extend_from_slice(&piece);
            }
            assert!(read == bytes && answer.is_end_stream(), "{length}");
        }
    }

    #[tokio::test]
    async fn an_answer_of_unknown_length_holds_on_to_its_end() {
        let place = Arc::new(());
        let chunks = [Ok::<_, std::io::Error>("a"), Ok("b")];
        let body = Body::from_stream(tokio_stream::iter(chunks));
        let mut answer = GuardedBody::new(body, Arc::clone(&place));
        while answer.frame().await.is_some() {
            assert_eq!(Arc::strong_count(&place), 2);
        }
        drop(answer);
        assert_eq!(Arc::strong_count(&place), 1);
    }
}
