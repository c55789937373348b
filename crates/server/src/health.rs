//! Whether the server can do its work: the checks behind `/readyz`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use api::{Check, CheckStatus, Durability, Health};

use crate::ingest::Committer;
use crate::store_writer::StoreState;

/// Below this much free space the data directory is a warning; below a tenth of it a failure.
const DISK_FREE_BYTES_LOW: u64 = 1 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Serving,
    Draining,
}

/// Shared by whoever changes the phase and whoever asks for it.
#[derive(Debug)]
pub(crate) struct HealthState {
    phase: AtomicU8,
    pub durability: Durability,
    pub data: PathBuf,
    /// Set once the server is put together.
    pub parts: std::sync::OnceLock<HealthParts>,
}

#[derive(Debug)]
pub(crate) struct HealthParts {
    pub committer: Arc<Committer>,
    pub store: Arc<StoreState>,
}

impl HealthState {
    pub(crate) fn new(durability: Durability, data: PathBuf) -> Self {
        let phase = AtomicU8::new(Phase::Starting as u8);
        Self { phase, durability, data, parts: std::sync::OnceLock::new() }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn report(&self) -> Health {
        let mut checks = vec![self.phase(), disk(&self.data)];
        if let Some(parts) = self.parts.get() {
            checks.push(journal(&parts.committer));
            checks.push(store(&parts.store));
        }
        Health::new(env!("CARGO_PKG_VERSION"), self.durability, checks)
    }

    fn phase(&self) -> Check {
        let phase = self.phase.load(Ordering::Acquire);
        if phase == Phase::Serving as u8 {
            check("serving", CheckStatus::Ok, "requests are taken")
        } else if phase == Phase::Starting as u8 {
            check("serving", CheckStatus::Fail, "the journal is being read; wait")
        } else {
            check("serving", CheckStatus::Fail, "the server is stopping")
        }
    }
}

fn check(name: &str, status: CheckStatus, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), status, detail: detail.into() }
}

fn journal(committer: &Committer) -> Check {
    match committer.failure() {
        None => check("journal", CheckStatus::Ok, "entries can be written"),
        Some(reason) => check(
            "journal",
            CheckStatus::Fail,
            format!("{reason}; check the disk and start the server again"),
        ),
    }
}

fn store(state: &StoreState) -> Check {
    match state.is_failing() {
        false => check("store", CheckStatus::Ok, "changes can be written"),
        true => {
            check("store", CheckStatus::Fail, "writes to the store fail and are tried again; see the log")
        }
    }
}

/// How much room the data directory has.
pub(crate) fn disk(data: &std::path::Path) -> Check {
    let free = match rustix::fs::statvfs(data) {
        Ok(stats) => stats.f_bavail.saturating_mul(stats.f_frsize),
        Err(error) => return check("disk", CheckStatus::Fail, format!("{}: {error}", data.display())),
    };
    let (status, advice) = match free {
        _ if free < DISK_FREE_BYTES_LOW / 10 => (CheckStatus::Fail, "; make room now"),
        _ if free < DISK_FREE_BYTES_LOW => (CheckStatus::Warn, "; make room soon"),
        _ => (CheckStatus::Ok, ""),
    };
    check("disk", status, format!("{} MiB are free{advice}", free >> 20))
}
