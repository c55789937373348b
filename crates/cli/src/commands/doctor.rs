//! `casebook doctor`: checks everything that a working server stands on.

use clap::Args;

use crate::exit::{Exit, Failure};

/// Checks configuration, disk, journal, store and a running server
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        Err(Failure::new(Exit::Usage, "doctor is not built in yet"))
    }
}
