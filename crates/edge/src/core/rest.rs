//! What the edge knows of requests that are no JSON-RPC: which may be repeated, what a status means, and what Beacon nodes
//! say of their heads. It must never know a connection.

pub mod beacon;
pub mod heads;
pub mod path;
pub mod route;
pub mod sse;

/// What stands behind a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The Beacon API.
    Beacon,
    /// Whatever it is, it follows the meaning that HTTP gives to verbs and statuses.
    Plain,
}
