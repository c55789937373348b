//! Counts and indexes one segment by reading all of it.

use std::{io, sync::Arc};

use crate::{
    block_file::ZEROS_MAX,
    disk::DiskFile,
    frame_scan::{Found, FrameScan, SCAN_BUFFER_BYTES},
    memory_index::MemoryIndex,
    record::Key,
    segment::{HEADER_BYTES, Tally},
};

/// What reading a segment showed.
#[derive(Debug)]
pub(crate) struct Survey {
    /// What it holds up to `good_end`.
    pub(crate) tally: Tally,
    pub(crate) index: MemoryIndex,
    /// The file offset behind the last frame that is there to its end; behind it stands no frame.
    pub(crate) good_end: u64,
    /// Stretches and bytes behind `good_end`.
    pub(crate) tail_stretches: u64,
    pub(crate) tail_bytes: u64,
    /// Whether those are no more than the zeros that are written ahead.
    pub(crate) tail_is_padding: bool,
}

/// Reads the segment at `base` up to the file offset `limit`.
pub(crate) fn survey(
    file: Arc<dyn DiskFile>,
    base: u64,
    limit: u64,
    payload_bytes_max: usize,
    keys: fn(u8, &[u8], &mut Vec<Key>),
) -> io::Result<Survey> {
    let mut survey = Survey {
        tally: Tally::default(),
        index: MemoryIndex::default(),
        good_end: HEADER_BYTES.min(limit),
        tail_stretches: 0,
        tail_bytes: 0,
        tail_is_padding: false,
    };
    let mut scan = FrameScan::new(file.clone(), base, limit, payload_bytes_max);
    let mut found_keys = Vec::new();
    while let Some(found) = scan.next()? {
        match found {
            Found::Frame(frame) => {
                survey.tally.count(frame.received_ns);
                keys(frame.kind, frame.payload, &mut found_keys);
                let position = frame.position;
                each_key_once(&mut found_keys, |key| survey.index.insert(key, position));
                survey.accept_tail(scan.offset());
            }
            Found::Corrupt { bytes, whole } => {
                survey.tail_stretches += 1;
                survey.tail_bytes += bytes;
                if whole {
                    survey.accept_tail(scan.offset());
                }
            }
        }
    }
    survey.tail_is_padding = is_padding(&*file, survey.good_end, survey.tail_bytes)?;
    Ok(survey)
}

fn is_padding(file: &dyn DiskFile, from: u64, bytes: u64) -> io::Result<bool> {
    if !(1..=ZEROS_MAX).contains(&bytes) {
        return Ok(false);
    }
    let (end, mut piece) = (from + bytes, vec![0; SCAN_BUFFER_BYTES]);
    let mut at = from;
    while at < end {
        let bytes = usize::try_from(end - at).unwrap_or(usize::MAX).min(piece.len());
        file.read_exact_at(&mut piece[..bytes], at)?;
        if piece[..bytes].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += bytes as u64;
    }
    Ok(true)
}

impl Survey {
    /// What seemed a tail has a frame behind it: it is damage in the middle.
    fn accept_tail(&mut self, good_end: u64) {
        self.good_end = good_end;
        self.tally.corrupt_frames += std::mem::take(&mut self.tail_stretches);
        self.tally.corrupt_bytes += std::mem::take(&mut self.tail_bytes);
    }

    /// Counts the tail as damage too, as is right for a segment that is no longer written.
    pub(crate) fn accept_all(&mut self) {
        self.accept_tail(self.good_end + self.tail_bytes);
    }
}

/// Empties `keys`, handing each different one to `use_key` in ascending order.
pub(crate) fn each_key_once(keys: &mut Vec<Key>, use_key: impl FnMut(Key)) {
    keys.sort_unstable();
    keys.dedup();
    keys.drain(..).for_each(use_key);
}
