//! `casebook rca`: the documents of what incidents taught. It reads files and shows findings; what is right is decided by
//! the register.

mod lint;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

/// Checks the documents of what incidents taught
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca lint doc/rca/2026-11-card-provider-outage.md
  casebook rca lint doc/rca/*.md --json")]
pub(crate) struct Rca {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Lint(lint::Lint),
}

impl Rca {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Lint(command) => command.run(),
        }
    }
}
