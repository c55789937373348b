//! `casebook guard baseline`: takes old findings in once, when a guard is new, and takes out what is mended.

use clap::Args;
use register::guard::baseline::{Baseline, Grown};
use register::guard::judge;

use super::{git, work};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::guards::{BASELINE, Loaded, Place, faulty};
use crate::output;

/// Changes the baseline of old findings, which only shrinks
///
/// The baseline is the file guards.baseline beside guards.toml. What it holds fails no run. A guard's old findings are taken
/// in once, when it is started; whatever it finds later is mended, or let through by a waiver. With --since nothing is
/// changed, and it ends with 4 if somebody wrote into the file what was not there at that commit.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard baseline --start no-unwrap
  casebook guard baseline --shrink
  casebook guard baseline --since origin/main")]
#[group(skip)]
pub(super) struct ChangeBaseline {
    #[command(flatten)]
    place: Place,
    /// Take out what is mended
    #[arg(long, required_unless_present_any = ["start", "since"], conflicts_with = "start")]
    shrink: bool,
    /// Take in what this guard finds now; once for each guard
    #[arg(long, value_name = "GUARD")]
    start: Option<String>,
    /// Fail if it holds more than at this commit of a guard that was started then
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["start", "shrink"])]
    since: Option<String>,
}

impl ChangeBaseline {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let loaded = self.place.load()?;
        if let Some(commit) = &self.since {
            return compared(&loaded, commit);
        }
        let names: Vec<String> = self.start.iter().cloned().collect();
        let chosen = loaded.chosen(&names)?;
        let work = work::over_tree(&loaded, &chosen, &loaded.root)?.with_blind();
        let outcome = judge(&loaded.guards, work.looked, &loaded.baseline, crate::time::today().as_str());
        if let Some(crash) = outcome.crashes.first() {
            let said =
                format!("the guard {} did not run, and nothing was changed: {}", crash.guard, crash.why);
            return Err(Failure::new(Exit::Server, escape::line(&said).into_owned()));
        }
        let mut baseline = loaded.baseline.clone();
        let said = match self.start.as_ref().filter(|_| !self.shrink) {
            Some(guard) => {
                let taken = baseline.start(guard, &outcome.findings).map_err(|_| {
                    let said = format!(
                        "{guard} was started before: the baseline only shrinks. Mend what is new, or write a \
                         [[waiver]] with owner, reason and expiry"
                    );
                    Failure::new(Exit::Usage, said)
                })?;
                format!("{taken} taken in, {} in all\n", baseline.entries.len())
            }
            None => {
                baseline.shrink(&outcome.mended);
                format!("{} taken out, {} stay\n", outcome.mended.len(), baseline.entries.len())
            }
        };
        if baseline != loaded.baseline {
            loaded.write_baseline(&baseline)?;
        }
        output::text(&said)
    }
}

/// Whether the baseline holds what it did not hold at a commit.
fn compared(loaded: &Loaded, commit: &str) -> Result<Exit, Failure> {
    let before = match git::file(&loaded.root, commit, BASELINE)? {
        Some(bytes) => {
            Baseline::read(&bytes).map_err(|fault| faulty(&format!("{commit}:{BASELINE}"), &fault))?
        }
        None => Baseline::default(),
    };
    let grown = loaded.baseline.grown_since(&before);
    let mut out = String::new();
    for each in &grown {
        let said = match each {
            Grown::Entry(entry) => {
                format!("{}: {} was put in; mend it, or write a [[waiver]]", entry.guard, entry.path)
            }
            Grown::Forgotten(guard) => format!("{guard}: that it was started was taken out; put it back"),
        };
        out.push_str(&format!("{BASELINE}: {}\n", escape::line(&said)));
    }
    let (now, then) = (loaded.baseline.entries.len(), before.entries.len());
    out.push_str(&format!("{now} in the baseline, {then} at {}\n", escape::line(commit)));
    output::text(&out)?;
    Ok(if grown.is_empty() { Exit::Ok } else { Exit::Server })
}
