//! Opens a journal and puts right what a crash or a bad disk left behind.
//!
//! The rules, also in `doc/formats/journal.md`: damage never stops the start, and nothing is cut off but the
//! end of the last segment behind its last whole frame.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    directory::{self, Listing},
    disk::{self, Disk, DiskFile},
    held_filters::{FILTERS_BYTES_MAX, HeldFilters},
    lock::{self, LockError},
    options::Options,
    reader::Reader,
    sealing::create_segment,
    segment::{self, HEADER_BYTES, HeaderCheck, IndexPlace, Sealed, Tally},
    sidecar::{self, Sidecar},
    survey::{Survey, survey},
    view::{Active, Shared, View},
    writer::Writer,
};

/// No group, which is what one flush is for, is larger: queues hold less.
const WRITE_AGAIN_BYTES_MAX: u64 = 256 << 20;
const WRITE_AGAIN_PIECE_BYTES: usize = 1 << 20;

/// How to get at a journal.
#[derive(Debug)]
pub struct Journal;

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Entries that can be read, and the bytes of their segments.
    pub entries: u64,
    pub bytes: u64,
    pub segments: u64,
    /// Bytes behind the last whole frame, but for zeros written ahead: cut off, or for a reader without a writer left
    /// where they are.
    pub torn_bytes: u64,
    /// Damaged stretches that stay where they are and are stepped over, and their bytes. A sealed segment is
    /// counted as it was when its index was written; what broke since shows when it is read.
    pub corrupt_frames: u64,
    pub corrupt_bytes: u64,
    /// Bytes that are missing at the end of sealed segments, or with whole segments.
    pub missing_bytes: u64,
    /// Sealed segments whose index was missing or damaged; they were read through.
    pub indexes_rebuilt: u64,
    /// How long opening took.
    pub took: Duration,
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The caller's mistake.
    #[error("the journal cannot be opened with these options: {0}")]
    Options(&'static str),
    /// Another process, or another writer or reader in this one, has it open.
    #[error("the journal in {} is in use by another process (it holds {})", dir.display(), lock::FILE_NAME)]
    Locked { dir: PathBuf },
    /// Written by a newer program.
    #[error("{} has format version {version}, which this program does not know", path.display())]
    Unsupported { path: PathBuf, version: u32 },
    /// The file was renamed; to go on would be to take all its frames for damage.
    #[error("{} holds the segment that begins at {base}; give it back its name", path.display())]
    Misplaced { path: PathBuf, base: u64 },
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl OpenError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl Journal {
    /// Opens the journal for writing and reading; creates it if there is none; repairs it (see [`Recovery`]).
    ///
    /// It reads the last segment whole, and of every other segment only the beginnings of it and its index, with the filter.
    ///
    /// # Errors
    /// [`OpenError`]. Damage to contents is no error.
    pub fn open(options: Options) -> Result<(Writer, Reader, Recovery), OpenError> {
        let dir = options.dir.clone();
        if let Some(problem) = options.problem() {
            return Err(OpenError::Options(problem));
        }
        options.disk.create_dir(&dir).map_err(OpenError::io(&dir))?;
        let lock = options.disk.lock(&dir, true).map_err(|error| lock_error(&dir, error))?;
        let mut opening = Opening::new(&options, true);
        let listing = directory::list(&*options.disk, &dir).map_err(OpenError::io(&dir))?;
        opening.clean(&listing).map_err(OpenError::io(&dir))?;
        opening.open_segments(&listing)?;
        let is_there = opening.repair_last()?;
        let (view, filters, recovery) = opening.finish();
        let base = view.active.base;
        let shared = Arc::new(Shared::new(&options, view, filters));
        let path = shared.segment_path(base);
        let file = if is_there { shared.append(&path) } else { create_segment(&shared, base) };
        let file = file.map_err(OpenError::io(&path))?;
        let writer = Writer::new(shared.clone(), &options, file, lock);
        Ok((writer, Reader { shared }, recovery))
    }

    /// Opens a journal that nobody writes, for reading only; changes nothing in its folder. Until the last
    /// reader is dropped, no writer can open it.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::Locked`] while there is a writer.
    pub fn read(options: Options) -> Result<(Reader, Recovery), OpenError> {
        let dir = options.dir.clone();
        if let Some(problem) = options.problem() {
            return Err(OpenError::Options(problem));
        }
        let lock = options.disk.lock(&dir, false).map_err(|error| lock_error(&dir, error))?;
        let mut opening = Opening::new(&options, false);
        let listing = directory::list(&*options.disk, &dir).map_err(OpenError::io(&dir))?;
        opening.open_segments(&listing)?;
        let (view, filters, recovery) = opening.finish();
        let shared = Arc::new(Shared::new_read_only(&options, view, filters, lock));
        Ok((Reader { shared }, recovery))
    }
}

fn lock_error(dir: &Path, error: LockError) -> OpenError {
    match error {
        LockError::Held => OpenError::Locked { dir: dir.to_owned() },
        LockError::Io(source) => OpenError::Io { path: dir.join(lock::FILE_NAME), source },
    }
}

/// The work of opening, segment by segment.
struct Opening<'a> {
    options: &'a Options,
    writable: bool,
    started: Instant,
    recovery: Recovery,
    sealed: Vec<Arc<Sealed>>,
    filters: HeldFilters,
    active: Active,
    /// What is to be done to the last segment.
    last: Last,
}

