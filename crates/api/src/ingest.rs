//! The answer to wide events, signals and deployments: what was taken in, and why the rest was not.

use serde::{Deserialize, Serialize};

/// Every item of the request is counted in exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestReply {
    /// Durable in the journal when this is sent.
    pub accepted: u64,
    /// Known already, so counted once.
    pub duplicate: u64,
    pub rejected: Vec<RejectedItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedItem {
    /// Place in the request, from 0; for NDJSON the line.
    pub index: u64,
    /// The item's own id, where one could be read.
    pub event_id: Option<String>,
    /// A stable word for programs.
    pub reason: String,
    /// What, where and what would be right, for people.
    pub detail: String,
}
