//! The shop's edge: what customers call.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, Method};
use serde_json::Value;

use super::Service;
use super::call::Call;
use super::fault::Fault;
use super::inbound::user;
use crate::protocol::Role;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/products", get(products)).route("/checkout", post(checkout))
}

async fn products(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Json<Value>, Fault> {
    let user = user(&headers);
    let call = Call { to: Role::Store, method: Method::GET, path: "/products", user, body: None };
    service.call(call).await.map(Json).map_err(|failed| Fault::bad_gateway(failed.message))
}

async fn checkout(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(cart): Json<Value>,
) -> Result<Json<Value>, Fault> {
    let user = user(&headers);
    let call = Call { to: Role::Checkout, method: Method::POST, path: "/checkout", user, body: Some(cart) };
    service.call(call).await.map(Json).map_err(|failed| Fault::bad_gateway(failed.message))
}
