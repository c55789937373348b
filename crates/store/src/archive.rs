//! The hash that a report is kept under, and what is refused whole.

use model::ReportDocument;
use sha2::{Digest, Sha256};

use crate::{Change, WriteError};

/// SHA-256, lower-case hex.
pub(crate) fn hash_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// What no store takes in, whatever its form.
pub(crate) fn check(change: &Change) -> Result<(), WriteError> {
    match change {
        Change::Report(report) => check_hash(report),
        Change::Audit(entry) if i64::try_from(entry.position).is_err() => {
            Err(WriteError::PositionTooLarge { position: entry.position })
        }
        _ => Ok(()),
    }
}

/// A report that is not what its hash says would be found damaged at its first reading; refuse it instead.
fn check_hash(report: &ReportDocument) -> Result<(), WriteError> {
    let actual = hash_of(&report.bytes);
    if actual == report.hash {
        return Ok(());
    }
    Err(WriteError::WrongHash { incident: report.incident, hash: report.hash.clone(), actual })
}
