//! Seals a full segment: begins the next one, and writes the index of the one before.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    sync::Arc,
    thread,
};

use crate::{
    directory,
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
        let base = self.base + self.written;
        let file = match create_segment(&self.shared, base) {
            Ok(file) => file,
            Err(error) => return Err(self.abandon_segment(base, error)),
        };
        self.file.replace(file);
        let index = Arc::new(self.seal(base));
        self.base = base;
        (self.written, self.published) = (segment::HEADER_BYTES, segment::HEADER_BYTES);
        self.postings_published = 0;
        self.write_index_aside(index);
        Ok(())
    }

    /// A segment that could not be begun must not stay behind: the one before it may grow past its base.
    fn abandon_segment(&mut self, base: u64, error: io::Error) -> WriteError {
        match directory::remove(&self.shared.segment_path(base)) {
            Ok(()) => WriteError::Failed(error),
            Err(second) => {
                self.refuse(format!("a segment could not be begun ({error}) nor removed ({second})"))
            }
        }
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
        match sidecar::write(&shared.index_path(*base), *base, *bytes, tally, &self.index) {
            Ok(index_bytes) => self.segment.place_index(IndexPlace::File, index_bytes),
            Err(_) => self.segment.place_index(IndexPlace::Missing, 0),
        }
    }
}

/// Creates the file of the segment at `base` with its header, durably.
pub(crate) fn create_segment(shared: &Shared, base: u64) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(shared.segment_path(base))?;
    file.write_all_at(&segment::encode_header(base), 0)?;
    file.sync_all()?;
    directory::sync(&shared.dir)?;
    Ok(file)
}
