//! One connection of a client while it is open: its pulse, whose keys it showed, and what it was upgraded to. It must never
//! know what is asked.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::keys::{Counted, Holder, Place};
use crate::pulse::{Pulse, UnderWay};

pub(super) struct Link {
    pub(super) pulse: Arc<Pulse>,
    /// A connection counts for everybody whose key it shows, as a rule for one.
    places: std::sync::Mutex<Vec<(Arc<Holder>, Place)>>,
    sessions: Mutex<JoinSet<()>>,
}

impl Link {
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        Self { pulse, places: std::sync::Mutex::default(), sessions: Mutex::default() }
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
