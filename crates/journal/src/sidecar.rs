//! The index file of a sealed segment: counts, filter, and sorted postings, every part with its checksum.
//!
//! It can always be rebuilt from its segment, so any doubt about it ends in "damaged", never in a wrong answer.

use std::{
    io::{self, BufWriter, Write},
    path::Path,
    sync::Arc,
};

use crate::{
    disk::{self, Appender, Disk, DiskFile},
    filter::{self, BLOCK_BYTES, Filter, FilterBuilder},
    memory_index::MemoryIndex,
    record::Key,
    segment::Tally,
};

const MAGIC: [u8; 8] = *b"CSBKJIDX";
const VERSION: u64 = 1;
const HEADER_BYTES: usize = 96;
const CHECKED_BYTES: usize = HEADER_BYTES - 4;
const PAGE_BYTES: usize = 4096;
const POSTING_BYTES: usize = 24;
const POSTINGS_PER_PAGE: usize = 170;
/// Where a page's count, and behind it its checksum, stands.
const PAGE_COUNT_AT: usize = POSTINGS_PER_PAGE * POSTING_BYTES;
const PAGE_CRC_AT: usize = PAGE_BYTES - 4;

/// An open index file whose header is right.
#[derive(Debug)]
pub(crate) struct Sidecar {
    file: Arc<dyn DiskFile>,
    pub(crate) tally: Tally,
    pub(crate) bytes: u64,
    blocks: u64,
    pages: u64,
}

/// Why an index file gave no answer.
#[derive(Debug)]
pub(crate) enum SidecarError {
    Damaged,
    Io(io::Error),
}

impl From<io::Error> for SidecarError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound => Self::Damaged,
            _ => Self::Io(error),
        }
    }
}

/// Writes the index file for the segment at `base` of `segment_bytes`; gives its size and its filter. Written aside
/// and renamed, so that a crash leaves either no index file or a whole one.
pub(crate) fn write(
    disk: &dyn Disk,
    path: &Path,
    base: u64,
    segment_bytes: u64,
    tally: &Tally,
    index: &MemoryIndex,
) -> io::Result<(u64, Filter)> {
    let postings = index.sorted();
    let mut filter = FilterBuilder::new(index.keys());
    postings.chunk_by(|a, b| a.0 == b.0).for_each(|same| filter.insert(&same[0].0));
    let numbers = [
        VERSION,
        base,
        segment_bytes,
        tally.entries,
        tally.corrupt_frames,
        tally.corrupt_bytes,
        tally.last_received_ns,
        postings.len() as u64,
        filter.blocks(),
    ];
    let filter = filter.finish();
    let unfinished = disk::unfinished(path);
    let written = write_parts(disk, &unfinished, &numbers, &filter, &postings);
    let renamed = written.and_then(|bytes| disk.rename(&unfinished, path).map(|()| bytes));
    if renamed.is_err() {
        // It may be the room that it takes which is missing.
        let _ = disk::remove(disk, &unfinished);
    }
    renamed.map(|bytes| (bytes, filter))
}

fn write_parts(
    disk: &dyn Disk,
    path: &Path,
    numbers: &[u64; 9],
    filter: &Filter,
    postings: &[(Key, u64)],
) -> io::Result<u64> {
    let (file, base) = (disk.create(path)?, numbers[1]);
    let mut out = BufWriter::with_capacity(64 << 10, Appender::new(&*file));
    out.write_all(&encode_header(numbers))?;
    for block in filter.blocks() {
        out.write_all(block)?;
    }
    for (number, page) in postings.chunks(POSTINGS_PER_PAGE).enumerate() {
        out.write_all(&encode_page(base, number as u64, page))?;
    }
    let bytes = out.into_inner().map_err(io::IntoInnerError::into_error)?.bytes;
    file.sync()?;
    Ok(bytes)
}

