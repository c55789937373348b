//! `casebook incident`: one incident, outside its report, and what people do to it.

mod act;

use api::Incident;
use clap::Args;
use model::IncidentId;

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::Fields;
use crate::time::to_the_second;

/// Shows one incident, or does something to it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook incident inc_4f0c2a9d1b7e6358
  casebook incident inc_4f0c2a9d1b7e6358 --json
  casebook incident inc_4f0c2a9d1b7e6358 ack --actor ada
  casebook incident inc_4f0c2a9d1b7e6358 silence --for 2h")]
pub(crate) struct ShowIncident {
    /// Its id: inc_ and 16 hex digits
    id: IncidentId,
    #[command(subcommand)]
    act: Option<act::Act>,
    /// Who acts, for the timeline and the audit
    #[arg(long, value_name = "NAME", env = "CASEBOOK_ACTOR", global = true)]
    actor: Option<String>,
    /// Print the server's JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl ShowIncident {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        if let Some(act) = self.act {
            return act.run(&self.connection, self.id, self.actor, self.json);
        }
        let (text, incident) = self.connection.get_json(&["v1", "incidents", &self.id.to_string()], &[])?;
        if self.json { output::json(&text) } else { output::text(&view(&incident)) }
    }
}

fn view(incident: &Incident) -> String {
    let mut fields = Fields::default();
    fields.field("Incident", &incident.id);
    fields.field("Summary", &incident.summary);
    fields.field("State", &state(incident));
    fields.field("Severity", &format!("{} of 5, 1 being the gravest", incident.severity));
    fields.field("Environment", &incident.env);
    fields.field("Cause", &cause(incident));
    fields.field("Origin", incident.origin_service.as_deref().unwrap_or("unknown"));
    fields.field("Affected", &format!("{} requests", incident.requests_affected));
    fields.field("Started", &to_the_second(&incident.started_at));
    fields.field("Detected", &to_the_second(&incident.detected_at));
    fields.field("Updated", &to_the_second(&incident.updated_at));
    if let Some(resolved_at) = &incident.resolved_at {
        fields.field("Resolved", &to_the_second(resolved_at));
    }
    people(incident, &mut fields);
    match &incident.report_hash {
        Some(hash) => fields.field("Report", hash),
        None => fields.field("Report", "none yet"),
    }
    let mut out = fields.render();
    if incident.report_hash.is_some() {
        out.push_str(&format!("\nRead it: casebook report {}\n", crate::escape::line(&incident.id)));
    }
    out
}

/// What people said of it, where they said something.
fn people(incident: &Incident, fields: &mut Fields) {
    if let Some(by) = &incident.acknowledged_by {
        let at = incident.acknowledged_at.as_deref().map(to_the_second).unwrap_or_default();
        fields.field("Acknowledged", &format!("by {by} at {at}"));
    }
    if let Some(assignee) = &incident.assignee {
        fields.field("Assigned to", assignee);
    }
    if let Some(until) = &incident.silenced_until {
        fields.field("Silenced until", &to_the_second(until));
    }
    if let Some(other) = &incident.merged_into {
        fields.field("Merged into", other);
    }
    for link in &incident.links {
        let said =
            if link.title == link.url { link.url.clone() } else { format!("{}: {}", link.title, link.url) };
        fields.field("Link", &said);
    }
}

fn state(incident: &Incident) -> String {
    match incident.reopened {
        0 => incident.state.clone(),
        1 => format!("{}, reopened once", incident.state),
        times => format!("{}, reopened {times} times", incident.state),
    }
}

fn cause(incident: &Incident) -> String {
    match &incident.cause.subject {
        Some(subject) => format!("{}: {subject}", incident.cause.kind),
        None => incident.cause.kind.clone(),
    }
}
