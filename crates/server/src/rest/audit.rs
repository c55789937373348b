//! What people did, what the server did by itself, and who was refused.

use api::{AuditCursor, AuditPage, AuditQuery, CheckedAuditQuery, IncidentAuditQuery};
use axum::Json;
use axum::extract::State;
use model::IncidentId;
use store::{AuditFilter, AuditRecord};

use super::{Reading, StrictPath, StrictQuery, store_failure};
use crate::http::Failure;

pub(super) async fn list(
    State(reading): State<Reading>,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> Result<Json<AuditPage>, Failure> {
    page(&reading, query.check()?).await
}

pub(super) async fn of_incident(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<IncidentId>,
    StrictQuery(query): StrictQuery<IncidentAuditQuery>,
) -> Result<Json<AuditPage>, Failure> {
    let query = query.check(id)?;
    reading.require_incident(id).await?;
    page(&reading, query).await
}

async fn page(reading: &Reading, query: CheckedAuditQuery) -> Result<Json<AuditPage>, Failure> {
    let filter = AuditFilter {
        incident: query.incident,
        actor: query.actor,
        action: query.action.map(|action| action.as_str().to_owned()),
        outcome: query.outcome.map(Into::into),
    };
    let (after, limit) = (query.after.map(|cursor| cursor.sequence), query.limit as usize);
    // One more than asked for shows whether there is a next page.
    let mut found = reading.store.audit(&filter, after, limit + 1).await.map_err(store_failure)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| AuditCursor { sequence: last.sequence });
    Ok(Json(AuditPage {
        entries: found.iter().map(published).collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

fn published(record: &AuditRecord) -> api::AuditEntry {
    api::AuditEntry::new(record.sequence, &record.hash, &record.entry)
}
