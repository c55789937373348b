//! Casebook's failover proxy for JSON-RPC and Beacon nodes: clients do not notice that a node died, lagged, lied or came
//! back. `core` decides and is pure; everything around it carries out what it decided. It must never know what an incident
//! is: what happens here is told to a Casebook server as any other client would tell it.

pub mod check;
pub mod config;
pub mod core;
pub mod metrics;
pub mod redact;
pub mod status;
pub use serve::{Edge, ServeError};

mod admin;
mod asking;
mod evidence;
mod exchange;
mod filters;
mod front;
mod keys;
mod outbound;
mod patience;
mod places;
mod pool_loop;
mod pulse;
mod record;
mod reload;
mod rest;
mod rules;
mod serve;
mod session;
mod telling;
mod upstream;
