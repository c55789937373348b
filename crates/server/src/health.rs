//! Whether the server can do its work: the checks behind `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use api::{Check, CheckStatus, Durability, Health};
use model::{Nanos, SECOND_NS};
use runtime::TlsSource;

use crate::auth::KeySource;
use crate::clock;
use crate::disk_room::DiskRoom;
use crate::ingest::Committer;
use crate::overload::Shedding;
use crate::store_writer::StoreState;

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
    pub room: Arc<DiskRoom>,
    pub shedding: Shedding,
    keys: Option<Arc<KeySource>>,
    tls: Option<Arc<TlsSource>>,
    /// Set once the server is put together.
    pub parts: std::sync::OnceLock<HealthParts>,
}

#[derive(Debug)]
pub(crate) struct HealthParts {
    pub committer: Arc<Committer>,
    pub store: Arc<StoreState>,
    pub engine: Arc<Heartbeat>,
    pub outgoing: Arc<notify::Outgoing>,
}

/// When the engine evaluated last.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    last_tick_ns: AtomicU64,
    /// Without a tick for this long the engine is behind.
    late_ns: u64,
}

/// A tick this far in the future shows that the clock was put back.
const CLOCK_BACK_NS: u64 = 5 * SECOND_NS;

impl Heartbeat {
    /// As if it had just evaluated, since the first tick is on its way.
    pub(crate) fn new(tick: Duration) -> Self {
        let tick_ns = u64::try_from(tick.as_nanos()).unwrap_or(u64::MAX);
        let late_ns = tick_ns.saturating_mul(5).max(10 * SECOND_NS);
        Self { last_tick_ns: AtomicU64::new(clock::now().0), late_ns }
    }

    pub(crate) fn beat(&self, tick: Nanos) {
        self.last_tick_ns.store(tick.0, Ordering::Relaxed);
    }

    fn check(&self, now: Nanos) -> Check {
        let last = Nanos(self.last_tick_ns.load(Ordering::Relaxed));
        let (behind_ns, ahead_ns) = (now.since(last), last.since(now));
        if ahead_ns > CLOCK_BACK_NS {
            let ahead = ahead_ns / SECOND_NS;
            let detail = format!(
                "the last tick is {ahead} s in the future: the clock was put back, and until it has caught up \
                 events count as late; set the clock right"
            );
            check("engine", CheckStatus::Fail, detail)
        } else if behind_ns > self.late_ns {
            let detail = format!("the last tick was {} s ago: the engine is behind", behind_ns / SECOND_NS);
            check("engine", CheckStatus::Fail, detail)
        } else {
            check("engine", CheckStatus::Ok, "ticks are evaluated")
        }
    }
}

impl HealthState {
    pub(crate) fn new(
        durability: Durability,
        room: Arc<DiskRoom>,
        shedding: Shedding,
        keys: Option<Arc<KeySource>>,
        tls: Option<Arc<TlsSource>>,
    ) -> Self {
        let phase = AtomicU8::new(Phase::Starting as u8);
        Self { phase, durability, room, shedding, keys, tls, parts: std::sync::OnceLock::new() }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn report(&self) -> Health {
        let mut checks = vec![self.phase(), self.room.check(), self.shedding.check()];
        checks.extend(self.keys.as_deref().map(keys));
        checks.extend(self.tls.as_deref().map(certificates));
        if let Some(parts) = self.parts.get() {
            checks.push(journal(&parts.committer));
            checks.push(store(&parts.store));
            checks.push(parts.engine.check(clock::now()));
            checks.extend(notifications(&parts.outgoing));
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

/// Never a failure either, as long as the certificates from before do not expire.
fn certificates(source: &TlsSource) -> Check {
    match source.fault() {
        None => check("tls", CheckStatus::Ok, "the certificates are those of the files"),
        Some(fault) => check(
            "tls",
            CheckStatus::Warn,
            format!("{fault}; the certificates from before stay: mend the file"),
        ),
    }
}

/// Never a failure: whoever has a key from before is served as before.
fn keys(source: &KeySource) -> Check {
    match source.fault() {
        None => check("keys", CheckStatus::Ok, format!("{} are known", source.keyring().len())),
        Some(fault) => check(
            "keys",
            CheckStatus::Warn,
            format!("{fault}; the keys from before stay in force: mend the file"),
        ),
    }
}

fn journal(committer: &Committer) -> Check {
    if let Some(reason) = committer.failure() {
        return check("journal", CheckStatus::Fail, format!("{reason}; start the server again"));
    }
    match committer.trouble() {
        None => check("journal", CheckStatus::Ok, "entries can be written"),
        // Every tick of the engine is an entry, and so the next try.
        Some(reason) => {
            check("journal", CheckStatus::Fail, format!("{reason}; it is tried again with every tick"))
        }
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

/// Never a failure: a server that cannot tell somebody still takes in and answers.
fn notifications(outgoing: &notify::Outgoing) -> Option<Check> {
    if outgoing.is_empty() {
        return None;
    }
    let (pending, dead) = (outgoing.pending(), outgoing.dead());
    Some(match dead {
        0 => check("notifications", CheckStatus::Ok, format!("{pending} wait, none was given up")),
        dead => check(
            "notifications",
            CheckStatus::Warn,
            format!("{dead} were given up, {pending} wait; `casebook notifications --state dead` lists them"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_not_evaluate_is_not_ready() {
        let heartbeat = Heartbeat::new(Duration::from_secs(1));
        let tick = Nanos::from_secs(1_000_000);
        heartbeat.beat(tick);
        for (now_s, status, words) in [
            (1_000_003, CheckStatus::Ok, "evaluated"),
            (1_000_011, CheckStatus::Fail, "11 s ago"),
            (999_990, CheckStatus::Fail, "10 s in the future"),
        ] {
            let check = heartbeat.check(Nanos::from_secs(now_s));
            assert_eq!(check.status, status, "{now_s}");
            assert!(check.detail.contains(words), "{}", check.detail);
        }
    }
}
