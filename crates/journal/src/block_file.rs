//! Appends in whole blocks, so that a file can be written past the page cache: what a journal writes it seldom reads again,
//! and copying it there costs more than all else that a flush does. It must never know what it writes.
//!
//! The last block is written again with what comes next: the bytes that it has already stay as they are, sector by sector,
//! so no loss of power can take them. Zeros are written ahead of the end now and then: a flush of blocks that are there
//! already has nothing to tell the file system, and costs half.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

use crate::disk::DiskFile;

/// Offset, length and memory of every write are multiples of it. A power of two that no disk's own block exceeds; where one
/// does, it refuses, and the page cache is used.
pub const BLOCK_BYTES: usize = 4096;
/// The most that is written at once.
const ROOM_BYTES: usize = 1 << 20;
/// Zeros are written ahead for as much as the file has, within these bounds.
const AHEAD_BYTES_MIN: u64 = 16 << 10;
const AHEAD_BYTES_MAX: u64 = 4 << 20;
/// No more zeros than these follow what was written.
pub const ZEROS_MAX: u64 = AHEAD_BYTES_MAX + BLOCK_BYTES as u64;

/// A file that is only appended to. What stands behind a write is lost: zeros follow.
pub struct BlockFile {
    file: Arc<dyn DiskFile>,
    end: Mutex<End>,
}

/// The end of the file as it is to be written.
struct End {
    room: Room,
    /// Where the room's first byte stands in the file, and how many of them are the file's. `None` when that is unknown.
    known: Option<(u64, usize)>,
    /// Up to here the file has blocks, as far as is known.
    blocks_end: u64,
}

impl fmt::Debug for BlockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl BlockFile {
    /// `file` gets nothing but whole blocks.
    #[must_use]
    pub fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, end: Mutex::new(End { room: Room::new(), known: None, blocks_end: 0 }) }
    }
}

impl BlockFile {
    /// Writes zeros from `at` on, and tells how many. That they do not fit is no fault: what comes next is told.
    fn write_ahead(&self, room: &mut Room, at: u64) -> u64 {
        let wanted = at.clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX) / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        // The first block may hold the end of the file.
        let zeros = &mut room.bytes()[BLOCK_BYTES..];
        let piece_max = zeros.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
        let zeros = &mut zeros[..piece_max];
        zeros.fill(0);
        let mut done = 0;
        while done < wanted {
            let piece = usize::try_from(wanted - done).unwrap_or(usize::MAX).min(zeros.len());
            if self.file.write_all_at(&zeros[..piece], at + done).is_err() {
                break;
            }
            done += piece as u64;
        }
        done
    }
}

impl DiskFile for BlockFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let End { room, known, blocks_end } = &mut *end;
        // Whatever fails from here on, what the file holds is asked again.
        let (mut start, mut filled) = match known.take() {
            Some((start, filled)) if start + filled as u64 == offset => (start, filled),
            _ => {
                let filled = (offset % BLOCK_BYTES as u64) as usize;
                let start = offset - filled as u64;
                self.file.read_exact_at(&mut room.bytes()[..filled], start)?;
                (start, filled)
            }
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = room.bytes();
            let (now, later) = rest.split_at(rest.len().min(ROOM_BYTES - filled));
            room[filled..filled + now.len()].copy_from_slice(now);
            (filled, rest) = (filled + now.len(), later);
            let written = filled.next_multiple_of(BLOCK_BYTES);
            room[filled..written].fill(0);
            self.file.write_all_at(&room[..written], start)?;
            let whole = filled - filled % BLOCK_BYTES;
            room.copy_within(whole..filled, 0);
            (start, filled) = (start + whole as u64, filled - whole);
        }
        *known = Some((start, filled));
        let written = start + filled.next_multiple_of(BLOCK_BYTES) as u64;
        if written > *blocks_end {
            *blocks_end = written + self.write_ahead(room, written);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        (end.known, end.blocks_end) = (None, 0);
        self.file.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}

