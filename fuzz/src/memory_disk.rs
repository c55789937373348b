//! A journal's folder in memory, so that an execution makes no system call. It never fails and never forgets: what a
//! disk does wrong is the business of `sim`. It must never know what its files hold.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use journal::{Disk, DiskFile, Held, LockError};

type Contents = Arc<Mutex<Vec<u8>>>;

/// One folder; a clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<Folder>>);

#[derive(Debug, Default)]
struct Folder {
    files: BTreeMap<PathBuf, Contents>,
    /// As on a real disk, a reader finds no lock where no writer ever was.
    was_locked: bool,
}

#[derive(Debug)]
struct OpenFile(Contents);

#[derive(Debug)]
struct Lock;

impl Held for Lock {}

impl MemoryDisk {
    pub(crate) fn put(&self, path: PathBuf, bytes: Vec<u8>) {
        guard(&self.0).files.insert(path, Arc::new(Mutex::new(bytes)));
    }

    /// In the order of their names.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = &guard(&self.0).files;
        files.iter().map(|(path, contents)| (path.clone(), guard(contents).clone())).collect()
    }

    fn find(&self, path: &Path) -> io::Result<Contents> {
        guard(&self.0).files.get(path).map(Arc::clone).ok_or_else(not_found)
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn names(&self, _dir: &Path) -> io::Result<Vec<String>> {
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(guard(&self.0).files.keys().filter_map(name).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenFile(self.find(path)?)))
    }

    fn modify(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut folder = guard(&self.0);
        let contents = folder.files.entry(path.to_owned()).or_default();
        guard(contents).clear();
        Ok(Arc::new(OpenFile(Arc::clone(contents))))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut folder = guard(&self.0);
        let contents = folder.files.remove(from).ok_or_else(not_found)?;
        folder.files.insert(to.to_owned(), contents);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        guard(&self.0).files.remove(path).map(drop).ok_or_else(not_found)
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _dir: &Path, exclusive: bool) -> Result<Option<Box<dyn Held>>, LockError> {
        let mut folder = guard(&self.0);
        folder.was_locked |= exclusive;
        Ok(folder.was_locked.then(|| Box::new(Lock) as Box<dyn Held>))
    }

    fn may_be_used_at_once(&self) -> bool {
        false
    }
}

impl DiskFile for OpenFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let contents = guard(&self.0);
        let from = usize::try_from(offset).ok().and_then(|from| contents.get(from..));
        let found = from.and_then(|from| from.get(..bytes.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut contents = guard(&self.0);
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let end = from.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if contents.len() < end {
            contents.resize(end, 0);
        }
        contents[from..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        guard(&self.0).resize(usize::try_from(bytes).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(guard(&self.0).len() as u64)
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
