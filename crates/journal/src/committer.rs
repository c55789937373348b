//! Group commit: one thread writes for all, and one flush serves everyone who waits.
//!
//! It knows nothing of what is done with a committed record; that is the sink's.

use std::{
    collections::VecDeque,
    fmt, io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    position::Position,
    queue::{Depth, Queue, SubmitError, cost},
    record::{Packed, Record},
    retention::{Retained, Retention},
    writer::{AppendError, WriteError, Writer},
};

/// Before a group is written, for so long at most, it is waited for as many records as the last one had: who was answered
/// will likely send again. So a flush serves many where many send, and who sends alone waits for nobody.
const GATHER: Duration = Duration::from_millis(1);

/// Gets the outcome of a retention, on the committer's thread.
pub type RetentionReply = Box<dyn FnOnce(Result<Retained, WriteError>) + Send>;

/// A record whose fate is known.
#[derive(Debug)]
pub struct Committed<T> {
    /// Where it stands, durably; or why it does not.
    pub position: Result<Position, CommitError>,
    /// As in [`Record::received_ns`].
    pub received_ns: u64,
    pub tag: T,
}

/// Why a record is not in the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The record's own fault: too large, or too many keys. It must not be tried again.
    #[error("{0}")]
    Unacceptable(Arc<str>),
    /// The disk refused the group that the record was in. It may be tried again.
    #[error("{0}")]
    NotWritten(Arc<str>),
}

/// Group commit. Dropping it stops it, like [`GroupCommit::stop`].
pub struct GroupCommit<T> {
    inner: Arc<Inner<T>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner<T> {
    queue: Queue<Job<T>>,
    /// Why the last group was not written, if it was not.
    trouble: Mutex<Option<Arc<str>>>,
    failure: OnceLock<Arc<str>>,
}

enum Job<T> {
    Record(Packed, T),
    Retain(Retention, RetentionReply),
}

impl<T> fmt::Debug for GroupCommit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Depth { records, bytes } = self.depth();
        f.debug_struct("GroupCommit")
            .field("records", &records)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> GroupCommit<T> {
    /// Starts the thread. At most `queue_records` records and about `queue_bytes` bytes (a record counts its
    /// payload as it will be stored, 16 per key and 64) wait or are being written at any time.
    ///
    /// `sink` gets every record that was taken, exactly once and in the order of the journal, which is the
    /// order of submission; those that were written together, together. It runs on the committer's thread: while it blocks, nothing is written, and the
    /// queue fills up. If it panics, the committer is closed.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn start(
        writer: Writer,
        queue_records: usize,
        queue_bytes: usize,
        sink: impl FnMut(Vec<Committed<T>>) + Send + 'static,
    ) -> io::Result<Self> {
        let queue = Queue::new(queue_records, queue_bytes);
        let inner = Arc::new(Inner { queue, trouble: Mutex::default(), failure: OnceLock::new() });
        let work = inner.clone();
        let thread =
            thread::Builder::new().name("journal-commit".into()).spawn(move || run(&work, writer, sink))?;
        Ok(Self { inner, thread: Mutex::new(Some(thread)) })
    }

    /// Takes a record to be written; never waits. What comes of it, the sink is told. Payloads are packed here, by the
    /// threads that submit and not by the one that writes for all; what was packed waits in that form alone.
    ///
    /// # Errors
    /// [`SubmitError`], with the tag; the record is dropped.
    pub fn submit(&self, record: Record, tag: T) -> Result<(), SubmitError<T>> {
        let record = Packed::new(record);
        let bytes = cost(&record);
        self.inner.queue.push(bytes, tag, |tag| Job::Record(record, tag))
    }

    /// Runs [`Writer::retain`] on the committer's thread, after what was submitted before; never waits. It
    /// counts as one waiting record.
    ///
    /// # Errors
    /// [`SubmitError`], with the reply.
    pub fn retain(
        &self,
        retention: Retention,
        reply: RetentionReply,
    ) -> Result<(), SubmitError<RetentionReply>> {
        self.inner.queue.push(0, reply, |reply| Job::Retain(retention, reply))
    }
}

