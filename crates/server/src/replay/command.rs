//! The command `replay`: derives every report of a stopped server's journal anew, and compares their hashes with the
//! archived ones. Reads only.

mod snapshots;
mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;

use journal::{Journal, OpenError, Position, Reader};
use model::{Incident, IncidentId, Nanos};
use store::{Change, SqliteStore};

pub use verify::{Difference, Verification};

use self::snapshots::SnapshotCheck;
use self::verify::{Archive, Derived};
use super::{Prefer, Replayer, choose};
use crate::data::{DataDir, DataDirError};
use crate::ingest::DecodeRules;
use crate::journal_options;

#[derive(Debug, Clone)]
pub struct ReplayRequest {
    pub data: PathBuf,
    /// Up to the last tick at or before this time.
    pub until: Option<Nanos>,
    pub verify: bool,
    pub shards: usize,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub entries: u64,
    pub bytes: u64,
    pub bytes_total: u64,
    pub reports: u64,
}

#[derive(Debug)]
pub struct ReplayedIncident {
    pub incident: Incident,
    /// How many reports of it were derived.
    pub reports: u64,
}

#[derive(Debug)]
pub struct ReplayOutcome {
    pub entries: u64,
    pub undecodable: u64,
    /// Damaged stretches of the journal that were stepped over.
    pub corrupt_frames: u64,
    pub reports: u64,
    /// By id.
    pub incidents: Vec<ReplayedIncident>,
    /// The journal's beginning is gone; reports before this tick cannot be derived any more.
    pub from: Option<Nanos>,
    pub verification: Option<Verification>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// What holds a journal against readers is a writer.
    #[error("a running server has it open: {}; stop that first", .0.display())]
    Running(PathBuf),
    #[error(transparent)]
    Open(OpenError),
    #[error(transparent)]
    Journal(#[from] journal::ReadError),
    #[error("the archive cannot be opened: {0}")]
    Store(String),
    #[error(transparent)]
    Archive(#[from] store::ReadError),
}

/// Replays a data directory that no server has open.
pub async fn replay(
    request: ReplayRequest,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<ReplayOutcome, ReplayError> {
    let data = DataDir::new(&request.data);
    let rules = DecodeRules::new(data.read_installation()?.user_salt(), usize::MAX);
    let (journal, _) = Journal::read(journal_options(&data, None)).map_err(|error| match error {
        OpenError::Locked { .. } => ReplayError::Running(request.data.clone()),
        error => ReplayError::Open(error),
    })?;
    let archive = match request.verify {
        true => Some(read_archive(&data).await?),
        false => None,
    };
    let work = move || derive(&request, &data, &journal, &rules, archive, progress);
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn read_archive(data: &DataDir) -> Result<Archive, ReplayError> {
    let store = SqliteStore::open_read_only(&data.store())
        .await
        .map_err(|error| ReplayError::Store(error.to_string()))?;
    let archive = Archive::read(&store).await;
    store.close().await;
    Ok(archive?)
}

fn derive(
    request: &ReplayRequest,
    data: &DataDir,
    journal: &Reader,
    rules: &DecodeRules,
    archive: Option<Archive>,
    mut progress: impl FnMut(Progress),
) -> Result<ReplayOutcome, ReplayError> {
    let start = choose(&data.snapshots(), journal, request.shards, Prefer::Oldest, |_| true);
    let is_whole = !start.from_snapshot && !start.is_incomplete;
    let from = (!is_whole).then_some(start.tick);
    let (first, end) = (start.next, journal.end());
    let mut replayer = Replayer::new(start);
    let mut incidents: BTreeMap<IncidentId, ReplayedIncident> = BTreeMap::new();
    let mut derived = Derived::default();
    let mut snapshots =
        if request.verify { SnapshotCheck::new(&data.snapshots()) } else { SnapshotCheck::default() };
    replayer.read_on::<ReplayError>(journal, rules, request.until, |replayer, applied| {
        for change in applied.outcome.changes {
            take(change, applied.position, &mut incidents, &mut derived);
        }
        snapshots.at(replayer);
        progress(Progress {
            entries: replayer.entries,
            bytes: applied.position.0.saturating_sub(first.0),
            bytes_total: end.0.saturating_sub(first.0),
            reports: derived.len(),
        });
        Ok(())
    })?;
    let reports = derived.len();
    let verification = archive.map(|archive| Verification {
        snapshots_agreed: snapshots.agreed,
        snapshots_different: snapshots.different,
        ..archive.compare(&derived, from, request.until)
    });
    Ok(ReplayOutcome {
        entries: replayer.entries,
        undecodable: replayer.undecodable,
        corrupt_frames: journal.stats().corrupt_frames,
        reports,
        incidents: incidents.into_values().collect(),
        from,
        verification,
    })
}

fn take(
    change: Change,
    position: Position,
    incidents: &mut BTreeMap<IncidentId, ReplayedIncident>,
    derived: &mut Derived,
) {
    match change {
        Change::Incident(incident) => {
            let reports = incidents.get(&incident.id).map_or(0, |known| known.reports);
            incidents.insert(incident.id, ReplayedIncident { incident, reports });
        }
        Change::Report(report) => {
            if let Some(known) = incidents.get_mut(&report.incident) {
                known.reports += 1;
            }
            derived.add(position, &report);
        }
        Change::Trace { .. }
        | Change::Signal(_)
        | Change::Deployment(_)
        | Change::Alert(_)
        | Change::Audit(_)
        | Change::Notification { .. } => {}
    }
}
