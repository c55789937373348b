//! What is read over the API. It must never write, but for the order to try a delivery again, and never derive anything that the core has not decided.

mod alerts;
mod audit;
mod bundle;
mod caller;
mod conditional;
mod errors;
mod incidents;
mod notifications;
mod query;
mod reports;
mod traces;

use std::sync::Arc;

use api::ErrorCode;
use axum::Router;
use axum::routing::{get, post};
use model::{Incident, IncidentId};
use store::{Outbox, Store};

pub(crate) use bundle::BundlePlaces;
pub(crate) use query::{NoQuery, Parameters, StrictPath, StrictQuery};
pub(crate) use traces::TracePlaces;

use crate::engine_loop::EngineQueries;
use crate::http::Failure;
use crate::ingest::DecodeRules;

/// Everything that reading handlers read from.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub store: Arc<dyn Store>,
    pub journal: journal::Reader,
    pub rules: DecodeRules,
    pub engine: EngineQueries,
    pub outbox: Arc<dyn Outbox>,
    pub outgoing: Arc<notify::Outgoing>,
    /// The engine's configuration as it is journaled.
    pub configuration: Arc<str>,
    pub bundles: BundlePlaces,
    pub traces: TracePlaces,
}

pub(crate) fn router(reading: Reading) -> Router {
    Router::new()
        .route("/v1/incidents", get(incidents::list))
        .route("/v1/incidents/{id}", get(incidents::one))
        .route("/v1/incidents/{id}/report", get(reports::latest))
        .route("/v1/incidents/{id}/reports", get(reports::history))
        .route("/v1/incidents/{id}/audit", get(audit::of_incident))
        .route("/v1/incidents/{id}/bundle", get(bundle::of_incident))
        .route("/v1/caller", get(caller::caller))
        .route("/v1/audit", get(audit::list))
        .route("/v1/reports/{hash}", get(reports::by_hash))
        .route("/v1/traces/{id}", get(traces::one))
        .route("/v1/traces/{id}/explanation", get(traces::explanation))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/errors", get(errors::list))
        .route("/v1/notifications", get(notifications::list))
        .route("/v1/notifications/{id}/retry", post(notifications::retry))
        .with_state(reading)
}

impl Reading {
    pub(crate) async fn require_incident(&self, id: IncidentId) -> Result<Incident, Failure> {
        let incident = self.store.incident(id).await.map_err(store_failure)?;
        incident
            .ok_or_else(|| Failure::new(ErrorCode::IncidentNotFound, format!("no incident {id} is known")))
    }
}

fn store_failure(error: store::ReadError) -> Failure {
    let code = match error {
        store::ReadError::CorruptReport { .. } => ErrorCode::ReportCorrupt,
        store::ReadError::CorruptRow { .. } | store::ReadError::Unavailable { .. } => {
            ErrorCode::StorageFailed
        }
    };
    Failure::new(code, error.to_string())
}
