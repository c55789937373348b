//! Holds the catalogue and the orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Service;
use crate::shop::{GIFT_CARD, PRODUCTS};

/// Orders saved so far; the shop needs their number only.
static ORDERS: AtomicU64 = AtomicU64::new(0);

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/products", get(products)).route("/orders", post(save))
}

async fn products(State(_): State<Arc<Service>>) -> Json<Value> {
    let all: Vec<_> = PRODUCTS.iter().chain([&GIFT_CARD]).map(|sku| json!({ "sku": sku })).collect();
    Json(json!({ "products": all }))
}

async fn save(State(_): State<Arc<Service>>, Json(_order): Json<Value>) -> Json<Value> {
    let number = ORDERS.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    Json(json!({ "order": number }))
}
