//! The machine's disk, counting what is opened and read: what a lookup costs on any disk. It must never know why.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::{Disk, DiskFile, Held, LockError, RealDisk};

#[derive(Debug, Default)]
pub(crate) struct CountingDisk {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    opened: AtomicU64,
    reads: AtomicU64,
    bytes: AtomicU64,
}

/// Files opened, reads, and bytes asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) opened: u64,
    pub(crate) reads: u64,
    pub(crate) bytes: u64,
}

#[derive(Debug)]
struct CountingFile {
    file: Arc<dyn DiskFile>,
    counts: Arc<Counts>,
}

impl CountingDisk {
    pub(crate) fn count(&self) -> Count {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counts { opened, reads, bytes } = &*self.counts;
        Count { opened: now(opened), reads: now(reads), bytes: now(bytes) }
    }

    fn counted(&self, file: io::Result<Arc<dyn DiskFile>>) -> io::Result<Arc<dyn DiskFile>> {
        self.counts.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(CountingFile { file: file?, counts: Arc::clone(&self.counts) }))
    }
}

impl Disk for CountingDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.names(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.counted(RealDisk.open(path))
    }

    fn modify(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.modify(path)
    }

    fn append(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.append(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.create(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, dir: &Path, exclusive: bool) -> Result<Option<Box<dyn Held>>, LockError> {
        RealDisk.lock(dir, exclusive)
    }
}

impl DiskFile for CountingFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}
