//! The journal's folder: which of its files are whose.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::segment;

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

/// Creates the folder if there is none, durably.
pub(crate) fn create(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// Lists the folder.
pub(crate) fn list(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for item in fs::read_dir(dir)? {
        let name = item?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(base) = segment::parse_file_name(name, "log") {
            listing.segments.push(base);
        } else if let Some(base) = segment::parse_file_name(name, "idx") {
            listing.indexes.push(base);
        } else if segment::parse_file_name(name, UNFINISHED).is_some() {
            listing.unfinished.push(dir.join(name));
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}

/// Makes creations, renames and removals in the folder durable.
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Removes a file that may already be gone.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