/// The state of the last segment's file.
enum Last {
    /// There is no file: one must be created.
    Absent,
    /// Frames can be appended once it ends at the active end and its header, if damaged or older, is written again.
    Usable { rewrite_header: bool, cut: bool },
}

impl<'a> Opening<'a> {
    fn new(options: &'a Options, writable: bool) -> Self {
        Self {
            options,
            writable,
            started: Instant::now(),
            recovery: Recovery::default(),
            sealed: Vec::new(),
            filters: HeldFilters::new(FILTERS_BYTES_MAX),
            active: Active::default(),
            last: Last::Absent,
        }
    }

    /// Removes index files that are unfinished or belong to no sealed segment.
    fn clean(&self, listing: &Listing) -> io::Result<()> {
        let sealed = listing.segments.split_last().map_or(&[][..], |(_, sealed)| sealed);
        for base in listing.indexes.iter().filter(|base| sealed.binary_search(base).is_err()) {
            disk::remove(&*self.options.disk, &self.options.dir.join(segment::index_file_name(*base)))?;
        }
        listing.unfinished.iter().try_for_each(|path| disk::remove(&*self.options.disk, path))
    }

    fn open_segments(&mut self, listing: &Listing) -> Result<(), OpenError> {
        let Some((last, sealed)) = listing.segments.split_last() else {
            self.active.end = if self.writable { HEADER_BYTES } else { 0 };
            return Ok(());
        };
        for (base, next_base) in sealed.iter().zip(&listing.segments[1..]) {
            self.open_sealed(*base, *next_base)?;
        }
        self.open_last(*last)
    }

    fn open_sealed(&mut self, base: u64, next_base: u64) -> Result<(), OpenError> {
        let path = self.options.dir.join(segment::file_name(base));
        let (file, file_bytes, header) = open_segment(&*self.options.disk, &path, base)?;
        if header == HeaderCheck::Damaged {
            self.count_corrupt(HEADER_BYTES.min(file_bytes));
        }
        let bytes = file_bytes.min(next_base - base);
        self.recovery.missing_bytes += next_base - base - bytes;
        let index_path = self.options.dir.join(segment::index_file_name(base));
        let segment = match Sidecar::open(&*self.options.disk, &index_path, base, bytes) {
            Ok(index) => {
                // Without it a lookup asks the file, and meets what is wrong with it.
                if let Ok(Some(filter)) = index.filter(FILTERS_BYTES_MAX) {
                    self.filters.hold(base, filter);
                }
                Sealed::new(base, bytes, index.tally, IndexPlace::File, index.bytes)
            }
            Err(_) => {
                let mut found = self.survey(file, base, bytes).map_err(OpenError::io(&path))?;
                found.accept_all();
                self.keep_index(base, bytes, &found)
            }
        };
        self.recovery.segments += 1;
        self.count(bytes, &segment.tally);
        self.sealed.push(Arc::new(segment));
        Ok(())
    }

    /// A sealed segment without an index: writes it if that is allowed. A full disk does not stop the start.
    fn keep_index(&mut self, base: u64, bytes: u64, found: &Survey) -> Sealed {
        self.recovery.indexes_rebuilt += 1;
        let path = self.options.dir.join(segment::index_file_name(base));
        let written = match self.writable {
            true => sidecar::write(&*self.options.disk, &path, base, bytes, &found.tally, &found.index).ok(),
            false => None,
        };
        match written {
            Some((index_bytes, filter)) => {
                self.filters.hold(base, filter);
                Sealed::new(base, bytes, found.tally, IndexPlace::File, index_bytes)
            }
            None => Sealed::new(base, bytes, found.tally, IndexPlace::Missing, 0),
        }
    }

