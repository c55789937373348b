//! `casebook guard run`: the guards over the tree. What is new decides how it ends.

use clap::{Args, ValueEnum};
use register::guard::graduation::recorded;
use register::guard::{Crash, Mode, judge};

use super::format::{self, Ran};
use super::work;
use crate::exit::{Exit, Failure};
use crate::guards::{Loaded, Place};
use crate::output;

/// Lets guards look at the tree
///
/// Says of everything new that a guard objects to: the file, line and column, what is wrong and how to mend it. What the
/// baseline holds or a waiver lets through is counted. Ends with 4 if a guard in mode `block` finds something new or cannot
/// do its work; with 1 if guards.toml cannot be used.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard run
  casebook guard run no-unwrap --explain
  casebook guard run --format github
  casebook guard run --format sarif > guards.sarif")]
pub(super) struct Run {
    /// Only these guards
    #[arg(value_name = "GUARD")]
    guards: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Show with each finding the rule, what was looked for, what stands there, and the fingerprint
    #[arg(long)]
    explain: bool,
    /// Write down in guards.history how each guard did, for graduation
    #[arg(long)]
    record: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// All there is to know, old and waived findings too
    Json,
    /// SARIF 2.1.0, for viewers of analyses
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// A Code Quality report of GitLab
    Gitlab,
}

impl Run {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        if self.explain && self.format != Format::Text {
            return Err(Failure::new(
                Exit::Usage,
                "--explain is for --format text: the other formats hold it all",
            ));
        }
        let loaded = self.place.load()?;
        let chosen = loaded.chosen(&self.guards)?;
        let work = work::over_tree(&loaded, &chosen, &loaded.root)?.with_blind();
        let today = crate::time::today();
        let mut outcome = judge(&loaded.guards, work.looked, &loaded.baseline, today.as_str());
        outcome.crashes.extend(gone(&loaded)?);
        let fails = outcome.fails();
        let ran = Ran {
            guards: chosen.iter().filter_map(|index| loaded.guards.guards.get(*index)).collect(),
            file: &loaded.file,
            outcome: &outcome,
            files: work.files,
            passed_over: &work.passed_over,
        };
        if self.record {
            loaded.write_history(&recorded(loaded.history()?, &outcome, &ran.guards, today.as_str()))?;
        }
        match self.format {
            Format::Text => output::text(&format::text(&ran, self.explain))?,
            Format::Json => output::json(&format::json(&ran))?,
            Format::Sarif => output::json(&format::sarif(&ran))?,
            Format::Github => output::text(&format::github(&ran))?,
            Format::Gitlab => output::json(&format::gitlab(&ran))?,
        };
        Ok(if fails { Exit::Server } else { Exit::Ok })
    }
}

/// Guards that were seen to fail on their defect and are there no more, without a decision: nobody looks for it now.
fn gone(loaded: &Loaded) -> Result<Vec<Crash>, Failure> {
    let proofs = loaded.proofs()?;
    let lost = loaded.guards.gone(&proofs).into_iter().filter_map(|guard| {
        let why = loaded.decided(guard, None, &[]).err()?;
        let why = format!("guards.proofs says that it works, and it is gone: {why}");
        Some(Crash { guard: guard.to_owned(), mode: Mode::Block, why })
    });
    Ok(lost.collect())
}
