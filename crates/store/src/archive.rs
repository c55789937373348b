//! The hash that a report is kept under.

use model::ReportDocument;
use sha2::{Digest, Sha256};

use crate::WriteError;

/// SHA-256, lower-case hex.
pub(crate) fn hash_of(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// A report that is not what its hash says would be found damaged at its first reading; refuse it instead.
pub(crate) fn check_hash(report: &ReportDocument) -> Result<(), WriteError> {
    let actual = hash_of(&report.bytes);
    if actual == report.hash {
        return Ok(());
    }
    Err(WriteError::WrongHash { incident: report.incident, hash: report.hash.clone(), actual })
}
