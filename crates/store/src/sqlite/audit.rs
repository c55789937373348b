//! The table of what people did: rows are added and never change.

use model::{ActionOutcome, AuditEntry};
use sqlx::{SqliteConnection, SqlitePool};

use super::{form, row_limit};
use crate::{AuditFilter, ReadError, WriteError};

pub(super) async fn put(connection: &mut SqliteConnection, entry: &AuditEntry) -> Result<(), WriteError> {
    let position = i64::try_from(entry.position)
        .map_err(|_| WriteError::PositionTooLarge { position: entry.position })?;
    let written = form::write(|| format!("action at {position}"), entry)?;
    sqlx::query(
        "INSERT INTO audit (position, incident, other, actor, action, refused, form)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (position) DO NOTHING",
    )
    .bind(position)
    .bind(entry.action.incident().map(|id| id.to_string()))
    .bind(entry.other().map(|id| id.to_string()))
    .bind(&*entry.actor)
    .bind(entry.action.as_str())
    .bind(matches!(entry.outcome, ActionOutcome::Refused { .. }))
    .bind(written)
    .execute(connection)
    .await
    .map_err(|error| WriteError::Unavailable { detail: error.to_string() })?;
    Ok(())
}

pub(super) async fn list(
    pool: &SqlitePool,
    filter: &AuditFilter,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditEntry>, ReadError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT position, form FROM audit
         WHERE (?1 IS NULL OR position < ?1) AND (?2 IS NULL OR incident = ?2 OR other = ?2)
             AND (?3 IS NULL OR actor = ?3) AND (?4 IS NULL OR action = ?4) AND (?5 IS NULL OR refused = ?5)
         ORDER BY position DESC LIMIT ?6",
    )
    .bind(after.and_then(|after| i64::try_from(after).ok()))
    .bind(filter.incident.map(|id| id.to_string()))
    .bind(&filter.actor)
    .bind(&filter.action)
    .bind(filter.refused)
    .bind(row_limit(limit))
    .fetch_all(pool)
    .await
    .map_err(|error| ReadError::Unavailable { detail: error.to_string() })?;
    let read = |(position, written): (i64, String)| {
        form::read(|| format!("action at {position}"), written.as_bytes())
    };
    rows.into_iter().map(read).collect()
}
