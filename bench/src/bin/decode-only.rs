//! `decode-only`: the server's listeners and decoder without a journal or an engine, for measuring beside programs that
//! keep nothing either. Takes the arguments of `casebook serve`. It must never be anything but `server::DecodeOnly`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks through these")]

use std::process::ExitCode;

use clap::Parser;
use server::{DecodeOnly, SettingFlags};

/// Takes telemetry, decodes it, acknowledges it and keeps none of it
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    settings: SettingFlags,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("decode-only: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = arguments.settings.settings()?;
    // As `casebook serve` makes it.
    let tasks = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tasks.block_on(async {
        let ended = runtime::on_termination();
        let server = DecodeOnly::start(&settings).await?;
        println!("{}", serde_json::to_string(server.ready_line())?);
        server.run_until(async { drop(ended.await) }).await;
        Ok(())
    })
}
