//! Everything that changes the database. Each function is one transaction.

use model::{Audited, CapturedTrace, Incident, IncidentId, Nanos, ReportDocument};
use serde::Serialize;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::{alerts, audit, compress, form, outbox};
use crate::archive::check;
use crate::page::counted;
use crate::{Applied, Change, Place, WriteError};

pub(super) async fn apply(
    pool: &SqlitePool,
    position: u64,
    changes: &[Change],
) -> Result<Applied, WriteError> {
    let counted = i64::try_from(position).map_err(|_| WriteError::PositionTooLarge { position })?;
    for change in changes {
        check(change)?;
    }
    let mut transaction = begin(pool).await?;
    let rose = sqlx::query(
        "INSERT INTO applied (one, position) VALUES (1, ?1)
         ON CONFLICT (one) DO UPDATE SET position = excluded.position WHERE position < excluded.position",
    )
    .bind(counted)
    .execute(&mut *transaction)
    .await
    .map_err(unavailable)?;
    if rose.rows_affected() == 0 {
        return Ok(Applied::Before); // dropping the transaction takes it back
    }
    for change in changes {
        apply_one(&mut transaction, change).await?;
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(Applied::Now)
}

pub(super) async fn record(pool: &SqlitePool, entries: &[Audited]) -> Result<(), WriteError> {
    let mut transaction = begin(pool).await?;
    for entry in entries {
        audit::append(&mut transaction, entry).await?;
    }
    transaction.commit().await.map_err(unavailable)
}

/// Takes the write lock at once, so that no transaction finds out at its end that it may not write.
pub(super) async fn begin(pool: &SqlitePool) -> Result<Transaction<'_, Sqlite>, WriteError> {
    pool.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
}

pub(super) fn unavailable(error: sqlx::Error) -> WriteError {
    WriteError::Unavailable { detail: error.to_string() }
}

async fn apply_one(connection: &mut SqliteConnection, change: &Change) -> Result<(), WriteError> {
    match change {
        Change::Incident(incident) => put_incident(connection, incident).await,
        Change::Report(report) => archive_report(connection, report).await,
        Change::Trace { incident, trace } => keep_trace(connection, *incident, trace).await,
        Change::Signal(signal) => {
            put_fact(connection, PUT_SIGNAL, ("signal", &signal.id, signal.at), signal).await
        }
        Change::Deployment(deployment) => {
            let key = ("deployment", &*deployment.id, deployment.at);
            put_fact(connection, PUT_DEPLOYMENT, key, deployment).await
        }
        Change::Audit(entry) => audit::append(connection, &Audited::Action(entry.clone())).await,
        Change::Alert(alert) => alerts::put(connection, alert).await,
        Change::Notification { notification, delivery } => {
            outbox::put(connection, notification, delivery).await
        }
    }
}

async fn put_incident(connection: &mut SqliteConnection, incident: &Incident) -> Result<(), WriteError> {
    let written = form::write(|| format!("incident {}", incident.id), incident)?;
    sqlx::query(
        "INSERT INTO incident (id, listed_at, state, env, service, form) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, env = excluded.env,
             service = excluded.service, form = excluded.form",
    )
    .bind(incident.id.to_string())
    .bind(counted(Place::first_of(incident).listed_at))
    .bind(incident.state.as_str())
    .bind(&incident.env)
    .bind(&incident.origin_service)
    .bind(written)
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn archive_report(
    connection: &mut SqliteConnection,
    report: &ReportDocument,
) -> Result<(), WriteError> {
    let too_large = |detail| WriteError::Form { what: format!("report {}", report.hash), detail };
    let (length, packed) = compress::pack(&report.bytes).map_err(too_large)?;
    sqlx::query(
        "INSERT INTO report (incident, tick, hash, length, zstd) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (incident, tick, hash) DO NOTHING",
    )
    .bind(report.incident.to_string())
    .bind(counted(report.tick))
    .bind(&report.hash)
    .bind(length)
    .bind(packed)
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn keep_trace(
    connection: &mut SqliteConnection,
    incident: IncidentId,
    trace: &CapturedTrace,
) -> Result<(), WriteError> {
    let what = || format!("trace {}", trace.trace);
    let written = form::write(what, trace)?;
    let too_large = |detail| WriteError::Form { what: what(), detail };
    let (length, packed) = compress::pack(written.as_bytes()).map_err(too_large)?;
    sqlx::query(
        "INSERT INTO trace (id, length, zstd) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET length = excluded.length, zstd = excluded.zstd
             WHERE excluded.length >= trace.length",
    )
    .bind(trace.trace.to_string())
    .bind(length)
    .bind(packed)
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    sqlx::query("INSERT INTO citation (trace, incident) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(trace.trace.to_string())
        .bind(incident.to_string())
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

const PUT_SIGNAL: &str = "INSERT INTO signal (id, at, form) VALUES (?1, ?2, ?3)
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, form = excluded.form";
const PUT_DEPLOYMENT: &str = "INSERT INTO deployment (id, at, form) VALUES (?1, ?2, ?3)
    ON CONFLICT (id) DO UPDATE SET at = excluded.at, form = excluded.form";

async fn put_fact<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    (kind, id, at): (&'static str, &str, Nanos),
    fact: &T,
) -> Result<(), WriteError> {
    let written = form::write(|| format!("{kind} {id}"), fact)?;
    sqlx::query(statement)
        .bind(id)
        .bind(counted(at))
        .bind(written)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

pub(super) async fn forget_facts(pool: &SqlitePool, before: Nanos) -> Result<u64, WriteError> {
    let mut transaction = begin(pool).await?;
    let mut gone = 0;
    for statement in [
        "DELETE FROM signal WHERE at < ?1",
        "DELETE FROM deployment WHERE at < ?1",
        "DELETE FROM alert WHERE last_at < ?1",
    ] {
        let done = sqlx::query(statement).bind(counted(before)).execute(&mut *transaction).await;
        gone += done.map_err(unavailable)?.rows_affected();
    }
    transaction.commit().await.map_err(unavailable)?;
    Ok(gone)
}

/// A checkpoint writes the log to the disk and carries all of it into the database file.
pub(super) async fn settle(pool: &SqlitePool) -> Result<(), WriteError> {
    let (busy, logged, carried): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(FULL)").fetch_one(pool).await.map_err(unavailable)?;
    if busy == 0 && logged == carried {
        return Ok(());
    }
    let detail = format!("a checkpoint carried {carried} of {logged} pages; readers were in its way");
    Err(WriteError::Unavailable { detail })
}
