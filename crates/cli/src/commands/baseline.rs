//! `casebook accept-baseline`: what everything, an environment or a service did until now is normal.

use api::{BaselineAccepted, BaselineRequest};
use clap::Args;
use model::Nanos;

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::time::instant;
use crate::{escape, output};

/// Says that up to a time nothing was wrong: what was seen until then is the baseline
///
/// For a new installation, and after a change that was meant. What one incident's symptoms do is accepted with
/// `casebook incident ID accept-baseline`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook accept-baseline --actor ada
  casebook accept-baseline --env staging
  casebook accept-baseline --env prod --service checkout --until 2026-11-21T09:30:00Z")]
pub(crate) struct AcceptBaseline {
    /// Up to when, in RFC 3339; up to now if left out
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Nanos>,
    /// Only of this environment
    #[arg(long)]
    env: Option<String>,
    /// Only of this service
    #[arg(long)]
    service: Option<String>,
    /// Who says so, for the audit
    #[arg(long, value_name = "NAME", env = "CASEBOOK_ACTOR")]
    actor: Option<String>,
    /// Print the server's JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl AcceptBaseline {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let until = self.until.unwrap_or_else(server::now).to_rfc3339();
        let request = BaselineRequest { until, env: self.env, service: self.service, actor: self.actor };
        let (text, accepted): (_, BaselineAccepted) =
            self.connection.post_json(&["v1", "baseline"], &request)?;
        if self.json {
            return output::json(&text);
        }
        let of = match (&request.service, &request.env) {
            (Some(service), Some(env)) => format!(" of {service} in {env}"),
            (Some(service), None) => format!(" of {service}"),
            (None, Some(env)) => format!(" in {env}"),
            (None, None) => String::new(),
        };
        output::text(&format!(
            "What was seen{} until {} is the baseline; journaled at {}.\n",
            escape::line(&of),
            escape::line(&accepted.until),
            accepted.position,
        ))
    }
}
