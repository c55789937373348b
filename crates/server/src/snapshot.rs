//! Snapshots of the engine: a faster start, and the place from which a journal that retention has shortened still
//! replays. A snapshot is a copy; whatever is wrong with one, an older one or the journal's beginning takes its place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use journal::Position;
use serde::{Deserialize, Serialize};

use crate::data::write_durably;

const MAGIC: &[u8; 8] = b"CBSNAP\x00\x01";
const EXTENSION: &str = "snapshot";
/// Larger files are no snapshots.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// How many are kept. The older one stands in when the newer one cannot be read.
pub(crate) const KEPT: usize = 2;

/// What stands before the engine's own bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotHeader {
    /// Everything before this position is in the snapshot; replay goes on from here.
    pub next: u64,
    /// Another version of the engine starts from the journal instead.
    pub engine_version: String,
    /// The engine's configuration that was journaled last.
    pub configure: Option<String>,
    /// The time of the last tick.
    pub tick_ns: u64,
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub header: SnapshotHeader,
    pub engine: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: PathBuf, reason: &'static str },
}

impl Snapshot {
    pub(crate) fn write(&self, dir: &Path) -> Result<PathBuf, SnapshotError> {
        let path = dir.join(format!("{:020}.{EXTENSION}", self.header.next));
        let io = |error| SnapshotError::Io { path: path.clone(), error };
        let header = serde_json::to_vec(&self.header).map_err(|error| io(error.into()))?;
        let mut bytes = Vec::with_capacity(self.engine.len() + header.len() + 32);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.engine.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&self.engine);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        write_durably(&path, &bytes).map_err(io)?;
        Ok(path)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, SnapshotError> {
        let io = |error| SnapshotError::Io { path: path.to_owned(), error };
        let damaged = |reason| SnapshotError::Damaged { path: path.to_owned(), reason };
        let mut file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() > FILE_BYTES_MAX {
            return Err(damaged("it is too long"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (content, sum) = bytes.split_last_chunk::<4>().ok_or(damaged("it is too short"))?;
        if u32::from_le_bytes(*sum) != crc32c::crc32c(content) {
            return Err(damaged("its checksum is another"));
        }
        parse(content).ok_or(damaged("its parts do not fit"))
    }
}

fn parse(content: &[u8]) -> Option<Snapshot> {
    let rest = content.strip_prefix(MAGIC)?;
    let (header_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (engine_bytes, rest) = rest.split_first_chunk::<8>()?;
    let (header, engine) = rest.split_at_checked(u32::from_le_bytes(*header_bytes) as usize)?;
    if engine.len() as u64 != u64::from_le_bytes(*engine_bytes) {
        return None;
    }
    let header = serde_json::from_slice(header).ok()?;
    Some(Snapshot { header, engine: engine.to_vec() })
}

/// The snapshots of a directory, newest first. Files that are none are left out.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<(Position, PathBuf)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        if path.extension().is_some_and(|extension| extension == EXTENSION)
            && let Ok(next) = stem.parse()
        {
            found.push((Position(next), path));
        }
    }
    found.sort_by_key(|(next, _)| std::cmp::Reverse(*next));
    Ok(found)
}

/// Removes all but the newest few, and says from where on the journal is still needed: the start, as long as fewer
/// than that exist.
pub(crate) fn prune(dir: &Path) -> io::Result<Position> {
    let all = list(dir)?;
    for (_, path) in all.iter().skip(KEPT) {
        fs::remove_file(path)?;
    }
    Ok(keep_from(&all))
}

/// From where on the journal is needed by the snapshots there are, newest first.
pub(crate) fn keep_from(all: &[(Position, PathBuf)]) -> Position {
    all.get(KEPT - 1).map_or(Position::START, |(next, _)| *next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(next: u64) -> Snapshot {
        let configure = Some("{}".to_owned());
        let header = SnapshotHeader { next, engine_version: "1".to_owned(), configure, tick_ns: 7 };
        Snapshot { header, engine: vec![5; 1000] }
    }

    #[test]
    fn a_snapshot_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = snapshot(42).write(dir.path()).unwrap();
        let read = Snapshot::read(&path).unwrap();
        assert_eq!(read.header, snapshot(42).header);
        assert_eq!(read.engine, snapshot(42).engine);
    }

    #[test]
    fn one_changed_byte_anywhere_or_a_cut_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = snapshot(42).write(dir.path()).unwrap();
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            assert!(Snapshot::read(&path).is_err(), "byte {at}");
        }
        for length in [0, 3, 8, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(Snapshot::read(&path).is_err(), "length {length}");
        }
    }

    #[test]
    fn the_newest_two_are_kept_and_the_journal_from_the_older_of_them() {
        let dir = tempfile::tempdir().unwrap();
        snapshot(10).write(dir.path()).unwrap();
        assert_eq!(prune(dir.path()).unwrap(), Position::START);
        snapshot(300).write(dir.path()).unwrap();
        snapshot(20).write(dir.path()).unwrap();
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert_eq!(prune(dir.path()).unwrap(), Position(20));
        let kept: Vec<_> = list(dir.path()).unwrap().into_iter().map(|(next, _)| next.0).collect();
        assert_eq!(kept, [300, 20]);
    }
}
