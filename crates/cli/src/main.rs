//! The `casebook` binary: arguments in, one command, its exit code out.
//!
//! One file a command under `commands/`. No command knows another, and no rule about incidents lives here.

mod advice;
mod client;
mod commands;
mod escape;
mod exit;
mod git;
mod guards;
mod key;
mod output;
mod replace;
mod table;
mod time;
mod transport;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::commands::Command;
use crate::exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Works out what broke, where it started and why, and shows its evidence.
#[derive(Debug, Parser)]
#[command(name = "casebook", version, propagate_version = true, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error).into(),
    };
    match arguments.command.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // Nobody is left to tell when standard error is closed too.
            let _ = writeln!(std::io::stderr(), "casebook: {failure}");
            failure.exit.into()
        }
    }
}

/// Help and version were asked for; everything else that stops the reading of arguments is a usage error.
fn refused(error: &clap::Error) -> Exit {
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
        _ => Exit::Usage,
    }
}
