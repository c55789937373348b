//! Snapshots of the engine: a faster start, and the place from which a journal that retention has shortened still
//! replays. A snapshot is a copy; whatever is wrong with one, an older one or the journal's beginning takes its place.
//! So retention counts on none that this program could not start from.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use journal::Position;
use serde::{Deserialize, Serialize};

use crate::data::write_durably;

const MAGIC: &[u8; 8] = b"CBSNAP\x00\x01";
const EXTENSION: &str = "snapshot";
/// Larger files are no snapshots.
const FILE_BYTES_MAX: u64 = 4 << 30;
const SUM_BYTES: u64 = 4;
/// What checking one reads at a time; its header, the journaled configuration included, is far smaller.
const PIECE_BYTES: usize = 1 << 20;
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

/// A snapshot that is still to be written down, which takes far longer than to take it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub header: SnapshotHeader,
    pub engine: engine::Copied,
}

impl Taken {
    /// The copy of the engine goes as soon as its bytes are there.
    pub(crate) fn into_bytes(self) -> Snapshot {
        Snapshot { header: self.header, engine: self.engine.to_bytes() }
    }
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
        let mut begin = Vec::with_capacity(header.len() + 32);
        begin.extend_from_slice(MAGIC);
        begin.extend_from_slice(&(header.len() as u32).to_le_bytes());
        begin.extend_from_slice(&(self.engine.len() as u64).to_le_bytes());
        begin.extend_from_slice(&header);
        let sum = crc32c::crc32c_append(crc32c::crc32c(&begin), &self.engine);
        // In parts: a copy would be as large as the engine.
        write_durably(&path, &[&begin, &self.engine, &sum.to_le_bytes()]).map_err(io)?;
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
    let Begin { header, engine_bytes, rest } = begin(content)?;
    (rest.len() as u64 == engine_bytes).then(|| Snapshot { header, engine: rest.to_vec() })
}

/// What a snapshot begins with.
struct Begin<'a> {
    header: SnapshotHeader,
    engine_bytes: u64,
    /// The engine's own bytes, as far as they were handed in.
    rest: &'a [u8],
}

fn begin(content: &[u8]) -> Option<Begin<'_>> {
    let rest = content.strip_prefix(MAGIC)?;
    let (header_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (engine_bytes, rest) = rest.split_first_chunk::<8>()?;
    let (header, rest) = rest.split_at_checked(u32::from_le_bytes(*header_bytes) as usize)?;
    let header = serde_json::from_slice(header).ok()?;
    Some(Begin { header, engine_bytes: u64::from_le_bytes(*engine_bytes), rest })
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

/// From where on the journal is needed: the older of the newest few snapshots that a start could begin at, or all of it
/// while there are fewer. `settled` is the place up to which the store holds what the journal says: a snapshot carries no
/// effects, so one behind that place is none to begin at.
pub(crate) fn keep_from(dir: &Path, settled: Option<Position>) -> io::Result<Position> {
    Ok(needed_from(list(dir)?.iter().filter(|(_, path)| is_sound(path)), settled))
}

/// Removes all but the newest few that are sound and, as long as there are fewer of those, the newest few of the others:
/// an older program may have written them. Comes back with [`keep_from`].
pub(crate) fn prune(dir: &Path, settled: Option<Position>) -> io::Result<Position> {
    let (sound, other): (Vec<_>, Vec<_>) = list(dir)?.into_iter().partition(|(_, path)| is_sound(path));
    let others_kept = if sound.len() < KEPT { KEPT } else { 0 };
    let mut surplus = sound.iter().skip(KEPT).chain(other.iter().skip(others_kept));
    surplus.try_for_each(|(_, path)| fs::remove_file(path))?;
    Ok(needed_from(sound.iter(), settled))
}

fn needed_from<'a>(
    sound: impl Iterator<Item = &'a (Position, PathBuf)>,
    settled: Option<Position>,
) -> Position {
    let mut fitting = sound.filter(|(next, _)| settled.is_some_and(|settled| settled.after() >= *next));
    fitting.nth(KEPT - 1).map_or(Position::START, |(next, _)| *next)
}

