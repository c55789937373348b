//! `casebook report`: the stored bytes, or their rendering. The bytes are checked against their hash on the way.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use model::IncidentId;
use sha2::{Digest, Sha256};

use crate::client::{Answer, Connection};
use crate::exit::{Exit, Failure};
use crate::{escape, output};

/// Shows an incident's newest report, or any archived one by its hash
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook report inc_4f0c2a9d1b7e6358
  casebook report inc_4f0c2a9d1b7e6358 --format json | sha256sum
  casebook report inc_4f0c2a9d1b7e6358 --format html > report.html
  casebook report 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub(crate) struct Report {
    /// An incident's id (inc_ and 16 hex digits) or a report's hash (64 hex digits)
    id: ReportId,
    /// Markdown to read, a page to print, a message for Slack, a note for PagerDuty, or the canonical JSON, byte for
    /// byte as it is archived
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ReportId {
    Incident(IncidentId),
    Hash(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Markdown,
    Html,
    Slack,
    Pagerduty,
}

impl FromStr for ReportId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self::Hash(text.to_ascii_lowercase()));
        }
        text.parse()
            .map(Self::Incident)
            .map_err(|_| "expected an incident id (inc_ and 16 hex digits) or a report hash (64 hex digits)")
    }
}

impl Report {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        match self.format {
            Format::Json => {
                let answer = self.get("json", "application/json")?;
                self.check(&answer)?;
                output::bytes(&answer.body)
            }
            Format::Markdown => self.print("markdown", "text/markdown"),
            Format::Html => self.print("html", "text/html"),
            Format::Pagerduty => self.print("pagerduty", "text/plain"),
            Format::Slack => output::json(&self.text("slack", "application/json")?),
        }
    }

    fn print(&self, format: &str, accept: &str) -> Result<Exit, Failure> {
        let text = self.text(format, accept)?;
        output::text(&format!("{}\n", escape::lines(text.trim_end())))
    }

    fn text(&self, format: &str, accept: &str) -> Result<String, Failure> {
        let answer = self.get(format, accept)?;
        String::from_utf8(answer.body).map_err(|_| self.connection.misunderstood("it is not UTF-8"))
    }

    fn get(&self, format: &str, accept: &str) -> Result<Answer, Failure> {
        let query = [("format", format)];
        match &self.id {
            ReportId::Incident(id) => {
                self.connection.get(&["v1", "incidents", &id.to_string(), "report"], &query, accept)
            }
            ReportId::Hash(hash) => self.connection.get(&["v1", "reports", hash], &query, accept),
        }
    }

    /// The hash that was asked for or, for an incident's newest report, the one that the server names.
    fn check(&self, answer: &Answer) -> Result<(), Failure> {
        match (&self.id, &answer.etag) {
            (ReportId::Hash(hash), _) => check(&answer.body, hash),
            (ReportId::Incident(_), Some(etag)) => check(&answer.body, etag),
            (ReportId::Incident(_), None) => Err(without_hash(&self.connection)),
        }
    }
}

/// The newest report of an incident, byte for byte as it is archived, and its hash.
pub(crate) fn newest(connection: &Connection, id: IncidentId) -> Result<(Vec<u8>, String), Failure> {
    let path = ["v1", "incidents", &id.to_string(), "report"];
    let Answer { body, etag } = connection.get(&path, &[("format", "json")], "application/json")?;
    let etag = etag.ok_or_else(|| without_hash(connection))?;
    check(&body, &etag)?;
    Ok((body, etag))
}

/// By which an archived report is known.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn without_hash(connection: &Connection) -> Failure {
    connection.misunderstood("the report comes without its hash")
}

fn check(bytes: &[u8], expected: &str) -> Result<(), Failure> {
    let actual = hash(bytes);
    if actual == expected {
        return Ok(());
    }
    let message = format!(
        "the report's bytes have hash {actual}, but it should be {}: it was changed on its way or is damaged; \
         `casebook replay --verify` on the server's data tells which",
        escape::line(expected)
    );
    Err(Failure::new(Exit::Server, message))
}
