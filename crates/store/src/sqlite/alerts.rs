//! The table of alerts: one row for each, replaced as it changes.

use model::AlertRecord;
use sqlx::{SqliteConnection, SqlitePool};

use super::{form, row_limit};
use crate::page::counted;
use crate::{AlertFilter, ReadError, WriteError};

pub(super) async fn put(connection: &mut SqliteConnection, alert: &AlertRecord) -> Result<(), WriteError> {
    let written = form::write(|| format!("alert {}", alert.id), alert)?;
    sqlx::query(
        "INSERT INTO alert (provider, id, last_at, status, env, service, form) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (provider, id) DO UPDATE SET last_at = excluded.last_at, status = excluded.status,
             env = excluded.env, service = excluded.service, form = excluded.form",
    )
    .bind(alert.provider.as_str())
    .bind(&*alert.id)
    .bind(counted(alert.last_at))
    .bind(alert.status.as_str())
    .bind(alert.env.as_deref())
    .bind(alert.service.as_deref())
    .bind(written)
    .execute(connection)
    .await
    .map_err(|error| WriteError::Unavailable { detail: error.to_string() })?;
    Ok(())
}

pub(super) async fn list(
    pool: &SqlitePool,
    filter: &AlertFilter,
    limit: usize,
) -> Result<Vec<AlertRecord>, ReadError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, form FROM alert
         WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR env = ?2) AND (?3 IS NULL OR service = ?3)
         ORDER BY last_at DESC, provider DESC, id DESC LIMIT ?4",
    )
    .bind(filter.status.map(model::AlertStatus::as_str))
    .bind(&filter.env)
    .bind(&filter.service)
    .bind(row_limit(limit))
    .fetch_all(pool)
    .await
    .map_err(|error| ReadError::Unavailable { detail: error.to_string() })?;
    rows.into_iter().map(|(id, written)| form::read(|| format!("alert {id:?}"), written.as_bytes())).collect()
}
