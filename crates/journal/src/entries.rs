//! The iterator over entries, across segments.

use std::{io, sync::Arc};

use crate::{
    frame_scan::{Found, FrameScan},
    position::Position,
    reader::ReadError,
    record::Entry,
    segment::{self, Sealed},
    view::{Shared, count},
};

/// The entries of a scan; see [`crate::Reader::scan`].
#[derive(Debug)]
pub struct Entries {
    shared: Arc<Shared>,
    from: u64,
    /// The segments as they were when the scan began, and which comes next.
    sealed: Arc<Vec<Arc<Sealed>>>,
    active: (u64, u64),
    next: usize,
    current: Option<FrameScan>,
    corrupt_frames: u64,
}

impl Entries {
    pub(crate) fn new(shared: Arc<Shared>, from: Position) -> Self {
        let (sealed, active) = {
            let view = shared.view();
            (view.sealed.clone(), (view.active.base, view.active.end))
        };
        let next = sealed.partition_point(|segment| segment.end() <= from.0);
        Self { shared, from: from.0, sealed, active, next, current: None, corrupt_frames: 0 }
    }

    /// Damaged stretches that this scan stepped over so far.
    #[must_use]
    pub fn corrupt_frames(&self) -> u64 {
        self.corrupt_frames
    }

    fn advance(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            if self.current.is_none() && !self.open_next()? {
                return Ok(None);
            }
            let Some(scan) = &mut self.current else { continue };
            let base = scan.base();
            match scan.next().map_err(|error| read_error(&self.shared, base, error))? {
                None => self.current = None,
                Some(Found::Corrupt { .. }) => {
                    self.corrupt_frames += 1;
                    count(&self.shared.counters.corrupt_frames_read, 1);
                }
                Some(Found::Frame(frame)) => {
                    return Ok(Some(Entry {
                        position: Position(frame.position),
                        kind: frame.kind,
                        received_ns: frame.received_ns,
                        payload: frame.payload.to_vec(),
                    }));
                }
            }
        }
    }

    /// Opens the next segment, unless it is empty (it may then have no file); false when there is none.
    fn open_next(&mut self) -> Result<bool, ReadError> {
        let Some((base, end)) = self.segment(self.next) else { return Ok(false) };
        self.next += 1;
        if end <= segment::HEADER_BYTES {
            return Ok(true);
        }
        let failed = |error| read_error(&self.shared, base, error);
        let file = self.shared.disk.open(&self.shared.segment_path(base)).map_err(failed)?;
        let mut scan = FrameScan::new(file, base, end, self.shared.payload_bytes_max);
        scan.seek(self.from.saturating_sub(base)).map_err(failed)?;
        self.current = Some(scan);
        Ok(true)
    }

    /// Base and readable bytes of a segment of this scan.
    fn segment(&self, number: usize) -> Option<(u64, u64)> {
        match self.sealed.get(number) {
            Some(segment) => Some((segment.base, segment.bytes)),
            None => (number == self.sealed.len()).then_some(self.active),
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.advance();
        if outcome.is_err() {
            self.current = None;
            self.next = self.sealed.len() + 1;
        }
        outcome.transpose()
    }
}

/// Tells a segment that retention removed from one that cannot be read.
pub(crate) fn read_error(shared: &Shared, base: u64, source: io::Error) -> ReadError {
    let first = shared.view().first();
    if source.kind() == io::ErrorKind::NotFound && base < first {
        return ReadError::Gone { wanted: Position(base), first: Position(first) };
    }
    ReadError::Io { path: shared.segment_path(base), source }
}
