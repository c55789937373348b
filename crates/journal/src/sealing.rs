//! Seals a full segment: begins the next one, and writes the index of the one before.

use std::{io, sync::Arc, thread};

use crate::{
    disk::DiskFile,
    memory_index::MemoryIndex,
    segment::{self, IndexPlace, Sealed},
    sidecar,
    view::{Active, Shared},
    writer::{WriteError, Writer},
};

impl Writer {
    /// Seals the active segment, which becomes durable in any mode, and begins the next.
    pub(crate) fn rotate(&mut self) -> Result<(), WriteError> {
        self.write_out()?;
        self.sync_file()?;
        self.publish();
        self.cut_padding();
        self.begin_next()
    }

    /// Begins the next segment behind what readers were shown of the active one, which is sealed. Where that fails,
    /// a file may stay behind under the next segment's name; so the active one may not grow past it.
    pub(crate) fn begin_next(&mut self) -> Result<(), WriteError> {
        self.in_doubt = true;
        let base = self.base + self.published;
        self.file = create_segment(&self.shared, base).map_err(|error| {
            io::Error::new(error.kind(), format!("a segment could not be begun: {error}"))
        })?;
        self.in_doubt = false;
        let index = Arc::new(self.seal(base));
        self.base = base;
        (self.written, self.published) = (segment::HEADER_BYTES, segment::HEADER_BYTES);
        self.postings_published = 0;
        self.write_index_aside(index);
        Ok(())
    }

    /// Moves the active segment among the sealed ones; gives its index.
    fn seal(&self, next_base: u64) -> SealedIndex {
        let mut view = self.shared.view_mut();
        let next = Active { base: next_base, end: segment::HEADER_BYTES, ..Active::default() };
        let sealed = std::mem::replace(&mut view.active, next);
        let index = Arc::new(sealed.index);
        let place = IndexPlace::Memory(index.clone());
        let segment = Arc::new(Sealed::new(sealed.base, sealed.end, sealed.tally, place, 0));
        Arc::make_mut(&mut view.sealed).push(segment.clone());
        SealedIndex { segment, index }
    }

    /// Writes the index of a sealed segment on a thread of its own, at most one at a time: appending goes on
    /// meanwhile, and no more than two indexes are in memory.
    fn write_index_aside(&mut self, sealed: Arc<SealedIndex>) {
        self.finish_sealing();
        if !self.shared.disk.may_be_used_at_once() {
            return sealed.write(&self.shared);
        }
        let shared = self.shared.clone();
        let work = sealed.clone();
        let spawned = thread::Builder::new().name("journal-index".into()).spawn(move || work.write(&shared));
        match spawned {
            Ok(handle) => self.sealing = Some(handle),
            Err(_) => sealed.write(&self.shared),
        }
    }

    /// Waits until the index of the last sealed segment is written.
    pub(crate) fn finish_sealing(&mut self) {
        if let Some(handle) = self.sealing.take() {
            // If the thread died, the index is still in memory and will be rebuilt at the next start.
            let _ = handle.join();
        }
    }
}

#[derive(Debug)]
struct SealedIndex {
    segment: Arc<Sealed>,
    index: Arc<MemoryIndex>,
}

impl SealedIndex {
    /// Without its file the index counts as missing, which only makes lookups slower: they rebuild it.
    fn write(&self, shared: &Shared) {
        let Sealed { base, bytes, tally, .. } = &*self.segment;
        match sidecar::write(&*shared.disk, &shared.index_path(*base), *base, *bytes, tally, &self.index) {
            Ok((index_bytes, filter)) => {
                shared.filters.hold(*base, filter);
                self.segment.place_index(IndexPlace::File, index_bytes);
            }
            Err(_) => self.segment.place_index(IndexPlace::Missing, 0),
        }
    }
}

/// Creates the file of the segment at `base` with its header, durably.
pub(crate) fn create_segment(shared: &Shared, base: u64) -> io::Result<Arc<dyn DiskFile>> {
    let path = shared.segment_path(base);
    let file = shared.disk.create(&path)?;
    file.write_all_at(&segment::encode_header(base), 0)?;
    file.sync()?;
    shared.disk.sync_dir(&shared.dir)?;
    shared.append(&path)
}
