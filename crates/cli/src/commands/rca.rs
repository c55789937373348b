//! `casebook rca`: the documents of what incidents taught. It reads files and shows findings; what is right is decided by
//! the register.

mod document;
mod folder;
mod lint;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

/// Checks the documents of what incidents taught, and makes their index
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca lint doc/rca/2026-11-card-provider-outage.md
  casebook rca lint doc/rca/2026-*.md --json
  casebook rca doctor
  casebook rca register --check")]
pub(crate) struct Rca {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Lint(lint::Lint),
    Doctor(folder::Doctor),
    Register(folder::Register),
}

impl Rca {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Lint(command) => command.run(),
            What::Doctor(command) => command.run(),
            What::Register(command) => command.run(),
        }
    }
}
