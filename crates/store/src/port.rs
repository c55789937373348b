//! The port: what a store does, in which words it takes changes, and how it fails.

use async_trait::async_trait;
use model::{
    AlertRecord, AuditEntry, Audited, CapturedTrace, Deployment, Incident, IncidentId, Nanos, ReportDocument,
    Signal, TraceId,
};

use crate::{
    AlertFilter, Applied, AuditFilter, AuditRecord, Delivery, IncidentFilter, ListedIncident, Notification,
    Place, ReportRef, StoredTrace, TimeRange,
};

/// One change to the state, as the core's effects and inputs make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The incident's row is now this.
    Incident(Incident),
    /// Archive this report; the incident's newest one is from now on this.
    Report(ReportDocument),
    /// Keep this trace with the incident that cites it. A later capture replaces an earlier one, unless it is shorter: the
    /// journal may have let go of what the earlier one saw.
    Trace { incident: IncidentId, trace: CapturedTrace },
    /// The signal with this id is now this.
    Signal(Signal),
    /// The deployment with this id is now this.
    Deployment(Deployment),
    /// The alert of this provider with this id is now this.
    Alert(AlertRecord),
    /// Somebody did this, and the audit says so. The first entry of a position stands.
    Audit(AuditEntry),
    /// A target is to be told; one whose id is known stays as it is.
    Notification { notification: Notification, delivery: Delivery },
}

/// Lists are bounded: whatever is asked for, at most `PAGE_MAX` things come at once.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Takes in what the journal up to and with `position` changed since the position applied before, in order,
    /// all of it or nothing. One position is applied once: at or below the applied position nothing changes, so
    /// a journal may be read again from any place. Without changes only the position rises.
    async fn apply(&self, position: u64, changes: &[Change]) -> Result<Applied, WriteError>;

    /// Up to and with which journal position changes are in; `None` before the first.
    async fn applied_position(&self) -> Result<Option<u64>, ReadError>;

    /// Newest first, beginning behind `after`. An incident's place is set when it is first seen and never
    /// changes, so pages do not shift whatever is added or changed between them.
    async fn incidents(
        &self,
        filter: &IncidentFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<ListedIncident>, ReadError>;

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, ReadError>;

    async fn report_latest(&self, incident: IncidentId) -> Result<Option<ReportDocument>, ReadError>;

    /// The bytes are those that were handed in; damaged ones are an error and never come back.
    async fn report_by_hash(&self, hash: &str) -> Result<Option<ReportDocument>, ReadError>;

    /// Reports without their bytes, in the order in which they came, beginning behind the sequence number
    /// `after` (0: at the first). Of one incident, or of all.
    async fn report_refs(
        &self,
        of: Option<IncidentId>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ReportRef>, ReadError>;

    async fn trace(&self, trace: TraceId) -> Result<Option<StoredTrace>, ReadError>;

    /// Newest first.
    async fn deployments(&self, within: TimeRange, limit: usize) -> Result<Vec<Deployment>, ReadError>;

    /// Newest first.
    async fn signals(&self, within: TimeRange, limit: usize) -> Result<Vec<Signal>, ReadError>;

    /// The one that was told of last first.
    async fn alerts(&self, filter: &AlertFilter, limit: usize) -> Result<Vec<AlertRecord>, ReadError>;

    /// Adds to the audit what no entry of the journal says, all of it or nothing.
    async fn record(&self, entries: &[Audited]) -> Result<(), WriteError>;

    /// The audit, newest first, beginning behind the number `after`. Entries are added and never change, and each one's
    /// hash covers the one before it.
    async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, ReadError>;

    /// Lets go of signals and deployments older than `before`, and of alerts not told of since; how many went. Incidents, reports, the audit and the traces
    /// that they cite stay.
    async fn forget_facts(&self, before: Nanos) -> Result<u64, WriteError>;

    /// When this returns, everything applied so far outlives a loss of power. Call it before the journal lets go
    /// of entries: without them the store could not catch up again.
    async fn settle(&self) -> Result<(), WriteError>;
}

/// Nothing of the changes is in.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the report of {incident} is said to have hash {hash}, but its bytes have {actual}")]
    WrongHash { incident: IncidentId, hash: String, actual: String },
    #[error("journal position {position} is beyond what the store can count")]
    PositionTooLarge { position: u64 },
    #[error("{what} cannot be written in its stored form: {detail}")]
    Form { what: String, detail: String },
    #[error("the store cannot be written: {detail}")]
    Unavailable { detail: String },
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("report {hash} is damaged in the store: {detail}")]
    CorruptReport { hash: String, detail: String },
    #[error("{what} is damaged in the store: {detail}")]
    CorruptRow { what: String, detail: String },
    #[error("the store cannot be read: {detail}")]
    Unavailable { detail: String },
}
