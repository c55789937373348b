//! What waits to be written to one client. Notifications have a bound; who does not read them in time is closed, and nobody
//! else waits. Answers need none: a session takes no further call while too many bytes of them wait, and a long answer must not
//! end a client that reads. It must never know what it holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::core::streams::SubscriptionId;
use crate::pulse::Pulse;

/// Why a client is closed: a code of RFC 6455 and a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

pub(crate) const SLOW: Ending =
    Ending { code: 1008, reason: "slow consumer: messages were not read in time" };
/// The same, where it is bytes that are not taken.
pub(crate) const STUCK: Ending =
    Ending { code: 1008, reason: "slow consumer: nothing of what was sent was taken in time" };
pub(crate) const SILENT: Ending = Ending { code: 1008, reason: "no sign of life: pings were not answered" };
pub(crate) const GAP: Ending =
    Ending { code: 1013, reason: "blocks are missing that cannot be had; subscribe again" };
pub(crate) const REFUSED: Ending =
    Ending { code: 1013, reason: "no node takes this subscription; try again later" };
pub(crate) const DRAINING: Ending = Ending { code: 1001, reason: "the proxy is shutting down" };
pub(crate) const CLOSED: Ending = Ending { code: 1001, reason: "this pool is no longer served" };
pub(crate) const REVOKED: Ending =
    Ending { code: 1008, reason: "the key of this connection counts no longer" };

#[derive(Debug)]
pub(crate) struct Outbound {
    state: Mutex<State>,
    /// Something is to be written, or it is over.
    wake: Notify,
    bytes_max: usize,
    /// Of a connection that nobody looks at while nothing can be written.
    unwatched: Option<Arc<Pulse>>,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Of notifications, held ones included.
    bytes: usize,
    answer_bytes: usize,
    /// Of subscriptions whose ids the client has not been told yet.
    held: Vec<(SubscriptionId, VecDeque<Bytes>)>,
    ending: Option<Ending>,
    is_cut: bool,
}

#[derive(Debug)]
enum Frame {
    Answer(Bytes),
    Notification(Bytes),
}

impl Frame {
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Answer(bytes) | Self::Notification(bytes) => bytes,
        }
    }
}

