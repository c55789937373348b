//! `casebook replay`: derives reports from a journal, and compares them with the archived ones.

use clap::Args;

use crate::exit::{Exit, Failure};

/// Reads a journal again and derives its reports anew
#[derive(Debug, Args)]
pub(crate) struct Replay {}

impl Replay {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        Err(Failure::new(Exit::Usage, "replay is not built in yet"))
    }
}
