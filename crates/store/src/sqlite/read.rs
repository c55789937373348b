//! Everything that reads the database. What comes back was checked: hashes, lengths and forms.

use model::{CapturedTrace, Deployment, Incident, IncidentId, Nanos, ReportDocument, Signal, TraceId};
use serde::de::DeserializeOwned;
use sqlx::SqlitePool;

use super::{compress, form, row_limit};
use crate::archive::hash_of;
use crate::page::counted;
use crate::{
    IncidentFilter, ListedIncident, Place, ReadError, ReportRef, StateFilter, StoredTrace, TimeRange,
};

/// Behind every incident id in the order of text.
const AFTER_ALL_IDS: &str = "inc_~";

const INCIDENTS_ALL: &str = "SELECT id, listed_at, form FROM incident
    WHERE (listed_at, id) < (?1, ?2) AND (?3 IS NULL OR env = ?3) AND (?4 IS NULL OR service = ?4)
    ORDER BY listed_at DESC, id DESC LIMIT ?5";
const INCIDENTS_UNRESOLVED: &str = "SELECT id, listed_at, form FROM incident
    WHERE state <> 'resolved'
      AND (listed_at, id) < (?1, ?2) AND (?3 IS NULL OR env = ?3) AND (?4 IS NULL OR service = ?4)
    ORDER BY listed_at DESC, id DESC LIMIT ?5";

type ReportRow = (String, i64, String, i64, Vec<u8>);

fn unavailable(error: sqlx::Error) -> ReadError {
    ReadError::Unavailable { detail: error.to_string() }
}

fn read_id<T: std::str::FromStr<Err = model::ParseIdError>>(what: &str, text: &str) -> Result<T, ReadError> {
    let corrupt = |error: model::ParseIdError| ReadError::CorruptRow {
        what: format!("{what} {text:?}"),
        detail: error.to_string(),
    };
    text.parse().map_err(corrupt)
}

/// Counts are never negative where they were written.
fn read_count(what: impl Fn() -> String, count: i64) -> Result<u64, ReadError> {
    let negative = |_| ReadError::CorruptRow { what: what(), detail: format!("{count} is negative") };
    u64::try_from(count).map_err(negative)
}

pub(super) async fn applied_position(pool: &SqlitePool) -> Result<Option<u64>, ReadError> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT position FROM applied").fetch_optional(pool).await.map_err(unavailable)?;
    found.map(|position| read_count(|| "the applied position".to_owned(), position)).transpose()
}

pub(super) async fn incidents(
    pool: &SqlitePool,
    filter: &IncidentFilter,
    after: Option<Place>,
    limit: usize,
) -> Result<Vec<ListedIncident>, ReadError> {
    let (at, id) = match after {
        Some(place) => (counted(place.listed_at), place.id.to_string()),
        None => (i64::MAX, AFTER_ALL_IDS.to_owned()),
    };
    let statement = match filter.state {
        StateFilter::All => INCIDENTS_ALL,
        StateFilter::Open => INCIDENTS_UNRESOLVED,
    };
    let rows: Vec<(String, i64, String)> = sqlx::query_as(statement)
        .bind(at)
        .bind(id)
        .bind(&filter.env)
        .bind(&filter.service)
        .bind(row_limit(limit))
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
    rows.into_iter().map(listed).collect()
}

fn listed((id, listed_at, written): (String, i64, String)) -> Result<ListedIncident, ReadError> {
    let what = || format!("incident {id:?}");
    let listed_at = Nanos(read_count(what, listed_at)?);
    let place = Place { listed_at, id: read_id("incident", &id)? };
    Ok(ListedIncident { place, incident: form::read(what, written.as_bytes())? })
}

