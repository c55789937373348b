//! `casebook demo`: starts a server, a shop and a fault. The shop lives in `demo`.

use clap::Args;

use crate::exit::{Exit, Failure};

/// Shows an outage from the first failure to the report, on this machine alone
#[derive(Debug, Args)]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        Err(Failure::new(Exit::Usage, "demo is not built in yet"))
    }
}
