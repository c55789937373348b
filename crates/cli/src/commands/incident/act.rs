//! `casebook incident ID ACTION`: what people do to an incident. The server says whether it fits.

use std::time::Duration;

use api::{Action, ActionAccepted, ActionRequest};
use clap::{Args, Subcommand};
use model::{IncidentId, Nanos};

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::time::instant;
use crate::{escape, output};

#[derive(Debug, Subcommand)]
pub(super) enum Act {
    /// Says that somebody has taken notice of it
    #[command(after_help = "Example:\n  casebook incident inc_4f0c2a9d1b7e6358 ack --actor ada")]
    Ack,
    /// Gives it to a person or team, or with --nobody takes it away
    #[command(after_help = "Examples:
  casebook incident inc_4f0c2a9d1b7e6358 assign payments
  casebook incident inc_4f0c2a9d1b7e6358 assign --nobody")]
    Assign(Assign),
    /// Puts words on its timeline
    #[command(
        after_help = "Example:\n  casebook incident inc_4f0c2a9d1b7e6358 comment 'rolled back at 14:05'"
    )]
    Comment { text: String },
    /// Lets another incident absorb it
    #[command(after_help = "Example:\n  casebook incident inc_4f0c2a9d1b7e6358 merge inc_00c1d2e3f4a5b697")]
    Merge {
        /// The incident that absorbs it
        into: IncidentId,
    },
    /// Makes the symptoms of some services an incident of their own
    #[command(after_help = "Example:\n  casebook incident inc_4f0c2a9d1b7e6358 split search recommendations")]
    Split {
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// Says that it is over
    #[command(after_help = "Example:\n  casebook incident inc_4f0c2a9d1b7e6358 resolve --actor ada")]
    Resolve,
    /// Lets nobody be notified of it for a time; a later silence replaces it
    #[command(after_help = "Examples:
  casebook incident inc_4f0c2a9d1b7e6358 silence --for 2h
  casebook incident inc_4f0c2a9d1b7e6358 silence --until 2026-11-21T18:00:00Z")]
    Silence(Silence),
    /// Says that what its symptoms do now is normal; resolves it
    #[command(after_help = "Example:\n  casebook incident inc_4f0c2a9d1b7e6358 accept-baseline --actor ada")]
    AcceptBaseline,
    /// Puts an address to it, http or https
    #[command(after_help = "Example:
  casebook incident inc_4f0c2a9d1b7e6358 link https://wiki.example.org/outage --title 'Outage notes'")]
    Link {
        url: String,
        #[arg(long)]
        title: Option<String>,
    },
}

#[derive(Debug, Args)]
#[group(required = true)]
pub(super) struct Assign {
    /// A person or team
    assignee: Option<String>,
    /// Nobody has it from now on
    #[arg(long, conflicts_with = "assignee")]
    nobody: bool,
}

#[derive(Debug, Args)]
#[group(required = true)]
pub(super) struct Silence {
    /// For how long, such as 30m, 2h or 1d
    #[arg(long = "for", value_name = "DURATION", value_parser = runtime::config::value::duration)]
    lasting: Option<Duration>,
    /// Until when, in RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "lasting", value_parser = instant)]
    until: Option<Nanos>,
}

impl Act {
    pub(super) fn run(
        self,
        connection: &Connection,
        incident: IncidentId,
        actor: Option<String>,
        json: bool,
    ) -> Result<Exit, Failure> {
        let request = ActionRequest { actor, ..self.request() };
        let id = incident.to_string();
        let (text, accepted): (_, ActionAccepted) =
            connection.post_json(&["v1", "incidents", &id, "actions"], &request)?;
        if json {
            return output::json(&text);
        }
        let action = accepted.action.as_str();
        output::text(&format!(
            "{action} of {id} is journaled at {}; `casebook audit --incident {id}` shows what became of it.\n",
            accepted.position,
            id = escape::line(&accepted.incident_id),
        ))
    }

    fn request(self) -> ActionRequest {
        let plain = |action| ActionRequest { action, ..ActionRequest::default() };
        match self {
            Self::Ack => plain(Action::Acknowledge),
            Self::Resolve => plain(Action::Resolve),
            Self::AcceptBaseline => plain(Action::AcceptBaseline),
            Self::Assign(assign) => ActionRequest { assignee: assign.assignee, ..plain(Action::Assign) },
            Self::Comment { text } => ActionRequest { text: Some(text), ..plain(Action::Comment) },
            Self::Merge { into } => ActionRequest { into: Some(into.to_string()), ..plain(Action::Merge) },
            Self::Split { services } => ActionRequest { services: Some(services), ..plain(Action::Split) },
            Self::Silence(silence) => {
                let until = silence.end().to_rfc3339();
                ActionRequest { until: Some(until), ..plain(Action::Silence) }
            }
            Self::Link { url, title } => ActionRequest { url: Some(url), title, ..plain(Action::Link) },
        }
    }
}

impl Silence {
    fn end(&self) -> Nanos {
        let lasting = self.lasting.unwrap_or_default().as_nanos();
        let from_now = || server::now().saturating_add(u64::try_from(lasting).unwrap_or(u64::MAX));
        self.until.unwrap_or_else(from_now)
    }
}
