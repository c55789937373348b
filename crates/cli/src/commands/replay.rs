//! `casebook replay`: derives reports from a journal, and compares them with the archived ones.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use model::Nanos;
use server::{DataDirError, Difference, Progress, ReplayError, ReplayOutcome, ReplayRequest, Verification};

use crate::exit::{Exit, Failure};
use crate::output;
use crate::table::{Column, Table, terminal_width};
use crate::time::to_the_second;

const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// Further differences are counted only.
const DIFFERENCES_SHOWN_MAX: usize = 20;

/// Reads a journal again and derives its reports anew
///
/// The server of the data directory must be stopped; nothing is changed. Exit code 4 says that a report does not
/// agree.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook replay --data /var/lib/casebook
  casebook replay --data /var/lib/casebook --verify
  casebook replay --data /var/lib/casebook --until 2026-11-21T03:00:00Z")]
pub(crate) struct Replay {
    /// The data directory of the server
    #[arg(long, value_name = "DIR", env = "CASEBOOK_DATA", hide_env_values = true)]
    data: PathBuf,
    /// Stop at the last tick at or before this time
    #[arg(long, value_name = "TIME", value_parser = Nanos::parse_rfc3339)]
    until: Option<Nanos>,
    /// Compare the hash of every report with the archived one
    #[arg(long)]
    verify: bool,
    /// Into how many parts the engine's summaries are cut; it changes no report
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    shards: u16,
}

impl Replay {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let async_runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Server, format!("no threads can be started: {error}")))?;
        let request = ReplayRequest {
            data: self.data,
            until: self.until,
            verify: self.verify,
            shards: usize::from(self.shards),
        };
        let begun = Instant::now();
        let outcome = async_runtime
            .block_on(server::replay(request, progress()))
            .map_err(|error| Failure::new(exit(&error), told(&error)))?;
        output::text(&summary(&outcome, begun.elapsed()))?;
        Ok(if is_sound(&outcome) { Exit::Ok } else { Exit::Server })
    }
}

fn exit(error: &ReplayError) -> Exit {
    match error {
        ReplayError::Data(_) | ReplayError::Running(_) | ReplayError::Open(_) => Exit::Usage,
        ReplayError::Journal(_) | ReplayError::Store(_) | ReplayError::Archive(_) => Exit::Server,
    }
}

/// Where nothing is found, the wrong directory was most likely named.
fn told(error: &ReplayError) -> String {
    match error {
        ReplayError::Data(DataDirError::Io { error: io, .. })
            if matches!(io.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            format!(
                "no server has kept data here: {error}; --data is the directory that `casebook serve` was given"
            )
        }
        error => error.to_string(),
    }
}

/// A line on standard error now and then, rewritten where somebody watches.
fn progress() -> impl FnMut(Progress) + Send + 'static {
    let mut shown = Instant::now();
    let end = if std::io::stderr().is_terminal() { "\r" } else { "\n" };
    move |progress| {
        if shown.elapsed() < PROGRESS_EVERY {
            return;
        }
        shown = Instant::now();
        let percent = progress.bytes.saturating_mul(100) / progress.bytes_total.max(1);
        let (entries, reports) = (progress.entries, progress.reports);
        // Nobody is left to tell when standard error is closed.
        let _ = write!(std::io::stderr(), "{percent:3} %, {entries} entries, {reports} reports{end}");
    }
}

/// Nothing that was to be compared disagrees, and everything could be read.
fn is_sound(outcome: &ReplayOutcome) -> bool {
    let agrees = |found: &Verification| found.differences.is_empty() && found.snapshots_different.is_empty();
    outcome.verification.as_ref().is_none_or(agrees) && outcome.undecodable == 0
}