    fn open_last(&mut self, base: u64) -> Result<(), OpenError> {
        let path = self.options.dir.join(segment::file_name(base));
        let (file, file_bytes, header) = open_segment(&*self.options.disk, &path, base)?;
        let mut found = self.survey(file, base, file_bytes).map_err(OpenError::io(&path))?;
        let header_damaged = header == HeaderCheck::Damaged;
        if header_damaged && file_bytes >= HEADER_BYTES {
            self.count_corrupt(HEADER_BYTES);
        }
        self.recovery.segments += 1;
        if header_damaged && found.tally.entries == 0 && found.tail_bytes > 0 {
            // Nothing shows that this file was ever ours. It is kept as it is, and a new segment begun.
            found.accept_all();
            self.count(file_bytes, &found.tally);
            let segment = self.keep_index(base, file_bytes, &found);
            self.sealed.push(Arc::new(segment));
            self.active = Active { base: base + file_bytes, end: HEADER_BYTES, ..Active::default() };
            return Ok(());
        }
        let unfinished_header = if file_bytes < HEADER_BYTES { file_bytes } else { 0 };
        let torn = if found.tail_is_padding { 0 } else { found.tail_bytes };
        self.recovery.torn_bytes += torn + unfinished_header;
        self.count(found.good_end, &found.tally);
        let end = found.good_end.max(if self.writable { HEADER_BYTES } else { 0 });
        self.active = Active { base, end, tally: found.tally, index: found.index };
        self.last = Last::Usable { rewrite_header: header != HeaderCheck::Valid, cut: found.tail_bytes > 0 };
        Ok(())
    }

    fn survey(&self, file: Arc<dyn DiskFile>, base: u64, limit: u64) -> io::Result<Survey> {
        survey(file, base, limit, self.options.payload_bytes_max(), self.options.keys)
    }

    fn count(&mut self, bytes: u64, tally: &Tally) {
        self.recovery.bytes += bytes;
        self.recovery.entries += tally.entries;
        self.recovery.corrupt_frames += tally.corrupt_frames;
        self.recovery.corrupt_bytes += tally.corrupt_bytes;
    }

    fn count_corrupt(&mut self, bytes: u64) {
        self.recovery.corrupt_frames += 1;
        self.recovery.corrupt_bytes += bytes;
    }

    /// Makes the last segment end behind its last whole frame. What readers are about to see is made durable,
    /// for the process that wrote it may have ended before its flush. Tells whether there is such a segment.
    fn repair_last(&self) -> Result<bool, OpenError> {
        let Last::Usable { rewrite_header, cut } = self.last else { return Ok(false) };
        let path = self.options.dir.join(segment::file_name(self.active.base));
        let repair = || {
            let file = self.options.disk.modify(&path)?;
            if cut {
                file.set_len(self.active.end)?;
            }
            if rewrite_header {
                file.write_all_at(&segment::encode_header(self.active.base), 0)?;
            }
            write_again(&*file, self.active.end)?;
            file.sync()?;
            self.options.disk.sync_dir(&self.options.dir)
        };
        repair().map(|()| true).map_err(OpenError::io(&path))
    }

    fn finish(mut self) -> (View, HeldFilters, Recovery) {
        self.recovery.took = self.started.elapsed();
        (View { sealed: Arc::new(self.sealed), active: self.active }, self.filters, self.recovery)
    }
}

/// Writes the end of a file again as it is. If the process before met a flush that failed, the file may be in memory alone
/// and yet be taken for clean: only what is written after that is written out by the next flush.
fn write_again(file: &dyn DiskFile, end: u64) -> io::Result<()> {
    let mut piece = vec![0; WRITE_AGAIN_PIECE_BYTES];
    let mut at = end.saturating_sub(WRITE_AGAIN_BYTES_MAX);
    while at < end {
        let bytes = usize::try_from(end - at).unwrap_or(usize::MAX).min(piece.len());
        file.read_exact_at(&mut piece[..bytes], at)?;
        file.write_all_at(&piece[..bytes], at)?;
        at += bytes as u64;
    }
    Ok(())
}

/// Opens a segment file and reads its header; gives its length too.
fn open_segment(
    disk: &dyn Disk,
    path: &Path,
    base: u64,
) -> Result<(Arc<dyn DiskFile>, u64, HeaderCheck), OpenError> {
    let read = || {
        let file = disk.open(path)?;
        let bytes = file.bytes()?;
        let mut header = [0; HEADER_BYTES as usize];
        let header = &mut header[..bytes.min(HEADER_BYTES) as usize];
        file.read_exact_at(header, 0)?;
        io::Result::Ok((file, bytes, segment::check_header(header, base)))
    };
    match read().map_err(OpenError::io(path))? {
        (_, _, HeaderCheck::Unsupported { version }) => {
            Err(OpenError::Unsupported { path: path.to_owned(), version })
        }
        (_, _, HeaderCheck::Misplaced { base }) => Err(OpenError::Misplaced { path: path.to_owned(), base }),
        opened => Ok(opened),
    }
}
