//! A segment's file: its name, its header, and what is remembered of one that is sealed.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::memory_index::MemoryIndex;

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: u64 = 32;
/// The largest segment that options may ask for.
pub(crate) const SEGMENT_BYTES_LIMIT: u64 = 1 << 40;
/// No journal reaches this position (at 1 GB/s it takes 146 years); files that claim to are not ours.
pub(crate) const BASE_MAX: u64 = 1 << 62;

const MAGIC: [u8; 8] = *b"CSBKJRNL";
/// 2 has packed payloads. A reader of 2 reads 1.
const VERSION: u32 = 2;
const VERSION_OLDEST: u32 = 1;

/// The file name of the segment that begins at `base`.
pub(crate) fn file_name(base: u64) -> String {
    format!("{base:020}.log")
}

/// The file name of that segment's index.
pub(crate) fn index_file_name(base: u64) -> String {
    format!("{base:020}.idx")
}

/// The base position in a file name that ends in `extension`, if it is one of the journal's names.
pub(crate) fn parse_file_name(name: &str, extension: &str) -> Option<u64> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    if digits.len() != 20 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|base| *base <= BASE_MAX)
}

/// What a segment's first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderCheck {
    Valid,
    /// Whole, and of an older version: what is appended needs the header of this one.
    Older,
    /// Too short, or its checksum is wrong. Frames can be read nevertheless: nothing in them depends on it.
    Damaged,
    /// Whole, but written for another base: the file was renamed.
    Misplaced {
        base: u64,
    },
    /// Whole, but of a version that this program does not know.
    Unsupported {
        version: u32,
    },
}

/// The header of the segment that begins at `base`.
pub(crate) fn encode_header(base: u64) -> [u8; HEADER_BYTES as usize] {
    let mut bytes = [0; HEADER_BYTES as usize];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..24].copy_from_slice(&base.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..28]);
    bytes[28..32].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Judges the first bytes of the segment file named after `base`.
pub(crate) fn check_header(bytes: &[u8], base: u64) -> HeaderCheck {
    let Some(header) = bytes.first_chunk::<{ HEADER_BYTES as usize }>() else { return HeaderCheck::Damaged };
    let number = |range: std::ops::Range<usize>| {
        header[range].iter().rev().fold(0, |value: u64, byte| value << 8 | u64::from(*byte))
    };
    if header[0..8] != MAGIC || number(28..32) != u64::from(crc32c::crc32c(&header[..28])) {
        return HeaderCheck::Damaged;
    }
    if !(u64::from(VERSION_OLDEST)..=u64::from(VERSION)).contains(&number(8..12)) {
        return HeaderCheck::Unsupported { version: u32::try_from(number(8..12)).unwrap_or(u32::MAX) };
    }
    if number(16..24) != base {
        return HeaderCheck::Misplaced { base: number(16..24) };
    }
    if number(8..12) < u64::from(VERSION) { HeaderCheck::Older } else { HeaderCheck::Valid }
}

/// What a segment holds, as counted while it was written or scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    /// Stretches of bytes that are no frame.
    pub(crate) corrupt_frames: u64,
    pub(crate) corrupt_bytes: u64,
    /// The latest receive time among its entries; 0 without entries.
    pub(crate) last_received_ns: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, received_ns: u64) {
        self.entries += 1;
        self.last_received_ns = self.last_received_ns.max(received_ns);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.corrupt_frames += other.corrupt_frames;
        self.corrupt_bytes += other.corrupt_bytes;
        self.last_received_ns = self.last_received_ns.max(other.last_received_ns);
    }
}

/// Where the index of a sealed segment is.
#[derive(Clone, Debug)]
pub(crate) enum IndexPlace {
    /// Its file is still being written.
    Memory(Arc<MemoryIndex>),
    /// In its file.
    File,
    /// Nowhere: a lookup must rebuild it or read the whole segment.
    Missing,
}

/// A segment that is no longer written.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) base: u64,
    /// Bytes of its file that count.
    pub(crate) bytes: u64,
    pub(crate) tally: Tally,
    /// Bytes of its index file.
    pub(crate) index_bytes: AtomicU64,
    index: Mutex<IndexPlace>,
}

impl Sealed {
    pub(crate) fn new(base: u64, bytes: u64, tally: Tally, index: IndexPlace, index_bytes: u64) -> Self {
        Self { base, bytes, tally, index_bytes: AtomicU64::new(index_bytes), index: Mutex::new(index) }
    }

    /// The first position behind it.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.bytes
    }

    /// Bytes on disk, index included.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.bytes + self.index_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn index(&self) -> IndexPlace {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn place_index(&self, place: IndexPlace, index_bytes: u64) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = place;
        self.index_bytes.store(index_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_carry_the_base_and_nothing_else_passes() {
        assert_eq!(file_name(1234), "00000000000000001234.log");
        assert_eq!(parse_file_name(&file_name(1234), "log"), Some(1234));
        for name in ["1234.log", "0000000000000000123x.log", "00000000000000001234.idx", ".log", "lock"] {
            assert_eq!(parse_file_name(name, "log"), None, "{name}");
        }
        assert_eq!(parse_file_name("18446744073709551615.log", "log"), None);
    }

    #[test]
    fn a_header_tells_damage_from_a_wrong_name_and_a_newer_version() {
        let header = encode_header(77);
        assert_eq!(check_header(&header, 77), HeaderCheck::Valid);
        assert_eq!(check_header(&header, 78), HeaderCheck::Misplaced { base: 77 });
        assert_eq!(check_header(&header[..31], 77), HeaderCheck::Damaged);
        for at in 0..header.len() {
            let mut damaged = header;
            damaged[at] ^= 1;
            assert_eq!(check_header(&damaged, 77), HeaderCheck::Damaged, "byte {at}");
        }
        let mut newer = header;
        newer[8] = 3;
        let crc = crc32c::crc32c(&newer[..28]);
        newer[28..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_header(&newer, 77), HeaderCheck::Unsupported { version: 3 });
        newer[8] = 1;
        let crc = crc32c::crc32c(&newer[..28]);
        newer[28..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(check_header(&newer, 77), HeaderCheck::Older);
    }
}
