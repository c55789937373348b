//! Calls over the WebSocket of one node: many at once on one connection, each under an id of its own, answered in any order.
//! Whoever asks writes its request down; the task that holds the connection sends all of them together. It must never know
//! what is asked, nor of whom.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::{Fault, Response, splice};

/// Beyond that HTTP has room: a node may work on what comes over one connection one by one.
const WAITING_MAX: usize = 1_024;
/// A longer request would hold up those behind it.
const REQUEST_BYTES_MAX: usize = 16 << 10;
/// After an answer that was too long for it.
const REST: Duration = Duration::from_secs(60);
/// Ids of calls. The connection's own requests have lower ones.
pub(super) const FIRST_ID: u64 = 1 << 32;

/// One for each node that has a WebSocket, whether it is up or not.
#[derive(Debug)]
pub(crate) struct Line {
    state: Mutex<State>,
    /// Something is to be sent, or one less waits where nobody else is taken.
    wake: Notify,
    depth: Gauge,
    full: Counter,
}

#[derive(Debug)]
struct State {
    is_open: bool,
    /// Until then everything is asked over HTTP: an answer was too long for the connection.
    rests_until: Option<Instant>,
    next_id: u64,
    waiting: HashMap<u64, Waiting>,
    out: Vec<Bytes>,
}

#[derive(Debug)]
enum Waiting {
    Asked(Option<Waker>),
    Over(Result<(Bytes, Response), Fault>),
}

/// Why a call was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    Closed,
    Full,
}

/// An answer that is waited for. Whoever drops it wants none.
#[derive(Debug)]
pub(crate) struct Reply {
    line: Arc<Line>,
    id: u64,
}

impl Line {
    pub(crate) fn new(depth: Gauge, full: Counter) -> Self {
        let (waiting, out) = (HashMap::new(), Vec::new());
        let state = State { is_open: false, rests_until: None, next_id: FIRST_ID, waiting, out };
        Self { state: Mutex::new(state), wake: Notify::new(), depth, full }
    }

    /// `id` is where the id stands in the request.
    pub(crate) fn ask(self: &Arc<Self>, request: &[u8], id: Range<usize>) -> Result<Reply, Unasked> {
        let mut state = self.lock();
        if let Some(until) = state.rests_until {
            if Instant::now() < until {
                return Err(Unasked::Full);
            }
            state.rests_until = None;
        }
        if !state.is_open {
            return Err(Unasked::Closed);
        }
        if request.len() > REQUEST_BYTES_MAX {
            return Err(Unasked::Full);
        }
        if state.waiting.len().max(state.out.len()) >= WAITING_MAX {
            self.full.inc();
            return Err(Unasked::Full);
        }
        let own = state.next_id;
        state.next_id += 1;
        state.out.push(splice(request, id, own.to_string().as_bytes()).into());
        state.waiting.insert(own, Waiting::Asked(None));
        let is_first = state.out.len() == 1;
        drop(state);
        self.depth.inc();
        if is_first {
            self.wake.notify_one();
        }
        Ok(Reply { line: Arc::clone(self), id: own })
    }

    /// Until there may be something to do.
    pub(super) async fn asked(&self) {
        self.wake.notified().await;
    }

    /// What is to be sent.
    pub(super) fn take(&self) -> Vec<Bytes> {
        let mut state = self.lock();
        if state.out.is_empty() { Vec::new() } else { std::mem::take(&mut state.out) }
    }

    pub(super) fn open(&self) {
        self.lock().is_open = true;
    }

    /// Nobody else is taken. Who is there already may wait.
    pub(super) fn shut(&self) {
        self.lock().is_open = false;
    }

