//! `casebook guard`: what enforces the rules that incidents taught. It walks the tree, starts commands and prints; what a
//! finding is, and whether it is new, is decided by the register.

mod baseline;
mod format;
mod git;
mod graduate;
mod list;
mod mutate;
mod process;
mod progress;
mod prove;
mod run;
mod test;
mod tree;
mod work;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

/// Runs the guards that enforce what incidents taught
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard run
  casebook guard run no-unwrap --explain
  casebook guard run --format sarif > guards.sarif
  casebook guard test
  casebook guard mutate
  casebook guard prove deadline-on-providers --fix 0f3c9ab
  casebook guard list")]
pub(crate) struct Guard {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Run(run::Run),
    List(list::List),
    Test(test::Test),
    Mutate(mutate::Mutate),
    Prove(prove::Prove),
    Graduate(graduate::Graduate),
    Baseline(baseline::ChangeBaseline),
}

impl Guard {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.what {
            What::Run(command) => command.run(),
            What::List(command) => command.run(),
            What::Test(command) => command.run(),
            What::Mutate(command) => command.run(),
            What::Prove(command) => command.run(),
            What::Graduate(command) => command.run(),
            What::Baseline(command) => command.run(),
        }
    }
}