/// Removes those of places that the journal does not reach: they are of another history, and must not be taken for this
/// one's once it does.
pub(crate) fn forget_beyond(dir: &Path, end: Position) -> io::Result<()> {
    for (next, path) in list(dir)?.into_iter().filter(|(next, _)| *next > end) {
        tracing::warn!(
            next = next.0,
            end = end.0,
            "a snapshot is of entries that the journal lost; it is removed"
        );
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Whether it is whole, and this engine's. Reads all of it, and holds little of it.
fn is_sound(path: &Path) -> bool {
    match check(path) {
        Ok(is_ours) => is_ours,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a snapshot cannot be read");
            false
        }
    }
}

fn check(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let Some(content) = file.metadata()?.len().checked_sub(SUM_BYTES) else { return Ok(false) };
    let mut file = BufReader::with_capacity(PIECE_BYTES, file);
    let (mut head, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    let (mut left, mut sum) = (content, 0);
    while left > 0 {
        let bytes = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        file.read_exact(&mut piece[..bytes])?;
        sum = crc32c::crc32c_append(sum, &piece[..bytes]);
        if head.is_empty() {
            head.extend_from_slice(&piece[..bytes]);
        }
        left -= bytes as u64;
    }
    let mut written = [0; SUM_BYTES as usize];
    file.read_exact(&mut written)?;
    let is_ours = begin(&head).is_some_and(|begin| {
        begin.header.engine_version == engine::VERSION && engine::Engine::could_restore(begin.rest)
    });
    Ok(is_ours && u32::from_le_bytes(written) == sum)
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

    /// One that this program wrote: of an engine that has seen nothing.
    fn ours(next: u64) -> Snapshot {
        let mut snapshot = snapshot(next);
        snapshot.header.engine_version = engine::VERSION.to_owned();
        snapshot.engine = engine::Engine::new(1).snapshot();
        snapshot
    }

    fn kept(dir: &Path) -> Vec<u64> {
        list(dir).unwrap().into_iter().map(|(next, _)| next.0).collect()
    }

    #[test]
    fn the_newest_two_are_kept_and_the_journal_from_the_older_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let settled = Some(Position(500));
        ours(10).write(dir.path()).unwrap();
        assert_eq!(prune(dir.path(), settled).unwrap(), Position::START);
        ours(300).write(dir.path()).unwrap();
        ours(20).write(dir.path()).unwrap();
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert_eq!(prune(dir.path(), settled).unwrap(), Position(20));
        assert_eq!(keep_from(dir.path(), settled).unwrap(), Position(20));
        assert_eq!(kept(dir.path()), [300, 20]);
    }

    #[test]
    fn what_a_start_could_not_begin_at_keeps_no_place() {
        let dir = tempfile::tempdir().unwrap();
        let from = |settled| keep_from(dir.path(), settled).unwrap();
        let damaged = ours(40).write(dir.path()).unwrap();
        let mut bytes = fs::read(&damaged).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&damaged, bytes).unwrap();
        snapshot(30).write(dir.path()).unwrap();
        ours(20).write(dir.path()).unwrap();
        assert_eq!(prune(dir.path(), Some(Position(99))).unwrap(), Position::START);
        assert_eq!(kept(dir.path()), [40, 30, 20], "another program may have a use for those");
        ours(60).write(dir.path()).unwrap();
        assert_eq!(from(Some(Position(99))), Position(20));
        assert_eq!(from(Some(Position(58))), Position::START, "the store is behind it");
        assert_eq!(from(None), Position::START);
        prune(dir.path(), None).unwrap();
        assert_eq!(kept(dir.path()), [60, 20]);
    }

    #[test]
    fn one_of_a_place_that_the_journal_does_not_reach_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        for next in [10, 50, 51] {
            ours(next).write(dir.path()).unwrap();
        }
        forget_beyond(dir.path(), Position(50)).unwrap();
        assert_eq!(kept(dir.path()), [50, 10]);
    }
}
