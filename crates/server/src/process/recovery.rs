//! The state before the last stop, from the newest snapshot that fits and the journal behind it. What the store does
//! not hold yet is written to it on the way.

use std::time::Instant;

use journal::{Position, Reader};

use super::StartError;
use crate::data::DataDir;
use crate::ingest::DecodeRules;
use crate::replay::{Prefer, Replayer, choose};
use crate::snapshot;
use crate::store_writer::StoreSender;

/// The state as of the journal's end.
pub(super) fn recover(
    data: &DataDir,
    journal: &Reader,
    rules: &DecodeRules,
    shards: usize,
    applied: Option<Position>,
    store: &StoreSender,
) -> Result<Replayer, StartError> {
    let begun = Instant::now();
    let end = journal.end();
    if let Some(applied) = applied.filter(|applied| *applied >= end) {
        return Err(StartError::StoreAhead { applied: applied.0, end: end.0, store: data.store() });
    }
    if let Err(error) = snapshot::forget_beyond(&data.snapshots(), end) {
        tracing::warn!(%error, "the snapshots could not be looked through");
    }
    // A snapshot holds no effects: those before it have to be in the store.
    let fits = |next: Position| applied.is_some_and(|applied| applied.after() >= next);
    let start = choose(&data.snapshots(), journal, shards, Prefer::Newest, fits);
    if start.is_incomplete {
        tracing::warn!(
            first = start.next.0,
            "the journal's beginning is gone and no snapshot fits: older state is lost"
        );
    }
    let (from, from_snapshot) = (start.next, start.from_snapshot);
    let mut replayer = Replayer::new(start);
    replayer.read_on::<StartError>(journal, rules, None, |_, entry| {
        if Some(entry.position) > applied {
            store.changes(entry.position, entry.outcome.changes)?;
        }
        Ok(())
    })?;
    tracing::info!(
        entries = replayer.entries,
        undecodable = replayer.undecodable,
        from = from.0,
        from_snapshot,
        took_ms = begun.elapsed().as_millis() as u64,
        "state recovered from the journal"
    );
    Ok(replayer)
}
