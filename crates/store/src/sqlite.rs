//! The store of one machine: a SQLite file in the data directory.
//!
//! Write-ahead logging with `synchronous = NORMAL`: a crash of the process loses nothing, a loss of power may
//! lose the last transactions but never half of one. That is enough because the journal is the truth and the
//! applied position stands in the same transaction as what was applied; `settle` is there for the moment
//! before the journal lets go of old entries. One connection writes, a few read beside it.

mod alerts;
mod audit;
mod compress;
mod form;
mod outbox;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use model::{AlertRecord, Audited, Deployment, Incident, IncidentId, Nanos, ReportDocument, Signal, TraceId};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use self::schema::OpenError;
use crate::{
    AlertFilter, Applied, AuditFilter, AuditHead, AuditRecord, BrokenLink, Change, IncidentFilter,
    ListedIncident, PAGE_MAX, Place, ReadError, ReportRef, Store, StoredTrace, TimeRange, WriteError,
};

const READERS_MAX: u32 = 4;
/// How long one connection waits for another's lock before it gives up.
const LOCK_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// The name of the file in a data directory.
    pub const FILE_NAME: &str = "casebook.sqlite";

    /// Opens the store for reading and writing; makes it where there is none and brings an older one up to date.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let options = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let writer = connect(path, options, 1).await?;
        schema::bring_up_to_date(path, &writer).await?;
        audit::chain_the_unchained(&writer)
            .await
            .map_err(|error| OpenError::Audit { path: path.to_owned(), detail: error.to_string() })?;
        let readers = connect(path, options_for_reading(path), READERS_MAX).await?;
        Ok(Self { writer, readers })
    }

    /// Opens an existing store for reading alone and changes nothing in it; writing to it is an error.
    pub async fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        let readers = connect(path, options_for_reading(path), READERS_MAX).await?;
        schema::check(path, &readers).await?;
        Ok(Self { writer: readers.clone(), readers })
    }

    /// Reads all of the audit and follows its chain: its last entry, or the first link that is broken.
    pub async fn check_audit(&self) -> Result<Result<AuditHead, BrokenLink>, ReadError> {
        audit::follow(&self.readers).await
    }

    /// Waits for what is running, and lets go of the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(LOCK_WAIT)
}

fn options_for_reading(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true)
}

async fn connect(path: &Path, options: SqliteConnectOptions, max: u32) -> Result<SqlitePool, OpenError> {
    let pool = SqlitePoolOptions::new().max_connections(max).acquire_timeout(2 * LOCK_WAIT);
    pool.connect_with(options)
        .await
        .map_err(|source| OpenError::Unavailable { path: path.to_owned(), source })
}

/// A bound on what one statement gives back.
fn row_limit(limit: usize) -> i64 {
    limit.min(PAGE_MAX) as i64
}

#[async_trait]
impl Store for SqliteStore {
    async fn apply(&self, position: u64, changes: &[Change]) -> Result<Applied, WriteError> {
        write::apply(&self.writer, position, changes).await
    }

    async fn applied_position(&self) -> Result<Option<u64>, ReadError> {
        read::applied_position(&self.readers).await
    }

    async fn incidents(
        &self,
        filter: &IncidentFilter,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<ListedIncident>, ReadError> {
        read::incidents(&self.readers, filter, after, limit).await
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, ReadError> {
        read::incident(&self.readers, id).await
    }

    async fn report_latest(&self, incident: IncidentId) -> Result<Option<ReportDocument>, ReadError> {
        read::report_latest(&self.readers, incident).await
    }

    async fn report_by_hash(&self, hash: &str) -> Result<Option<ReportDocument>, ReadError> {
        read::report_by_hash(&self.readers, hash).await
    }

    async fn report_refs(
        &self,
        of: Option<IncidentId>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ReportRef>, ReadError> {
        read::report_refs(&self.readers, of, after, limit).await
    }

    async fn trace(&self, trace: TraceId) -> Result<Option<StoredTrace>, ReadError> {
        read::trace(&self.readers, trace).await
    }

    async fn deployments(&self, within: TimeRange, limit: usize) -> Result<Vec<Deployment>, ReadError> {
        read::deployments(&self.readers, within, limit).await
    }

    async fn signals(&self, within: TimeRange, limit: usize) -> Result<Vec<Signal>, ReadError> {
        read::signals(&self.readers, within, limit).await
    }

    async fn record(&self, entries: &[Audited]) -> Result<(), WriteError> {
        write::record(&self.writer, entries).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, ReadError> {
        audit::list(&self.readers, filter, after, limit).await
    }

    async fn alerts(&self, filter: &AlertFilter, limit: usize) -> Result<Vec<AlertRecord>, ReadError> {
        alerts::list(&self.readers, filter, limit).await
    }

    async fn forget_facts(&self, before: Nanos) -> Result<u64, WriteError> {
        write::forget_facts(&self.writer, before).await
    }

    async fn settle(&self) -> Result<(), WriteError> {
        write::settle(&self.writer).await
    }
}
