//! What waits to be written to one client. Notifications have a bound; who does not read them in time is closed, and nobody
//! else waits. Answers need none: a session takes no further call while too many bytes of them wait, and a long answer must not
//! end a client that reads. It must never know what it holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use smallvec::SmallVec;

use crate::core::streams::SubscriptionId;
use crate::pulse::Pulse;
use crate::telling::Told;

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
    /// Of whoever writes: something is to be written, or it is over.
    wake: AtomicWaker,
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
    held: Vec<(SubscriptionId, VecDeque<Told>)>,
    ending: Option<Ending>,
    is_cut: bool,
}

/// What one message of the client's is made of.
#[derive(Debug)]
pub(crate) enum Frame {
    Answer(Bytes),
    /// What it tells is the same for all who are told.
    Notification(SubscriptionId, Told),
}

pub(crate) type Frames = SmallVec<[Frame; 8]>;

impl State {
    fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        match &frame {
            Frame::Answer(_) => self.answer_bytes -= frame.len(),
            Frame::Notification(..) => self.bytes -= frame.len(),
        }
        Some(frame)
    }
}

impl Frame {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Answer(bytes) => bytes.len(),
            Self::Notification(_, told) => told.bytes(),
        }
    }

    /// The parts that follow each other.
    pub(crate) fn with_parts<T>(&self, put: impl FnOnce(&[&[u8]]) -> T) -> T {
        match self {
            Self::Answer(bytes) | Self::Notification(_, Told::Event(bytes)) => put(&[bytes]),
            Self::Notification(subscription, Told::Result(result)) => {
                put(&[BEFORE_ID, &subscription.digits(), BEFORE_RESULT, result, BEHIND_RESULT])
            }
        }
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Answer(bytes) | Frame::Notification(_, Told::Event(bytes)) => bytes,
            Frame::Notification(_, Told::Result(_)) => frame.with_parts(|parts| parts.concat()).into(),
        }
    }
}

const BEFORE_ID: &[u8] =
    b"{\"jsonrpc\":\"2.0\",\"method\":\"eth_subscription\",\"params\":{\"subscription\":\"";
const BEFORE_RESULT: &[u8] = b"\",\"result\":";
const BEHIND_RESULT: &[u8] = b"}}";

impl Told {
    /// How long a frame is that tells this.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.len(),
            Self::Result(result) => {
                let around =
                    BEFORE_ID.len() + SubscriptionId::DIGITS + BEFORE_RESULT.len() + BEHIND_RESULT.len();
                around + result.len()
            }
        }
    }
}

