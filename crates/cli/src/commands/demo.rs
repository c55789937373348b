//! `casebook demo`: starts a server, a shop and a fault. The shop lives in `demo`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, value_parser};
use demo::script::Loss;
use demo::{Options, Outcome, Scenario, Screen};

use crate::exit::{Exit, Failure};

/// Shows outages from the first failure to the report, on this machine alone
///
/// Starts a server, lets customers into a shop, breaks something, and compares the report with what really
/// happened. `all` plays fifteen scenarios at once and ends with a table. Exit code 4 says that an answer was
/// not what it should be.
///
/// `bad-deploy`, `dependency-outage`, `panic` and `quiet` run real services, each a process of its own, unless
/// telemetry is lost on purpose. All others are telemetry from a script, sent to the real server in real time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook demo
  casebook demo --scenario slow-database
  casebook demo --scenario all
  casebook demo --scenario all --drop-spans 50%
  casebook demo --scenario all --head-sampling 1%
  casebook demo --keep --data DIR")]
pub(crate) struct Demo {
    /// What goes wrong; `all` is every scenario at once
    #[arg(long, value_name = "NAME", value_parser = scenario(), default_value = "dependency-outage",
        conflicts_with = "all")]
    scenario: Chosen,
    /// The same as `--scenario all`
    #[arg(long)]
    all: bool,
    /// Lose this share of the spans, each for itself
    #[arg(long, value_name = "PERCENT", value_parser = per_mille, conflicts_with = "head_sampling")]
    drop_spans: Option<u32>,
    /// Keep this share of the traces, whole, as a sampler at the edge does
    #[arg(long, value_name = "PERCENT", value_parser = per_mille)]
    head_sampling: Option<u32>,
    /// Decides every chance in a script
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Leave everything running at the end, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Keep the server's data in this directory, instead of one that is removed at the end
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How long the traffic is healthy before the fault [default: 15s; scripts: 75s, 40s of them in the past]
    #[arg(long, value_name = "TIME", value_parser = runtime::config::value::duration)]
    healthy: Option<Duration>,
    /// How long the fault lasts, or the traffic of `quiet` [default: 10s; quiet: 10m; scripts: 30s; with sampled traces: 90s]
    #[arg(long, value_name = "TIME", value_parser = runtime::config::value::duration)]
    duration: Option<Duration>,
    /// Requests a second [default: 50; scripts: 15; scripts with sampled traces: 500]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=i64::from(Options::RATE_MAX)))]
    rate: Option<u32>,
}

/// One scenario, or all of them.
#[derive(Debug, Clone, Copy)]
enum Chosen {
    One(Scenario),
    All,
}

/// One process of the demo
#[derive(Debug, Args)]
pub(crate) struct DemoService {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

const ALL: &str = "all";

fn scenario() -> impl clap::builder::TypedValueParser<Value = Chosen> {
    PossibleValuesParser::new(Scenario::ALL.map(Scenario::name).into_iter().chain([ALL])).try_map(|name| {
        match name.as_str() {
            ALL => Ok(Chosen::All),
            name => Scenario::from_name(name).map(Chosen::One).ok_or("not a scenario"),
        }
    })
}

/// `50%`, `0.5%`, or without the sign.
fn per_mille(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is no share such as 50% or 0.5%");
    let (whole, tenth) = match text.trim_end_matches('%').split_once('.') {
        Some((whole, tenth)) if tenth.len() == 1 => (whole, tenth),
        Some(_) => return Err(wrong()),
        None => (text.trim_end_matches('%'), "0"),
    };
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| wrong());
    match number(whole)?.saturating_mul(10).saturating_add(number(tenth)?) {
        share @ 1..=1_000 => Ok(share),
        _ => Err(wrong()),
    }
}

impl Demo {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        self.data.as_deref().map_or(Ok(()), usable)?;
        let options = Options {
            scenario: match self.scenario {
                Chosen::One(scenario) if !self.all => Some(scenario),
                _ => None,
            },
            loss: match (self.drop_spans, self.head_sampling) {
                (Some(lost), _) => Loss::drop_spans(lost),
                (None, Some(kept)) => Loss::head_sampling(kept),
                (None, None) => Loss::NONE,
            },
            seed: self.seed,
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
            Ok(Outcome::Wrong) => Err(Failure::new(Exit::Server, "an answer is not what it should be")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_with_and_without_their_sign() {
        assert_eq!(per_mille("50%"), Ok(500));
        assert_eq!(per_mille("1"), Ok(10));
        assert_eq!(per_mille("0.1%"), Ok(1));
        for wrong in ["", "%", "0%", "101%", "0.25%", "half", "-1%", "1.%"] {
            assert!(per_mille(wrong).is_err(), "{wrong}");
        }
    }
}
