//! Writes to the store, in journal order, behind a bounded queue: when the store is slow, the engine waits.
//! Also writes the engine's snapshots, because a snapshot may only exist once the store holds everything before it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use journal::Position;
use runtime::{Closed, QueueReceiver, QueueSender};
use store::{Change, ReadError, Store, WriteError};

use crate::clock;
use crate::metrics::ServerMetrics;
use crate::snapshot::{self, Taken};

pub(crate) const QUEUE_CAPACITY: usize = 256;
/// How many batches become one transaction.
const BATCHES_MAX: usize = 64;
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(crate) enum StoreWork {
    /// What the entry at `position` changed.
    Changes { position: Position, changes: Vec<Change> },
    /// The engine as it is after the entry at `position`.
    Snapshot { position: Position, taken: Box<Taken>, bytes: Arc<AtomicU64> },
    /// Everything before this has to be written; then the writer ends.
    Stop,
}

/// What others see of the writer.
#[derive(Debug, Default)]
pub(crate) struct StoreState {
    failing: AtomicBool,
    /// From where on the journal is needed by the snapshots kept.
    keep_from: AtomicU64,
}

impl StoreState {
    pub(crate) fn new(keep_from: Position) -> Self {
        Self { failing: AtomicBool::new(false), keep_from: AtomicU64::new(keep_from.0) }
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(crate) fn keep_from(&self) -> Position {
        Position(self.keep_from.load(Ordering::Acquire))
    }
}

pub(crate) struct StoreWriter {
    pub store: Arc<dyn Store>,
    pub snapshots: PathBuf,
    pub inbox: QueueReceiver<StoreWork>,
    pub state: Arc<StoreState>,
    pub metrics: Arc<ServerMetrics>,
    pub planner: notify::Planner,
    pub outgoing: Arc<notify::Outgoing>,
}

impl StoreWriter {
    /// Runs until it is told to stop or nobody is left to tell it. On a thread of its own.
    pub(crate) fn run(mut self, runtime: &tokio::runtime::Handle) {
        let mut waiting: Option<StoreWork> = None;
        loop {
            let work = match waiting.take() {
                Some(work) => work,
                None => match self.inbox.receive(IDLE) {
                    Ok(Some(work)) => work,
                    Ok(None) => continue,
                    Err(Closed) => return,
                },
            };
            match work {
                StoreWork::Changes { position, changes } => {
                    waiting = runtime.block_on(self.write_with_followers(position, changes));
                }
                StoreWork::Snapshot { position, taken, bytes } => {
                    runtime.block_on(self.write(position, &[]));
                    // A snapshot carries no effects: what was written before it must outlive a loss of power.
                    match runtime.block_on(self.store.settle()) {
                        Ok(()) => self.write_snapshot(position, *taken, &bytes),
                        Err(error) => tracing::warn!(%error, "no snapshot: the store could not be settled"),
                    }
                }
                StoreWork::Stop => return,
            }
        }
    }

    /// Writes a batch and those that wait behind it in one transaction. Comes back with work of another kind that
    /// was met on the way.
    async fn write_with_followers(&mut self, position: Position, changes: Vec<Change>) -> Option<StoreWork> {
        let (mut last, mut all, mut other) = (position, changes, None);
        for _ in 1..BATCHES_MAX {
            match self.inbox.try_receive() {
                Some(StoreWork::Changes { position, changes }) => {
                    last = position;
                    all.extend(changes);
                }
                work => {
                    other = work;
                    break;
                }
            }
        }
        let planned = self.plan(&all).await;
        let is_news = !planned.is_empty();
        all.extend(planned);
        self.write(last, &all).await;
        if is_news {
            self.outgoing.wake();
        }
        other
    }

    /// Who is to be told of these changes, in the same transaction. What targets were told stands in the store, so
    /// this waits for it as a write does.
    async fn plan(&mut self, changes: &[Change]) -> Vec<Change> {
        let mut pause = RETRY_FIRST;
        loop {
            let error = match self.planner.plan(changes, clock::now()).await {
                Ok(planned) => return planned,
                Err(error) => error,
            };
            if !matches!(error, ReadError::Unavailable { .. }) {
                tracing::error!(%error, "what targets were told cannot be read; nobody is told of this change");
                return Vec::new();
            }
            tracing::warn!(%error, "what targets were told cannot be read; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Tries until the store takes it: later changes must not overtake it. Only what can never be written is left.
    async fn write(&self, position: Position, changes: &[Change]) {
        let mut pause = RETRY_FIRST;
        loop {
            let error = match self.store.apply(position.0, changes).await {
                Ok(_) => return self.state.failing.store(false, Ordering::Relaxed),
                Err(error) => error,
            };
            self.state.failing.store(true, Ordering::Relaxed);
            self.metrics.store_failures.inc();
            if !matches!(error, WriteError::Unavailable { .. }) {
                tracing::error!(%error, position = position.0, "the store refuses a change; it is left out");
                return;
            }
            tracing::warn!(%error, position = position.0, "the store cannot be written; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    fn write_snapshot(&self, settled: Position, taken: Taken, bytes: &AtomicU64) {
        if self.state.is_failing() {
            // The store does not hold everything before the snapshot.
            return;
        }
        let snapshot = taken.into_bytes();
        bytes.store(snapshot.engine.len() as u64, Ordering::Relaxed);
        if let Err(error) = snapshot.write(&self.snapshots) {
            self.metrics.snapshots_failed.inc();
            tracing::warn!(%error, "a snapshot could not be written");
            return;
        }
        self.metrics.snapshots_written.inc();
        match snapshot::prune(&self.snapshots, Some(settled)) {
            Ok(keep_from) => self.state.keep_from.store(keep_from.0, Ordering::Release),
            Err(error) => tracing::warn!(%error, "the snapshots could not be looked through"),
        }
    }
}

/// The engine's end of the queue: waits when it is full.
#[derive(Debug, Clone)]
pub(crate) struct StoreSender {
    queue: QueueSender<StoreWork>,
    metrics: Arc<ServerMetrics>,
    /// Of the engine in the last snapshot.
    snapshot_bytes: Arc<AtomicU64>,
}

impl StoreSender {
    pub(crate) fn new(queue: QueueSender<StoreWork>, metrics: Arc<ServerMetrics>) -> Self {
        Self { queue, metrics, snapshot_bytes: Arc::default() }
    }

    pub(crate) fn changes(&self, position: Position, changes: Vec<Change>) -> Result<(), Closed> {
        if changes.is_empty() {
            return Ok(());
        }
        let reports = changes.iter().filter(|change| matches!(change, Change::Report(_))).count();
        self.metrics.reports_archived.inc_by(reports as u64);
        self.queue.send_blocking(StoreWork::Changes { position, changes })
    }

    pub(crate) fn snapshot(&self, position: Position, taken: Taken) -> Result<(), Closed> {
        let bytes = Arc::clone(&self.snapshot_bytes);
        self.queue.send_blocking(StoreWork::Snapshot { position, taken: Box::new(taken), bytes })
    }

    /// How large the engine was in the last snapshot that was written.
    pub(crate) fn snapshot_bytes(&self) -> u64 {
        self.snapshot_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) -> Result<(), Closed> {
        self.queue.send_blocking(StoreWork::Stop)
    }
}
