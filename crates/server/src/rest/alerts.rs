//! The alerts that are known.

use api::{AlertsPage, AlertsQuery};
use axum::Json;
use axum::extract::State;
use store::AlertFilter;

use super::{Reading, StrictQuery, store_failure};
use crate::http::Failure;

pub(super) async fn list(
    State(reading): State<Reading>,
    StrictQuery(query): StrictQuery<AlertsQuery>,
) -> Result<Json<AlertsPage>, Failure> {
    let limit = query.check_limit()? as usize;
    let filter = AlertFilter { status: query.status, env: query.env, service: query.service };
    // One more than asked for shows whether there are more.
    let found = reading.store.alerts(&filter, limit + 1).await.map_err(store_failure)?;
    let alerts = found.iter().take(limit).map(api::Alert::from).collect();
    Ok(Json(AlertsPage { alerts, has_more: found.len() > limit }))
}
