//! The inputs around an incident, as lines: the head, a line of the case format for each input, the end.

use model::{Nanos, SECOND_NS};
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Problem};

/// No bundle holds a longer stretch of time.
pub const BUNDLE_SECS_MAX: u64 = 24 * 3600;

/// `GET /v1/incidents/{id}/bundle`. Both are RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleQuery {
    pub from: String,
    pub to: String,
}

/// The first line, as `{"head": ..}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleHead {
    /// When the oldest input was received that the journal still holds.
    pub journal_from: Option<String>,
    /// The lines begin with the first entry that the journal ever had.
    pub is_whole: bool,
    /// What the server hashes user ids with: 32 hex digits.
    pub user_salt: String,
    /// The engine's version and its configuration now, as JSON.
    pub engine: String,
    pub configuration: String,
}

/// The last line, as `{"end": ..}`: without it the answer is not whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleEnd {
    pub lines: u64,
    /// Damaged stretches of the journal that were stepped over.
    pub damaged: u64,
    /// Entries that this version cannot read.
    pub unreadable: u64,
}

/// A line that is no input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BundleFrame {
    Head(BundleHead),
    End(BundleEnd),
}

impl BundleQuery {
    pub fn check(&self) -> Result<(Nanos, Nanos), Problem> {
        let time = |name: &str, text: &str| {
            Nanos::parse_rfc3339(text).map_err(|_| {
                wrong(format!("{name} is {text:?}, expected a time such as 2026-11-21T09:30:00Z"))
            })
        };
        let (from, to) = (time("from", &self.from)?, time("to", &self.to)?);
        if to <= from {
            return Err(wrong(format!("to {to} is not after from {from}")));
        }
        if to.since(from) > BUNDLE_SECS_MAX * SECOND_NS {
            return Err(wrong("from and to are more than 24 hours apart".to_owned()));
        }
        Ok((from, to))
    }
}

fn wrong(detail: String) -> Problem {
    Problem::new(ErrorCode::InvalidParameter, detail)
}
