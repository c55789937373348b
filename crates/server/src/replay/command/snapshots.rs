//! Checks snapshots against replay: an engine that was brought to a snapshot's place from the journal alone must have
//! the bytes that the snapshot has.

use std::path::{Path, PathBuf};

use engine::Engine;
use journal::Position;

use crate::replay::Replayer;
use crate::snapshot::{self, Snapshot};

#[derive(Debug, Default)]
pub(super) struct SnapshotCheck {
    /// Those that the replay has not come to yet, the next one last.
    ahead: Vec<(Position, PathBuf)>,
    pub agreed: u64,
    /// The files of those whose state is another.
    pub different: Vec<PathBuf>,
}

impl SnapshotCheck {
    pub(super) fn new(dir: &Path) -> Self {
        // Newest first, so the next one is last.
        Self { ahead: snapshot::list(dir).unwrap_or_default(), ..Self::default() }
    }

    /// To be called after each entry.
    pub(super) fn at(&mut self, replayer: &Replayer) {
        while let Some((next, path)) = self.ahead.pop_if(|(next, _)| *next <= replayer.next) {
            if next == replayer.next {
                self.compare(replayer, path);
            }
        }
    }

    /// Damaged ones, and those of another version or with another number of shards, cannot be compared.
    fn compare(&mut self, replayer: &Replayer, path: PathBuf) {
        let Ok(snapshot) = Snapshot::read(&path) else { return };
        let Ok(engine) = Engine::restore(&snapshot.engine) else { return };
        if engine.shards() != replayer.engine.shards() {
            return;
        }
        let is_equal = snapshot.engine == replayer.engine.snapshot()
            && snapshot.header.configure == replayer.configure
            && snapshot.header.tick_ns == replayer.tick.0;
        match is_equal {
            true => self.agreed += 1,
            false => self.different.push(path),
        }
    }
}
