//! `casebook guard graduate`: which mode each guard has earned, and whether one was lowered without a decision.

use clap::Args;
use register::guard::Guards;
use register::guard::graduation::{Lowered, earned, lowered};

use super::git;
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::guards::{Loaded, Place};
use crate::output;
use crate::table::{Column, Table, terminal_width};

/// Shows which mode each guard has earned
///
/// By its proofs and by the runs in guards.history, which `guard run --record` writes: from report to warn, from warn to
/// block. With --check it ends with 4 if a guard's mode is more than it has earned. With --since it ends with 4 if a
/// guard is lower than at that commit, gone, or keeps another rule, and no new [[demotion]] names the decision record
/// that says why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard graduate
  casebook guard graduate --check
  casebook guard graduate --since origin/main")]
pub(super) struct Graduate {
    #[command(flatten)]
    place: Place,
    /// Fail if a guard's mode is more than it has earned
    #[arg(long)]
    check: bool,
    /// Fail if a guard was lowered or taken out since this commit without a decision record
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
}

impl Graduate {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let loaded = self.place.load()?;
        let (runs, proofs) = (loaded.history()?, loaded.proofs()?);
        let mut table = Table::new(&[
            Column::Whole("GUARD"),
            Column::Whole("MODE"),
            Column::Whole("EARNED"),
            Column::Text("LACKS"),
        ]);
        let mut unearned = Vec::new();
        for guard in &loaded.guards.guards {
            let is_proved = proofs.iter().any(|proof| proof.guard == guard.id);
            let earned = earned(&guard.id, &runs, is_proved);
            let lacks = earned.lacks.as_deref().unwrap_or_default();
            table.row([&guard.id, guard.mode.as_str(), earned.mode.as_str(), lacks]);
            if guard.mode > earned.mode {
                unearned.push(format!("{} is in {} and lacks {lacks}", guard.id, guard.mode.as_str()));
            }
        }
        let mut out = table.render(terminal_width());
        let mut wrong = if self.check { unearned } else { Vec::new() };
        if let Some(commit) = &self.since {
            wrong.extend(undecided(&loaded, commit)?);
        }
        wrong.iter().for_each(|line| out.push_str(&format!("{}\n", escape::line(line))));
        output::text(&out)?;
        Ok(if wrong.is_empty() { Exit::Ok } else { Exit::Server })
    }
}

/// Guards that were lowered since a commit, and for which no record of a decision stands in the tree.
fn undecided(loaded: &Loaded, commit: &str) -> Result<Vec<String>, Failure> {
    let before = match git::file(&loaded.root, commit, &loaded.name())? {
        // What could not be read then binds nobody.
        Some(bytes) => register::guard::read(&bytes).0,
        None => Guards::default(),
    };
    let mut told = Vec::new();
    for Lowered { guard, from, to } in lowered(&before, &loaded.guards) {
        if let Err(why) = loaded.decided(&guard, to, &before.demotions) {
            let to = to.map_or("gone", |mode| mode.as_str());
            told.push(format!("{guard} was {} at {commit} and is {to}: {why}", from.as_str()));
        }
    }
    Ok(told)
}
