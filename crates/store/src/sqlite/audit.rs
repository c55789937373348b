//! The table of the audit: rows are added and never change, and each holds the hash of a chain.

use model::{AuditEntry, Audited};
use sqlx::{FromRow, SqliteConnection, SqlitePool};

use super::write::{begin, unavailable};
use super::{form, row_limit};
use crate::chain::Row;
use crate::{AuditFilter, AuditHead, AuditRecord, BrokenLink, ReadError, WriteError};

/// How many rows are read at once where all are.
const STEP: i64 = 1_000;

/// A row as it stands in the file.
#[derive(Debug, FromRow)]
struct Kept {
    sequence: i64,
    position: Option<i64>,
    incident: Option<String>,
    other: Option<String>,
    actor: String,
    action: String,
    outcome: String,
    form: String,
    hash: String,
}

/// Adds an entry behind the last one; one whose place in the journal is known stands already.
pub(super) async fn append(connection: &mut SqliteConnection, entry: &Audited) -> Result<(), WriteError> {
    let row = Row::of(entry)?;
    if let Some(position) = row.position {
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM audit WHERE position = ?1)")
            .bind(position)
            .fetch_one(&mut *connection)
            .await
            .map_err(unavailable)?;
        if known {
            return Ok(());
        }
    }
    let head: Option<(i64, String)> = sqlx::query_as("SELECT sequence, hash FROM audit_head")
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    let (last, before) = head.unwrap_or_else(|| (0, AuditHead::default().hash));
    let sequence = last.saturating_add(1);
    let hash = row.link(&before, sequence.unsigned_abs());
    insert(connection, sequence, &row, &hash).await
}

async fn insert(
    connection: &mut SqliteConnection,
    sequence: i64,
    row: &Row,
    hash: &str,
) -> Result<(), WriteError> {
    sqlx::query(
        "INSERT INTO audit (sequence, position, incident, other, actor, action, outcome, form, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(sequence)
    .bind(row.position)
    .bind(&row.incident)
    .bind(&row.other)
    .bind(&row.actor)
    .bind(&row.action)
    .bind(&row.outcome)
    .bind(&row.form)
    .bind(hash)
    .execute(&mut *connection)
    .await
    .map_err(unavailable)?;
    sqlx::query(
        "INSERT INTO audit_head (one, sequence, hash) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash",
    )
    .bind(sequence)
    .bind(hash)
    .execute(connection)
    .await
    .map_err(unavailable)?;
    Ok(())
}

/// Moves the rows that an earlier version wrote into the chain, in one transaction.
pub(super) async fn chain_the_unchained(pool: &SqlitePool) -> Result<(), WriteError> {
    let mut transaction = begin(pool).await?;
    loop {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT position, form FROM audit_unchained ORDER BY position LIMIT ?1")
                .bind(STEP)
                .fetch_all(&mut *transaction)
                .await
                .map_err(unavailable)?;
        let Some((last, _)) = rows.last() else { break };
        for (position, written) in &rows {
            let what = || format!("action at {position}");
            let read: AuditEntry = form::read(what, written.as_bytes())
                .map_err(|error| WriteError::Form { what: what(), detail: error.to_string() })?;
            append(&mut transaction, &Audited::Action(read)).await?;
        }
        sqlx::query("DELETE FROM audit_unchained WHERE position <= ?1")
            .bind(last)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

pub(super) async fn list(
    pool: &SqlitePool,
    filter: &AuditFilter,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<AuditRecord>, ReadError> {
    let rows: Vec<Kept> = sqlx::query_as(
        "SELECT * FROM audit
         WHERE (?1 IS NULL OR sequence < ?1) AND (?2 IS NULL OR incident = ?2 OR other = ?2)
             AND (?3 IS NULL OR actor = ?3) AND (?4 IS NULL OR action = ?4) AND (?5 IS NULL OR outcome = ?5)
         ORDER BY sequence DESC LIMIT ?6",
    )
    .bind(after.and_then(|after| i64::try_from(after).ok()))
    .bind(filter.incident.map(|id| id.to_string()))
    .bind(&filter.actor)
    .bind(&filter.action)
    .bind(filter.outcome.map(|outcome| outcome.as_str()))
    .bind(row_limit(limit))
    .fetch_all(pool)
    .await
    .map_err(unreadable)?;
    let read = |kept: Kept| {
        let entry = form::read(|| format!("entry {} of the audit", kept.sequence), kept.form.as_bytes())?;
        Ok(AuditRecord { sequence: kept.sequence.unsigned_abs(), hash: kept.hash, entry })
    };
    rows.into_iter().map(read).collect()
}

/// All rows in order, each against the one before it, and the last against the head.
pub(super) async fn follow(pool: &SqlitePool) -> Result<Result<AuditHead, BrokenLink>, ReadError> {
    // One view of the file: a server may add rows meanwhile.
    let mut view = pool.begin().await.map_err(unreadable)?;
    let (mut head, mut read_to) = (AuditHead::default(), None);
    let noted: Option<(i64, String)> = sqlx::query_as("SELECT sequence, hash FROM audit_head")
        .fetch_optional(&mut *view)
        .await
        .map_err(unreadable)?;
    let (noted, noted_hash) = noted.unwrap_or_else(|| (0, AuditHead::default().hash));
    loop {
        let rows: Vec<Kept> = sqlx::query_as(
            "SELECT * FROM audit WHERE ?1 IS NULL OR sequence > ?1 ORDER BY sequence LIMIT ?2",
        )
        .bind(read_to)
        .bind(STEP)
        .fetch_all(&mut *view)
        .await
        .map_err(unreadable)?;
        if rows.is_empty() {
            break;
        }
        for kept in rows {
            read_to = Some(kept.sequence);
            match step(&head, kept, noted) {
                Ok(next) => head = next,
                Err(broken) => return Ok(Err(broken)),
            }
        }
    }
    let last = noted.unsigned_abs();
    Ok(match head {
        head if head.sequence < last => Err(BrokenLink::Missing { sequence: head.sequence + 1 }),
        head if head.hash != noted_hash => Err(BrokenLink::WrongHead { sequence: last }),
        head => Ok(head),
    })
}

fn step(head: &AuditHead, kept: Kept, last: i64) -> Result<AuditHead, BrokenLink> {
    let Kept { sequence, position, incident, other, actor, action, outcome, form, hash } = kept;
    let number = sequence.unsigned_abs();
    if sequence < 1 {
        return Err(BrokenLink::WrongHash { sequence: number });
    }
    if sequence > last {
        return Err(BrokenLink::BehindTheLast { sequence: number, last: last.unsigned_abs() });
    }
    head.follow(number, &Row { position, incident, other, actor, action, outcome, form }, hash)
}

fn unreadable(error: sqlx::Error) -> ReadError {
    ReadError::Unavailable { detail: error.to_string() }
}
