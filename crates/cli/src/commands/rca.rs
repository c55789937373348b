//! `casebook rca`: the documents of what incidents taught. It reads files and reports and shows what is found; what is
//! right is decided by the register.

mod document;
mod folder;
mod lint;
mod new;
mod overdue;
mod required;
mod source;
mod stats;
mod why;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

/// Drafts and checks the documents of what incidents taught, and tells what follows from them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca required inc_4f0c2a9d1b7e6358 --severity SEV-2
  casebook rca new --from-incident inc_4f0c2a9d1b7e6358 --author Ana
  casebook rca lint doc/rca/2026-11-card-provider-outage.md
  casebook rca lint doc/rca/2026-*.md --json
  casebook rca doctor
  casebook rca register --check
  casebook rca why deadline-on-providers")]
pub(crate) struct Rca {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    // Boxed, for where the server is takes up most of the room.
    Required(Box<required::Required>),
    New(Box<new::New>),
    Lint(lint::Lint),
    Doctor(folder::Doctor),
    Register(folder::Register),
    Why(why::Why),
    Overdue(overdue::OverdueCommand),
    Stats(stats::Stats),
}

impl Rca {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Required(command) => command.run(),
            What::New(command) => command.run(),
            What::Lint(command) => command.run(),
            What::Doctor(command) => command.run(),
            What::Register(command) => command.run(),
            What::Why(command) => command.run(),
            What::Overdue(command) => command.run(),
            What::Stats(command) => command.run(),
        }
    }
}
