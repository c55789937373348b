//! The file operations that a journal needs, and nothing else of a file system. What the journal may rely on after a
//! failure stands here, operation by operation; a test can put a disk in its place that does no more than that.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::OFlags;

use crate::{
    block_file::BlockFile,
    lock::{Lock, LockError},
};

const PAST_THE_CACHE: i32 = OFlags::DIRECT.bits().cast_signed();

/// A file system. What is written, created, renamed or removed survives a loss of power only once it was flushed:
/// contents by [`DiskFile::sync`], names by [`Disk::sync_dir`].
pub trait Disk: fmt::Debug + Send + Sync {
    /// Creates a folder and those above it, durably. It may be there already.
    ///
    /// # Errors
    /// As the file system has them; so for all that follows.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// The names in a folder that are text.
    ///
    /// # Errors
    /// `NotFound` without the folder.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Opens a file for reading.
    ///
    /// # Errors
    /// `NotFound` without the file.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` without the file.
    fn modify(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file to be appended to, durably and by one writer: in whole blocks past the page cache ([`BlockFile`]) where
    /// that can be. Zeros may then follow what is written.
    ///
    /// # Errors
    /// `NotFound` without the file.
    fn append(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(BlockFile::new(self.modify(path)?)))
    }
    /// Creates a file, or empties it, and opens it for reading and writing.
    ///
    /// # Errors
    /// A file may stay behind after one.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name; what had that name is gone. It has the one name or the other at any time.
    ///
    /// # Errors
    /// As the file system has them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Who has it open reads on.
    ///
    /// # Errors
    /// `NotFound` without the file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations, renames and removals in a folder durable.
    ///
    /// # Errors
    /// They may be durable or not.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the folder's lock, held until it is dropped. `None` for a reader where no writer ever was.
    ///
    /// # Errors
    /// [`LockError::Held`] while somebody has it who excludes this.
    fn lock(&self, dir: &Path, exclusive: bool) -> Result<Option<Box<dyn Held>>, LockError>;
    /// Whether an index may be written on a thread of its own. A disk whose faults follow from a seed says no.
    fn may_be_used_at_once(&self) -> bool {
        true
    }
}

/// A lock that is held.
pub trait Held: fmt::Debug + Send + Sync {}

/// An open file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file ends before.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// Any part may be written then.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes contents and length durable.
    ///
    /// # Errors
    /// What was written since the last success may then be durable or not, in any part, whatever the next flush says.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// The length may be either.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// # Errors
    /// As the file system has them.
    fn bytes(&self) -> io::Result<u64>;
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.sync_dir(parent),
            _ => self.sync_dir(Path::new(".")),
        }
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for item in fs::read_dir(dir)? {
            names.extend(item?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::open(path)?))
    }

    fn modify(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut options = OpenOptions::new();
        match options.write(true).custom_flags(PAST_THE_CACHE).open(path) {
            Ok(direct) => Ok(Arc::new(BlockFile::new(Arc::new(DirectFile { direct, file })))),
            // Not every file system can.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Arc::new(file)),
            Err(error) => Err(error),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        Ok(Arc::new(options.create(true).truncate(true).read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, dir: &Path, exclusive: bool) -> Result<Option<Box<dyn Held>>, LockError> {
        let lock = if exclusive { Some(Lock::exclusive(dir)?) } else { Lock::shared(dir)? };
        Ok(lock.map(|lock| Box::new(lock) as Box<dyn Held>))
    }
}

impl DiskFile for File {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Written past the page cache, read through it.
#[derive(Debug)]
struct DirectFile {
    direct: File,
    file: File,
}

impl DiskFile for DirectFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match FileExt::write_all_at(&self.direct, bytes, offset) {
            // A disk with larger blocks, or a write that ended within one.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                FileExt::write_all_at(&self.file, bytes, offset)
            }
            result => result,
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        DiskFile::bytes(&self.file)
    }
}

/// Removes a file that may already be gone.
pub(crate) fn remove(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Writes a file from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Appender<'a> {
    file: &'a dyn DiskFile,
    pub(crate) bytes: u64,
}

impl<'a> Appender<'a> {
    pub(crate) fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, bytes: 0 }
    }
}

impl io::Write for Appender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all_at(bytes, self.bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The path of an unfinished file that is to become `path`.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension(crate::directory::UNFINISHED)
}
