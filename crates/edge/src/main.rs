//! The `casebook-edge` binary: arguments in, one command, its exit code out. One file a command under `commands/`; no
//! command knows another, and no rule about nodes or clients lives here.

mod commands;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use commands::Command;
use commands::exit::{self, Exit};

// What a call holds is given back by the thread that happens to end it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands between clients and Ethereum nodes, so that clients do not notice when a node fails.
#[derive(Debug, Parser)]
#[command(name = "casebook-edge", version, propagate_version = true, after_help = exit::HELP)]
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
            let _ = writeln!(std::io::stderr(), "casebook-edge: {failure}");
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
