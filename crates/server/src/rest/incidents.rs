//! The list of incidents, and one of them.

use api::{IncidentCursor, IncidentsPage, IncidentsQuery};
use axum::Json;
use axum::extract::State;
use model::IncidentId;
use store::{IncidentFilter, Place};

use super::{NoQuery, Reading, StrictPath, StrictQuery, store_failure};
use crate::http::Failure;

pub(super) async fn list(
    State(reading): State<Reading>,
    StrictQuery(query): StrictQuery<IncidentsQuery>,
) -> Result<Json<IncidentsPage>, Failure> {
    let query = query.check()?;
    let state = match query.state {
        api::StateFilter::Open => store::StateFilter::Open,
        api::StateFilter::All => store::StateFilter::All,
    };
    let filter = IncidentFilter { state, env: query.env, service: query.service };
    let after = query.after.map(|cursor| Place { listed_at: cursor.listed_at, id: cursor.id });
    let limit = query.limit as usize;
    // One more than asked for shows whether there is a next page.
    let mut found = reading.store.incidents(&filter, after, limit + 1).await.map_err(store_failure)?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.place);
    Ok(Json(IncidentsPage {
        incidents: found.iter().map(|listed| api::Incident::from(&listed.incident)).collect(),
        next_cursor: next
            .map(|place| IncidentCursor { listed_at: place.listed_at, id: place.id }.to_string()),
    }))
}

pub(super) async fn one(
    State(reading): State<Reading>,
    StrictPath(id): StrictPath<IncidentId>,
    _: NoQuery,
) -> Result<Json<api::Incident>, Failure> {
    let incident = reading.require_incident(id).await?;
    Ok(Json(api::Incident::from(&incident)))
}
