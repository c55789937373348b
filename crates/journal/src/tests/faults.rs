//! Disk operations that fail on demand.

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
}

impl Faults {
    pub(crate) fn write(&self) -> io::Result<()> {
        fail(&self.writes, "disk full")
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        fail(&self.syncs, "device error")
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
