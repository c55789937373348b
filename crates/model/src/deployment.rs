//! A new version of a service put to work.

use serde::{Deserialize, Serialize};

use crate::{Nanos, Str};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The caller's id, or one that intake derived from service, env, version and time.
    pub id: Str,
    pub service: Str,
    pub env: Option<Str>,
    pub version: Str,
    pub previous_version: Option<Str>,
    pub at: Nanos,
    pub commit: Option<Str>,
    pub pull_request: Option<Str>,
    pub author: Option<Str>,
}
