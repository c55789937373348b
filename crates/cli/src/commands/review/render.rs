//! `casebook review render`: the pages of a ledger beside it. What stands in them is made by the register.

use std::fs;

use clap::Args;
use engine::render::inert::inert;
use register::review::pages;

use super::ledger::{Place, wrong};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::replace::replace;

/// Writes status.md, backlog.md and review.md into the ledger's folder
///
/// The pages are made of the records alone, as of the last one: they change with the ledger, and not with time.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review render
  casebook review render --check")]
pub(super) struct Render {
    #[command(flatten)]
    place: Place,
    /// Write nothing, and end with 4 if a page is not what would be written
    #[arg(long)]
    check: bool,
}

impl Render {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let ledger = self.place.read()?;
        if let Some(fault) = ledger.judged.faults.first() {
            let told = format!("the ledger does not hold: {}: {}", fault.file, fault.reason);
            return Err(Failure::new(Exit::Server, escape::line(&told).into_owned()));
        }
        let mut exit = Exit::Ok;
        for (name, page) in pages(&ledger.judged, &ledger.history, inert) {
            let path = ledger.file(name);
            // Only what is as long as the page can be the page.
            let is_as_long = fs::symlink_metadata(&path)
                .is_ok_and(|found| found.is_file() && found.len() == page.len() as u64);
            let is_fresh = is_as_long && fs::read(&path).is_ok_and(|there| there == page.as_bytes());
            let shown = format!("{}/{name}", escape::line(&ledger.inside));
            match (self.check, is_fresh) {
                (true, false) => {
                    output::text(&format!(
                        "{shown}: it is not what the records say\n    mend: casebook review render\n"
                    ))?;
                    exit = Exit::Server;
                }
                (false, false) => {
                    replace(&path, &page).map_err(|error| wrong(&path, &error))?;
                    output::text(&format!("{shown}: written\n"))?;
                }
                (_, true) => {}
            }
        }
        Ok(exit)
    }
}
