//! The commands: one file each. Here is only which there are and how each is started.

mod demo;
mod doctor;
mod replay;
mod serve;

use clap::Subcommand;

use crate::exit::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    #[command(hide = true)]
    DemoService(demo::DemoService),
    Replay(replay::Replay),
    Doctor(doctor::Doctor),
}

impl Command {
    /// Runs the command. Each starts the kind of runtime that it needs, or none.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Serve(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::DemoService(command) => command.run(),
            Self::Replay(command) => command.run(),
            Self::Doctor(command) => command.run(),
        }
    }
}
