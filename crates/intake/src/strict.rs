//! Strict reading of JSON items (wide events, signals, deployments): a bounded tree for one item at a time, the
//! shapes in which items may come, and fields that say everything that is wrong with them at once.

pub(crate) mod fields;
pub(crate) mod items;
pub(crate) mod node;
