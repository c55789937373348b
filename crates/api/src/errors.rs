//! Error families: what fails, where, how often.

use serde::{Deserialize, Serialize};

use crate::{Problem, page_limit};

/// `GET /v1/errors`, as the query says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorsQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// The most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorsPage {
    pub errors: Vec<ErrorFamily>,
    /// How many families match, shown or not.
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorFamily {
    pub env: String,
    pub service: String,
    pub operation: String,
    pub code: String,
    pub failures: u64,
    /// Of the operation, in the same time.
    pub requests: u64,
    pub first_seen: String,
    pub last_seen: String,
}

impl ErrorsQuery {
    /// How many families to show.
    pub fn check_limit(&self) -> Result<u32, Problem> {
        page_limit(self.limit)
    }
}
