//! The durable log: opaque records in one total order, and an index from keys to records.
//!
//! It must never know what a payload means. It depends on no other crate of ours; what it needs to know about
//! payloads (their keys) it is told by the caller, as an argument or a function.
//!
//! The format on disk, its limits and the rules of recovery are in `doc/formats/journal.md`.
//!
//! Memory: one write buffer ([`WRITE_BUFFER_BYTES`] and one frame), and a mebibyte in which blocks are written; the index of the segment being written, at
//! most [`SEGMENT_KEYS_MAX`] postings of about 60 bytes, twice while a full segment's index file is written; the
//! filters of sealed segments ([`FILTERS_BYTES_MAX`]); one read buffer per running scan or lookup
//! ([`SCAN_BUFFER_BYTES`], or one frame if that is larger); about 200 bytes per segment; the queue of
//! [`GroupCommit`], as bounded by its caller.

mod block_file;
mod committer;
mod directory;
mod disk;
mod entries;
mod filter;
mod frame;
mod frame_scan;
mod held_filters;
mod lock;
mod lookup;
mod memory_index;
mod open;
mod options;
mod packing;
mod position;
mod queue;
mod reader;
mod record;
mod retention;
mod sealing;
mod segment;
mod sidecar;
mod stuffing;
mod survey;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use block_file::{BLOCK_BYTES, BlockFile, ZEROS_MAX};
pub use committer::{CommitError, Committed, GroupCommit, RetentionReply};
pub use disk::{Disk, DiskFile, Held, RealDisk};
pub use entries::Entries;
pub use frame_scan::SCAN_BUFFER_BYTES;
pub use held_filters::FILTERS_BYTES_MAX;
pub use lock::LockError;
pub use lookup::{LOOKUP_BYTES_MAX, LOOKUP_ENTRIES_MAX};
pub use open::{Journal, OpenError, Recovery};
pub use options::{Durability, Options};
pub use position::Position;
pub use queue::{Depth, SubmitError};
pub use reader::{ReadError, Reader, Stats};
pub use record::{Entry, Key, Record};
pub use retention::{Retained, Retention};
pub use writer::{AppendError, SEGMENT_KEYS_MAX, WRITE_BUFFER_BYTES, WriteError, Writer};
