//! Appends records and makes them durable.

use std::{
    fs::File,
    io,
    sync::{Arc, PoisonError, atomic::Ordering},
    thread::JoinHandle,
};

use crate::{
    active_file::ActiveFile,
    frame::{self, HEADER_BYTES},
    lock::Lock,
    options::{Durability, Options},
    position::Position,
    record::{Key, Record},
    segment::{self, Tally},
    survey::each_key_once,
    view::Shared,
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
    pub(crate) base: u64,
    /// Bytes of the active file: written, and shown to readers.
    pub(crate) written: u64,
    pub(crate) published: u64,
    /// What readers are not shown yet; of its frames, those not written yet.
    group: Group,
    pub(crate) postings_published: usize,
    refused: Option<Arc<str>>,
    pub(crate) sealing: Option<JoinHandle<()>>,
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

    pub(crate) fn write_out(&mut self) -> Result<(), WriteError> {
        if let Err(error) = self.file.write_all_at(&self.group.frames, self.written) {
            return Err(self.roll_back(error));
        }
        self.written += self.group.frames.len() as u64;
        self.group.frames.clear();
        Ok(())
    }

    /// After a failed `fdatasync` the kernel may have thrown the bytes away and call the next one a success,
    /// so the writer trusts this file no longer.
    pub(crate) fn sync_file(&mut self) -> Result<(), WriteError> {
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

    pub(crate) fn refuse(&mut self, reason: String) -> WriteError {
        let reason: Arc<str> = reason.into();
        self.refused = Some(reason.clone());
        WriteError::Refused(reason)
    }

    /// Shows readers all that is written.
    pub(crate) fn publish(&mut self) {
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
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish_sealing();
        {
            // Readers may outlive the writer, and with it the lock. No index is being written after this.
            let _rebuilt = self.shared.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.writable.store(false, Ordering::Release);
        }
        if self.durability == Durability::Buffered && self.refused.is_none() {
            let _ = self.file.sync();
        }
    }
}
