//! Charges cards through the card provider.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::Service;
use super::call::Call;
use super::fault::Fault;
use super::inbound::user;
use crate::protocol::Role;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/charges", post(charge))
}

async fn charge(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(charge): Json<Value>,
) -> Result<Json<Value>, Fault> {
    let call = Call {
        to: Role::CardProvider,
        method: Method::POST,
        path: "/v1/charges",
        user: user(&headers),
        body: Some(charge),
    };
    service
        .call(call)
        .await
        .map(Json)
        .map_err(|failed| Fault::new(StatusCode::BAD_GATEWAY, "CardProviderError", failed.message))
}
