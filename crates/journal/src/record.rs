//! What goes into the journal and what comes out of it.

use crate::{frame::Form, packing, position::Position};

/// Something to find entries by: a trace id, but to the journal 16 opaque bytes.
pub type Key = [u8; 16];

/// What is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The caller's code for the payload's form. The journal stores it and hands it to [`crate::Options::keys`].
    pub kind: u8,
    /// When the payload was received, in nanoseconds since the Unix epoch. Retention by age goes by it.
    pub received_ns: u64,
    /// The keys under which the entry can be found. Repetitions count once. They are not stored with the
    /// payload: [`crate::Options::keys`] must derive the same keys from it.
    pub keys: Vec<Key>,
    /// The bytes to keep; at most [`crate::Options::payload_bytes_max`].
    pub payload: Vec<u8>,
}

/// What was appended, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub position: Position,
    /// As in [`Record::kind`].
    pub kind: u8,
    /// As in [`Record::received_ns`].
    pub received_ns: u64,
    /// As in [`Record::payload`], byte for byte.
    pub payload: Vec<u8>,
}

/// A record that waits to be written. Of its payload one form is kept, the one that will be stored.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) kind: u8,
    pub(crate) received_ns: u64,
    pub(crate) keys: Vec<Key>,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    AsItCame(Vec<u8>),
    Packed { bytes: Vec<u8>, unpacked_bytes: usize },
}

impl Packed {
    pub(crate) fn new(record: Record) -> Self {
        let Record { kind, received_ns, keys, payload } = record;
        let payload = match packing::pack(&payload) {
            Some(bytes) => Payload::Packed { bytes, unpacked_bytes: payload.len() },
            None => Payload::AsItCame(payload),
        };
        Self { kind, received_ns, keys, payload }
    }

    /// As it will be stored.
    pub(crate) fn payload(&self) -> Form<'_> {
        match &self.payload {
            Payload::AsItCame(bytes) => Form::Plain(bytes),
            Payload::Packed { bytes, .. } => Form::Packed(bytes),
        }
    }

    /// Length of the payload as it came.
    pub(crate) fn payload_bytes(&self) -> usize {
        match &self.payload {
            Payload::AsItCame(bytes) => bytes.len(),
            Payload::Packed { unpacked_bytes, .. } => *unpacked_bytes,
        }
    }
}
