//! Where a replay begins: a snapshot that fits, or the journal's first entry.

use std::path::Path;

use engine::Engine;
use journal::{Position, Reader};
use model::Nanos;

use crate::snapshot::{self, Snapshot};

/// An engine to go on with.
#[derive(Debug)]
pub(crate) struct StartPoint {
    pub engine: Engine,
    pub next: Position,
    pub configure: Option<String>,
    pub tick: Nanos,
    /// The journal's beginning is gone and no snapshot stands in for it: what came before is not known any more.
    pub is_incomplete: bool,
    /// It begins at a snapshot.
    pub from_snapshot: bool,
}

/// Which snapshot is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefer {
    /// The shortest way to the present.
    Newest,
    /// The longest stretch of journal.
    Oldest,
}

/// Chooses among the snapshots that the journal goes on from, and of which `fits` says yes.
pub(crate) fn choose(
    snapshots: &Path,
    journal: &Reader,
    shards: usize,
    prefer: Prefer,
    fits: impl Fn(Position) -> bool,
) -> StartPoint {
    let (first, end) = (journal.first(), journal.end());
    let is_whole = first == Position::START;
    if !(is_whole && prefer == Prefer::Oldest) {
        let mut all = snapshot::list(snapshots).unwrap_or_default();
        if prefer == Prefer::Oldest {
            all.reverse();
        }
        let usable = |next: Position| next >= first && next <= end && fits(next);
        let found = all.iter().filter(|(next, _)| usable(*next)).find_map(|(_, path)| load(path));
        if let Some(start) = found {
            return start;
        }
    }
    StartPoint {
        engine: Engine::new(shards),
        next: first,
        configure: None,
        tick: Nanos(0),
        is_incomplete: !is_whole,
        from_snapshot: false,
    }
}

/// The snapshot's engine, unless something is wrong with it.
fn load(path: &Path) -> Option<StartPoint> {
    let snapshot = match Snapshot::read(path) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            tracing::warn!(%error, "a snapshot is passed over");
            return None;
        }
    };
    let header = snapshot.header;
    if header.engine_version != engine::VERSION {
        tracing::info!(
            version = header.engine_version,
            "a snapshot of another engine version is passed over"
        );
        return None;
    }
    match Engine::restore(&snapshot.engine) {
        Ok(engine) => Some(StartPoint {
            engine,
            next: Position(header.next),
            configure: header.configure,
            tick: Nanos(header.tick_ns),
            is_incomplete: false,
            from_snapshot: true,
        }),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "a snapshot is passed over");
            None
        }
    }
}