impl<T> GroupCommit<T> {
    /// How much is waiting or being written.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.inner.queue.depth()
    }

    /// Why the last group was not written; `None` once one is written again. What is submitted is still tried.
    #[must_use]
    pub fn trouble(&self) -> Option<Arc<str>> {
        self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the committer can write no more, if that is so. Everything submitted is then refused.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        self.inner.failure.get().cloned()
    }

    /// Takes no more, writes what waits, and returns when the sink has had it all and the journal is closed.
    /// It must not be called from the sink.
    pub fn stop(&self) {
        self.inner.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic of the sink has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl<T> Drop for GroupCommit<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Closes the queue when the thread ends, however it ends.
struct CloseAtEnd<'a, T>(&'a Inner<T>);

impl<T> Drop for CloseAtEnd<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.failure.set("the receiver of committed records panicked".into());
        }
        self.0.queue.close();
    }
}

fn run<T>(inner: &Inner<T>, mut writer: Writer, mut sink: impl FnMut(Vec<Committed<T>>)) {
    let _close = CloseAtEnd(inner);
    let mut group = VecDeque::new();
    let mut fates = Vec::new();
    let mut last = 0;
    while inner.queue.take_all(&mut group, last, GATHER) {
        last = group.len();
        let failure = write_group(&mut writer, &group, &mut fates);
        if failure.is_some() || !fates.is_empty() {
            // Before anyone learns of it, so that whoever does finds the reason.
            *inner.trouble.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        }
        settle(inner, &mut writer, &mut group, &mut fates, &mut sink);
    }
}

/// Tells everyone what became of a group: of the records before a retention before it runs.
fn settle<T>(
    inner: &Inner<T>,
    writer: &mut Writer,
    group: &mut VecDeque<Job<T>>,
    fates: &mut Vec<Result<Position, CommitError>>,
    sink: &mut impl FnMut(Vec<Committed<T>>),
) {
    let mut committed = Vec::with_capacity(fates.len());
    let mut bytes = 0;
    let mut fates = fates.drain(..);
    let mut tell = |committed: &mut Vec<_>, bytes: &mut usize| {
        if !committed.is_empty() {
            inner.queue.release(committed.len(), std::mem::take(bytes));
            sink(std::mem::take(committed));
        }
    };
    for job in group.drain(..) {
        match job {
            Job::Retain(retention, reply) => {
                tell(&mut committed, &mut bytes);
                inner.queue.release(1, 0);
                reply(writer.retain(&retention));
            }
            Job::Record(record, tag) => {
                let position = fates.next().expect("one fate per record");
                bytes += cost(&record);
                committed.push(Committed { position, received_ns: record.received_ns, tag });
            }
        }
    }
    tell(&mut committed, &mut bytes);
}

/// Appends the group's records and makes them durable; one fate per record. Comes back with what the disk said, if it
/// refused.
fn write_group<T>(
    writer: &mut Writer,
    group: &VecDeque<Job<T>>,
    fates: &mut Vec<Result<Position, CommitError>>,
) -> Option<Arc<str>> {
    let mut failure = None;
    for job in group {
        let Job::Record(record, _) = job else { continue };
        if let Some(error) = &failure {
            fates.push(Err(CommitError::clone(error)));
            continue;
        }
        fates.push(writer.append_packed(record).map_err(|error| {
            let fate = CommitError::from(&error);
            if let AppendError::Write(_) = error {
                failure = Some(fate.clone());
            }
            fate
        }));
    }
    if failure.is_none() {
        failure = writer.sync().err().map(|error| CommitError::from(&error));
    }
    let failure = failure?;
    // A group that reached into the next segment is durable as far as the segment before.
    let durable_end = writer.durable_end();
    for fate in fates {
        if fate.as_ref().is_ok_and(|position| *position >= durable_end) {
            *fate = Err(failure.clone());
        }
    }
    Some(failure.to_string().into())
}

impl From<&AppendError> for CommitError {
    fn from(error: &AppendError) -> Self {
        match error {
            AppendError::Write(error) => error.into(),
            AppendError::TooLarge { .. } | AppendError::TooManyKeys { .. } => {
                Self::Unacceptable(error.to_string().into())
            }
        }
    }
}

impl From<&WriteError> for CommitError {
    fn from(error: &WriteError) -> Self {
        Self::NotWritten(error.to_string().into())
    }
}
