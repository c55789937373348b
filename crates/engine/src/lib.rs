//! The deterministic core of triage: events in, incidents with cited reports out.
//!
//! `Engine::step(input, now)` is the only door. It reads no clock, file, socket, environment or random number, and no
//! map order reaches its effects: the same inputs in the same order give the same bytes, on any machine.

pub mod canonical;
pub mod render;
pub mod report;

mod alerts;
mod analysis;
mod assembly;
mod attention;
mod capture;
mod case;
mod causes;
mod charge;
mod concurrent;
mod config;
mod core;
mod detect;
mod evidence;
mod explain;
mod facts;
mod fixed;
mod grouping;
mod hash;
mod join;
mod metrics;
mod origin;
mod recent;
mod refusal;
mod runtime_log;
mod season;
mod seen;
mod self_time;
mod service_metrics;
mod shapes;
mod shard;
mod shed;
mod sketch;
mod snapshot;
mod summary;
mod suspects;
#[cfg(test)]
mod testing;
mod versions;
mod window;

pub use capture::assemble;
pub use causes::weights::TABLE as WEIGHTS;
pub use config::{AlertLabels, Config, ConfigError};
pub use core::{Engine, Totals};
pub use explain::{ExplainedEvent, Explanation, explain};
pub use hash::sha256_hex;
pub use refusal::Refusal;
pub use snapshot::{Copied, RestoreError};
pub use suspects::points::TABLE as SUSPECT_POINTS;
pub use window::FamilyView;

/// Stands in every report: a replay by another version is compared with this in mind.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
