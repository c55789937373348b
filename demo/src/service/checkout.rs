//! Turns a cart into an order: reserve, price, charge, save.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::Service;
use super::call::Call;
use super::fault::Fault;
use super::inbound::user;
use crate::protocol::Role;
use crate::shop::{BROKEN_CHECKOUT_VERSION, Cart};

/// In cents.
const UNIT_PRICE: u32 = 1_295;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/checkout", post(checkout))
}

async fn checkout(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(cart): Json<Cart>,
) -> Result<Json<Value>, Fault> {
    let user = user(&headers);
    let post = |to, path, body| service.call(Call { to, method: Method::POST, path, user, body: Some(body) });
    let failed = |error: super::call::CallError| Fault::bad_gateway(error.message);

    post(Role::Inventory, "/reservations", json!(cart)).await.map_err(failed)?;
    let price = async { price(&service.config.version, &cart) };
    let total = service.step("price cart", price).await?;
    post(Role::Payment, "/charges", json!({ "amount": total })).await.map_err(failed)?;
    let order = json!({ "sku": cart.sku, "quantity": cart.quantity, "total": total });
    post(Role::Store, "/orders", order).await.map(Json).map_err(failed)
}

/// What the customer pays. The broken version reads a price list that it was shipped without.
fn price(version: &str, cart: &Cart) -> Result<u32, Fault> {
    if version == BROKEN_CHECKOUT_VERSION {
        let message = "price list 2026-11 has no entry for currency EUR";
        return Err(Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "PricingError", message));
    }
    Ok(UNIT_PRICE.saturating_mul(cart.quantity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_broken_version_cannot_price() {
        let cart = Cart { sku: "tea".into(), quantity: 2 };
        assert_eq!(price("2.4.0", &cart).unwrap(), 2 * UNIT_PRICE);
        assert_eq!(price(BROKEN_CHECKOUT_VERSION, &cart).unwrap_err().error_type, Some("PricingError"));
    }
}
