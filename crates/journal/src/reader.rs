//! Reads the journal, from any thread, while it is written.

use std::{io, path::PathBuf, sync::Arc, sync::atomic::Ordering};

use crate::{entries::Entries, position::Position, segment::Sealed, view::Shared};

/// Why reading failed. Damaged frames are no error: they are stepped over and counted.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk refused.
    #[error("{} could not be read: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Retention removed what was to be read next, while it was read.
    #[error("position {wanted} is no longer in the journal, which begins at {first}")]
    Gone { wanted: Position, first: Position },
}

/// What the journal holds, and what its readers met since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Segments, the one being written included.
    pub segments: u64,
    /// Bytes on disk, indexes included.
    pub bytes: u64,
    /// Entries that can be read.
    pub entries: u64,
    /// Damaged stretches and bytes known to be in the segments.
    pub corrupt_frames: u64,
    pub corrupt_bytes: u64,
    /// Postings of the segment being written, held in memory.
    pub postings_in_memory: u64,
    /// Bytes of the filters of sealed segments, held in memory.
    pub filter_bytes: u64,
    /// Damaged stretches that scans and lookups stepped over; one read twice counts twice.
    pub corrupt_frames_read: u64,
    pub lookups: u64,
    /// Lookups that found more than they may return.
    pub lookups_cut: u64,
    /// Index files that lookups opened.
    pub lookup_indexes_opened: u64,
    /// Segments whose entries a lookup had to read, and the frames it read there.
    pub lookup_segments_read: u64,
    pub lookup_frames_read: u64,
    /// Indexes that lookups found missing or damaged and built again from the segment.
    pub indexes_rebuilt: u64,
}

/// A reader; cheap to clone. It sees what [`crate::Writer::sync`] has made visible.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// All entries at or after `from`, up to what is visible now; from the first one kept if `from` is older.
    ///
    /// `from` need not be the position of an entry. The iterator ends after an error. Entries are checked
    /// against their checksums; damage is stepped over and counted ([`Entries::corrupt_frames`]).
    #[must_use]
    pub fn scan(&self, from: Position) -> Entries {
        Entries::new(self.shared.clone(), from)
    }

    /// Every entry is at or after this position. After retention it is the first position kept.
    #[must_use]
    pub fn first(&self) -> Position {
        Position(self.shared.view().first())
    }

    /// Every visible entry is before this position, and every later one at or after it.
    #[must_use]
    pub fn end(&self) -> Position {
        Position(self.shared.view().end())
    }

    /// A position that no entry received at `received_ns` or later stands before. Entries before that time may follow it:
    /// it is a segment's beginning.
    #[must_use]
    pub fn since(&self, received_ns: u64) -> Position {
        let view = self.shared.view();
        let older = |segment: &Arc<Sealed>| segment.tally.last_received_ns < received_ns;
        let kept = view.sealed.iter().find(|segment| !older(segment));
        Position(kept.map_or(view.active.base, |segment| segment.base))
    }

    /// The present counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let view = self.shared.view();
        let counters = &self.shared.counters;
        let mut tally = view.active.tally;
        view.sealed.iter().for_each(|segment| tally.add(&segment.tally));
        Stats {
            segments: view.sealed.len() as u64 + 1,
            bytes: view.sealed.iter().map(|segment| segment.disk_bytes()).sum::<u64>() + view.active.end,
            entries: tally.entries,
            corrupt_frames: tally.corrupt_frames,
            corrupt_bytes: tally.corrupt_bytes,
            postings_in_memory: view.active.index.len() as u64,
            filter_bytes: self.shared.filters.bytes(),
            corrupt_frames_read: counters.corrupt_frames_read.load(Ordering::Relaxed),
            lookups: counters.lookups.load(Ordering::Relaxed),
            lookups_cut: counters.lookups_cut.load(Ordering::Relaxed),
            lookup_indexes_opened: counters.lookup_indexes_opened.load(Ordering::Relaxed),
            lookup_segments_read: counters.lookup_segments_read.load(Ordering::Relaxed),
            lookup_frames_read: counters.lookup_frames_read.load(Ordering::Relaxed),
            indexes_rebuilt: counters.indexes_rebuilt.load(Ordering::Relaxed),
        }
    }
}
