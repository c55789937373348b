//! `casebook review status`: how a review stands now, and what does not move. It decides nothing.

use std::time::Duration;

use clap::Args;
use register::review::{View, stalls, view};
use serde::Serialize;

use super::ledger::{Ledger, Place};
use crate::escape;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};

/// Shows how the review stands: gates, findings, vetoes, and who waits for whom
///
/// It is DONE when every gate's pass is fresh, no veto stands and no finding is open. A pass is fresh for 24 hours,
/// and until a commit touches the gate's scope.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook review status
  casebook review status --idle 2h
  casebook review status --json | jq .done")]
pub(super) struct Status {
    #[command(flatten)]
    place: Place,
    /// For how long nothing may happen where somebody waits, before it is told
    #[arg(long, value_name = "DURATION", default_value = "8h", value_parser = runtime::config::value::duration)]
    idle: Duration,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Page {
    schema: &'static str,
    #[serde(flatten)]
    view: View,
    /// Why the ledger is believed no further than this.
    faults: Vec<String>,
}

impl Status {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let ledger = self.place.read()?;
        let faults =
            ledger.judged.faults.iter().map(|fault| format!("{}: {}", fault.file, fault.reason)).collect();
        let page = Page { schema: "casebook.review-status/v1", view: shown(&ledger, self.idle), faults };
        if self.json {
            let text = serde_json::to_string_pretty(&page);
            return output::json(&text.map_err(|error| Failure::new(Exit::Server, error.to_string()))?);
        }
        output::text(&text(&page))
    }
}

fn shown(ledger: &Ledger, idle: Duration) -> View {
    let stalls = stalls(&ledger.judged.state, ledger.now, idle.as_secs());
    view(&ledger.judged.state, ledger.now, &ledger.head, &ledger.history, &stalls)
}

fn text(page: &Page) -> String {
    let view = &page.view;
    let done = if view.done && page.faults.is_empty() { "DONE" } else { "not done" };
    let title = if view.title.is_empty() { "No plan yet" } else { &view.title };
    let mut out = format!("{}: {done}\n", escape::line(title));
    let mut list = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            out.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| out.push_str(&format!("  {}\n", escape::line(line))));
        }
    };
    list("The ledger does not hold; see casebook review verify", &page.faults);
    list("Against DONE", &view.against);
    list("Does not move", &view.stalls);
    list("To be revealed", &view.owed);
    if !view.gates.is_empty() {
        out.push('\n');
        out.push_str(&gates(view).render(terminal_width()));
    }
    if !view.findings.is_empty() {
        out.push('\n');
        out.push_str(&findings(view).render(terminal_width()));
    }
    if !view.vetoes.is_empty() {
        let mut table = Table::new(&[
            Column::Whole("VETO"),
            Column::Whole("ON"),
            Column::Whole("BY"),
            Column::Text("WHY"),
        ]);
        view.vetoes.iter().for_each(|veto| table.row([&veto.id, &veto.on, &veto.by, &veto.why]));
        out.push('\n');
        out.push_str(&table.render(terminal_width()));
    }
    out
}

fn gates(view: &View) -> Table {
    let mut table = Table::new(&[
        Column::Whole("GATE"),
        Column::Whole("STATE"),
        Column::Text("TITLE"),
        Column::Text("DETAIL"),
    ]);
    for gate in &view.gates {
        let state = if gate.vetoed { format!("{}, vetoed", gate.state) } else { gate.state.to_owned() };
        table.row([&gate.id, &state, &gate.title, &gate.detail]);
    }
    table
}

fn findings(view: &View) -> Table {
    let mut table = Table::new(&[
        Column::Whole("FINDING"),
        Column::Whole("SEVERITY"),
        Column::Whole("STATE"),
        Column::Text("DESCRIPTION"),
        Column::Text("DETAIL"),
        Column::Text("PREDICTION"),
    ]);
    for each in &view.findings {
        table.row([&each.id, &each.severity, each.state, &each.description, &each.detail, each.prediction]);
    }
    table
}
