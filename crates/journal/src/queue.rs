//! What waits for the committer: bounded in number and in bytes, and never waited for by those who submit.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::record::Packed;

/// What a waiting record costs besides its payload.
const RECORD_BYTES: usize = 64;
const KEY_BYTES: usize = 16;

/// Why something was not taken; it is handed back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError<T> {
    /// Too much is waiting: try again later, or shed.
    #[error("too much is waiting to be written")]
    Full(T),
    /// The committer was stopped, or can write no more (see [`crate::GroupCommit::failure`]).
    #[error("the journal accepts nothing any more")]
    Closed(T),
}

/// How much is waiting or being written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub records: usize,
    pub bytes: usize,
}

/// A bounded queue with one consumer.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    wake: Condvar,
    records_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct State<J> {
    waiting: VecDeque<J>,
    /// When the first of them came.
    first: Option<Instant>,
    /// What has been taken counts until it is released.
    depth: Depth,
    /// The consumer sleeps until so many jobs wait; `None` while it is awake. A wake-up is a call of the kernel, so it
    /// gets one only when it sleeps and has enough.
    awaited: Option<usize>,
    closed: bool,
}

impl<J> Queue<J> {
    pub(crate) fn new(records_max: usize, bytes_max: usize) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            first: None,
            depth: Depth::default(),
            awaited: None,
            closed: false,
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), records_max: records_max.max(1), bytes_max }
    }

    /// Adds a job, unless that would exceed a bound. One that alone exceeds the bytes is taken when nothing
    /// else waits, for it would never be otherwise.
    pub(crate) fn push<T>(
        &self,
        bytes: usize,
        tag: T,
        job: impl FnOnce(T) -> J,
    ) -> Result<(), SubmitError<T>> {
        let mut state = self.state();
        if state.closed {
            return Err(SubmitError::Closed(tag));
        }
        let Depth { records, bytes: waiting } = state.depth;
        if records >= self.records_max || (records > 0 && waiting.saturating_add(bytes) > self.bytes_max) {
            return Err(SubmitError::Full(tag));
        }
        state.depth = Depth { records: records + 1, bytes: waiting.saturating_add(bytes) };
        state.waiting.push_back(job(tag));
        if state.waiting.len() == 1 {
            state.first = Some(Instant::now());
        }
        let wakes = self.wakes(&mut state);
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Whether the consumer sleeps and has enough now; told once.
    fn wakes(&self, state: &mut State<J>) -> bool {
        let wakes = state.awaited.is_some_and(|awaited| self.is_enough(state, awaited));
        if wakes {
            state.awaited = None;
        }
        wakes
    }

    /// Waits for jobs and moves all of them to `group`; false when the queue is closed and empty. Where `last` were taken
    /// before, it waits until as many are there again: for `gather` at most, from now or from when the first of them came.
    /// Who was answered likely sends again at once, so that long it is not woken for the first one alone.
    pub(crate) fn take_all(&self, group: &mut VecDeque<J>, last: usize, gather: Duration) -> bool {
        let began = Instant::now();
        let mut state = self.state();
        while let Some((awaited, left)) = self.sleeps(&state, last, gather, began, Instant::now()) {
            state = self.sleep(state, awaited, left);
        }
        std::mem::swap(&mut state.waiting, group);
        state.first = None;
        !group.is_empty()
    }

    /// Until how many wait, and how long at most, the consumer sleeps that `began` to wait; `None` where it takes what is there.
    fn sleeps(
        &self,
        state: &State<J>,
        last: usize,
        gather: Duration,
        began: Instant,
        now: Instant,
    ) -> Option<(usize, Option<Duration>)> {
        if state.closed || (!state.waiting.is_empty() && self.is_enough(state, last)) {
            return None;
        }
        let since = state.first.map_or(began, |first| first.max(began));
        let left = (since + gather).saturating_duration_since(now);
        if last > 1 && !left.is_zero() {
            Some((last, Some(left)))
        } else if state.waiting.is_empty() {
            Some((1, None))
        } else {
            None
        }
    }

    /// Until so many jobs wait, or the time is over.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<J>>,
        awaited: usize,
        left: Option<Duration>,
    ) -> MutexGuard<'a, State<J>> {
        state.awaited = Some(awaited);
        let mut state = match left {
            Some(left) => self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.awaited = None;
        state
    }

    fn is_enough(&self, state: &State<J>, awaited: usize) -> bool {
        state.waiting.len() >= awaited || self.is_half_full(state)
    }

    fn is_half_full(&self, state: &State<J>) -> bool {
        state.depth.records >= self.records_max / 2 || state.depth.bytes >= self.bytes_max / 2
    }

    /// Says that jobs taken, of so many bytes, are done with.
    pub(crate) fn release(&self, jobs: usize, bytes: usize) {
        let mut state = self.state();
        state.depth.records = state.depth.records.saturating_sub(jobs);
        state.depth.bytes = state.depth.bytes.saturating_sub(bytes);
    }

    /// Accepts nothing from now on; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_all();
    }

    pub(crate) fn depth(&self) -> Depth {
        self.state().depth
    }

    fn state(&self) -> MutexGuard<'_, State<J>> {
        // No code of others runs under the lock, so the state is whole even if a thread died holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a record counts for in the queue.