fn summary(outcome: &ReplayOutcome, took: Duration) -> String {
    let mut text = incidents(outcome);
    text.push_str(&format!(
        "Read {} and derived {} of {} in {:.1} s.\n",
        counted(outcome.entries, "journal entry", "journal entries"),
        counted(outcome.reports, "report", "reports"),
        counted(outcome.incidents.len() as u64, "incident", "incidents"),
        took.as_secs_f64()
    ));
    if let Some(from) = outcome.from {
        let from = to_the_second(&from.to_rfc3339());
        text.push_str(&format!(
            "The journal's beginning is gone; the replay began behind the tick at {from}.\n"
        ));
    }
    if outcome.undecodable > 0 {
        text.push_str(&format!(
            "{} entries do not decode: were they written by a newer version?\n",
            outcome.undecodable
        ));
    }
    if outcome.corrupt_frames > 0 {
        text.push_str(&format!(
            "{} damaged stretches of the journal were stepped over.\n",
            outcome.corrupt_frames
        ));
    }
    if let Some(verification) = &outcome.verification {
        text.push_str(&verdict(verification));
    }
    text
}

fn incidents(outcome: &ReplayOutcome) -> String {
    if outcome.incidents.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[
        Column::Whole("ID"),
        Column::Whole("STATE"),
        Column::Whole("STARTED"),
        Column::Number("REPORTS"),
        Column::Whole("LAST HASH"),
        Column::Text("SUMMARY"),
    ]);
    for replayed in &outcome.incidents {
        let incident = &replayed.incident;
        let started = to_the_second(&incident.started_at.to_rfc3339());
        let hash: String = incident.report_hash.chars().take(16).collect();
        let (id, reports) = (incident.id.to_string(), replayed.reports.to_string());
        table.row([&id, incident.state.as_str(), &started, &reports, &hash, &incident.summary]);
    }
    table.render(terminal_width()) + "\n"
}

fn verdict(verification: &Verification) -> String {
    let Verification { agreed, differences, out_of_range, pending, .. } = verification;
    let mut text = String::new();
    for difference in differences.iter().take(DIFFERENCES_SHOWN_MAX) {
        text.push_str(&describe(difference));
    }
    if differences.len() > DIFFERENCES_SHOWN_MAX {
        text.push_str(&format!("... and {} more\n", differences.len() - DIFFERENCES_SHOWN_MAX));
    }
    if *out_of_range > 0 {
        text.push_str(&format!("{out_of_range} archived reports lie outside of what was replayed.\n"));
    }
    if *pending > 0 {
        text.push_str(&format!(
            "{pending} reports were not archived yet when the server stopped; its next start does that.\n"
        ));
    }
    for path in &verification.snapshots_different {
        let path = path.display();
        text.push_str(&format!(
            "The snapshot {path} holds another state than the journal gives; remove it.\n"
        ));
    }
    if verification.snapshots_agreed > 0 {
        let held = counted(verification.snapshots_agreed, "snapshot holds", "snapshots hold");
        text.push_str(&format!("{held} the state that the journal gives.\n"));
    }
    match (differences.len(), *agreed) {
        (0, 0) => text.push_str("Nothing was verified: no report lies within what was replayed.\n"),
        (0, agreed) => {
            let derived = counted(agreed, "report", "reports");
            text.push_str(&format!("Verified: {derived} re-derived, every hash agrees.\n"));
        }
        (count, agreed) => {
            let agreed = counted(agreed, "report agrees", "reports agree");
            let different = counted(count as u64, "does", "do");
            text.push_str(&format!("NOT VERIFIED: {agreed}, {different} not.\n"));
        }
    }
    text
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn describe(difference: &Difference) -> String {
    match difference {
        Difference::NotDerived { incident, tick, archived } => {
            format!("{incident} at {tick}: {archived} is archived, but the journal does not give it\n")
        }
        Difference::NotArchived { incident, tick, derived } => {
            format!("{incident} at {tick}: the journal gives {derived}, but it is not archived\n")
        }
        Difference::Hash { incident, tick, archived, derived } => {
            format!("{incident} at {tick}: {archived} is archived, but the journal gives {derived}\n")
        }
    }
}
