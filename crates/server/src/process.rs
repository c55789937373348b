//! The server put together: starts the parts in order, and ends them in the reverse one.

mod decode_only;
mod listeners;
mod recovery;
mod start;

use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use runtime::{Closed, Drain, QueueSender};
use store::SqliteStore;
use tokio::sync::oneshot;
use tokio::task::JoinHandle as Task;

pub use decode_only::DecodeOnly;
pub use start::StartError;

use crate::engine_loop::Wake;
use crate::health::{HealthState, Phase};
use crate::ingest::Committer;
use crate::store_writer::StoreSender;

/// How long the journal, the engine and the store may take to write what they hold.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that takes requests.
#[derive(Debug)]
pub struct Server {
    pub(crate) ready: api::ReadyLine,
    pub(crate) health: Arc<HealthState>,
    pub(crate) drain: Drain,
    pub(crate) admin_drain: Drain,
    pub(crate) listeners: Vec<Task<()>>,
    pub(crate) admin: Task<()>,
    pub(crate) notifying: Task<()>,
    pub(crate) trail: (Drain, Task<()>),
    pub(crate) committer: Arc<Committer>,
    pub(crate) engine: QueueSender<Wake>,
    pub(crate) store_sender: StoreSender,
    pub(crate) store: SqliteStore,
    pub(crate) threads: Threads,
}

/// The threads beside the async runtime.
#[derive(Debug)]
pub(crate) struct Threads {
    pub engine: JoinHandle<Result<(), Closed>>,
    pub store: JoinHandle<()>,
    /// Answers when the engine's thread has ended, for whatever reason.
    pub engine_ended: oneshot::Receiver<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the engine's thread ended; what was acknowledged is safe in the journal")]
    EngineEnded,
    #[error(
        "what was taken in could not be written out within {FLUSH_TIMEOUT:?}; the next start reads it from the journal"
    )]
    FlushTimeout,
}

impl Server {
    /// What `serve` prints when it is ready.
    pub fn ready_line(&self) -> &api::ReadyLine {
        &self.ready
    }

    /// Serves until `end` comes or a part fails, then ends in order: no new requests, open ones answered, the journal
    /// written, the engine's last step taken, the store written.
    pub async fn run_until(mut self, end: impl Future<Output = ()>) -> Result<(), ServeError> {
        let engine_ended = tokio::select! {
            () = end => false,
            _ = &mut self.threads.engine_ended => true,
        };
        self.health.enter(Phase::Draining);
        self.drain.start();
        for listener in self.listeners {
            // A listener that panicked has said so already.
            let _ = listener.await;
        }
        let (committer, engine, store) = (self.committer, self.engine, self.store_sender);
        let threads = self.threads;
        let flush = tokio::task::spawn_blocking(move || {
            committer.stop();
            let _ = engine.send_blocking(Wake::Shutdown);
            drop(engine);
            let _ = threads.engine.join();
            let _ = store.stop();
            let _ = threads.store.join();
        });
        let flushed = tokio::time::timeout(FLUSH_TIMEOUT, flush).await;
        let _ = self.notifying.await;
        let (trail_drain, trail) = self.trail;
        trail_drain.start();
        let _ = trail.await;
        self.store.close().await;
        self.admin_drain.start();
        let _ = self.admin.await;
        match (engine_ended, flushed) {
            (true, _) => Err(ServeError::EngineEnded),
            (false, Err(_)) => Err(ServeError::FlushTimeout),
            (false, Ok(_)) => Ok(()),
        }
    }
}
