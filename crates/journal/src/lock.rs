//! Keeps two processes from opening one journal for writing.
//!
//! The lock is the kernel's (`flock`) and ends with the process; the file stays behind and means nothing.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
};

/// The lock file's name.
pub(crate) const FILE_NAME: &str = "lock";

/// The journal's lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum LockError {
    /// Somebody else has it.
    Held,
    /// The disk refused.
    Io(io::Error),
}

impl crate::disk::Held for Lock {}

impl Lock {
    /// For writing: nobody else may write or read.
    pub(crate) fn exclusive(dir: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = options.open(dir.join(FILE_NAME)).map_err(LockError::Io)?;
        Self::held(file.try_lock(), file)
    }

    /// For reading: others may read. `None` where no writer has ever made a lock file.
    pub(crate) fn shared(dir: &Path) -> Result<Option<Self>, LockError> {
        match File::open(dir.join(FILE_NAME)) {
            Ok(file) => Self::held(file.try_lock_shared(), file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LockError::Io(error)),
        }
    }

    fn held(outcome: Result<(), TryLockError>, file: File) -> Result<Self, LockError> {
        match outcome {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}
