//! How a journal is to be opened.

use std::{path::PathBuf, sync::Arc};

use crate::{disk::Disk, frame, record::Key, segment};

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: it survives the loss of power.
    Durable,
    /// After the write: it survives the end of the process, not of the machine.
    Buffered,
}

/// How a journal is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds the journal and nothing else. [`crate::Journal::open`] creates it.
    pub dir: PathBuf,
    /// A segment that would grow past this many bytes is sealed and a new one begun. A frame that is larger
    /// still gets a segment of its own. 1 KiB to 1 TiB.
    pub segment_bytes_max: u64,
    /// Bytes of the largest frame, its header of 28 bytes included: larger records are refused, larger frames
    /// read as corrupt. 64 bytes to 1 GiB. Do not lower it over a journal that holds larger frames.
    pub frame_bytes_max: u32,
    /// When an append counts as done.
    pub durability: Durability,
    /// Appends the keys of a payload to `out`; rebuilds an index after a crash. It must be a pure function, must
    /// not panic on any bytes, and must give what [`crate::Record::keys`] gave.
    pub keys: fn(kind: u8, payload: &[u8], out: &mut Vec<Key>),
    /// Where the folder is: [`crate::RealDisk`], unless a test wants another.
    pub disk: Arc<dyn Disk>,
}

impl Options {
    /// Bytes of the largest payload that these options admit.
    #[must_use]
    pub fn payload_bytes_max(&self) -> usize {
        (self.frame_bytes_max as usize).saturating_sub(frame::HEADER_BYTES)
    }

    /// What is wrong with these options, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !(64..=1 << 30).contains(&self.frame_bytes_max) {
            return Some("frame_bytes_max must be between 64 bytes and 1 GiB");
        }
        if !(1 << 10..=segment::SEGMENT_BYTES_LIMIT).contains(&self.segment_bytes_max) {
            return Some("segment_bytes_max must be between 1 KiB and 1 TiB");
        }
        None
    }
}