impl Sidecar {
    /// Opens the index file of the segment at `base`, which must have `segment_bytes`.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        base: u64,
        segment_bytes: u64,
    ) -> Result<Self, SidecarError> {
        let file = disk.open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let numbers = decode_header(&header).ok_or(SidecarError::Damaged)?;
        let [
            version,
            found_base,
            found_bytes,
            entries,
            corrupt_frames,
            corrupt_bytes,
            last,
            postings,
            blocks,
        ] = numbers;
        if (version, found_base, found_bytes) != (VERSION, base, segment_bytes) || blocks == 0 {
            return Err(SidecarError::Damaged);
        }
        let bytes = file.bytes()?;
        let pages = postings.div_ceil(POSTINGS_PER_PAGE as u64);
        let expected = u128::from(blocks) * BLOCK_BYTES as u128
            + u128::from(pages) * PAGE_BYTES as u128
            + HEADER_BYTES as u128;
        if expected != u128::from(bytes) {
            return Err(SidecarError::Damaged);
        }
        let tally = Tally { entries, corrupt_frames, corrupt_bytes, last_received_ns: last };
        Ok(Self { file, tally, bytes, blocks, pages })
    }

    /// The first `limit` positions of `key` that are less than `before`, ascending.
    pub(crate) fn positions(
        &self,
        base: u64,
        key: &Key,
        before: u64,
        limit: usize,
    ) -> Result<Vec<u64>, SidecarError> {
        if !self.may_contain(key)? {
            return Ok(Vec::new());
        }
        let mut page = [0; PAGE_BYTES];
        let mut number = self.first_page(base, key, &mut page)?;
        let mut positions = Vec::new();
        while number < self.pages {
            let count = self.read_page(base, number, &mut page)?;
            for (found, position) in (0..count).map(|index| posting(&page, index)) {
                if found > *key || positions.len() == limit {
                    return Ok(positions);
                }
                if found == *key && position < before {
                    positions.push(position);
                }
            }
            number += 1;
        }
        Ok(positions)
    }

    /// Reads the filter, at most one of `bytes_max` bytes.
    pub(crate) fn filter(&self, bytes_max: u64) -> io::Result<Option<Filter>> {
        let bytes = self.blocks * BLOCK_BYTES as u64;
        if bytes > bytes_max {
            return Ok(None);
        }
        let mut blocks = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut blocks, HEADER_BYTES as u64)?;
        Ok(Some(Filter::of(blocks.as_chunks().0.to_vec())))
    }

    fn may_contain(&self, key: &Key) -> Result<bool, SidecarError> {
        let mut block = [0; BLOCK_BYTES];
        let at = HEADER_BYTES as u64 + filter::block_of(key, self.blocks) * BLOCK_BYTES as u64;
        self.file.read_exact_at(&mut block, at)?;
        filter::may_contain(&block, key).ok_or(SidecarError::Damaged)
    }

    /// The first page whose last key is not less than `key`.
    fn first_page(&self, base: u64, key: &Key, page: &mut [u8; PAGE_BYTES]) -> Result<u64, SidecarError> {
        let (mut low, mut high) = (0, self.pages);
        while low < high {
            let middle = low + (high - low) / 2;
            let count = self.read_page(base, middle, page)?;
            if posting(page, count - 1).0 < *key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Reads a page and gives its number of postings, at least 1.
    fn read_page(&self, base: u64, number: u64, page: &mut [u8; PAGE_BYTES]) -> Result<usize, SidecarError> {
        let at = HEADER_BYTES as u64 + self.blocks * BLOCK_BYTES as u64 + number * PAGE_BYTES as u64;
        self.file.read_exact_at(page, at)?;
        let count = usize::from(u16::from_le_bytes([page[PAGE_COUNT_AT], page[PAGE_COUNT_AT + 1]]));
        if page[PAGE_CRC_AT..] != page_crc(base, number, page) || !(1..=POSTINGS_PER_PAGE).contains(&count) {
            return Err(SidecarError::Damaged);
        }
        Ok(count)
    }
}

fn encode_header(numbers: &[u64; 9]) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    for (slot, number) in bytes[8..80].chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
    bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode_header(bytes: &[u8; HEADER_BYTES]) -> Option<[u64; 9]> {
    let crc = crc32c::crc32c(&bytes[..CHECKED_BYTES]).to_le_bytes();
    if bytes[..8] != MAGIC || bytes[CHECKED_BYTES..] != crc {
        return None;
    }
    Some(std::array::from_fn(|index| number(&bytes[8 + index * 8..16 + index * 8])))
}

fn encode_page(base: u64, page_number: u64, postings: &[(Key, u64)]) -> [u8; PAGE_BYTES] {
    let mut page = [0; PAGE_BYTES];
    for (slot, (key, position)) in page.chunks_exact_mut(POSTING_BYTES).zip(postings) {
        slot[..16].copy_from_slice(key);
        slot[16..].copy_from_slice(&position.to_le_bytes());
    }
    let count = u16::try_from(postings.len()).expect("a page holds 170 postings");
    page[PAGE_COUNT_AT..PAGE_COUNT_AT + 2].copy_from_slice(&count.to_le_bytes());
    let crc = page_crc(base, page_number, &page);
    page[PAGE_CRC_AT..].copy_from_slice(&crc);
    page
}

/// Over the page and its place, so that a page in the wrong place or file is noticed.
fn page_crc(base: u64, number: u64, page: &[u8; PAGE_BYTES]) -> [u8; 4] {
    let place = crc32c::crc32c_append(crc32c::crc32c(&base.to_le_bytes()), &number.to_le_bytes());
    crc32c::crc32c_append(place, &page[..PAGE_CRC_AT]).to_le_bytes()
}

fn posting(page: &[u8; PAGE_BYTES], index: usize) -> (Key, u64) {
    let bytes = &page[index * POSTING_BYTES..(index + 1) * POSTING_BYTES];
    let key = *bytes.first_chunk().expect("a posting is longer than a key");
    (key, number(&bytes[16..]))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