impl Outbound {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), wake: AtomicWaker::new(), bytes_max, unwatched: None }
    }

    /// Its connection is closed as soon as too much waits.
    pub(crate) fn over_http(bytes_max: usize, pulse: Arc<Pulse>) -> Self {
        Self { unwatched: Some(pulse), ..Self::new(bytes_max) }
    }

    /// An answer.
    pub(crate) fn push(&self, frame: Bytes) {
        self.push_own(frame);
        self.wake.wake();
    }

    /// The same, by whoever writes it out.
    pub(crate) fn push_own(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.ending.is_none() {
            state.answer_bytes += frame.len();
            state.frames.push_back(Frame::Answer(frame));
        }
    }

    /// A notification. It waits while its subscription is held.
    pub(crate) fn notify(&self, subscription: SubscriptionId, told: Told) {
        let mut state = self.lock();
        if !self.has_room(&mut state, told.bytes()) {
            drop(state);
            return self.wake.wake();
        }
        match state.held.iter_mut().find(|(held, _)| *held == subscription) {
            Some((_, waiting)) => waiting.push_back(told),
            None => {
                state.frames.push_back(Frame::Notification(subscription, told));
                drop(state);
                self.wake.wake();
            }
        }
    }

    /// A sign of life, where nothing else is one.
    pub(crate) fn sign(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.frames.is_empty() && state.ending.is_none() {
            state.bytes += frame.len();
            state.frames.push_back(Frame::Notification(SubscriptionId(0), Told::Event(frame)));
        }
        drop(state);
        self.wake.wake();
    }

    /// Nothing of it is written before it is released: the client does not know the id yet.
    pub(crate) fn hold(&self, subscription: SubscriptionId) {
        self.lock().held.push((subscription, VecDeque::new()));
    }

    pub(crate) fn release(&self, subscription: SubscriptionId) {
        let mut state = self.lock();
        if let Some(at) = state.held.iter().position(|(held, _)| *held == subscription) {
            let (_, waiting) = state.held.swap_remove(at);
            let frame = |told| Frame::Notification(subscription, told);
            state.frames.extend(waiting.into_iter().map(frame));
        }
        drop(state);
        self.wake.wake();
    }

    /// What is waiting is still written; nothing is added.
    pub(crate) fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.wake.wake();
    }

    /// Nothing of what is waiting will be read.
    pub(crate) fn cut(&self, ending: Ending) {
        *self.lock() = State { ending: Some(ending), is_cut: true, ..State::default() };
        self.wake.wake();
    }

    /// What is to be written next.
    pub(crate) fn pop(&self) -> Option<Frame> {
        self.lock().pop()
    }

    /// What is to be written next, together: as many as begin within so many bytes.
    pub(crate) fn take(&self, bytes: usize) -> Frames {
        let (mut state, mut frames, mut taken) = (self.lock(), Frames::new(), 0);
        while taken < bytes
            && let Some(frame) = state.pop()
        {
            taken += frame.len();
            frames.push(frame);
        }
        frames
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
        let is_changed = |context: &mut Context<'_>| {
            self.wakes(context);
            let state = self.lock();
            match state.frames.is_empty() && state.ending.is_none() {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        };
        std::future::poll_fn(is_changed).await;
    }

    /// Wakes whoever asked last when something is to be written, or it is over.
    pub(crate) fn wakes(&self, context: &Context<'_>) {
        self.wake.register(context.waker());
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

    /// What each says, without what is the same in all.
    fn taken(outbound: &Outbound) -> Vec<String> {
        let said = |frame: Frame| match frame {
            Frame::Answer(bytes) => bytes.to_vec(),
            Frame::Notification(_, Told::Result(result)) => result.to_vec(),
            Frame::Notification(_, Told::Event(event)) => event.to_vec(),
        };
        std::iter::from_fn(|| outbound.pop()).map(|frame| String::from_utf8(said(frame)).unwrap()).collect()
    }

    /// Room for so many bytes of results, told one by one.
    fn room(results: usize, bytes: usize) -> usize {
        results * Told::Result(Arc::from(&b""[..])).bytes() + bytes
    }

    fn notify(outbound: &Outbound, result: &str) {
        outbound.notify(ONE, Told::Result(Arc::from(result.as_bytes())));
    }

    #[test]
    fn what_is_held_comes_after_the_answer_that_tells_its_id() {
        let outbound = Outbound::new(room(3, 100));
        outbound.hold(ONE);
        notify(&outbound, "first");
        outbound.push(Bytes::from_static(b"answer"));
        assert_eq!(taken(&outbound), ["answer"]);
        notify(&outbound, "second");
        outbound.release(ONE);
        notify(&outbound, "third");
        assert_eq!(taken(&outbound), ["first", "second", "third"]);
    }

    #[test]
    fn who_does_not_read_is_closed_and_holds_nothing_any_more() {
        let outbound = Outbound::new(room(2, 10));
        notify(&outbound, "12345678");
        notify(&outbound, "12");
        assert_eq!(outbound.ending(), None);
        notify(&outbound, "3");
        assert_eq!((taken(&outbound).len(), outbound.is_cut()), (0, Some(SLOW)));
        notify(&outbound, "4");
        outbound.push(Bytes::from_static(b"5"));
        assert!(taken(&outbound).is_empty());
    }

    #[test]
    fn a_long_answer_that_waits_ends_nobody_and_leaves_notifications_their_room() {
        let outbound = Outbound::new(room(2, 10));
        notify(&outbound, "12345");
        outbound.push(Bytes::from_static(b"an answer that is longer than all the room"));
        outbound.push(Bytes::from_static(b"another answer that is longer than all the room"));
        notify(&outbound, "67890");
        assert_eq!((taken(&outbound).len(), outbound.ending()), (4, None));
        notify(&outbound, "1234567890");
        assert_eq!((taken(&outbound).len(), outbound.ending()), (1, None));
    }

    #[test]
    fn one_long_message_goes_through_and_what_was_taken_makes_room() {
        let outbound = Outbound::new(10);
        notify(&outbound, "longer than that");
        assert_eq!(taken(&outbound).len(), 1);
        notify(&outbound, "1234567890");
        assert_eq!((taken(&outbound).len(), outbound.ending()), (1, None));
    }

    #[test]
    fn as_many_are_taken_as_begin_within_the_bytes_and_make_room() {
        let (outbound, frame) = (Outbound::new(room(3, 3)), room(1, 1));
        ["1", "2", "3"].iter().for_each(|result| notify(&outbound, result));
        assert_eq!(outbound.take(0).len(), 0);
        assert_eq!(outbound.take(frame).len(), 1);
        assert_eq!(outbound.take(frame + 1).len(), 2);
        assert!(outbound.take(frame).is_empty());
        ["4", "5", "6"].iter().for_each(|result| notify(&outbound, result));
        assert_eq!((outbound.ending(), taken(&outbound).len()), (None, 3));
    }

    #[test]
    fn what_waits_is_held_to_the_bound_as_well() {
        let outbound = Outbound::new(10);
        outbound.hold(ONE);
        notify(&outbound, "12345678");
        notify(&outbound, "12345678");
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
