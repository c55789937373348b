//! `casebook eval`: runs labelled cases through the core and says how often it is right. Knows no rule of scoring and
//! none about incidents.

mod detail;
mod document;
mod tables;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cases::{CaseError, CaseResult, Options, Set, Tally};
use clap::Args;

use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;

const BAR_WIDTH: usize = 30;

/// Runs labelled cases through the engine and scores the answers
///
/// DIR is a case (a folder with a case.toml), a set of cases, or a folder of sets. No server is needed and nothing is
/// written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook eval cases
  casebook eval cases/shop --only pay --json
  casebook eval cases/shop --explain 0007-bad-deploy
  casebook eval cases --onset-shift -30")]
pub(crate) struct Eval {
    /// A case, a set of cases, or a folder of sets
    dir: PathBuf,
    /// Only cases whose name contains this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Shows one case in full: the ranked list with its findings, all hypotheses, the report
    #[arg(long, value_name = "CASE", conflicts_with_all = ["only", "json"])]
    explain: Option<String>,
    /// Adds this to the labelled onset and to the end of the baseline
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(-86_400..=86_400))]
    onset_shift: i64,
    /// How many cases run at a time; as many as there are cores if left out
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Everything as JSON: figures, ranked lists with evidence, report hashes
    #[arg(long)]
    json: bool,
}

/// A set and what came of its cases.
pub(super) struct Evaluated {
    name: String,
    results: Vec<CaseResult>,
    tally: Tally,
}

impl Eval {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let sets = self.sets()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let options = Options { onset_shift_s: self.onset_shift, jobs: self.jobs.map_or(cores, usize::from) };
        let begun = Instant::now();
        let evaluated = run_sets(sets, options);
        let took = begun.elapsed();
        match (&self.explain, self.json) {
            (Some(_), _) => output::text(&detail::of(&evaluated))?,
            (None, true) => output::json(&document::of(&evaluated, options)?)?,
            (None, false) => output::text(&tables::of(&evaluated, took))?,
        };
        Ok(exit(&evaluated))
    }

    /// The cases that are asked for; sets without any are left out.
    fn sets(&self) -> Result<Vec<Set>, Failure> {
        let mut sets = cases::discover(&self.dir).map_err(|error| failure(&error))?;
        let names: Vec<String> =
            sets.iter().flat_map(|set| set.cases.iter().map(cases::CaseDir::name)).collect();
        for set in &mut sets {
            set.cases.retain(|case| {
                let name = case.name();
                self.only.as_ref().is_none_or(|part| name.contains(part.as_str()))
                    && self.explain.as_ref().is_none_or(|wanted| name == *wanted)
            });
        }
        sets.retain(|set| !set.cases.is_empty());
        if sets.is_empty() {
            let wanted = self.explain.as_ref().or(self.only.as_ref()).map_or("", String::as_str);
            let some: Vec<&str> = names.iter().map(String::as_str).take(5).collect();
            return Err(Failure::new(
                Exit::Usage,
                escape::line(&format!(
                    "{}: no case is called {wanted:?}; there are {} cases, such as {}",
                    self.dir.display(),
                    names.len(),
                    some.join(", ")
                )),
            ));
        }
        Ok(sets)
    }
}

fn failure(error: &CaseError) -> Failure {
    Failure::new(Exit::Usage, escape::lines(&error.to_string()))
}

/// A case that cannot be read is the caller's to mend, one that panics is ours. How well the others did is what was
/// asked, and no failure.
fn exit(evaluated: &[Evaluated]) -> Exit {
    let errors =
        || evaluated.iter().flat_map(|set| &set.results).filter_map(|result| result.outcome.as_ref().err());
    if errors().any(|error| matches!(error, CaseError::Panicked { .. })) {
        return Exit::Server;
    }
    if errors().next().is_some() { Exit::Usage } else { Exit::Ok }
}

fn run_sets(sets: Vec<Set>, options: Options) -> Vec<Evaluated> {
    let total: usize = sets.iter().map(|set| set.cases.len()).sum();
    let bar = Bar::new(total);
    let run = |set: Set| {
        let results = cases::evaluate(&set.cases, options, |result| bar.step(&result.dir.name()));
        let mut tally = Tally::default();
        for result in &results {
            match &result.outcome {
                Ok(outcome) => tally.add(&outcome.score),
                Err(_) => tally.add_unreadable(),
            }
        }
        Evaluated { name: set.name, results, tally }
    };
    let evaluated = sets.into_iter().map(run).collect();
    bar.clear();
    evaluated
}

/// Progress on standard error, for whoever watches a terminal; else nothing.
struct Bar {
    shown: bool,
    total: usize,
    done: AtomicUsize,
    begun: Instant,
}

impl Bar {
    fn new(total: usize) -> Self {
        let bar = Self {
            shown: std::io::stderr().is_terminal(),
            total,
            done: AtomicUsize::new(0),
            begun: Instant::now(),
        };
        bar.draw(0, "");
        bar
    }

    fn step(&self, name: &str) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.draw(done, name);
    }

    fn draw(&self, done: usize, name: &str) {
        if !self.shown {
            return;
        }
        let filled = done * BAR_WIDTH / self.total.max(1);
        let (full, rest) = ("#".repeat(filled), " ".repeat(BAR_WIDTH - filled.min(BAR_WIDTH)));
        let left =
            self.begun.elapsed().mul_f64((self.total - done.min(self.total)) as f64 / done.max(1) as f64);
        let left = if done == 0 { String::new() } else { format!(", {} left", whole_seconds(left)) };
        let name: String = escape::line(name).chars().take(40).collect();
        // Nobody is left to tell when standard error is closed.
        let _ = write!(std::io::stderr(), "\r\u{1b}[2K[{full}{rest}] {done}/{}{left}  {name}", self.total);
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }
}

fn whole_seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
