//! The journal's folder as a crash, a disk or somebody else left it: it opens without a panic, in bounded memory, holds
//! nothing that was not written, and goes on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use journal::{Durability, Entry, Journal, Key, OpenError, Options, Position, Record};

use crate::memory_disk::MemoryDisk;

const SEGMENT_BYTES_MAX: u64 = 2048;
const FRAME_BYTES_MAX: u32 = 1024;
/// A checksum of 32 bits finds any five wrong bits in a frame of this size.
const WRONG_BITS_MAX: usize = 5;

const DIRECTORY: &str = "/journal";

fn options(disk: &MemoryDisk) -> Options {
    Options {
        dir: PathBuf::from(DIRECTORY),
        segment_bytes_max: SEGMENT_BYTES_MAX,
        frame_bytes_max: FRAME_BYTES_MAX,
        durability: Durability::Buffered,
        keys,
        disk: Arc::new(disk.clone()),
    }
}

/// A key for each sixteen bytes of a payload.
fn keys(_kind: u8, payload: &[u8], out: &mut Vec<Key>) {
    out.extend(payload.as_chunks::<16>().0.iter().take(4));
}

fn entries(disk: &MemoryDisk) -> Option<Vec<Entry>> {
    let (reader, _) = Journal::read(options(disk)).ok()?;
    reader.scan(Position(0)).take(10_000).collect::<Result<_, _>>().ok()
}

/// Appends one more and finds it after another start, behind all that was there.
fn goes_on(disk: &MemoryDisk) {
    let opened = Journal::open(options(disk));
    // Said to whoever runs it; nothing is overwritten.
    let is_refused = matches!(opened, Err(OpenError::Unsupported { .. } | OpenError::Misplaced { .. }));
    if is_refused {
        return;
    }
    let (mut writer, reader, _) = opened.expect("what is damaged opens");
    let before = reader.scan(Position(0)).filter_map(Result::ok).count();
    let record = Record { kind: 9, received_ns: 5, keys: Vec::new(), payload: b"one more".to_vec() };
    if writer.append(&record).is_err() {
        return;
    }
    writer.sync().expect("memory can be written");
    drop((writer, reader));
    let after = entries(disk).expect("what was opened opens again");
    assert_eq!(after.len(), before + 1, "nothing is lost or made by a start");
    assert_eq!(after.last().map(|entry| &entry.payload[..]), Some(&b"one more"[..]));
}

/// Any bytes as the files of a journal: two segments and an index.
pub fn journal_files(data: &[u8]) {
    let Some((lengths, mut rest)) = data.split_at_checked(3) else { return };
    let disk = MemoryDisk::default();
    let first = usize::from(lengths[0]) * 8;
    for (name, length) in
        [("log", first), ("idx", usize::from(lengths[1]) * 8), ("next", usize::from(lengths[2]) * 8)]
    {
        let (bytes, others) = rest.split_at(length.min(rest.len()));
        rest = others;
        let (base, ending) = if name == "next" { (first.max(1), "log") } else { (0, name) };
        disk.put(Path::new(DIRECTORY).join(format!("{base:020}.{ending}")), bytes.to_vec());
    }
    let _ = entries(&disk);
    goes_on(&disk);
}

/// Files, and the entries they hold.
type Sound = (Vec<(PathBuf, Vec<u8>)>, Vec<Entry>);

/// A real journal of several segments, as files and as entries.
fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = MemoryDisk::default();
        let (mut writer, reader, _) = Journal::open(options(&disk)).expect("an empty folder");
        for number in 0..24_u8 {
            let payload: Vec<u8> = (0..usize::from(number) * 11).map(|at| (at as u8) ^ number).collect();
            let mut of_it = Vec::new();
            keys(1, &payload, &mut of_it);
            let record =
                Record { kind: 1 + number % 4, received_ns: u64::from(number) + 1, keys: of_it, payload };
            writer.append(&record).expect("it fits");
            writer.sync().expect("memory can be written");
        }
        drop((writer, reader));
        let entries = entries(&disk).expect("it is sound");
        assert_eq!(entries.len(), 24);
        (disk.files(), entries)
    })
}

/// Each four bytes are a damage to a file of a sound journal: a bit turned, the end cut, a stretch zeroed, or the file
/// gone. What is read afterwards was written, and in that order.
pub fn journal_damage(data: &[u8]) {
    let (files, written) = sound();
    let mut files = files.clone();
    let mut turned = 0;
    for damage in data.as_chunks::<4>().0.iter().take(16) {
        let [what, file, high, low] = *damage;
        let at = usize::from(u16::from_be_bytes([high, low]));
        let place = usize::from(file) % files.len();
        let bytes = &mut files[place].1;
        if bytes.is_empty() {
            continue;
        }
        let at = at % bytes.len();
        match what % 16 {
            0..8 if turned < WRONG_BITS_MAX => {
                bytes[at] ^= 1 << (what % 8);
                turned += 1;
            }
            8..11 => bytes.truncate(at),
            11..14 => {
                let end = bytes.len().min(at + 64);
                bytes[at..end].fill(0);
            }
            14 => bytes.extend_from_within(at..),
            15 => {
                files.remove(place);
                if files.is_empty() {
                    return;
                }
            }
            _ => {}
        }
    }
    let disk = MemoryDisk::default();
    for (path, bytes) in files {
        disk.put(path, bytes);
    }
    if let Some(read) = entries(&disk) {
        let mut left = written.iter();
        for entry in &read {
            assert!(
                left.any(|written| written == entry),
                "{entry:?} was never written, or not in this order"
            );
        }
    }
    goes_on(&disk);
}
