//! `casebook serve`: starts the server. The server itself lives in `server`.

use clap::Args;

use crate::exit::{Exit, Failure};

/// Takes in telemetry, opens incidents and answers for them
#[derive(Debug, Args)]
pub(crate) struct Serve {}

impl Serve {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        Err(Failure::new(Exit::Usage, "serve is not built in yet"))
    }
}
