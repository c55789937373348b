//! What can be said of a configuration before it is served: what in it should be thought about, and what its nodes answer.
//! It must never start anything, and nothing that it says shows an address beyond host and port, or a key.

mod ask;
mod casebook;
mod judge;
mod notes;
mod probe;

use std::sync::Arc;

use crate::config::Config;

pub use ask::{Answer, Asker, Failure, Question};
pub use casebook::{Listener, probe_casebook};
pub use judge::{Seen, judge};
pub use notes::notes;

/// How a node answered, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub pool: Arc<str>,
    pub node: Arc<str>,
    pub verdict: Verdict,
    pub said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It can serve.
    Ok,
    /// It would not be chosen while others are well.
    Warn,
    /// It would be given nothing.
    Fail,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// Asks every node over HTTP, several at once. The findings stand in the order of the file. An error is about this
/// machine: its authorities cannot be read.
pub async fn probe(config: &Config) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for (pool, answers) in probe::ask_all(config).await? {
        findings.extend(judge(pool, &answers));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests;
