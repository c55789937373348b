//! Appends records and makes them durable.

use std::{
    io,
    sync::{Arc, PoisonError, atomic::Ordering},
    thread::JoinHandle,
};

use crate::{
    disk::{DiskFile, Held},
    frame::{self, HEADER_BYTES},
    options::{Durability, Options},
    position::Position,
    record::{Key, Packed, Record},
    segment::{self, Tally},
    survey::each_key_once,
    view::Shared,
};

/// The most bytes that wait in memory before they are written, durable or not; one frame may come on top.
pub const WRITE_BUFFER_BYTES: usize = 4 << 20;
/// A segment that has this many pairs of key and entry is sealed; a record with more keys is refused.
pub const SEGMENT_KEYS_MAX: usize = 1 << 20;

/// Why nothing was written. After it, everything that was appended and not yet durable is gone, and
/// [`Writer::durable_end`] tells what was durable before. A later append tries again.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be written: {0}")]
pub struct WriteError(#[from] io::Error);

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
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) base: u64,
    /// Bytes of the active file: written, and shown to readers.
    pub(crate) written: u64,
    pub(crate) published: u64,
    /// What readers are not shown yet; of its frames, those not written yet.
    group: Group,
    pub(crate) postings_published: usize,
    /// What the active file holds behind `published` is in doubt: nothing is appended to it any more.
    pub(crate) in_doubt: bool,
    pub(crate) sealing: Option<JoinHandle<()>>,
    key_scratch: Vec<Key>,
    _lock: Option<Box<dyn Held>>,
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
    pub(crate) fn new(
        shared: Arc<Shared>,
        options: &Options,
        file: Arc<dyn DiskFile>,
        lock: Option<Box<dyn Held>>,
    ) -> Self {
        let (base, end, postings) = {
            let active = &shared.view().active;
            (active.base, active.end, active.index.len())
        };
        Self {
            shared,
            segment_bytes_max: options.segment_bytes_max,
            durability: options.durability,
            file,
            base,
            written: end,
            published: end,
            group: Group::default(),
            postings_published: postings,
            in_doubt: false,
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
        self.append_packed(&Packed::new(record.clone()))
    }

    /// As [`Writer::append`], the payload having been packed, or found not worth it, before.
    pub(crate) fn append_packed(&mut self, record: &Packed) -> Result<Position, AppendError> {
        let bytes = HEADER_BYTES + record.payload_bytes();
        let bytes_max = HEADER_BYTES + self.shared.payload_bytes_max;
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        if record.keys.len() > SEGMENT_KEYS_MAX {
            return Err(AppendError::TooManyKeys { keys: record.keys.len(), keys_max: SEGMENT_KEYS_MAX });
        }
        let payload = record.payload();
        let stored_bytes = HEADER_BYTES + payload.bytes().len();
        if self.in_doubt {
            self.begin_next()?;
        } else if self.is_full(stored_bytes as u64) {
            self.rotate()?;
        }
        let position = self.base + self.segment_bytes();
        frame::encode(&mut self.group.frames, position, record.kind, record.received_ns, payload);
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

    /// Bytes of the active segment with all that was appended.
    fn segment_bytes(&self) -> u64 {
        self.written + self.group.frames.len() as u64
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

    /// After a failed flush the kernel may have thrown the bytes away and call the next one a success. So no flush
    /// of this file proves anything from now on, and what comes next goes into a new one.
    pub(crate) fn sync_file(&mut self) -> Result<(), WriteError> {
        let Err(error) = self.file.sync() else { return Ok(()) };
        self.in_doubt = true;
        Err(self.roll_back(error))
    }

    /// Takes away the zeros that may follow. Nobody would read them: they are there after a crash too.
    pub(crate) fn cut_padding(&self) {
        if self.durability == Durability::Durable && !self.in_doubt {
            let _ = self.file.set_len(self.published);
        }
    }

    /// Forgets what readers were not shown, on disk too. Where that fails, the next segment's base says where this
    /// one ends.
    fn roll_back(&mut self, error: io::Error) -> WriteError {
        self.group.clear();
        self.written = self.published;
        if self.file.set_len(self.published).and_then(|()| self.file.sync()).is_err() {
            self.in_doubt = true;
        }
        WriteError(error)
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
        self.cut_padding();
        {
            // Readers may outlive the writer, and with it the lock. No index is being written after this.
            let _rebuilt = self.shared.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.writable.store(false, Ordering::Release);
        }
        if self.durability == Durability::Buffered {
            let _ = self.file.sync();
        }
    }
}
