//! Notifications and their deliveries in the database.

use async_trait::async_trait;
use model::{IncidentId, Nanos};
use sqlx::{SqliteConnection, SqlitePool};

use super::{SqliteStore, form, row_limit};
use crate::page::counted;
use crate::{
    Delivery, DeliveryState, ListedNotification, Notification, NotificationFilter, Outbox, ReadError,
    WriteError,
};

type Row = (i64, String, String, String);

fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError::Unavailable { detail: error.to_string() }
}

fn unwritable(error: sqlx::Error) -> WriteError {
    WriteError::Unavailable { detail: error.to_string() }
}

fn listed((sequence, id, written, delivery): Row) -> Result<ListedNotification, ReadError> {
    let what = || format!("notification {id:?}");
    let negative =
        |_| ReadError::CorruptRow { what: what(), detail: format!("its number {sequence} is negative") };
    Ok(ListedNotification {
        sequence: u64::try_from(sequence).map_err(negative)?,
        notification: form::read(what, written.as_bytes())?,
        delivery: form::read(what, delivery.as_bytes())?,
    })
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    notification: &Notification,
    delivery: &Delivery,
) -> Result<(), WriteError> {
    let what = || format!("notification {}", notification.id);
    sqlx::query(
        "INSERT INTO notification (id, target, incident, at, state, form, delivery)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&notification.id)
    .bind(&notification.target)
    .bind(notification.incident.id.to_string())
    .bind(counted(notification.at))
    .bind(delivery.state.as_str())
    .bind(form::write(what, notification)?)
    .bind(form::write(what, delivery)?)
    .execute(connection)
    .await
    .map_err(unwritable)?;
    Ok(())
}

async fn one(
    pool: &SqlitePool,
    statement: &'static str,
    (first, second): (&str, &str),
) -> Result<Option<ListedNotification>, ReadError> {
    let found: Option<Row> =
        sqlx::query_as(statement).bind(first).bind(second).fetch_optional(pool).await.map_err(unreadable)?;
    found.map(listed).transpose()
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn notifications_pending(
        &self,
        target: &str,
        limit: usize,
    ) -> Result<Vec<ListedNotification>, ReadError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT sequence, id, form, delivery FROM notification
             WHERE target = ?1 AND state = 'pending' ORDER BY sequence LIMIT ?2",
        )
        .bind(target)
        .bind(row_limit(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(listed).collect()
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ListedNotification>, ReadError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT sequence, id, form, delivery FROM notification
             WHERE sequence < ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR target = ?3)
               AND (?4 IS NULL OR incident = ?4)
             ORDER BY sequence DESC LIMIT ?5",
        )
        .bind(before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX)))
        .bind(filter.state.map(DeliveryState::as_str))
        .bind(&filter.target)
        .bind(filter.incident.map(|incident| incident.to_string()))
        .bind(row_limit(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(unreadable)?;
        rows.into_iter().map(listed).collect()
    }

    async fn notification(&self, id: &str) -> Result<Option<ListedNotification>, ReadError> {
        const STATEMENT: &str =
            "SELECT sequence, id, form, delivery FROM notification WHERE id = ?1 AND ?2 = ''";
        one(&self.readers, STATEMENT, (id, "")).await
    }

    async fn notification_last(
        &self,
        incident: IncidentId,
        target: &str,
    ) -> Result<Option<ListedNotification>, ReadError> {
        const STATEMENT: &str = "SELECT sequence, id, form, delivery FROM notification
            WHERE incident = ?1 AND target = ?2 ORDER BY sequence DESC LIMIT 1";
        one(&self.readers, STATEMENT, (&incident.to_string(), target)).await
    }

    async fn notifications_count(&self, target: &str, state: DeliveryState) -> Result<u64, ReadError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM notification WHERE target = ?1 AND state = ?2")
                .bind(target)
                .bind(state.as_str())
                .fetch_one(&self.readers)
                .await
                .map_err(unreadable)?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn set_delivery(&self, id: &str, delivery: &Delivery) -> Result<bool, WriteError> {
        let written = form::write(|| format!("notification {id}"), delivery)?;
        let done = sqlx::query("UPDATE notification SET state = ?2, delivery = ?3 WHERE id = ?1")
            .bind(id)
            .bind(delivery.state.as_str())
            .bind(written)
            .execute(&self.writer)
            .await
            .map_err(unwritable)?;
        Ok(done.rows_affected() > 0)
    }

    async fn forget_notifications(&self, before: Nanos) -> Result<u64, WriteError> {
        let done = sqlx::query(
            "DELETE FROM notification WHERE state <> 'pending' AND at < ?1 AND EXISTS (
                 SELECT 1 FROM notification AS later WHERE later.incident = notification.incident
                 AND later.target = notification.target AND later.sequence > notification.sequence)",
        )
        .bind(counted(before))
        .execute(&self.writer)
        .await
        .map_err(unwritable)?;
        Ok(done.rows_affected())
    }
}
