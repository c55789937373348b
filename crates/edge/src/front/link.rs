//! One connection of a client while it is open: its pulse, whose keys it showed, and what it was upgraded to. It must never
//! know what is asked.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::filters::Network;
use crate::keys::{Counted, Holder, Place};
use crate::pulse::{Pulse, UnderWay};
use crate::rules::REQUEST_BYTES_AT_ONCE_MAX;

pub(super) struct Link {
    pub(super) pulse: Arc<Pulse>,
    pub(super) network: Network,
    /// A connection counts for everybody whose key it shows, as a rule for one.
    places: std::sync::Mutex<Vec<(Arc<Holder>, Place)>>,
    sessions: Mutex<JoinSet<()>>,
    /// For the bytes of requests that are worked on.
    request_bytes: Arc<Semaphore>,
}

impl Link {
    pub(super) fn new(pulse: Arc<Pulse>, network: Network) -> Self {
        let request_bytes = Arc::new(Semaphore::new(REQUEST_BYTES_AT_ONCE_MAX));
        Self {
            pulse,
            network,
            places: std::sync::Mutex::default(),
            sessions: Mutex::default(),
            request_bytes,
        }
    }

    /// Whether the holder may have this connection.
    pub(super) fn admits(&self, holder: &Arc<Holder>) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.iter().any(|(known, _)| Arc::ptr_eq(known, holder)) {
            return true;
        }
        match holder.enter(Counted::Connection) {
            Some(place) => {
                places.push((Arc::clone(holder), place));
                true
            }
            None => false,
        }
    }

    /// Room for a request that is so long at most, until it is dropped. Over HTTP/2 others may have to be answered first.
    pub(super) async fn request_bytes(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        let bytes = u32::try_from(bytes.min(REQUEST_BYTES_AT_ONCE_MAX)).ok()?;
        Arc::clone(&self.request_bytes).acquire_many_owned(bytes).await.ok()
    }

    pub(super) async fn upgraded(&self, session: impl Future<Output = ()> + Send + 'static) {
        self.sessions.lock().await.spawn(session);
    }

    pub(super) async fn sessions_ended(&self) {
        let mut sessions = self.sessions.lock().await;
        while sessions.join_next().await.is_some() {}
    }
}

/// An answer's body, which is under way until it is gone.
pub(super) struct UntilTaken<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B> UntilTaken<B> {
    pub(super) fn new(body: B, under_way: UnderWay) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl<B: Body + Unpin> Body for UntilTaken<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::pulse::Pulses;

    #[tokio::test]
    async fn requests_of_one_connection_wait_while_others_of_it_are_too_long_together() {
        let link = Link::new(Pulses::new().begin(), Network::of([127, 0, 0, 1].into()));
        let most = link.request_bytes(usize::MAX).now_or_never();
        assert!(most.is_some(), "the longest is taken alone");
        assert!(link.request_bytes(1).now_or_never().is_none());
        assert!(link.request_bytes(0).now_or_never().is_some());
        drop(most);
        let first = link.request_bytes(REQUEST_BYTES_AT_ONCE_MAX - 1).now_or_never().flatten();
        let second = link.request_bytes(1).now_or_never().flatten();
        assert!(first.is_some() && second.is_some());
        assert!(link.request_bytes(1).now_or_never().is_none());
        drop(second);
        assert!(link.request_bytes(1).now_or_never().flatten().is_some());
    }
}
