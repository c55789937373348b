//! Finds entries by key.

use std::{
    io,
    sync::{PoisonError, atomic::Ordering},
};

use crate::{
    disk::DiskFile,
    entries::read_error,
    frame::{HEADER_BYTES, Header, Scratch},
    memory_index::MemoryIndex,
    position::Position,
    reader::{ReadError, Reader},
    record::{Entry, Key},
    segment::{IndexPlace, Sealed},
    sidecar::{self, Sidecar, SidecarError},
    stuffing,
    survey::survey,
    view::count,
};

/// The most entries that one lookup gives.
pub const LOOKUP_ENTRIES_MAX: usize = 1024;
/// A lookup stops after the entry with which its payloads reach this many bytes.
pub const LOOKUP_BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
struct Results {
    entries: Vec<Entry>,
    bytes: usize,
    cut: bool,
}

impl Results {
    fn room(&self) -> usize {
        if self.bytes >= LOOKUP_BYTES_MAX { 0 } else { LOOKUP_ENTRIES_MAX - self.entries.len() }
    }
}

impl Reader {
    /// The entries with `key` before a position, in journal order: the earliest ones, at most
    /// [`LOOKUP_ENTRIES_MAX`] and until [`LOOKUP_BYTES_MAX`] is reached ([`crate::Stats::lookups_cut`] counts
    /// when there were more). Entries whose frames are damaged, and segments that retention removes meanwhile,
    /// are left out.
    ///
    /// It asks the filter of each sealed segment, in memory or, of the oldest where those are many, one block on disk; it
    /// reads postings and frames only where that says "perhaps". A missing or damaged index is rebuilt first, which reads its whole segment once; opened for
    /// reading only, it is read each time.
    ///
    /// # Errors
    /// [`ReadError::Io`] if the disk refuses.
    pub fn lookup(&self, key: &Key, before: Position) -> Result<Vec<Entry>, ReadError> {
        count(&self.shared.counters.lookups, 1);
        let (sealed, active, active_end, active_positions) = {
            let view = self.shared.view();
            let positions = view.active.index.positions(key, before.0);
            (view.sealed.clone(), view.active.base, view.active.end, positions)
        };
        let mut results = Results::default();
        for segment in sealed.iter().take_while(|segment| segment.base < before.0) {
            let outcome = self
                .positions(segment, key, before, results.room() + 1)
                .and_then(|positions| self.read(segment.base, segment.bytes, &positions, &mut results));
            match outcome {
                Ok(()) => {}
                Err(error) => match read_error(&self.shared, segment.base, error) {
                    ReadError::Gone { .. } => {}
                    error => return Err(error),
                },
            }
        }
        self.read(active, active_end, &active_positions, &mut results)
            .map_err(|error| read_error(&self.shared, active, error))?;
        count(&self.shared.counters.lookups_cut, u64::from(results.cut));
        Ok(results.entries)
    }

    fn positions(&self, segment: &Sealed, key: &Key, before: Position, limit: usize) -> io::Result<Vec<u64>> {
        match segment.index() {
            IndexPlace::Memory(index) => Ok(index.positions(key, before.0)),
            IndexPlace::Missing => self.rebuild(segment, key, before, limit),
            IndexPlace::File if self.is_surely_without(segment, key) => Ok(Vec::new()),
            IndexPlace::File => match self.ask_file(segment, key, before, limit) {
                Ok(positions) => Ok(positions),
                Err(SidecarError::Io(error)) => Err(error),
                Err(SidecarError::Damaged) => self.rebuild(segment, key, before, limit),
            },
        }
    }

    fn is_surely_without(&self, segment: &Sealed, key: &Key) -> bool {
        let filter = self.shared.filters.get(segment.base);
        filter.and_then(|filter| filter.may_contain(key)) == Some(false)
    }

