//! The commands: one file each. Here is only which there are, how each is started, and how each ends and speaks.

pub(crate) mod exit;

mod check;
mod columns;
mod demo;
mod drain;
mod output;
mod reference;
mod serve;
mod status;

use clap::Subcommand;

use exit::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Demo(demo::Demo),
    Status(status::ShowStatus),
    Drain(drain::Drain),
    Undrain(drain::Undrain),
    #[command(hide = true)]
    Reference(reference::Reference),
}

impl Command {
    /// Runs the command. Each starts the kind of runtime that it needs, or none.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Serve(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Drain(command) => command.run(),
            Self::Undrain(command) => command.run(),
            Self::Reference(command) => command.run(),
        }
    }
}

/// For commands that ask others, one thing at a time.
fn one_thread() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::new(Exit::Failed, format!("no runtime can be started: {error}")))
}
