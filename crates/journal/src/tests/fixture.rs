//! Small journals to test with. In their payloads the first byte is a number of keys, and that many bytes
//! behind it are the keys, each repeated 16 times.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use crate::{Durability, Entry, Journal, Key, Options, Position, Reader, RealDisk, Record, Recovery, Writer};

/// A folder in memory where the machine has one: these tests are about bytes, not about disks.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub(crate) fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        segment_bytes_max: 1024,
        frame_bytes_max: 600,
        durability: Durability::Durable,
        keys,
        disk: Arc::new(RealDisk),
    }
}

pub(crate) fn keys(_kind: u8, payload: &[u8], out: &mut Vec<Key>) {
    let Some((count, rest)) = payload.split_first() else { return };
    out.extend(rest.iter().take(usize::from(*count)).map(|byte| [*byte; 16]));
}

/// A record received at second `number`, of 40 to 69 bytes of payload.
pub(crate) fn record(number: u64, key_bytes: &[u8]) -> Record {
    let mut payload = vec![u8::try_from(key_bytes.len()).unwrap()];
    payload.extend_from_slice(key_bytes);
    payload.extend(std::iter::repeat_n(
        b'a' + u8::try_from(number % 26).unwrap(),
        40 + (number % 7) as usize * 4,
    ));
    let mut record = Record { kind: 3, received_ns: number * 1_000_000_000, keys: Vec::new(), payload };
    keys(record.kind, &record.payload, &mut record.keys);
    record
}

pub(crate) fn open(options: Options) -> (Writer, Reader, Recovery) {
    Journal::open(options).unwrap()
}

/// Appends and syncs; gives the entries as they must be read.
pub(crate) fn append_all(writer: &mut Writer, records: impl IntoIterator<Item = Record>) -> Vec<Entry> {
    let entries = records.into_iter().map(|record| {
        let position = writer.append(&record).unwrap();
        entry(position, &record)
    });
    let entries = entries.collect();
    writer.sync().unwrap();
    entries
}

pub(crate) fn entry(position: Position, record: &Record) -> Entry {
    let Record { kind, received_ns, payload, .. } = record.clone();
    Entry { position, kind, received_ns, payload }
}

pub(crate) fn read_all(reader: &Reader) -> Vec<Entry> {
    reader.scan(Position::START).collect::<Result<_, _>>().unwrap()
}

/// What a lookup must find.
pub(crate) fn with_key(entries: &[Entry], key: Key, before: Position) -> Vec<Entry> {
    let has_key = |entry: &&Entry| {
        let mut found = Vec::new();
        keys(entry.kind, &entry.payload, &mut found);
        entry.position < before && found.contains(&key)
    };
    entries.iter().filter(has_key).cloned().collect()
}

/// Every file of a folder with its bytes, by name.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|item| item.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// The files of a folder that end so.
pub(crate) fn paths(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let ends_so = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    files(dir).into_iter().map(|(path, _)| path).filter(ends_so).collect()
}
