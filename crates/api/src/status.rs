//! How the process is: the line it prints when it is ready, and its checks.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What `serve` prints on standard output, as one line of JSON, once every listener answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyLine {
    /// Always `true`, so that a reader can tell this line from any other.
    pub ready: bool,
    pub version: String,
    pub pid: u32,
    /// The addresses that were bound: a port of 0 is already replaced by the chosen one.
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub otlp_grpc: SocketAddr,
    pub otlp_http: SocketAddr,
}

/// `GET /readyz` and what `doctor` finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// No check failed.
    pub ready: bool,
    pub version: String,
    /// What an acknowledgement promises.
    pub durability: Durability,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// On the disk before it is acknowledged.
    Durable,
    /// With the operating system before it is acknowledged: a power failure may lose the last seconds.
    Buffered,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub status: CheckStatus,
    /// What was found and, unless it is `ok`, what to do.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    Ok,
    Warn,
    Fail,
}

impl Health {
    pub fn new(version: impl Into<String>, durability: Durability, checks: Vec<Check>) -> Self {
        let ready = checks.iter().all(|check| check.status != CheckStatus::Fail);
        Self { ready, version: version.into(), durability, checks }
    }
}
