//! Appends records, makes them durable, seals full segments.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    sync::Arc,
    thread::{self, JoinHandle},
};

use crate::{
    active_file::ActiveFile,
    directory,
    frame::{self, HEADER_BYTES},
    lock::Lock,
    memory_index::MemoryIndex,
    options::{Durability, Options},
    position::Position,
    record::{Key, Record},
    segment::{self, IndexPlace, Sealed, Tally},
    sidecar,
    survey::each_key_once,
    view::{Active, Shared},
};

/// The most bytes that wait in memory before they are written, durable or not; one frame may come on top.
pub const WRITE_BUFFER_BYTES: usize = 4 << 20;
/// A segment that has this many pairs of key and entry is sealed; a record with more keys is refused.
pub const SEGMENT_KEYS_MAX: usize = 1 << 20;

/// Why nothing was written. After it, everything that was appended and not yet durable is gone, and
/// [`Writer::durable_end`] tells what was durable before.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk refused; the file is back at its last good length, so a later append may succeed.
    #[error("the journal could not be written: {0}")]
    Failed(#[from] io::Error),
    /// The disk refused in a way that leaves in doubt what it holds. Only opening the journal again helps.
    #[error("the journal accepts nothing until it is opened again: {0}")]
    Refused(Arc<str>),
}

/// Why a record was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It would make a larger frame than [`Options::frame_bytes_max`] admits. Nothing else is affected.
    #[error("the record takes {bytes} bytes, more than the {bytes_max} of the largest frame")]
    TooLarge { bytes: usize, bytes_max: usize },
    /// It has more than [`SEGMENT_KEYS_MAX`] keys. Nothing else is affected.
    #[error("the record has {keys} keys, more than {keys_max}")]
    TooManyKeys { keys: usize, keys_max: usize },
    /// See [`WriteError`]: what was appended since the last sync is lost with it.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The one writer of a journal. It holds the journal's lock until it is dropped.
#[derive(Debug)]
pub struct Writer {
    pub(crate) shared: Arc<Shared>,
    segment_bytes_max: u64,
    durability: Durability,
    pub(crate) file: ActiveFile,
    base: u64,
    /// Bytes of the active file: written, and shown to readers.
    written: u64,
    published: u64,
    /// What readers are not shown yet; of its frames, those not written yet.
    group: Group,
    postings_published: usize,
    refused: Option<Arc<str>>,
    sealing: Option<JoinHandle<()>>,
    key_scratch: Vec<Key>,
    _lock: Lock,
}

#[derive(Debug, Default)]
struct Group {
    frames: Vec<u8>,
    postings: Vec<(Key, u64)>,
    tally: Tally,
}

impl Group {
    fn clear(&mut self) {
        self.frames.clear();
        self.postings.clear();
        self.tally = Tally::default();
    }
}

impl Writer {
    /// Goes on behind the active segment of `shared`, whose file is `file`.
    pub(crate) fn new(shared: Arc<Shared>, options: &Options, file: File, lock: Lock) -> Self {
        let (base, end, postings) = {
            let active = &shared.view().active;
            (active.base, active.end, active.index.len())
        };
        Self {
            shared,
            segment_bytes_max: options.segment_bytes_max,
            durability: options.durability,
            file: ActiveFile::new(file),
            base,
            written: end,
            published: end,
            group: Group::default(),
            postings_published: postings,
            refused: None,
            sealing: None,
            key_scratch: Vec::new(),
            _lock: lock,
        }
    }