    /// Whether nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// Whoever waits is told why it waits in vain. One answer that is too long ends a connection for all who wait on it, so such
    /// answers are not asked for over the next one again and again.
    pub(super) fn close(&self, fault: Fault) {
        let mut state = self.lock();
        state.is_open = false;
        if fault == Fault::TooLarge {
            state.rests_until = Some(Instant::now() + REST);
        }
        state.out = Vec::new();
        let over = |waiting: &mut Waiting| match waiting {
            Waiting::Asked(_) => match std::mem::replace(waiting, Waiting::Over(Err(fault))) {
                Waiting::Asked(waker) => waker,
                Waiting::Over(_) => None,
            },
            Waiting::Over(_) => None,
        };
        let wakers: Vec<Waker> = state.waiting.values_mut().filter_map(over).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// An answer that nobody waits for any more is nobody's.
    pub(super) fn answered(&self, id: u64, body: Bytes, response: Response) {
        let mut state = self.lock();
        let Some(waiting @ Waiting::Asked(_)) = state.waiting.get_mut(&id) else { return };
        let before = std::mem::replace(waiting, Waiting::Over(Ok((body, response))));
        drop(state);
        if let Waiting::Asked(Some(waker)) = before {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left whole requests behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reply {
    /// Not asked for again once it was there.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Result<(Bytes, Response), Fault>> {
        let mut state = self.line.lock();
        let Entry::Occupied(mut entry) = state.waiting.entry(self.id) else {
            return Poll::Ready(Err(Fault::Closed));
        };
        match entry.get_mut() {
            Waiting::Asked(Some(waker)) => waker.clone_from(context.waker()),
            Waiting::Asked(none) => *none = Some(context.waker().clone()),
            Waiting::Over(_) => {
                self.line.depth.dec();
                if let Waiting::Over(result) = entry.remove() {
                    return Poll::Ready(result);
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        let left = state.waiting.remove(&self.id);
        let is_shut = !state.is_open;
        drop(state);
        if left.is_some() {
            self.line.depth.dec();
        }
        if is_shut {
            // It may have been the last.
            self.line.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::core::scan_response;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    const ASK: &[u8] = br#"{"id":"mine","method":"m"}"#;

    fn line() -> Arc<Line> {
        let line = Arc::new(Line::new(Gauge::default(), Counter::default()));
        line.open();
        line
    }

    fn ask(line: &Arc<Line>) -> Result<Reply, Unasked> {
        line.ask(ASK, 6..12)
    }

    fn polled(reply: &mut Reply) -> Poll<Result<Bytes, Fault>> {
        reply.poll(&Context::from_waker(Waker::noop())).map(|said| said.map(|(body, _)| body))
    }

    fn answer(line: &Line, id: u64) -> Bytes {
        let body = Bytes::from(format!(r#"{{"id":{id},"result":{id}}}"#));
        line.answered(id, body.clone(), scan_response(&body).unwrap());
        body
    }

    #[test]
    fn calls_have_ids_of_their_own_and_are_answered_in_any_order() {
        let line = line();
        let (mut first, mut second) = (ask(&line).unwrap(), ask(&line).unwrap());
        assert_eq!(line.take(), [FIRST_ID, FIRST_ID + 1].map(|id| format!(r#"{{"id":{id},"method":"m"}}"#)));
        assert!(polled(&mut first).is_pending() && polled(&mut second).is_pending());
        let said = answer(&line, FIRST_ID + 1);
        assert_eq!((polled(&mut first), polled(&mut second)), (Poll::Pending, Poll::Ready(Ok(said))));
        let said = answer(&line, FIRST_ID);
        assert_eq!(polled(&mut first), Poll::Ready(Ok(said)));
        assert_eq!(line.depth.get(), 0);
    }

    #[test]
    fn who_waits_is_woken_by_the_answer_and_by_the_end_and_whoever_asked_last_is_meant() {
        let line = line();
        let [former, first, second] = [(); 3].map(|()| Arc::<Woken>::default());
        let (mut one, mut two) = (ask(&line).unwrap(), ask(&line).unwrap());
        let waits = |reply: &mut Reply, by: &Arc<Woken>| {
            assert!(reply.poll(&Context::from_waker(&Waker::from(Arc::clone(by)))).is_pending());
        };
        waits(&mut one, &former);
        waits(&mut one, &first);
        waits(&mut two, &second);
        let woken = || [&former, &first, &second].map(|woken| woken.0.load(Ordering::Relaxed));
        answer(&line, FIRST_ID);
        assert_eq!(woken(), [0, 1, 0]);
        line.close(Fault::Reset);
        assert_eq!(woken(), [0, 1, 1]);
    }

    #[test]
    fn who_waits_when_it_closes_is_told_and_nobody_else_is_taken() {
        let line = line();
        let mut waits = ask(&line).unwrap();
        line.close(Fault::Reset);
        assert_eq!(polled(&mut waits), Poll::Ready(Err(Fault::Reset)));
        assert_eq!(ask(&line).err(), Some(Unasked::Closed));
        assert!(line.take().is_empty());
        line.open();
        let waits = ask(&line).unwrap();
        line.shut();
        assert_eq!((ask(&line).err(), line.is_idle()), (Some(Unasked::Closed), false));
        drop(waits);
        assert!(line.is_idle());
    }

    #[test]
    fn an_answer_that_was_too_long_is_said_to_be_so_and_nothing_is_asked_for_a_while() {
        let line = line();
        let mut waits = ask(&line).unwrap();
        line.close(Fault::TooLarge);
        assert_eq!(polled(&mut waits), Poll::Ready(Err(Fault::TooLarge)));
        line.open();
        assert_eq!(ask(&line).err(), Some(Unasked::Full));
        line.lock().rests_until = Some(Instant::now());
        assert!(ask(&line).is_ok());
    }

    #[test]
    fn there_is_room_for_so_many_and_who_is_dropped_makes_room() {
        let line = line();
        let mut replies: Vec<Reply> = (0..WAITING_MAX).map(|_| ask(&line).unwrap()).collect();
        assert_eq!((ask(&line).err(), line.full.get()), (Some(Unasked::Full), 1));
        line.take();
        replies.pop();
        answer(&line, FIRST_ID + WAITING_MAX as u64 - 1);
        assert!(ask(&line).is_ok());
        assert_eq!(line.ask(&[b' '; REQUEST_BYTES_MAX + 1], 0..0).err(), Some(Unasked::Full));
        drop(replies);
        assert_eq!(line.depth.get(), 0);
    }
}
