//! `casebook review verify`: the whole ledger once more, with what Git holds of it. It knows no rule.

use clap::Args;
use register::review::Fault;
use serde::Serialize;

use super::ledger::Place;
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;

/// Checks the whole ledger again: form, chain, signatures, rules, and that Git's history still holds what was recorded
///
/// Ends with 0 if the ledger holds, with 4 if something speaks against it, and with 1 if it cannot be read. The rules
/// stand in doc/reference/review-rules.md. In CI fetch the whole history, and name the branch that a change goes to
/// as --base: what that branch has of the ledger must be there unchanged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review verify
  casebook review verify --base origin/main --done
  casebook review verify --json | jq '.faults[].rule'")]
pub(super) struct Verify {
    #[command(flatten)]
    place: Place,
    /// A commit or branch whose records must all be there
    #[arg(long, value_name = "COMMIT")]
    base: Option<String>,
    /// End with 4 also if the review is not DONE
    #[arg(long)]
    done: bool,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Page<'f> {
    schema: &'static str,
    records: usize,
    /// Of the last record's file: who keeps it can tell whether this ledger was ever rewritten.
    last: Option<&'f str>,
    done: bool,
    faults: Vec<FaultView<'f>>,
}

#[derive(Serialize)]
struct FaultView<'f> {
    file: &'f str,
    rule: &'static str,
    message: &'f str,
    mend: &'static str,
}

impl Verify {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let ledger = self.place.read()?;
        let base = self.base.as_deref().map(|base| ledger.git.commit(base)).transpose()?;
        let faults = ledger.faults(base.as_ref())?;
        let judged = &ledger.judged;
        let done = faults.is_empty() && judged.state.is_done(ledger.now, &ledger.history);
        let page = Page {
            schema: "casebook.review-verify/v1",
            records: judged.records.len(),
            last: judged.last.as_ref().map(|last| last.as_str()),
            done,
            faults: faults.iter().map(fault).collect(),
        };
        match self.json {
            true => output::json(&json(&page)?)?,
            false => output::text(&text(&page, &ledger.inside))?,
        };
        Ok(if page.faults.is_empty() && (done || !self.done) { Exit::Ok } else { Exit::Server })
    }
}

fn fault(fault: &Fault) -> FaultView<'_> {
    let (rule, mend) = (fault.ground.id(), fault.ground.mend());
    FaultView { file: &fault.file, rule, message: &fault.reason, mend }
}

fn json(page: &Page<'_>) -> Result<String, Failure> {
    serde_json::to_string_pretty(page).map_err(|error| Failure::new(Exit::Server, error.to_string()))
}

fn text(page: &Page<'_>, folder: &str) -> String {
    let mut out = String::new();
    for fault in &page.faults {
        let place = if fault.file.ends_with(".toml") { "" } else { "records/" };
        let said = format!("{folder}/{place}{}: {} [{}]", fault.file, fault.message, fault.rule);
        out.push_str(&format!("{}\n    mend: {}\n", escape::line(&said), fault.mend));
    }
    let plural = |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let done = if page.done { "DONE" } else { "not done" };
    let counts = format!("{}, {}", plural(page.records, "record"), plural(page.faults.len(), "fault"));
    let last = page.last.map(|last| format!(", last {last}")).unwrap_or_default();
    out.push_str(&format!("{counts}, {done}{last}\n"));
    out
}
