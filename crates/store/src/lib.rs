//! State outside the journal: incidents, archived reports, captured traces, signals, deployments and alerts.
//!
//! One trait, a store in SQLite and its twin in memory, and one conformance suite that both pass. The journal
//! is the truth: everything here is what the core's effects left behind, so a store may lose its last
//! moments and be brought up again by applying them anew; what the server adds to the audit by itself is the exception. It must never know how an incident is decided, what
//! a report says, or who asks.

mod applied;
mod archive;
mod chain;
#[cfg(test)]
mod conformance;
mod memory;
mod notification;
mod page;
mod port;
mod sqlite;

pub use applied::Applied;
pub use chain::{AuditHead, BrokenLink};
pub use memory::MemoryStore;
pub use notification::{
    Delivery, DeliveryState, ListedNotification, Notification, NotificationEvent, NotificationFilter, Outbox,
};
pub use page::{
    AlertFilter, AuditFilter, AuditRecord, IncidentFilter, ListedIncident, PAGE_MAX, Place, ReportRef,
    StateFilter, StoredTrace, TimeRange,
};
pub use port::{Change, ReadError, Store, WriteError};
pub use sqlite::{OpenError, SqliteStore};