    /// Appends a record. It is neither durable nor visible to readers before [`Writer::sync`] succeeds.
    ///
    /// # Errors
    /// [`AppendError`]; after [`AppendError::Write`] everything since the last sync is lost.
    pub fn append(&mut self, record: &Record) -> Result<Position, AppendError> {
        self.check_refused()?;
        let bytes = HEADER_BYTES + record.payload.len();
        let bytes_max = HEADER_BYTES + self.shared.payload_bytes_max;
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        if record.keys.len() > SEGMENT_KEYS_MAX {
            return Err(AppendError::TooManyKeys { keys: record.keys.len(), keys_max: SEGMENT_KEYS_MAX });
        }
        if self.is_full(bytes as u64) {
            self.rotate()?;
        }
        let position = self.base + self.segment_bytes();
        frame::encode(&mut self.group.frames, position, record.kind, record.received_ns, &record.payload);
        self.group.tally.count(record.received_ns);
        self.key_scratch.extend_from_slice(&record.keys);
        let postings = &mut self.group.postings;
        each_key_once(&mut self.key_scratch, |key| postings.push((key, position)));
        if self.group.frames.len() > WRITE_BUFFER_BYTES {
            self.write_out()?;
        }
        Ok(Position(position))
    }

    /// Makes everything appended so far durable (see [`Durability`]) and visible to readers.
    ///
    /// # Errors
    /// [`WriteError`]; what was appended since the last sync is then lost.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.check_refused()?;
        if self.segment_bytes() == self.published {
            return Ok(());
        }
        self.write_out()?;
        if self.durability == Durability::Durable {
            self.sync_file()?;
        }
        self.publish();
        Ok(())
    }

    /// Entries before this position are as durable as [`Durability`] asks; those at or after it are not.
    #[must_use]
    pub fn durable_end(&self) -> Position {
        Position(self.base + self.published)
    }

    /// Why the writer refuses everything, if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Bytes of the active segment with all that was appended.
    fn segment_bytes(&self) -> u64 {
        self.written + self.group.frames.len() as u64
    }

    pub(crate) fn check_refused(&self) -> Result<(), WriteError> {
        self.refused.as_ref().map_or(Ok(()), |reason| Err(WriteError::Refused(reason.clone())))
    }

    fn is_full(&self, more_bytes: u64) -> bool {
        let bytes = self.segment_bytes();
        let postings = self.postings_published + self.group.postings.len();
        let empty = bytes <= segment::HEADER_BYTES;
        !empty && (bytes + more_bytes > self.segment_bytes_max || postings >= SEGMENT_KEYS_MAX)
    }

    fn write_out(&mut self) -> Result<(), WriteError> {
        if let Err(error) = self.file.write_all_at(&self.group.frames, self.written) {
            return Err(self.roll_back(error));
        }
        self.written += self.group.frames.len() as u64;
        self.group.frames.clear();
        Ok(())
    }

    /// After a failed `fdatasync` the kernel may have thrown the bytes away and call the next one a success,
    /// so the writer trusts this file no longer.
    fn sync_file(&mut self) -> Result<(), WriteError> {
        let Err(error) = self.file.sync() else { return Ok(()) };
        let reason = format!("flushing to disk failed: {error}");
        let _ = self.roll_back(error);
        Err(self.refuse(reason))
    }

    /// Forgets what readers were not shown, on disk too.
    fn roll_back(&mut self, error: io::Error) -> WriteError {
        self.group.clear();
        self.written = self.published;
        match self.file.truncate(self.published).and_then(|()| self.file.sync()) {
            Ok(()) => WriteError::Failed(error),
            Err(second) => {
                self.refuse(format!("a write failed ({error}) and could not be rolled back ({second})"))
            }
        }
    }

    fn refuse(&mut self, reason: String) -> WriteError {
        let reason: Arc<str> = reason.into();
        self.refused = Some(reason.clone());
        WriteError::Refused(reason)
    }

    /// Shows readers all that is written.
    fn publish(&mut self) {
        self.published = self.written;
        let mut view = self.shared.view_mut();
        let active = &mut view.active;
        active.end = self.written;
        active.tally.add(&self.group.tally);
        for (key, position) in self.group.postings.drain(..) {
            active.index.insert(key, position);
        }
        self.postings_published = active.index.len();
        self.group.tally = Tally::default();
    }

    /// Seals the active segment, which becomes durable in any mode, and begins the next.
    fn rotate(&mut self) -> Result<(), WriteError> {
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

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish_sealing();
        if self.durability == Durability::Buffered && self.refused.is_none() {
            let _ = self.file.sync();
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
