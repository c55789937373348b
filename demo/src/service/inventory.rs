//! Reserves goods, in packs. One product is listed with a pack size of zero, which nobody thought of.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Service;
use super::fault::Fault;
use crate::shop::{Cart, GIFT_CARD};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/reservations", post(reserve))
}

async fn reserve(State(service): State<Arc<Service>>, Json(cart): Json<Cart>) -> Result<Json<Value>, Fault> {
    let packs = service.step("split into packs", async { Ok(packs(&cart)) }).await?;
    Ok(Json(json!({ "sku": cart.sku, "packs": packs })))
}

/// The bug of the scenario `panic`: a gift card has no pack size, and the division panics.
fn packs(cart: &Cart) -> u32 {
    cart.quantity / pack_size(&cart.sku)
}

fn pack_size(sku: &str) -> u32 {
    match sku {
        GIFT_CARD => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_goods_are_reserved() {
        assert_eq!(packs(&Cart { sku: "tea".into(), quantity: 3 }), 3);
    }

    #[test]
    #[should_panic(expected = "divide by zero")]
    fn a_gift_card_really_panics() {
        packs(&Cart { sku: GIFT_CARD.into(), quantity: 1 });
    }
}
