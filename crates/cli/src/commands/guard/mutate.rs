//! `casebook guard mutate`: guards made a little worse, and whether their fixtures notice.

use clap::Args;
use register::guard::mutants;

use super::test::tried;
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::guards::Place;
use crate::output;

/// Weakens guards to see that their fixtures notice
///
/// Each guard is changed in one small way after another: a path or a branch of its pattern less, a column less, an exclusion
/// less. Some fixture has to fail then. Ends with 4 if a change goes unnoticed: add a fixture that shows the difference.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard mutate
  casebook guard mutate no-unwrap")]
pub(super) struct Mutate {
    /// Only these guards
    #[arg(value_name = "GUARD")]
    guards: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Mutate {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let loaded = self.place.load()?;
        let (mut out, mut noticed, mut unnoticed) = (String::new(), 0, 0);
        for index in loaded.chosen(&self.guards)? {
            let Some(guard) = loaded.guards.guards.get(index) else { continue };
            for mutant in mutants(guard) {
                let holds = |fixture| tried(&mutant.guard, fixture, &loaded.root).is_ok();
                if guard.fixtures.iter().all(holds) {
                    unnoticed += 1;
                    let said = format!("{}: no fixture notices: {}", guard.id, mutant.what);
                    out.push_str(&format!("{}\n", escape::line(&said)));
                } else {
                    noticed += 1;
                }
            }
        }
        out.push_str(&format!("{noticed} noticed, {unnoticed} not\n"));
        output::text(&out)?;
        Ok(if unnoticed == 0 { Exit::Ok } else { Exit::Server })
    }
}
