//! Disk operations that fail on demand, and a count of flushes.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
};

/// How many of the next operations of each kind fail.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) writes: AtomicU32,
    pub(crate) syncs: AtomicU32,
    pub(crate) truncations: AtomicU32,
    /// Flushes asked for.
    pub(crate) flushes: AtomicU32,
    /// Flushes that still succeed before one fails; 0 if none is to fail.
    countdown: AtomicU32,
}

impl Faults {
    pub(crate) fn write(&self) -> io::Result<()> {
        fail(&self.writes, "disk full")
    }

    /// The next write fails, and nothing else.
    pub(crate) fn fail_write(&self) {
        self.writes.store(1, Ordering::SeqCst);
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        let left = self.countdown.load(Ordering::SeqCst);
        self.countdown.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 1 {
            self.syncs.store(1, Ordering::SeqCst);
            return Ok(());
        }
        fail(&self.syncs, "device error")
    }

    /// The next `successes` flushes succeed, the one behind them fails.
    pub(crate) fn fail_sync_after(&self, successes: u32) {
        self.countdown.store(successes, Ordering::SeqCst);
    }

    pub(crate) fn truncate(&self) -> io::Result<()> {
        fail(&self.truncations, "device error")
    }
}

fn fail(counter: &AtomicU32, what: &str) -> io::Result<()> {
    let left = counter.load(Ordering::SeqCst);
    if left == 0 {
        return Ok(());
    }
    counter.store(left - 1, Ordering::SeqCst);
    Err(io::Error::other(what))
}
