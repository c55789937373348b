//! What writer and readers share: which segments there are, how far one may read, and the counters.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{
    disk::{Disk, DiskFile, Held},
    held_filters::HeldFilters,
    memory_index::MemoryIndex,
    options::{Durability, Options},
    record::Key,
    segment::{self, Sealed, Tally},
};

/// Shared by the writer and all readers of one journal.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    durability: Durability,
    pub(crate) payload_bytes_max: usize,
    pub(crate) keys: fn(u8, &[u8], &mut Vec<Key>),
    /// Whether anything in the folder may be changed: as long as there is a writer, which holds the lock.
    pub(crate) writable: AtomicBool,
    pub(crate) counters: Counters,
    pub(crate) filters: HeldFilters,
    /// Held while an index file is rebuilt, so that it is done once.
    pub(crate) rebuilding: Mutex<()>,
    view: RwLock<View>,
    /// A reader without a writer holds the lock here.
    _lock: Option<Box<dyn Held>>,
}

/// The segments as they are at one moment. No lock on it is held during input or output.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) sealed: Arc<Vec<Arc<Sealed>>>,
    pub(crate) active: Active,
}

/// The segment that is being written, as far as readers may see it.
#[derive(Debug, Default)]
pub(crate) struct Active {
    pub(crate) base: u64,
    /// The file offset at which reading ends.
    pub(crate) end: u64,
    pub(crate) tally: Tally,
    pub(crate) index: MemoryIndex,
}

/// Counts since the journal was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) corrupt_frames_read: AtomicU64,
    pub(crate) lookups: AtomicU64,
    pub(crate) lookups_cut: AtomicU64,
    pub(crate) lookup_indexes_opened: AtomicU64,
    pub(crate) lookup_segments_read: AtomicU64,
    pub(crate) lookup_frames_read: AtomicU64,
    pub(crate) indexes_rebuilt: AtomicU64,
}

impl Shared {
    /// For a journal with a writer.
    pub(crate) fn new(options: &Options, view: View, filters: HeldFilters) -> Self {
        Self {
            disk: options.disk.clone(),
            dir: options.dir.clone(),
            durability: options.durability,
            payload_bytes_max: options.payload_bytes_max(),
            keys: options.keys,
            writable: AtomicBool::new(true),
            counters: Counters::default(),
            filters,
            rebuilding: Mutex::new(()),
            view: RwLock::new(view),
            _lock: None,
        }
    }

    /// For a journal that is only read.
    pub(crate) fn new_read_only(
        options: &Options,
        view: View,
        filters: HeldFilters,
        lock: Option<Box<dyn Held>>,
    ) -> Self {
        Self { writable: AtomicBool::new(false), _lock: lock, ..Self::new(options, view, filters) }
    }

    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        // Nothing that runs under the lock can leave the view half changed, so a poisoned lock is no harm.
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a segment's file to append to. What need not be durable is left to the page cache.
    pub(crate) fn append(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        match self.durability {
            Durability::Durable => self.disk.append(path),
            Durability::Buffered => self.disk.modify(path),
        }
    }

    pub(crate) fn segment_path(&self, base: u64) -> PathBuf {
        self.dir.join(segment::file_name(base))
    }

    pub(crate) fn index_path(&self, base: u64) -> PathBuf {
        self.dir.join(segment::index_file_name(base))
    }
}

impl View {
    /// The first position that may still be read.
    pub(crate) fn first(&self) -> u64 {
        self.sealed.first().map_or(self.active.base, |segment| segment.base)
    }

    /// The first position behind everything that may be read.
    pub(crate) fn end(&self) -> u64 {
        self.active.base + self.active.end
    }
}

/// Adds to a counter that orders nothing.
pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