    fn ask_file(
        &self,
        segment: &Sealed,
        key: &Key,
        before: Position,
        limit: usize,
    ) -> Result<Vec<u64>, SidecarError> {
        count(&self.shared.counters.lookup_indexes_opened, 1);
        let file = Sidecar::open(
            &*self.shared.disk,
            &self.shared.index_path(segment.base),
            segment.base,
            segment.bytes,
        )?;
        file.positions(segment.base, key, before.0, limit)
    }

    /// Builds the index again from the segment, and answers from it.
    fn rebuild(&self, segment: &Sealed, key: &Key, before: Position, limit: usize) -> io::Result<Vec<u64>> {
        let _one_at_a_time = self.shared.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(positions) = self.ask_file(segment, key, before, limit) {
            return Ok(positions);
        }
        let shared = &self.shared;
        let file = shared.disk.open(&shared.segment_path(segment.base))?;
        let surveyed = survey(file, segment.base, segment.bytes, shared.payload_bytes_max, shared.keys)?;
        count(&shared.counters.indexes_rebuilt, 1);
        if shared.writable.load(Ordering::Acquire) {
            self.keep(segment, &surveyed.index);
        }
        Ok(surveyed.index.positions(key, before.0))
    }

    /// Writes a rebuilt index. If that fails, the next lookup tries again.
    fn keep(&self, segment: &Sealed, index: &MemoryIndex) {
        let path = self.shared.index_path(segment.base);
        if let Ok((bytes, filter)) =
            sidecar::write(&*self.shared.disk, &path, segment.base, segment.bytes, &segment.tally, index)
        {
            self.shared.filters.hold(segment.base, filter);
            segment.place_index(IndexPlace::File, bytes);
        }
    }

    fn read(&self, base: u64, end: u64, positions: &[u64], results: &mut Results) -> io::Result<()> {
        if positions.is_empty() {
            return Ok(());
        }
        if results.room() == 0 {
            results.cut = true;
            return Ok(());
        }
        count(&self.shared.counters.lookup_segments_read, 1);
        let file = self.shared.disk.open(&self.shared.segment_path(base))?;
        for position in positions {
            if results.room() == 0 {
                results.cut = true;
                break;
            }
            count(&self.shared.counters.lookup_frames_read, 1);
            match read_frame(&*file, base, end, *position, self.shared.payload_bytes_max)? {
                Some(entry) => {
                    results.bytes += entry.payload.len();
                    results.entries.push(entry);
                }
                None => count(&self.shared.counters.corrupt_frames_read, 1),
            }
        }
        Ok(())
    }
}

/// The entry at `position` of the segment at `base`, unless its frame is damaged or too large.
fn read_frame(
    file: &dyn DiskFile,
    base: u64,
    end: u64,
    position: u64,
    payload_bytes_max: usize,
) -> io::Result<Option<Entry>> {
    let Some(offset) = position.checked_sub(base) else { return Ok(None) };
    if offset.saturating_add(HEADER_BYTES as u64) > end {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, offset)?;
    let Some(header) = Header::decode(&bytes, position) else { return Ok(None) };
    let stored_bytes = header.stored_bytes as usize;
    if stored_bytes > stuffing::stored_bytes_max(payload_bytes_max) || offset + header.frame_bytes() > end {
        return Ok(None);
    }
    let mut payload = vec![0; stored_bytes];
    file.read_exact_at(&mut payload, offset + HEADER_BYTES as u64)?;
    if crc32c::crc32c(&payload) != header.payload_crc {
        return Ok(None);
    }
    if header.stuffed || header.packed {
        let mut scratch = Scratch::default();
        let Some(restored) = header.restore(&payload, payload_bytes_max, &mut scratch) else {
            return Ok(None);
        };
        payload = restored.to_vec();
    }
    let fits = payload.len() <= payload_bytes_max;
    let (kind, received_ns) = (header.kind, header.received_ns);
    Ok(fits.then_some(Entry { position: Position(position), kind, received_ns, payload }))
}
