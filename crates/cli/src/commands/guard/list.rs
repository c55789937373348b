//! `casebook guard list`: which guards there are.

use clap::Args;
use register::guard::Expected;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::guards::Place;
use crate::output;
use crate::table::{Column, Table, terminal_width};

/// Lists the guards
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook guard list
  casebook guard list --json | jq '.guards[] | select(.mode == \"block\").id'")]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    /// Print the guards as JSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let loaded = self.place.load()?;
        let guards = &loaded.guards.guards;
        if self.json {
            let guards: Vec<_> = guards
                .iter()
                .map(|guard| {
                    json!({
                        "id": guard.id, "rule": guard.rule, "kind": guard.kind(), "mode": guard.mode.as_str(),
                        "message": guard.message, "mend": guard.mend, "looks_for": guard.looks_for(),
                        "fixtures": guard.fixtures.len(),
                    })
                })
                .collect();
            return output::json(&json!({ "schema": "casebook.guards/v1", "guards": guards }).to_string());
        }
        let mut table = Table::new(&[
            Column::Whole("GUARD"),
            Column::Whole("KIND"),
            Column::Whole("MODE"),
            Column::Whole("FIXTURES"),
            Column::Text("RULE"),
            Column::Text("MESSAGE"),
        ]);
        for guard in guards {
            let count = |expected| guard.fixtures.iter().filter(|each| each.expected == expected).count();
            let fixtures = format!("{} fail, {} pass", count(Expected::Fail), count(Expected::Pass));
            let (mode, kind) = (guard.mode.as_str(), guard.kind());
            table.row([&guard.id, kind, mode, &fixtures, &guard.rule, &guard.message]);
        }
        output::text(&table.render(terminal_width()))
    }
}