/// Memory that begins where a block may.
struct Room(Vec<u8>);

impl Room {
    fn new() -> Self {
        Self(vec![0; ROOM_BYTES + BLOCK_BYTES])
    }

    fn bytes(&mut self) -> &mut [u8] {
        let from = self.0.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        &mut self.0[from..from + ROOM_BYTES]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file in memory that takes whole blocks alone, and fails when it is told.
    #[derive(Debug, Default)]
    struct Blocks(Mutex<(Vec<u8>, bool)>);

    impl DiskFile for Blocks {
        fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
            let held = self.0.lock().unwrap();
            let from = offset as usize;
            let found = held.0.get(from..from + bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            bytes.copy_from_slice(found);
            Ok(())
        }

        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            let mut held = self.0.lock().unwrap();
            let memory = bytes.as_ptr() as usize;
            let aligned = [memory, offset as usize, bytes.len()].iter().all(|at| at % BLOCK_BYTES == 0);
            assert!(aligned, "{memory:#x}, {offset}, {}", bytes.len());
            let from = offset as usize;
            let arriving = if std::mem::take(&mut held.1) { bytes.len() / 2 } else { bytes.len() };
            let end = held.0.len().max(from + arriving);
            held.0.resize(end, 0);
            held.0[from..from + arriving].copy_from_slice(&bytes[..arriving]);
            if arriving < bytes.len() { Err(io::Error::other("half of it")) } else { Ok(()) }
        }

        fn sync(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_len(&self, bytes: u64) -> io::Result<()> {
            self.0.lock().unwrap().0.resize(bytes as usize, 0);
            Ok(())
        }

        fn bytes(&self) -> io::Result<u64> {
            Ok(self.0.lock().unwrap().0.len() as u64)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append(usize),
        /// Fails half way; the file is cut back to where it was, as the journal does.
        Fail(usize),
        /// Cut to so many thousandths of what is there.
        Cut(usize),
        /// Another process goes on.
        Reopen,
    }

    fn step() -> impl Strategy<Value = Step> {
        let length = prop_oneof![8 => 0..300usize, 4 => 4000..4200usize, 2 => 8190..8194usize, 1 => ROOM_BYTES - 5000..ROOM_BYTES * 2 + 5000];
        prop_oneof![
            8 => length.clone().prop_map(Step::Append),
            1 => length.prop_map(Step::Fail),
            1 => (0..1001usize).prop_map(Step::Cut),
            1 => Just(Step::Reopen),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_appended_stands_there_and_zeros_behind_it(
            steps in prop::collection::vec(step(), 1..40)
        ) {
            let blocks = Arc::new(Blocks::default());
            let mut file = BlockFile::new(blocks.clone());
            let mut expected: Vec<u8> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                let bytes = |length| vec![number as u8 + 1; length];
                match step {
                    Step::Append(length) => {
                        file.write_all_at(&bytes(length), expected.len() as u64).unwrap();
                        expected.extend(bytes(length));
                    }
                    Step::Fail(length) => {
                        blocks.0.lock().unwrap().1 = length > 0;
                        let failed = file.write_all_at(&bytes(length), expected.len() as u64);
                        prop_assert_eq!(failed.is_err(), length > 0);
                        file.set_len(expected.len() as u64).unwrap();
                    }
                    Step::Cut(part) => {
                        expected.truncate(expected.len() * part / 1000);
                        file.set_len(expected.len() as u64).unwrap();
                    }
                    Step::Reopen => file = BlockFile::new(blocks.clone()),
                }
                let held = &blocks.0.lock().unwrap().0;
                prop_assert!(held.starts_with(&expected));
                prop_assert!(held[expected.len()..].iter().all(|byte| *byte == 0));
                prop_assert!((held.len() - expected.len()) as u64 <= ZEROS_MAX);
            }
        }
    }
}
