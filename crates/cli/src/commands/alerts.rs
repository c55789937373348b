//! `casebook alerts`: alerts of other systems.

use api::{Alert, AlertsPage};
use clap::{Args, ValueEnum};

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::time::to_the_second;

/// Lists the alerts that other systems sent, the one told of last first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook alerts
  casebook alerts --status firing --service payment
  casebook alerts --json | jq '.alerts[].history'")]
pub(crate) struct Alerts {
    /// Only of this status
    #[arg(long)]
    status: Option<Status>,
    /// Only of this environment
    #[arg(long)]
    env: Option<String>,
    /// Only of this service
    #[arg(long)]
    service: Option<String>,
    /// How many at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Firing,
    Acknowledged,
    Resolved,
}

impl Alerts {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let limit = self.limit.map(|limit| limit.to_string());
        let status = self.status.map(|status| match status {
            Status::Firing => "firing".to_owned(),
            Status::Acknowledged => "acknowledged".to_owned(),
            Status::Resolved => "resolved".to_owned(),
        });
        let optional =
            [("status", &status), ("env", &self.env), ("service", &self.service), ("limit", &limit)];
        let query: Vec<(&str, &str)> =
            optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        let (text, page) = self.connection.get_json(&["v1", "alerts"], &query)?;
        if self.json { output::json(&text) } else { output::text(&view(&page, terminal_width())) }
    }
}

fn view(page: &AlertsPage, width: Option<usize>) -> String {
    if page.alerts.is_empty() {
        return "No alerts.\n".to_owned();
    }
    let mut table = Table::new(&[
        Column::Text("STATUS"),
        Column::Text("SEVERITY"),
        Column::Text("TITLE"),
        Column::Text("SERVICE"),
        Column::Text("ENV"),
        Column::Text("FROM"),
        Column::Number("TOLD"),
        Column::Whole("SINCE"),
        Column::Whole("LAST TOLD"),
    ]);
    for alert in &page.alerts {
        table.row([
            &alert.status,
            &alert.severity,
            &alert.title,
            alert.service.as_ref().unwrap_or(&String::new()),
            alert.env.as_ref().unwrap_or(&String::new()),
            &alert.provider,
            &alert.times.to_string(),
            &to_the_second(since(alert)),
            &to_the_second(&alert.last_at),
        ]);
    }
    let mut out = table.render(width);
    if page.has_more {
        out.push_str("There are more: --limit shows them.\n");
    }
    out
}

/// When it came to have its status.
fn since(alert: &Alert) -> &str {
    alert.history.last().map_or(&alert.started_at, |change| &change.at)
}
