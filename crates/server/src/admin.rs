//! The listener for those who run the process: does it live, is it ready, what does it count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::health::HealthState;
use crate::metrics::ServerMetrics;
use crate::rest::NoQuery;

#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub health: Arc<HealthState>,
    pub metrics: Arc<ServerMetrics>,
}

pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/livez", get(|_: NoQuery| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>, _: NoQuery) -> Response {
    let health = admin.health.report();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

async fn metrics(State(admin): State<Admin>, _: NoQuery) -> Response {
    ([(CONTENT_TYPE, runtime::Metrics::CONTENT_TYPE)], admin.metrics.render()).into_response()
}