pub(crate) fn cost(record: &Packed) -> usize {
    RECORD_BYTES + record.payload().bytes().len() + record.keys.len() * KEY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test that waits so long hangs.
    const LONG: Duration = Duration::from_secs(600);

    fn take(queue: &Queue<u32>, last: usize) -> Option<VecDeque<u32>> {
        let mut group = VecDeque::new();
        queue.take_all(&mut group, last, LONG).then_some(group)
    }

    fn sleeps_until(queue: &Queue<u32>, awaited: usize) {
        while queue.state().awaited != Some(awaited) {
            std::thread::yield_now();
        }
    }

    fn push(queue: &Queue<u32>, bytes: usize, job: u32) {
        queue.push(bytes, (), |()| job).unwrap();
    }

    #[test]
    fn as_many_are_waited_for_as_were_there_before() {
        let queue = Queue::new(100, 1000);
        (0..2).for_each(|job| push(&queue, 1, job));
        assert_eq!(take(&queue, 1).unwrap(), [0, 1], "as many as are awaited, or more, are taken at once");
        push(&queue, 1, 2);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| take(&queue, 2));
            sleeps_until(&queue, 2);
            push(&queue, 1, 3);
            assert_eq!(taken.join().unwrap().unwrap(), [2, 3]);
        });
    }

    #[test]
    fn who_sleeps_is_woken_once_and_when_there_is_enough() {
        let queue = Queue::new(100, 1000);
        let mut state = queue.state();
        let mut push = |awaited: Option<usize>| {
            state.waiting.push_back(0);
            state.awaited = awaited.or(state.awaited);
            queue.wakes(&mut state)
        };
        assert!(!push(None), "it is awake");
        assert!(!push(Some(4)), "two are there, and four are awaited");
        assert!(!push(None));
        assert!(push(None));
        assert!(!push(None), "it has been told");
        assert!(push(Some(1)), "more than enough");
    }

    #[test]
    fn how_long_the_consumer_sleeps() {
        let queue = Queue::new(100, 1000);
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let gather = Duration::from_millis(10);
        let sleeps = |first: Option<Instant>, waiting: usize, last, now| {
            let mut state = queue.state();
            state.waiting = (0..waiting).map(|job| job as u32).collect();
            state.first = first;
            queue
                .sleeps(&state, last, gather, began, now)
                .map(|(awaited, left)| (awaited, left.map(|left| left.as_millis())))
        };
        assert_eq!(
            sleeps(None, 0, 0, at(0)),
            Some((1, None)),
            "nothing was there before: until the first comes"
        );
        assert_eq!(sleeps(None, 0, 1, at(0)), Some((1, None)));
        assert_eq!(sleeps(None, 0, 3, at(0)), Some((3, Some(10))), "three may come again");
        assert_eq!(sleeps(None, 0, 3, at(4)), Some((3, Some(6))));
        assert_eq!(sleeps(None, 0, 3, at(10)), Some((1, None)), "they did not: then until the first comes");
        assert_eq!(
            sleeps(Some(at(8)), 1, 3, at(9)),
            Some((3, Some(9))),
            "one came: its kind has as long from then"
        );
        assert_eq!(sleeps(Some(at(8)), 2, 3, at(18)), None, "and no longer");
        assert_eq!(sleeps(Some(at(8)), 3, 3, at(9)), None, "enough");
        let long_ago = began.checked_sub(Duration::from_millis(500)).unwrap();
        assert_eq!(
            sleeps(Some(long_ago), 1, 3, at(4)),
            Some((3, Some(6))),
            "what came while it wrote had no chance to be joined"
        );
        assert_eq!(sleeps(Some(long_ago), 1, 1, at(0)), None);
    }

    #[test]
    fn who_waited_in_vain_takes_what_is_there_or_comes_first() {
        let queue = Queue::new(100, 1000);
        let take = |gather| {
            let mut group = VecDeque::new();
            queue.take_all(&mut group, 3, gather).then_some(group)
        };
        push(&queue, 1, 0);
        assert_eq!(take(Duration::from_millis(1)).unwrap(), [0]);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| take(Duration::ZERO));
            sleeps_until(&queue, 1);
            push(&queue, 1, 1);
            assert_eq!(taken.join().unwrap().unwrap(), [1]);
        });
    }

    #[test]
    fn nobody_is_waited_for_once_the_queue_is_half_full_or_closed() {
        let queue = Queue::new(8, 1000);
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| take(&queue, 100));
            (0..4).for_each(|job| push(&queue, 1, job));
            assert_eq!(taken.join().unwrap().unwrap(), [0, 1, 2, 3], "half full of jobs");
            queue.release(4, 4);
            let taken = scope.spawn(|| take(&queue, 100));
            push(&queue, 500, 4);
            assert_eq!(taken.join().unwrap().unwrap(), [4], "half full of bytes");
            queue.release(1, 500);
            let taken = scope.spawn(|| take(&queue, 100));
            push(&queue, 1, 5);
            queue.close();
            assert_eq!(taken.join().unwrap().unwrap(), [5]);
        });
        assert_eq!(take(&queue, 100), None);
    }
}
