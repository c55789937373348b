//! The server's own entries of the audit: its start, changes of the keys, deliveries ordered again, and who was refused.
//! What people do to incidents comes from the journal and does not pass here.

use std::sync::Arc;
use std::time::Duration;

use model::{Audited, ServerChange, ServerChangeKind};
use runtime::DrainHandle;
use store::{Store, WriteError};
use tokio::time::MissedTickBehavior;

use crate::auth::KeySource;
use crate::clock;
use crate::denials::Denials;

/// How often changes of the keys are looked for.
const PAUSE: Duration = Duration::from_secs(1);
/// After how many pauses refused requests become entries.
const DENIALS_PAUSES: u32 = 60;
/// What the store did not take waits, up to here.
const WAITING_MAX: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Trail {
    pub store: Arc<dyn Store>,
    pub denials: Arc<Denials>,
    pub keys: Option<Arc<KeySource>>,
    waiting: Vec<Audited>,
}

/// Who does what nobody ordered.
const SERVER: &str = "casebook";

impl Trail {
    pub(crate) fn new(store: Arc<dyn Store>, denials: Arc<Denials>, keys: Option<Arc<KeySource>>) -> Self {
        Self { store, denials, keys, waiting: Vec::new() }
    }

    /// Writes until the drain starts, then the last.
    pub(crate) async fn run(mut self, mut drain: DrainHandle) {
        let known = self.keys.as_ref().map_or_else(|| "without keys".to_owned(), |keys| keys_known(keys));
        let version = env!("CARGO_PKG_VERSION");
        self.add(ServerChangeKind::Start, format!("version {version}, {known}")).await;
        let mut pause = tokio::time::interval(PAUSE);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut pauses, mut reloads) = (0, self.reloads());
        loop {
            tokio::select! {
                () = drain.started() => break,
                _ = pause.tick() => {}
            }
            if self.reloads() != reloads {
                reloads = self.reloads();
                let known = self.keys.as_ref().map_or_else(String::new, |keys| keys_known(keys));
                self.add(ServerChangeKind::ChangeKeys, known).await;
            }
            pauses += 1;
            if pauses >= DENIALS_PAUSES {
                pauses = 0;
                let denied = self.denials.take(clock::now());
                self.waiting.extend(denied.into_iter().map(Audited::Denied));
            }
            self.write().await;
        }
        self.waiting.extend(self.denials.take_last().into_iter().map(Audited::Denied));
        self.write().await;
    }

    fn reloads(&self) -> u64 {
        self.keys.as_ref().map_or(0, |keys| keys.metrics.reloads.get())
    }

    async fn add(&mut self, kind: ServerChangeKind, detail: String) {
        let change = ServerChange { at: clock::now(), actor: SERVER.into(), kind, detail: detail.into() };
        self.waiting.push(Audited::Server(change));
        self.write().await;
    }

    async fn write(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        match self.store.record(&self.waiting).await {
            Ok(()) => self.waiting.clear(),
            Err(WriteError::Unavailable { detail }) => {
                tracing::warn!(detail, "the audit cannot be written; trying again");
                let dropped = self.waiting.len().saturating_sub(WAITING_MAX);
                if dropped > 0 {
                    tracing::error!(dropped, "entries of the audit are lost");
                    self.waiting.drain(..dropped);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the audit refuses entries; they are left out");
                self.waiting.clear();
            }
        }
    }
}

fn keys_known(keys: &KeySource) -> String {
    format!("{} keys are known", keys.keyring().len())
}
