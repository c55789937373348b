//! What waits for the committer: bounded in number and in bytes, and never waited for by those who submit.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::record::Record;

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
    /// What has been taken counts until it is released.
    depth: Depth,
    /// The consumer has work and waits until so many jobs wait: it must not be woken for each.
    awaited: usize,
    closed: bool,
}

impl<J> Queue<J> {
    pub(crate) fn new(records_max: usize, bytes_max: usize) -> Self {
        let state = State { waiting: VecDeque::new(), depth: Depth::default(), awaited: 0, closed: false };
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
        let is_enough = self.is_enough(&state);
        drop(state);
        if is_enough {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits for jobs and moves all of them to `group`; false when the queue is closed and empty. Where `last` were taken
    /// before, it waits until as many are there again, for `gather` at most.
    pub(crate) fn take_all(&self, group: &mut VecDeque<J>, last: usize, gather: Duration) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.closed {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.waiting.len() < last {
            state.awaited = last;
            state = self.gather(state, Instant::now() + gather);
            state.awaited = 0;
        }
        std::mem::swap(&mut state.waiting, group);
        !group.is_empty()
    }

    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State<J>>, until: Instant) -> MutexGuard<'a, State<J>> {
        while !state.closed && !self.is_enough(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (state, _) = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn is_enough(&self, state: &State<J>) -> bool {
        state.waiting.len() >= state.awaited || self.is_half_full(state)
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

/// What a record counts for in the queue, with the payload as it is to be stored.
pub(crate) fn cost(record: &Record, packed: Option<&[u8]>) -> usize {
    RECORD_BYTES + packed.map_or(0, <[u8]>::len) + record.payload.len() + record.keys.len() * KEY_BYTES
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
            while queue.state().awaited == 0 {
                std::thread::yield_now();
            }
            push(&queue, 1, 3);
            assert_eq!(taken.join().unwrap().unwrap(), [2, 3]);
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
