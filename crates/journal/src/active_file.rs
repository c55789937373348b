//! The file being appended to. Tests can make its operations fail.

use std::{fs::File, io, os::unix::fs::FileExt};

/// The file of the active segment.
#[derive(Debug)]
pub(crate) struct ActiveFile {
    file: File,
    #[cfg(test)]
    pub(crate) faults: std::sync::Arc<crate::tests::Faults>,
}

impl ActiveFile {
    #[cfg(not(test))]
    pub(crate) fn new(file: File) -> Self {
        Self { file }
    }

    #[cfg(test)]
    pub(crate) fn new(file: File) -> Self {
        Self { file, faults: std::sync::Arc::default() }
    }

    /// The file of the next segment; in tests with the same faults.
    pub(crate) fn replace(&mut self, file: File) {
        self.file = file;
    }

    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Err(error) = self.faults.write() {
            // Half of it arrives, as on a full disk.
            self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        self.file.write_all_at(bytes, offset)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.faults.sync()?;
        self.file.sync_data()
    }

    pub(crate) fn truncate(&self, bytes: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.truncate()?;
        self.file.set_len(bytes)
    }
}
