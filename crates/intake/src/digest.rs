//! Everything that intake derives by hashing: user ids, ids of items that came without one. SHA-256 over parts
//! with their lengths before them, so that no two lists of parts have the same bytes.

use std::fmt::Write;

use model::{SpanId, TraceId};
use sha2::{Digest, Sha256};

fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&domain.as_bytes()).chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The user as events carry it: the first eight bytes of SHA-256 over the installation's salt and the id.
pub(crate) fn user(salt: &[u8; 16], id: &str) -> u64 {
    let hash: [u8; 32] = Sha256::new().chain_update(salt).chain_update(id.as_bytes()).finalize().into();
    hash[..8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The trace of a wide event that names none.
pub(crate) fn trace_of_event(event_id: &[u8; 16]) -> TraceId {
    let hash = digest("casebook trace of event", &[event_id]);
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    if id == [0; 16] {
        id[15] = 1;
    }
    TraceId(id)
}

/// The span of a wide event (`step` is `None`) or of one of its steps, where none is given.
pub(crate) fn span_of_event(event_id: &[u8; 16], step: Option<usize>) -> SpanId {
    let number = step.map_or(0, |index| index as u64 + 1).to_be_bytes();
    let hash = digest("casebook span of event", &[event_id, &number]);
    let mut id = [0; 8];
    id.copy_from_slice(&hash[..8]);
    if id == [0; 8] {
        id[7] = 1;
    }
    SpanId(id)
}

/// `prefix` and 16 hex digits that stand for the content of an item without an id.
pub(crate) fn content_id(prefix: &str, parts: &[&[u8]]) -> String {
    let hash = digest(prefix, parts);
    hash[..8].iter().fold(prefix.to_owned(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}"); // Writing to a String cannot fail.
        id
    })
}
