//! The third party that payment calls: plain HTTP, no telemetry of any kind. It is down when its process is
//! gone. Asked to, it fails a steady small share of its requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::control;
use crate::protocol::{Message, ServiceConfig};
use crate::steady::fails;

/// What a card network takes, on a very good day.
const WORK: Duration = Duration::from_millis(5);

struct Provider {
    failures_per_mille: u32,
    charges: AtomicU64,
}

pub(super) async fn run(config: &ServiceConfig) -> anyhow::Result<()> {
    let provider = Provider { failures_per_mille: config.failures_per_mille, charges: AtomicU64::new(0) };
    let routes = Router::new().route("/v1/charges", post(charge)).with_state(Arc::new(provider));
    let listener = super::listen().await?;
    control::say(&Message::Ready { port: listener.local_addr()?.port() });
    tokio::select! {
        served = axum::serve(listener, routes) => served.context("the HTTP server stopped"),
        () = control::wait_for_end() => Ok(()),
    }
}

async fn charge(State(provider): State<Arc<Provider>>) -> Result<Json<Value>, StatusCode> {
    tokio::time::sleep(WORK).await;
    let number = provider.charges.fetch_add(1, Ordering::Relaxed);
    if fails(number, provider.failures_per_mille) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    Ok(Json(json!({ "approved": true })))
}
