//! `casebook bundle`: a labelled case of a real incident. The server streams the inputs; what is kept of them, and what
//! the label says, is decided here.

mod label;
mod place;
mod progress;
mod window;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use api::{BundleEnd, BundleFrame, BundleHead, Incident, ReportRef, ReportsPage};
use cases::{CaseWriter, InputKind, InputLine, LINE_BYTES_MAX, Redaction, Selection};
use clap::Args;
use engine::report::Report;
use model::{CauseKind, IncidentId, Nanos};

use crate::client::Connection;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::time::instant;
use label::{Exported, Said};
use place::Place;
use progress::Progress;
use window::Window;

/// Makes a labelled case of an incident, for `casebook eval`
///
/// The case holds what the server was sent from some time before the incident began until some time after it ended: the
/// telemetry of the services that the report names, and all signals, deployments, alerts and actions. Its truth is what
/// the report says, but for what you say better. Bodies and user ids stand in it as they were sent, unless --redact is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook bundle inc_4f0c2a9d1b7e6358 --out cases/card-provider-outage
  casebook bundle inc_4f0c2a9d1b7e6358 --out cases/outage --before 3h --all-services
  casebook bundle inc_4f0c2a9d1b7e6358 --out cases/outage --redact
  casebook bundle inc_4f0c2a9d1b7e6358 --out cases/bad-deploy --service checkout --cause deploy --change d-81
  casebook eval cases/card-provider-outage")]
pub(crate) struct Bundle {
    /// The incident's id: inc_ and 16 hex digits
    id: IncidentId,
    /// The folder to make; it must not be there yet, or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How much to take from before the incident began
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = runtime::config::value::duration)]
    before: Duration,
    /// How much to take from after it was resolved
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = runtime::config::value::duration)]
    after: Duration,
    /// The telemetry of all services, not only of those that the report names
    #[arg(long)]
    all_services: bool,
    /// Write users, texts for people and values that the engine does not read as words without meaning
    #[arg(long)]
    redact: bool,
    /// Up to this time nothing was wrong, in RFC 3339
    #[arg(long, value_name = "TIME", value_parser = instant)]
    baseline_until: Option<Nanos>,
    /// The truth: where the fault was; what the report says if left out, several times where several are right
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// The truth: the kind of the cause; several times where several are right
    #[arg(long, value_name = "KIND", value_parser = cause)]
    cause: Vec<CauseKind>,
    /// The truth: id of the guilty deployment or config signal, or none
    #[arg(long, value_name = "ID")]
    change: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

fn cause(text: &str) -> Result<CauseKind, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "expected deploy, config, dependency, runtime, traffic, app or unknown".to_owned())
}

/// What the lines came to.
#[derive(Debug, Default)]
struct Stream {
    head: Option<BundleHead>,
    end: Option<BundleEnd>,
    first: Option<Nanos>,
    last: Option<Nanos>,
    kept: u64,
}

