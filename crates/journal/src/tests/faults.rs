//! The machine's disk with operations that fail on demand, and a count of flushes.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{Disk, DiskFile, Held, LockError, Options, RealDisk};

/// How many of the next operations of each kind on segments' files fail.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) writes: AtomicU32,
    pub(crate) syncs: AtomicU32,
    pub(crate) truncations: AtomicU32,
    pub(crate) creations: AtomicU32,
    /// Flushes asked for.
    pub(crate) flushes: AtomicU32,
    /// Flushes that still succeed before one fails; 0 if none is to fail.
    countdown: AtomicU32,
}

#[derive(Debug)]
struct FailingDisk(Arc<Faults>);

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn DiskFile>,
    faults: Arc<Faults>,
}

/// The options with a disk that fails when the faults say so.
pub(crate) fn failing(options: Options) -> (Options, Arc<Faults>) {
    let faults = Arc::<Faults>::default();
    (Options { disk: Arc::new(FailingDisk(faults.clone())), ..options }, faults)
}

impl Faults {
    /// The next write fails, and nothing else.
    pub(crate) fn fail_write(&self) {
        self.writes.store(1, Ordering::SeqCst);
    }

    fn sync(&self) -> io::Result<()> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        let left = self.countdown.load(Ordering::SeqCst);
        self.countdown.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 1 {
            self.syncs.store(1, Ordering::SeqCst);
            return Ok(());
        }
        fail(&self.syncs, "device error")
    }

    /// The next `successes` flushes succeed, the one behind them fails.
    pub(crate) fn fail_sync_after(&self, successes: u32) {
        self.countdown.store(successes, Ordering::SeqCst);
    }
}

fn fail(counter: &AtomicU32, what: &str) -> io::Result<()> {
    let left = counter.load(Ordering::SeqCst);
    if left == 0 {
        return Ok(());
    }
    counter.store(left - 1, Ordering::SeqCst);
    Err(io::Error::other(what))
}

impl FailingDisk {
    fn wrap(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        match path.extension().is_some_and(|extension| extension == "log") {
            true => Arc::new(FailingFile { file, faults: self.0.clone() }),
            false => file,
        }
    }
}

impl Disk for FailingDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.names(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path)
    }

    fn modify(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, RealDisk.modify(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.create(path)?;
        fail(&self.0.creations, "no room for a file")?;
        Ok(self.wrap(path, file))
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

impl DiskFile for FailingFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err(error) = fail(&self.faults.writes, "disk full") {
            // Half of it arrives, as on a full disk.
            self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.sync()?;
        self.file.sync()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        fail(&self.faults.truncations, "device error")?;
        self.file.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}
