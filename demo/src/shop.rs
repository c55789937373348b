//! Facts about the shop that its services and its customers share.

use serde::{Deserialize, Serialize};

/// What customers buy.
pub(crate) const PRODUCTS: [&str; 5] = ["tea", "coffee", "cocoa", "sugar", "biscuits"];
/// New in the shop, and more than inventory can take.
pub(crate) const GIFT_CARD: &str = "gift-card";
pub(crate) const CHECKOUT_VERSION: &str = "2.4.0";
pub(crate) const BROKEN_CHECKOUT_VERSION: &str = "2.4.1";

/// A customer's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cart {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
}