impl Bundle {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let place = Place::claim(&self.out)?;
        let id = self.id.to_string();
        let (_, incident): (_, Incident) = self.connection.get_json(&["v1", "incidents", &id], &[])?;
        let (_, report): (_, Report) =
            self.connection.get_json(&["v1", "incidents", &id, "report"], &[("format", "json")])?;
        let window = Window::around(&incident, &report, self.before, self.after)?;
        let mut selection = Selection::of(&report);
        self.service.iter().for_each(|service| selection.add(service));
        let selection = (!self.all_services).then_some(selection);
        let (stream, writer) = self.take(&id, &window, selection.as_ref(), &place)?;
        let exported = self.judged(stream, &window, &id)?;
        let said = Said {
            name: label::name_of(&self.out),
            services: self.service,
            causes: self.cause,
            change: self.change,
            baseline_until: self.baseline_until,
            is_redacted: self.redact,
        };
        let is_exact =
            exported.is_whole && self.all_services && !self.redact && said.baseline_until.is_none();
        let case = label::case(said, &report, &exported, is_exact)?;
        writer.finish(&case).map_err(|error| place.failed(&error))?;
        place.put()?;
        if let Some(lacks) = window.shortfall(exported.first).filter(|_| !exported.is_whole) {
            let minutes = lacks.as_secs() / 60;
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(
                std::io::stderr(),
                "casebook: the journal lacks the first {minutes} minutes of what was asked for"
            );
        }
        output::text(&label::told(&self.out, &case, &exported, is_exact))
    }

    /// Writes the lines that stay.
    fn take(
        &self,
        id: &str,
        window: &Window,
        selection: Option<&Selection>,
        place: &Place,
    ) -> Result<(Stream, CaseWriter), Failure> {
        let mut writer = CaseWriter::create(place.partial()).map_err(|error| place.failed(&error))?;
        let (from, to) = (window.from.to_rfc3339(), window.to.to_rfc3339());
        let query = [("from", from.as_str()), ("to", to.as_str())];
        let mut stream = Stream::default();
        let mut progress = Progress::new(window);
        let redaction = self.redact.then(|| Redaction::new(server::salt()));
        let path = ["v1", "incidents", id, "bundle"];
        self.connection.each_line(&path, &query, LINE_BYTES_MAX, |text| {
            let misunderstood = |detail: String| self.connection.misunderstood(&detail);
            match serde_json::from_slice::<BundleFrame>(text) {
                Ok(BundleFrame::Head(head)) => {
                    window.check(&head, self.id)?;
                    return stream.begins(head, &mut writer).map_err(|error| place.failed(&error));
                }
                Ok(BundleFrame::End(end)) => {
                    stream.end = Some(end);
                    return Ok(());
                }
                Err(_) => {}
            }
            let line = InputLine::read(text).map_err(misunderstood)?;
            progress.at(line.at);
            let kept = match selection {
                Some(selection) => selection.keep(line),
                None => Some(line),
            };
            let kept = match &redaction {
                Some(redaction) => kept.and_then(|line| redaction.redact(line)),
                None => kept,
            };
            kept.map_or(Ok(()), |line| stream.line(&line, &mut writer)).map_err(|error| place.failed(&error))
        })?;
        progress.done();
        Ok((stream, writer))
    }

    /// What the stream held, if it was whole.
    fn judged(&self, stream: Stream, window: &Window, id: &str) -> Result<Exported, Failure> {
        let broken = || self.connection.misunderstood("it ended before its end line: try again");
        let (head, end) = (stream.head.ok_or_else(broken)?, stream.end.ok_or_else(broken)?);
        let (Some(first), Some(last)) = (stream.first, stream.last) else {
            return Err(window.empty(&head, self.id));
        };
        // The clock is driven to the end: the newest report until then is the one that a run must give.
        let hash = self.report_at(id, last)?;
        Ok(Exported {
            incident: self.id,
            first,
            last,
            lines: stream.kept,
            is_whole: head.is_whole && end.unreadable == 0 && end.damaged == 0,
            head,
            end,
            report_hash: hash,
        })
    }

    /// The newest report that was made by then.
    fn report_at(&self, id: &str, last: Nanos) -> Result<String, Failure> {
        let mut newest: Option<ReportRef> = None;
        let mut cursor: Option<String> = None;
        loop {
            let query: Vec<(&str, &str)> =
                cursor.as_deref().map(|cursor| ("cursor", cursor)).into_iter().collect();
            let (_, page): (_, ReportsPage) =
                self.connection.get_json(&["v1", "incidents", id, "reports"], &query)?;
            let until =
                |report: &ReportRef| Nanos::parse_rfc3339(&report.tick).is_ok_and(|tick| tick <= last);
            newest = page.reports.into_iter().rfind(until).or(newest);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let none = || {
            let message =
                format!("{id} had no report at {last}, where the inputs end; a larger --after reaches one");
            Failure::new(Exit::Usage, message)
        };
        newest.map(|report| report.hash).ok_or_else(none)
    }
}

impl Stream {
    /// A journal that is not whole begins without its configuration: the server's stands in for it.
    fn begins(&mut self, head: BundleHead, writer: &mut CaseWriter) -> Result<(), cases::CaseError> {
        if !head.is_whole {
            let at =
                Nanos::parse_rfc3339(head.journal_from.as_deref().unwrap_or_default()).unwrap_or(Nanos(0));
            let text = serde_json::Value::from(head.configuration.as_str()).to_string();
            let configure = InputLine {
                number: 0,
                at,
                kind: InputKind::Configure,
                provider: None,
                body: text.into_bytes(),
            };
            writer.line(&configure)?;
        }
        self.head = Some(head);
        Ok(())
    }

    fn line(&mut self, line: &InputLine, writer: &mut CaseWriter) -> Result<(), cases::CaseError> {
        self.first = Some(self.first.map_or(line.at, |first| first.min(line.at)));
        self.last = Some(self.last.map_or(line.at, |last| last.max(line.at)));
        self.kept += 1;
        writer.line(line)
    }
}
