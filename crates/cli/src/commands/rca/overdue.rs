//! `casebook rca overdue`: follow-ups past their day. It reads the clock for today, and nothing else from outside.

use clap::Args;
use register::rca::{Day, Overdue};
use serde_json::json;

use super::folder::Folder;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};

/// Lists follow-ups that are open past the day on which they were due
///
/// The longest overdue first. Ends with 4 if there is one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca overdue
  casebook rca overdue --on 2026-12-31
  casebook rca overdue --json | jq '.overdue[].owner'")]
pub(super) struct OverdueCommand {
    /// The day that counts as today, in UTC
    #[arg(long, value_name = "DATE", value_parser = day)]
    on: Option<Day>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
}

fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "expected a date such as 2026-12-05".to_owned())
}

impl OverdueCommand {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let on = self.on.clone().unwrap_or_else(crate::time::today);
        let late = register::rca::overdue(&self.folder.read()?.entries(), &on);
        match self.json {
            true => output::json(&format!("{:#}", page(&on, &late)))?,
            false => output::text(&text(&on, &late))?,
        };
        Ok(if late.is_empty() { Exit::Ok } else { Exit::Server })
    }
}

fn text(on: &Day, late: &[Overdue]) -> String {
    let counted = match late.len() {
        0 => return format!("no follow-up is overdue on {}\n", on.as_str()),
        1 => "1 follow-up is".to_owned(),
        count => format!("{count} follow-ups are"),
    };
    let mut table = Table::new(&[
        Column::Whole("DUE"),
        Column::Number("DAYS LATE"),
        Column::Whole("OWNER"),
        Column::Whole("DOCUMENT"),
        Column::Whole("ID"),
        Column::Text("WHAT"),
    ]);
    for each in late {
        let days = each.days_late.to_string();
        table.row([&each.due, &days, &each.owner, &each.document, &each.follow_up, &each.what]);
    }
    format!("{}\n{counted} overdue on {}\n", table.render(terminal_width()), on.as_str())
}

fn page(on: &Day, late: &[Overdue]) -> serde_json::Value {
    let late: Vec<_> = late
        .iter()
        .map(|each| {
            json!({
                "document": each.document,
                "follow_up": each.follow_up,
                "what": each.what,
                "owner": each.owner,
                "due": each.due,
                "days_late": each.days_late,
            })
        })
        .collect();
    json!({ "schema": "casebook.rca-overdue/v1", "on": on.as_str(), "overdue": late })
}
