//! The journal's folder: which of its files are whose.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{disk::Disk, segment};

/// The ending of a file that is not finished yet.
pub(crate) const UNFINISHED: &str = "tmp";

/// What the folder holds. Files that are not the journal's are not listed.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Base positions of the segments, ascending.
    pub(crate) segments: Vec<u64>,
    /// Base positions of the index files.
    pub(crate) indexes: Vec<u64>,
    /// Index files that were never finished.
    pub(crate) unfinished: Vec<PathBuf>,
}

/// Lists the folder.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for name in disk.names(dir)? {
        if let Some(base) = segment::parse_file_name(&name, "log") {
            listing.segments.push(base);
        } else if let Some(base) = segment::parse_file_name(&name, "idx") {
            listing.indexes.push(base);
        } else if segment::parse_file_name(&name, UNFINISHED).is_some() {
            listing.unfinished.push(dir.join(name));
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}
