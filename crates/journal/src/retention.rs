//! Drops whole old segments.

use std::{sync::Arc, time::Duration};

use crate::{
    disk,
    position::Position,
    segment::Sealed,
    writer::{WriteError, Writer},
};

/// What may be dropped. Nothing at or after `keep_from` ever is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The present time, in nanoseconds since the Unix epoch.
    pub now_ns: u64,
    /// Segments whose latest entry was received longer ago than this are dropped.
    pub age_max: Option<Duration>,
    /// The oldest segments are dropped until the journal takes at most this many bytes on disk, indexes
    /// included.
    pub bytes_max: Option<u64>,
    /// The first position that is still needed, such as that of the oldest snapshot to replay from.
    pub keep_from: Position,
}

/// What was dropped and what remains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    pub segments_dropped: u64,
    pub bytes_dropped: u64,
    pub entries_dropped: u64,
    /// The first position that can still be read.
    pub first: Position,
    /// Bytes on disk.
    pub bytes: u64,
    /// Whether more should go than `keep_from` and the segment being written allow.
    pub over_limit: bool,
}

impl Writer {
    /// Drops the oldest sealed segments as long as `retention` says so; the segment being written stays.
    ///
    /// # Errors
    /// [`WriteError`] if a file cannot be removed; what was removed before stays so, and the rest can be read.
    pub fn retain(&mut self, retention: &Retention) -> Result<Retained, WriteError> {
        let mut retained = Retained::default();
        loop {
            let bytes = self.disk_bytes();
            let oldest = self.shared.view().sealed.first().cloned();
            let due = oldest.filter(|segment| retention.is_due(segment, bytes));
            if let Some(segment) = due.as_ref().filter(|segment| segment.end() <= retention.keep_from.0) {
                self.drop_segment(segment)?;
                retained.segments_dropped += 1;
                retained.bytes_dropped += segment.disk_bytes();
                retained.entries_dropped += segment.tally.entries;
                continue;
            }
            retained.over_limit = due.is_some() || retention.bytes_max.is_some_and(|max| bytes > max);
            retained.bytes = bytes;
            retained.first = Position(self.shared.view().first());
            if retained.segments_dropped > 0 {
                self.shared.disk.sync_dir(&self.shared.dir)?;
            }
            return Ok(retained);
        }
    }

    fn disk_bytes(&self) -> u64 {
        let view = self.shared.view();
        view.sealed.iter().map(|segment| segment.disk_bytes()).sum::<u64>() + view.active.end
    }

    /// Hides the segment from readers, then removes its files. Scans that have it open finish undisturbed.
    fn drop_segment(&mut self, segment: &Arc<Sealed>) -> Result<(), WriteError> {
        self.finish_sealing();
        Arc::make_mut(&mut self.shared.view_mut().sealed).remove(0);
        if let Err(error) = disk::remove(&*self.shared.disk, &self.shared.segment_path(segment.base)) {
            Arc::make_mut(&mut self.shared.view_mut().sealed).insert(0, segment.clone());
            return Err(error.into());
        }
        self.shared.filters.forget(segment.base);
        // An index file without its segment is removed at the next opening.
        let _ = disk::remove(&*self.shared.disk, &self.shared.index_path(segment.base));
        Ok(())
    }
}

impl Retention {
    fn is_due(&self, segment: &Sealed, bytes: u64) -> bool {
        let age_ns = u128::from(self.now_ns.saturating_sub(segment.tally.last_received_ns));
        let too_old = self.age_max.is_some_and(|max| age_ns > max.as_nanos());
        too_old || self.bytes_max.is_some_and(|max| bytes > max)
    }
}
