//! `casebook audit`: what people did, what the server did by itself, and who was refused.

use api::{AuditAction, AuditDetails, AuditEntry, AuditOutcome, AuditPage};
use clap::{Args, ValueEnum};
use model::IncidentId;

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::time::to_the_second;

/// Lists what people did to incidents and baselines, who was refused, and the server's own changes, newest first
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook audit
  casebook audit --incident inc_4f0c2a9d1b7e6358
  casebook audit --outcome denied
  casebook audit --actor ada --action merge --json")]
pub(crate) struct Audit {
    /// Only what concerns this incident
    #[arg(long, value_name = "ID")]
    incident: Option<IncidentId>,
    /// Only by this person
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action
    #[arg(long, value_name = "ACTION", value_parser = AuditAction::ALL.map(AuditAction::as_str))]
    action: Option<String>,
    /// Only what was done, what was refused when its turn came, or requests of callers who may not
    #[arg(long)]
    outcome: Option<Outcome>,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    Done,
    Refused,
    Denied,
}

impl Audit {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let outcome = self.outcome.map(|outcome| match outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Refused => "refused".to_owned(),
            Outcome::Denied => "denied".to_owned(),
        });
        let optional = [
            ("incident", self.incident.map(|id| id.to_string())),
            ("actor", self.actor),
            ("action", self.action),
            ("outcome", outcome),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("cursor", self.cursor),
        ];
        let query: Vec<(&str, &str)> =
            optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        let (text, page) = self.connection.get_json(&["v1", "audit"], &query)?;
        if self.json { output::json(&text) } else { output::text(&view(&page, terminal_width())) }
    }
}

fn view(page: &AuditPage, width: Option<usize>) -> String {
    if page.entries.is_empty() {
        return "Nobody did anything.\n".to_owned();
    }
    let mut table = Table::new(&[
        Column::Whole("AT"),
        Column::Text("ACTOR"),
        Column::Whole("ACTION"),
        Column::Whole("INCIDENT"),
        Column::Text("OUTCOME"),
        Column::Text("DETAILS"),
    ]);
    for entry in &page.entries {
        table.row([
            &to_the_second(&entry.at),
            if entry.actor.is_empty() { "-" } else { &entry.actor },
            entry.action.as_str(),
            entry.incident_id.as_deref().unwrap_or("-"),
            &outcome(entry),
            &details(entry),
        ]);
    }
    let mut out = table.render(width);
    if let Some(cursor) = &page.next_cursor {
        out.push_str(&format!("There are more: --cursor {}\n", crate::escape::line(cursor)));
    }
    out
}

fn outcome(entry: &AuditEntry) -> String {
    match (entry.outcome, &entry.reason) {
        (AuditOutcome::Done, _) => "done".to_owned(),
        (AuditOutcome::Refused, None) => "refused".to_owned(),
        (AuditOutcome::Refused, Some(reason)) => format!("refused: {reason}"),
        (AuditOutcome::Denied, reason) => format!("denied: {}", reason.as_deref().unwrap_or("-")),
    }
}

fn details(entry: &AuditEntry) -> String {
    let AuditDetails { text, assignee, services, until, link, env, service, denied } = &entry.details;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(text.clone());
    parts.extend(assignee.as_ref().map(|to| format!("to {to}")));
    if !services.is_empty() {
        parts.push(services.join(", "));
    }
    parts.extend(entry.other_incident_id.as_ref().map(|other| format!("other {other}")));
    parts.extend(env.as_ref().map(|env| format!("env {env}")));
    parts.extend(service.as_ref().map(|service| format!("service {service}")));
    parts.extend(until.as_deref().map(|until| format!("until {}", to_the_second(until))));
    parts.extend(link.as_ref().map(|link| format!("{}: {}", link.title, link.url)));
    parts.extend(denied.as_ref().map(|denied| {
        let from = denied.from.as_deref().unwrap_or("many networks");
        let (requests, listener, first) =
            (denied.requests, &denied.listener, to_the_second(&denied.first_at));
        format!("{requests} requests to {listener} from {from} since {first}")
    }));
    parts.join("; ")
}