pub(super) async fn incident(pool: &SqlitePool, id: IncidentId) -> Result<Option<Incident>, ReadError> {
    let found: Option<String> = sqlx::query_scalar("SELECT form FROM incident WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(pool)
        .await
        .map_err(unavailable)?;
    found.map(|written| form::read(|| format!("incident {id}"), written.as_bytes())).transpose()
}

pub(super) async fn report_latest(
    pool: &SqlitePool,
    incident: IncidentId,
) -> Result<Option<ReportDocument>, ReadError> {
    let found: Option<ReportRow> = sqlx::query_as(
        "SELECT incident, tick, hash, length, zstd FROM report WHERE incident = ?1
         ORDER BY sequence DESC LIMIT 1",
    )
    .bind(incident.to_string())
    .fetch_optional(pool)
    .await
    .map_err(unavailable)?;
    found.map(report).transpose()
}

pub(super) async fn report_by_hash(
    pool: &SqlitePool,
    hash: &str,
) -> Result<Option<ReportDocument>, ReadError> {
    let found: Option<ReportRow> = sqlx::query_as(
        "SELECT incident, tick, hash, length, zstd FROM report WHERE hash = ?1 ORDER BY sequence LIMIT 1",
    )
    .bind(hash)
    .fetch_optional(pool)
    .await
    .map_err(unavailable)?;
    found.map(report).transpose()
}

/// The report, if its bytes still have its hash.
fn report((incident, tick, hash, length, packed): ReportRow) -> Result<ReportDocument, ReadError> {
    let corrupt = |detail| ReadError::CorruptReport { hash: hash.clone(), detail };
    let bytes = compress::unpack(length, &packed).map_err(corrupt)?;
    let actual = hash_of(&bytes);
    if actual != hash {
        return Err(corrupt(format!("its bytes have hash {actual}")));
    }
    let tick = Nanos(read_count(|| format!("report {hash}"), tick)?);
    Ok(ReportDocument { incident: read_id("the incident of a report,", &incident)?, tick, hash, bytes })
}

pub(super) async fn report_refs(
    pool: &SqlitePool,
    of: Option<IncidentId>,
    after: u64,
    limit: usize,
) -> Result<Vec<ReportRef>, ReadError> {
    let statement = match of {
        Some(_) => {
            "SELECT sequence, incident, tick, hash FROM report WHERE sequence > ?1 AND incident = ?3
             ORDER BY sequence LIMIT ?2"
        }
        None => {
            "SELECT sequence, incident, tick, hash FROM report WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"
        }
    };
    let mut query =
        sqlx::query_as(statement).bind(i64::try_from(after).unwrap_or(i64::MAX)).bind(row_limit(limit));
    if let Some(incident) = of {
        query = query.bind(incident.to_string());
    }
    let rows: Vec<(i64, String, i64, String)> = query.fetch_all(pool).await.map_err(unavailable)?;
    rows.into_iter().map(report_ref).collect()
}

fn report_ref((sequence, incident, tick, hash): (i64, String, i64, String)) -> Result<ReportRef, ReadError> {
    let what = || format!("report {hash}");
    Ok(ReportRef {
        sequence: read_count(what, sequence)?,
        incident: read_id("the incident of a report,", &incident)?,
        tick: Nanos(read_count(what, tick)?),
        hash,
    })
}

pub(super) async fn trace(pool: &SqlitePool, id: TraceId) -> Result<Option<StoredTrace>, ReadError> {
    let found: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT length, zstd FROM trace WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(pool)
        .await
        .map_err(unavailable)?;
    let Some((length, packed)) = found else {
        return Ok(None);
    };
    let what = || format!("trace {id}");
    let corrupt = |detail| ReadError::CorruptRow { what: what(), detail };
    let written = compress::unpack(length, &packed).map_err(corrupt)?;
    let trace: CapturedTrace = form::read(what, &written)?;
    let citing: Vec<String> =
        sqlx::query_scalar("SELECT incident FROM citation WHERE trace = ?1 ORDER BY incident")
            .bind(id.to_string())
            .fetch_all(pool)
            .await
            .map_err(unavailable)?;
    let incidents = citing.iter().map(|incident| read_id("the citation of a trace by", incident));
    Ok(Some(StoredTrace { trace, incidents: incidents.collect::<Result<_, _>>()? }))
}

pub(super) async fn deployments(
    pool: &SqlitePool,
    within: TimeRange,
    limit: usize,
) -> Result<Vec<Deployment>, ReadError> {
    const STATEMENT: &str = "SELECT id, form FROM deployment WHERE at BETWEEN ?1 AND ?2
        ORDER BY at DESC, id DESC LIMIT ?3";
    facts(pool, "deployment", STATEMENT, within, limit).await
}

pub(super) async fn signals(
    pool: &SqlitePool,
    within: TimeRange,
    limit: usize,
) -> Result<Vec<Signal>, ReadError> {
    const STATEMENT: &str = "SELECT id, form FROM signal WHERE at BETWEEN ?1 AND ?2
        ORDER BY at DESC, id DESC LIMIT ?3";
    facts(pool, "signal", STATEMENT, within, limit).await
}

async fn facts<T: DeserializeOwned>(
    pool: &SqlitePool,
    kind: &'static str,
    statement: &'static str,
    within: TimeRange,
    limit: usize,
) -> Result<Vec<T>, ReadError> {
    let rows: Vec<(String, String)> = sqlx::query_as(statement)
        .bind(counted(within.from))
        .bind(counted(within.until))
        .bind(row_limit(limit))
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
    let read = |(id, written): (String, String)| form::read(|| format!("{kind} {id:?}"), written.as_bytes());
    rows.into_iter().map(read).collect()
}