impl Outbound {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), bytes_max, unwatched: None }
    }

    /// Its connection is closed as soon as too much waits.
    pub(crate) fn over_http(bytes_max: usize, pulse: Arc<Pulse>) -> Self {
        Self { unwatched: Some(pulse), ..Self::new(bytes_max) }
    }

    /// An answer.
    pub(crate) fn push(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.ending.is_none() {
            state.answer_bytes += frame.len();
            state.frames.push_back(Frame::Answer(frame));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// A notification. It waits while its subscription is held.
    pub(crate) fn notify(&self, subscription: SubscriptionId, frame: Bytes) {
        let mut state = self.lock();
        if !self.has_room(&mut state, frame.len()) {
            drop(state);
            return self.wake.notify_one();
        }
        match state.held.iter_mut().find(|(held, _)| *held == subscription) {
            Some((_, frames)) => frames.push_back(frame),
            None => {
                state.frames.push_back(Frame::Notification(frame));
                drop(state);
                self.wake.notify_one();
            }
        }
    }

    /// A sign of life, where nothing else is one.
    pub(crate) fn sign(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.frames.is_empty() && state.ending.is_none() {
            state.bytes += frame.len();
            state.frames.push_back(Frame::Notification(frame));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Nothing of it is written before it is released: the client does not know the id yet.
    pub(crate) fn hold(&self, subscription: SubscriptionId) {
        self.lock().held.push((subscription, VecDeque::new()));
    }

    pub(crate) fn release(&self, subscription: SubscriptionId) {
        let mut state = self.lock();
        if let Some(at) = state.held.iter().position(|(held, _)| *held == subscription) {
            let (_, frames) = state.held.swap_remove(at);
            state.frames.extend(frames.into_iter().map(Frame::Notification));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// What is waiting is still written; nothing is added.
    pub(crate) fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.wake.notify_one();
    }

    /// Nothing of what is waiting will be read.
    pub(crate) fn cut(&self, ending: Ending) {
        *self.lock() = State { ending: Some(ending), is_cut: true, ..State::default() };
        self.wake.notify_one();
    }

    /// What is to be written next.
    pub(crate) fn pop(&self) -> Option<Bytes> {
        let mut state = self.lock();
        let frame = state.frames.pop_front()?;
        match &frame {
            Frame::Answer(bytes) => state.answer_bytes -= bytes.len(),
            Frame::Notification(bytes) => state.bytes -= bytes.len(),
        }
        Some(frame.into_bytes())
    }

    /// Whether answers wait that are longer than what may wait: nothing more is asked of the pool until they are written.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().answer_bytes > self.bytes_max
    }

    /// Why it ends, where there is nothing left to write before.
    pub(crate) fn over(&self) -> Option<Ending> {
        let state = self.lock();
        state.ending.filter(|_| state.frames.is_empty())
    }

    /// Why it ends at once.
    pub(crate) fn is_cut(&self) -> Option<Ending> {
        let state = self.lock();
        state.ending.filter(|_| state.is_cut)
    }

    #[cfg(test)]
    fn ending(&self) -> Option<Ending> {
        self.lock().ending
    }

    /// Until something is to be written, or it is over.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    fn has_room(&self, state: &mut State, bytes: usize) -> bool {
        if state.ending.is_some() {
            return false;
        }
        // One message of any length goes through where nothing waits.
        if state.bytes > 0 && state.bytes + bytes > self.bytes_max {
            *state = State { ending: Some(SLOW), is_cut: true, ..State::default() };
            self.unwatched.iter().for_each(|pulse| pulse.is_stuck());
            return false;
        }
        state.bytes += bytes;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left whole frames behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SubscriptionId = SubscriptionId(1);

    fn taken(outbound: &Outbound) -> Vec<Bytes> {
        std::iter::from_fn(|| outbound.pop()).collect()
    }

    #[test]
    fn what_is_held_comes_after_the_answer_that_tells_its_id() {
        let outbound = Outbound::new(100);
        outbound.hold(ONE);
        outbound.notify(ONE, Bytes::from_static(b"first"));
        outbound.push(Bytes::from_static(b"answer"));
        assert_eq!(taken(&outbound), ["answer"]);
        outbound.notify(ONE, Bytes::from_static(b"second"));
        outbound.release(ONE);
        outbound.notify(ONE, Bytes::from_static(b"third"));
        assert_eq!(taken(&outbound), ["first", "second", "third"]);
    }

    #[test]
    fn who_does_not_read_is_closed_and_holds_nothing_any_more() {
        let outbound = Outbound::new(10);
        outbound.notify(ONE, Bytes::from_static(b"12345678"));
        outbound.notify(ONE, Bytes::from_static(b"12"));
        assert_eq!(outbound.ending(), None);
        outbound.notify(ONE, Bytes::from_static(b"3"));
        assert_eq!((taken(&outbound).len(), outbound.is_cut()), (0, Some(SLOW)));
        outbound.notify(ONE, Bytes::from_static(b"4"));
        outbound.push(Bytes::from_static(b"5"));
        assert!(taken(&outbound).is_empty());
    }

    #[test]
    fn a_long_answer_that_waits_ends_nobody_and_leaves_notifications_their_room() {
        let outbound = Outbound::new(10);
        outbound.notify(ONE, Bytes::from_static(b"12345"));
        outbound.push(Bytes::from_static(b"an answer that is longer than all the room"));
        outbound.push(Bytes::from_static(b"another answer that is longer than all the room"));
        outbound.notify(ONE, Bytes::from_static(b"67890"));
        assert_eq!((taken(&outbound).len(), outbound.ending()), (4, None));
        outbound.notify(ONE, Bytes::from_static(b"1234567890"));
        assert_eq!((taken(&outbound).len(), outbound.ending()), (1, None));
    }

    #[test]
    fn one_long_message_goes_through_and_what_was_taken_makes_room() {
        let outbound = Outbound::new(10);
        outbound.notify(ONE, Bytes::from_static(b"longer than that"));
        assert_eq!(taken(&outbound).len(), 1);
        outbound.notify(ONE, Bytes::from_static(b"1234567890"));
        assert_eq!((taken(&outbound).len(), outbound.ending()), (1, None));
    }

    #[test]
    fn what_waits_is_held_to_the_bound_as_well() {
        let outbound = Outbound::new(10);
        outbound.hold(ONE);
        outbound.notify(ONE, Bytes::from_static(b"12345678"));
        outbound.notify(ONE, Bytes::from_static(b"12345678"));
        assert_eq!(outbound.ending(), Some(SLOW));
    }

    #[test]
    fn the_first_reason_counts_and_what_came_before_is_written() {
        let outbound = Outbound::new(10);
        outbound.push(Bytes::from_static(b"1"));
        outbound.end(DRAINING);
        outbound.end(GAP);
        outbound.push(Bytes::from_static(b"2"));
        assert_eq!((outbound.is_cut(), outbound.over()), (None, None));
        assert_eq!(taken(&outbound), ["1"]);
        assert_eq!(outbound.over(), Some(DRAINING));
    }
}
