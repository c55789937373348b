//! What waits for the committer: bounded in number and in bytes, and never waited for by those who submit.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
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
    closed: bool,
}

impl<J> Queue<J> {
    pub(crate) fn new(records_max: usize, bytes_max: usize) -> Self {
        let state = State { waiting: VecDeque::new(), depth: Depth::default(), closed: false };
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
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for jobs and moves all of them to `group`; false when the queue is closed and empty.
    pub(crate) fn take_all(&self, group: &mut VecDeque<J>) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() && !state.closed {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.waiting, group);
        !group.is_empty()
    }

    /// Says that a job taken is done with.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.depth.records = state.depth.records.saturating_sub(1);
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
