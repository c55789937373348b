//! `casebook incidents`: the list.

use api::IncidentsPage;
use clap::{Args, ValueEnum};

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::time::to_the_second;

/// Lists incidents, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook incidents
  casebook incidents --state all --service payment
  casebook incidents --json | jq -r '.incidents[].id'")]
pub(crate) struct Incidents {
    /// Which incidents: those that are not resolved, or all
    #[arg(long, value_enum, default_value_t = State::Open)]
    state: State,
    /// Only of this environment
    #[arg(long)]
    env: Option<String>,
    /// Only with their origin in this service
    #[arg(long)]
    service: Option<String>,
    /// How many at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,
    /// Go on behind an earlier list: its next_cursor
    #[arg(long)]
    cursor: Option<String>,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Open,
    All,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::All => "all",
        }
    }
}

impl Incidents {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let limit = self.limit.map(|limit| limit.to_string());
        let optional =
            [("env", &self.env), ("service", &self.service), ("limit", &limit), ("cursor", &self.cursor)];
        let given = optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let query: Vec<(&str, &str)> = [("state", self.state.as_str())].into_iter().chain(given).collect();
        let (text, page) = self.connection.get_json(&["v1", "incidents"], &query)?;
        if self.json {
            return output::json(&text);
        }
        output::text(&view(&page, self.state, terminal_width()))
    }
}

fn view(page: &IncidentsPage, state: State, width: Option<usize>) -> String {
    if page.incidents.is_empty() {
        return match state {
            State::Open => "No incident is open.\n".to_owned(),
            State::All => "No incidents.\n".to_owned(),
        };
    }
    let mut table = Table::new(&[
        Column::Whole("ID"),
        Column::Whole("STATE"),
        Column::Number("SEV"),
        Column::Whole("STARTED"),
        Column::Text("CAUSE"),
        Column::Text("SUMMARY"),
    ]);
    for incident in &page.incidents {
        table.row([
            &incident.id,
            &incident.state,
            &incident.severity.to_string(),
            &to_the_second(&incident.started_at),
            &incident.cause.kind,
            &incident.summary,
        ]);
    }
    let mut out = table.render(width);
    if let Some(cursor) = &page.next_cursor {
        out.push_str(&format!("There are more: --cursor {}\n", crate::escape::line(cursor)));
    }
    out
}
