//! The server's own entries of the audit: its start, changes of the keys and certificates, deliveries ordered again,
//! and who was refused. What people do to incidents comes from the journal and does not pass here.

use std::sync::Arc;
use std::time::Duration;

use model::{Audited, ServerChange, ServerChangeKind};
use runtime::{DrainHandle, TlsSource};
use store::{Store, WriteError};
use tokio::time::MissedTickBehavior;

use crate::auth::{KeySource, Keyring};
use crate::clock;
use crate::denials::Denials;
use crate::settings::Settings;

/// How often changes of the keys and certificates are looked for.
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
    pub tls: Option<Arc<TlsSource>>,
    waiting: Vec<Audited>,
}

/// What was told last.
struct Told {
    keyring: Option<Arc<Keyring>>,
    tls_reloads: u64,
}

/// Who does what nobody ordered.
const SERVER: &str = "casebook";

impl Trail {
    pub(crate) fn new(store: Arc<dyn Store>, denials: Arc<Denials>, settings: &Settings) -> Self {
        let (keys, tls) = (settings.keys.clone(), settings.tls.clone());
        Self { store, denials, keys, tls, waiting: Vec::new() }
    }

    /// Writes until the drain starts, then the last.
    pub(crate) async fn run(mut self, mut drain: DrainHandle) {
        let mut told = self.now();
        let known = told.keyring.as_deref().map_or_else(|| "without keys".to_owned(), keys_known);
        let version = env!("CARGO_PKG_VERSION");
        self.add(ServerChangeKind::Start, format!("version {version}, {known}")).await;
        let mut pause = tokio::time::interval(PAUSE);
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pauses = 0;
        loop {
            tokio::select! {
                () = drain.started() => break,
                _ = pause.tick() => {}
            }
            told = self.tell_changes(told).await;
            pauses += 1;
            if pauses >= DENIALS_PAUSES {
                pauses = 0;
                let denied = self.denials.take(clock::now());
                self.waiting.extend(denied.into_iter().map(Audited::Denied));
            }
            self.write().await;
        }
        self.tell_changes(told).await;
        self.waiting.extend(self.denials.take_last().into_iter().map(Audited::Denied));
        self.write().await;
    }

    fn now(&self) -> Told {
        Told {
            keyring: self.keys.as_ref().map(|keys| keys.keyring()),
            tls_reloads: self.tls.as_ref().map_or(0, |tls| tls.metrics.reloads.get()),
        }
    }

    async fn tell_changes(&mut self, told: Told) -> Told {
        let now = self.now();
        // Each reading makes a keyring of its own.
        if let (Some(was), Some(is)) = (&told.keyring, &now.keyring)
            && !Arc::ptr_eq(was, is)
        {
            let detail = format!("{}; {}", keys_known(is), is.changes_since(was));
            self.add(ServerChangeKind::ChangeKeys, detail).await;
        }
        if told.tls_reloads != now.tls_reloads {
            let detail = "the files of TLS changed; new connections get the new certificate".to_owned();
            self.add(ServerChangeKind::ChangeCertificates, detail).await;
        }
        now
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

fn keys_known(keys: &Keyring) -> String {
    format!("{} keys are known", keys.len())
}
