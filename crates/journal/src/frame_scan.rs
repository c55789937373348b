//! Reads the frames of one segment file in order, stepping over what is no frame.
//!
//! It allocates nothing per frame; it does not know whether the file is still written, only how far to read.

use std::{io, sync::Arc};

use memchr::memmem;

use crate::{
    disk::DiskFile,
    frame::{HEADER_BYTES, Header, Scratch},
    segment,
    stuffing::{self, MARK},
};

/// Bytes that a scan reads at once. Its buffer grows to one whole frame when a frame is larger.
pub const SCAN_BUFFER_BYTES: usize = 256 << 10;

/// What stands at one place of a segment.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Frame(Frame<'a>),
    /// Bytes that are no frame.
    Corrupt {
        bytes: u64,
        /// Whether they are surely all of one frame, because it is there to its end and merely too large.
        whole: bool,
    },
}

/// A frame whose checksums are right.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) position: u64,
    pub(crate) kind: u8,
    pub(crate) received_ns: u64,
    pub(crate) payload: &'a [u8],
}

/// A walk over one segment.
#[derive(Debug)]
pub(crate) struct FrameScan {
    file: Arc<dyn DiskFile>,
    base: u64,
    /// Where the next frame should stand, and where reading ends: both in bytes from the file's start.
    at: u64,
    limit: u64,
    payload_bytes_max: usize,
    buffer: Vec<u8>,
    /// The file offset of the buffer's first byte, and how many of its bytes are valid.
    buffer_at: u64,
    buffer_len: usize,
    scratch: Scratch,
}

impl FrameScan {
    /// From the first frame of the segment at `base`, reading no byte at or after the file offset `limit`.
    pub(crate) fn new(file: Arc<dyn DiskFile>, base: u64, limit: u64, payload_bytes_max: usize) -> Self {
        Self {
            file,
            base,
            at: segment::HEADER_BYTES.min(limit),
            limit,
            payload_bytes_max,
            buffer: Vec::new(),
            buffer_at: 0,
            buffer_len: 0,
            scratch: Scratch::default(),
        }
    }

    /// Moves to the first frame at or after a file offset; payloads never contain the frame mark, so any
    /// offset will do.
    pub(crate) fn seek(&mut self, offset: u64) -> io::Result<()> {
        if offset > segment::HEADER_BYTES {
            self.at = self.next_header(offset.min(self.limit))?;
        }
        Ok(())
    }

    /// The position at which the segment begins.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// The file offset behind what was found last.
    pub(crate) fn offset(&self) -> u64 {
        self.at
    }

    /// The next frame or stretch of other bytes; `None` at the limit.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        let start = self.at;
        if start >= self.limit {
            return Ok(None);
        }
        let Some(header) = self.header_at(start)? else {
            let end = self.next_header(start + 1)?;
            return Ok(Some(self.corrupt(end, false)));
        };
        let end = start.saturating_add(header.frame_bytes());
        if end > self.limit {
            return Ok(Some(self.corrupt(self.limit, false)));
        }
        let stored_bytes = header.stored_bytes as usize;
        if stored_bytes > stuffing::stored_bytes_max(self.payload_bytes_max) {
            return Ok(Some(self.corrupt(end, true)));
        }
        let window = self.window(start, HEADER_BYTES + stored_bytes)?;
        let stored = window + HEADER_BYTES..window + HEADER_BYTES + stored_bytes;
        if crc32c::crc32c(&self.buffer[stored.clone()]) != header.payload_crc {
            return Ok(Some(self.corrupt(end, false)));
        }
        let (kind, received_ns, bytes_max) = (header.kind, header.received_ns, self.payload_bytes_max);
        self.at = end;
        let payload = header.restore(&self.buffer[stored], bytes_max, &mut self.scratch);
        Ok(Some(match payload {
            Some(payload) if payload.len() <= bytes_max => {
                Found::Frame(Frame { position: self.base + start, kind, received_ns, payload })
            }
            // Its header and checksum are right, so these bytes are a frame's.
            Some(_) => Found::Corrupt { bytes: end - start, whole: true },
            None => Found::Corrupt { bytes: end - start, whole: header.packed },
        }))
    }

    fn corrupt(&mut self, end: u64, whole: bool) -> Found<'static> {
        let bytes = end - self.at;
        self.at = end;
        Found::Corrupt { bytes, whole }
    }

    fn header_at(&mut self, offset: u64) -> io::Result<Option<Header>> {
        if self.limit - offset < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let window = self.window(offset, HEADER_BYTES)?;
        let bytes = self.buffer[window..].first_chunk().expect("the window has a header's bytes");
        Ok(Header::decode(bytes, self.base + offset))
    }

    /// The offset of the first valid header at or after `from`; the limit if there is none.
    fn next_header(&mut self, from: u64) -> io::Result<u64> {
        let mut at = from;
        while at < self.limit && self.limit - at >= HEADER_BYTES as u64 {
            let wanted = usize::try_from(self.limit - at).unwrap_or(usize::MAX).min(SCAN_BUFFER_BYTES);
            let window = self.window(at, wanted)?;
            match memmem::find(&self.buffer[window..window + wanted], &MARK) {
                None => at += (wanted - (MARK.len() - 1)) as u64,
                Some(index) => {
                    at += index as u64;
                    if self.header_at(at)?.is_some() {
                        return Ok(at);
                    }
                    at += 1;
                }
            }
        }
        Ok(self.limit)
    }

    /// Makes the buffer hold `bytes` bytes from `offset`, and tells at which index they begin. They must end
    /// at or before the limit.
    fn window(&mut self, offset: u64, bytes: usize) -> io::Result<usize> {
        let kept = match offset.checked_sub(self.buffer_at).and_then(|index| usize::try_from(index).ok()) {
            Some(index) if index <= self.buffer_len => index..self.buffer_len,
            _ => 0..0,
        };
        if kept.len() >= bytes {
            return Ok(kept.start);
        }
        let available = usize::try_from(self.limit - offset).unwrap_or(usize::MAX);
        let wanted = bytes.max(SCAN_BUFFER_BYTES.min(available));
        let kept_bytes = kept.len();
        self.buffer.copy_within(kept, 0);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        (self.buffer_at, self.buffer_len) = (offset, 0);
        self.file.read_exact_at(&mut self.buffer[kept_bytes..wanted], offset + kept_bytes as u64)?;
        self.buffer_len = wanted;
        Ok(0)
    }
}
