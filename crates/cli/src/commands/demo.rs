//! `casebook demo`: starts a server, a shop and a fault. The shop lives in `demo`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, value_parser};
use demo::{Options, Outcome, Scenario, Screen};

use crate::exit::{Exit, Failure};

/// Shows an outage from the first failure to the report, on this machine alone
///
/// Starts a server and a shop of five services, lets customers in, breaks something, and compares the report
/// with what really happened. Exit code 4 says that they differ.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook demo
  casebook demo --scenario bad-deploy
  casebook demo --keep --data DIR")]
pub(crate) struct Demo {
    /// What goes wrong
    #[arg(long, value_name = "NAME", value_parser = scenario(), default_value = "dependency-outage")]
    scenario: Scenario,
    /// Leave everything running at the end, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Keep the server's data in this directory, instead of one that is removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How long the traffic is healthy before the fault [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = runtime::config::value::duration)]
    healthy: Option<Duration>,
    /// How long the fault lasts, or the traffic of `quiet` [default: 10s; quiet: 10m]
    #[arg(long, value_name = "TIME", value_parser = runtime::config::value::duration)]
    duration: Option<Duration>,
    /// Requests a second
    #[arg(long, value_name = "N", default_value_t = Options::RATE_DEFAULT,
        value_parser = value_parser!(u32).range(1..=i64::from(Options::RATE_MAX)))]
    rate: u32,
}

/// One process of the demo
#[derive(Debug, Args)]
pub(crate) struct DemoService {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn scenario() -> impl clap::builder::TypedValueParser<Value = Scenario> {
    PossibleValuesParser::new(Scenario::ALL.into_iter().filter(|s| s.has_processes()).map(Scenario::name))
        .try_map(|name| Scenario::from_name(&name).ok_or("not a scenario"))
}

impl Demo {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        self.data.as_deref().map_or(Ok(()), usable)?;
        let options = Options {
            scenario: self.scenario,
            keep: self.keep,
            data: self.data,
            healthy: self.healthy,
            duration: self.duration,
            rate: self.rate,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        match runtime
            .map_err(|error| failed(&error.into()))?
            .block_on(demo::run(&options, &mut Screen::standard()))
        {
            Ok(Outcome::AsExpected) => Ok(Exit::Ok),
            Ok(Outcome::Wrong) => Err(Failure::new(Exit::Server, "the report is not what it should be")),
            Ok(Outcome::Interrupted) => Err(Failure::new(Exit::Usage, "interrupted before the end")),
            Err(error) => Err(failed(&error)),
        }
    }
}

impl DemoService {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        // On one thread, so that a signal asked for at the parent's death belongs to the whole process.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = runtime.map_err(|error| failed(&error.into()))?.block_on(demo::child(&self.arguments));
        done.map(|()| Exit::Ok).map_err(|error| failed(&error))
    }
}

/// A directory that is not there yet, or an empty one: what somebody else keeps is not mixed with the demo's.
fn usable(data: &Path) -> Result<(), Failure> {
    let why = match std::fs::read_dir(data).map(Iterator::count) {
        Ok(0) => return Ok(()),
        Ok(_) => "is not empty; name a new directory".to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => "is not a directory".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    Err(Failure::new(Exit::Usage, format!("--data: {} {why}", data.display())))
}

fn failed(error: &anyhow::Error) -> Failure {
    Failure::from_error(Exit::Server, error)
}
