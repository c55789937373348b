//! `casebook notifications`: who was told of incidents, and who could not be.

use api::{Notification, NotificationsPage};
use clap::{Args, ValueEnum};
use model::IncidentId;

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::time::to_the_second;

/// Lists who was told of incidents and who could not be, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook notifications --state dead
  casebook notifications --incident inc_4f0c2a9d1b7e6358
  casebook notifications --retry ntf_6f1a0c2b9d3e4f5a6b7c8d9e")]
pub(crate) struct Notifications {
    /// Which: those that wait, were sent, or were given up
    #[arg(long, value_enum, default_value_t = State::All)]
    state: State,
    /// Only for this target
    #[arg(long)]
    target: Option<String>,
    /// Only of this incident
    #[arg(long, value_name = "INCIDENT")]
    incident: Option<IncidentId>,
    /// How many at most
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: Option<u32>,
    /// Go on behind an earlier list: its next_cursor
    #[arg(long)]
    cursor: Option<String>,
    /// Try this one again, which waits or was given up
    #[arg(long, value_name = "ID", conflicts_with_all = ["target", "incident", "limit", "cursor"])]
    retry: Option<String>,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    All,
    Pending,
    Sent,
    Dead,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}

impl Notifications {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if let Some(id) = &self.retry {
            let path = ["v1", "notifications", id.as_str(), "retry"];
            let (text, again): (String, Notification) =
                self.connection.post_json(&path, &serde_json::json!({}))?;
            return if self.json { output::json(&text) } else { output::text(&table(&[again])) };
        }
        let (limit, incident) =
            (self.limit.map(|limit| limit.to_string()), self.incident.map(|id| id.to_string()));
        let optional =
            [("target", &self.target), ("incident", &incident), ("limit", &limit), ("cursor", &self.cursor)];
        let given = optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let query: Vec<(&str, &str)> = [("state", self.state.as_str())].into_iter().chain(given).collect();
        let (text, page) = self.connection.get_json(&["v1", "notifications"], &query)?;
        if self.json { output::json(&text) } else { output::text(&view(&page)) }
    }
}

fn view(page: &NotificationsPage) -> String {
    if page.notifications.is_empty() {
        return "No notifications.\n".to_owned();
    }
    let mut out = table(&page.notifications);
    if let Some(cursor) = &page.next_cursor {
        out.push_str(&format!("There are more: --cursor {}\n", crate::escape::line(cursor)));
    }
    out
}

fn table(notifications: &[Notification]) -> String {
    let mut table = Table::new(&[
        Column::Whole("ID"),
        Column::Text("TARGET"),
        Column::Whole("EVENT"),
        Column::Whole("INCIDENT"),
        Column::Whole("AT"),
        Column::Whole("STATE"),
        Column::Number("TRIED"),
        Column::Text("ERROR"),
    ]);
    for one in notifications {
        table.row([
            &one.id,
            &one.target,
            &one.event,
            &one.incident_id,
            &to_the_second(&one.at),
            &one.state,
            &one.attempts.to_string(),
            one.error.as_deref().unwrap_or(""),
        ]);
    }
    table.render(terminal_width())
}
