//! `casebook rca required`: whether an incident needs an RCA, and which rule says so. It decides nothing by itself.

use clap::Args;
use model::{IncidentId, Nanos};
use register::rca::{Answer, Criterion, Known, Verdict, is_layer};
use serde_json::json;

use super::folder::Folder;
use super::source::Source;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Table, terminal_width};
use crate::time::instant;
use crate::{escape, output};

/// The words for severities.
pub(super) const SEVERITIES: [&str; 4] = ["SEV-1", "SEV-2", "SEV-3", "SEV-4"];

/// Says whether an incident needs an RCA, and which rule decides
///
/// It does if it was SEV-1, if the same owner layer broke before, if recovery needed more than one layer, or if finding the
/// owner took more than half of the outage. When it started, was detected and was over is taken from the incident's
/// newest report, everything else from the options. Ends with 4 if an RCA is required and none is written, or if that is
/// not known.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook rca required inc_4f0c2a9d1b7e6358 --severity SEV-1
  casebook rca required inc_4f0c2a9d1b7e6358 --severity SEV-3 --owner-layer payments --layers-crossed payments,shop \\
      --owner-identified 2026-11-21T18:20:00Z --mitigated 2026-11-21T18:31:00Z
  casebook rca required --report report.json --severity SEV-2 --json")]
pub(super) struct Required {
    /// The incident: inc_ and 16 hex digits
    #[arg(value_name = "INCIDENT", required_unless_present = "report")]
    incident: Option<IncidentId>,
    /// How bad it was: SEV-1 (the worst) to SEV-4
    #[arg(long, value_name = "SEV", value_parser = SEVERITIES)]
    severity: Option<String>,
    /// The part of the system that owns the defect
    #[arg(long, value_name = "LAYER", value_parser = layer)]
    owner_layer: Option<String>,
    /// The parts in which something had to be done to recover
    #[arg(long, value_name = "LAYERS", value_delimiter = ',', value_parser = layer)]
    layers_crossed: Vec<String>,
    /// When it was detected, if not when the report says
    #[arg(long, value_name = "TIME", value_parser = instant)]
    detected: Option<Nanos>,
    /// When its owner was known
    #[arg(long, value_name = "TIME", value_parser = instant)]
    owner_identified: Option<Nanos>,
    /// When users were well again, if not when the report says that it was resolved
    #[arg(long, value_name = "TIME", value_parser = instant)]
    mitigated: Option<Nanos>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    source: Source,
}

/// For an option that names a layer.
pub(super) fn layer(text: &str) -> Result<String, String> {
    match is_layer(text) {
        true => Ok(text.to_owned()),
        false => Err("expected a part of the system, such as payments or edge/proxy".to_owned()),
    }
}

impl Required {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let archived = self.source.read(self.incident)?;
        let (report, incident) = (&archived.report, archived.report.incident());
        let known = Known {
            incident: Some(&incident),
            severity: self.severity.as_deref(),
            owner_layer: self.owner_layer.as_deref(),
            layers_crossed: &self.layers_crossed,
            started: Some(report.started),
            detected: Some(self.detected.unwrap_or(report.detected)),
            owner_identified: self.owner_identified,
            ended: self.mitigated.or(report.resolved),
        };
        in_order(&known)?;
        let register = self.folder.read_if_there()?;
        let found = register::rca::required(&known, &register.entries());
        match self.json {
            true => output::json(&format!("{:#}", page(&incident, &found)))?,
            false => output::text(&self.text(&incident, &found))?,
        };
        Ok(match found.verdict {
            Verdict::NotRequired => Exit::Ok,
            _ if !found.written.is_empty() => Exit::Ok,
            _ => Exit::Server,
        })
    }

    fn text(&self, incident: &str, found: &register::rca::Required) -> String {
        let said = match found.verdict {
            Verdict::Required => "an RCA is required",
            Verdict::NotRequired => "no RCA is required",
            Verdict::Unknown => "whether an RCA is required is not known",
        };
        let mut table = Table::new(&[Column::Whole("ANSWER"), Column::Whole("RULE"), Column::Text("WHY")]);
        for (criterion, answer) in &found.answers {
            let why = match answer {
                Answer::Yes(why) | Answer::No(why) => why.clone(),
                Answer::Unknown(what) => format!("not known: {what}; say it with {}", flag(*criterion)),
            };
            table.row([word(answer), criterion.what(), &why]);
        }
        let mut out = format!("{}: {said}\n\n{}", escape::line(incident), table.render(terminal_width()));
        for id in &found.written {
            let path = self.folder.path(&format!("{id}.md"));
            out.push_str(&format!("\nIt is written: {}\n", escape::line(&path)));
        }
        if found.verdict == Verdict::Required && found.written.is_empty() {
            let next = format!("casebook rca new --from-incident {incident} --author NAME");
            out.push_str(&format!("\nWrite it: {}\n", escape::line(&next)));
        }
        out
    }
}

/// Which option says what one has to know.
fn flag(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::Severity => "--severity",
        Criterion::SameOwner => "--owner-layer",
        Criterion::ManyLayers => "--layers-crossed",
        Criterion::SlowOwner => "--owner-identified and --mitigated",
    }
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Yes(_) => "yes",
        Answer::No(_) => "no",
        Answer::Unknown(_) => "unknown",
    }
}

fn page(incident: &str, found: &register::rca::Required) -> serde_json::Value {
    let answers: Vec<_> = found
        .answers
        .iter()
        .map(|(criterion, answer)| {
            let why = match answer {
                Answer::Yes(why) | Answer::No(why) => why.as_str(),
                Answer::Unknown(what) => what,
            };
            json!({ "rule": criterion.as_str(), "answer": word(answer), "why": why })
        })
        .collect();
    json!({
        "schema": "casebook.rca-required/v1",
        "incident": incident,
        "verdict": found.verdict.as_str(),
        "answers": answers,
        "documents": found.written,
    })
}

/// What is said beside the report has to fit it.
fn in_order(known: &Known<'_>) -> Result<(), Failure> {
    let times = [
        ("the start in the report", known.started),
        ("detected", known.detected),
        ("owner-identified", known.owner_identified),
        ("mitigated", known.ended),
    ];
    let known: Vec<(&str, Nanos)> = times.into_iter().filter_map(|(name, at)| Some((name, at?))).collect();
    for pair in known.windows(2) {
        if let [(before, earlier), (name, later)] = pair
            && later < earlier
        {
            let said = format!("{name}, {later}, comes before {before}, {earlier}");
            return Err(Failure::new(Exit::Usage, said));
        }
    }
    Ok(())
}
