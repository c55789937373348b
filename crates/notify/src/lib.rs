//! Tells others of incidents: Slack, PagerDuty, Alertmanager, webhooks.
//!
//! What is told is planned where the store takes in the changes of the journal, so that it is planned once; deliveries
//! stand in the store and are tried until they succeed or are given up, across restarts. Nothing here decides anything
//! about an incident, and nothing the engine knows depends on it.

mod backoff;
mod client;
mod config;
mod payload;
mod plan;
mod secret;
mod signature;
mod target;
mod worker;

pub use client::{Client, ClientError};
pub use config::{ConfigFault, Notifications, read};
pub use plan::Planner;
pub use secret::Secret;
pub use target::{Kind, Target};
pub use worker::{NotifyMetrics, Outgoing, Workers};
