//! The demo: a shop of instrumented services, each a process of its own, watched by a real `casebook serve`,
//! and broken on purpose. What the report should say is known beforehand and checked at the end.
//!
//! It talks to Casebook only through its ports, as any other client would, and knows of its crates only the
//! published contract.

mod casebook;
mod check;
mod child;
mod closing;
mod counts;
mod guard;
mod live;
mod load;
mod plan;
mod play;
mod protocol;
mod run;
mod scenario;
mod screen;
pub mod script;
mod scripted;
mod service;
mod settle;
mod shop;
mod stage;
mod steady;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use script::Loss;

pub use run::{Outcome, run};
pub use scenario::{Scenario, Truth};
pub use screen::Screen;
pub use verdict::{Answer, Verdict};

/// `deployment.environment.name` of everything in the demo.
const ENVIRONMENT: &str = "demo";

/// What to play and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// All of them where it is `None`.
    pub scenario: Option<Scenario>,
    /// What of the telemetry gets lost on its way.
    pub loss: Loss,
    /// Decides every chance in a script.
    pub seed: u64,
    /// Leave everything running at the end, until a signal comes.
    pub keep: bool,
    /// Where Casebook keeps its data; a scratch directory that is removed at the end where not given.
    pub data: Option<PathBuf>,
    /// Healthy traffic before the fault.
    pub healthy: Option<Duration>,
    /// How long the fault lasts; for `quiet`, the traffic.
    pub duration: Option<Duration>,
    /// Requests a second while all is well.
    pub rate: Option<u32>,
}

impl Options {
    pub const RATE_MAX: u32 = 2_000;
}

/// What the hidden command `demo-service` does: it is one of the demo's own processes.
pub async fn child(arguments: &[String]) -> anyhow::Result<()> {
    match arguments {
        [guarded, command @ ..] if guarded == guard::WORD => guard::become_guarded(command),
        [_role, config] => {
            let config = serde_json::from_str(config).context("not a configuration of a demo service")?;
            service::run(config).await
        }
        _ => anyhow::bail!("this command is for `casebook demo` only"),
    }
}
