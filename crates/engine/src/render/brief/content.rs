//! The report, section by section, in the words that every surface uses.

use std::collections::BTreeMap;

use super::{Block, Brief, Evidence, Said, Section};
use crate::report::{Report, Share};

mod causes;
mod happened;

use causes::{alerts, change, hypotheses, signals, suspects};
use happened::{at_origin, blast_radius, origin_and_propagation, symptoms};

/// The numbers of the evidence list under which ids are cited.
struct Numbers<'a>(BTreeMap<&'a str, usize>);

impl<'a> Numbers<'a> {
    fn of(report: &'a Report) -> Self {
        Self(report.evidence.iter().zip(1..).map(|(part, number)| (part.id.as_str(), number)).collect())
    }

    fn cite(&self, mut said: Said, ids: &[String]) -> Said {
        said.cites = ids.iter().filter_map(|id| self.0.get(id.as_str()).copied()).collect();
        said.cites.sort_unstable();
        said.cites.dedup();
        said
    }

    fn cite_one(&self, said: Said, id: &String) -> Said {
        self.cite(said, std::slice::from_ref(id))
    }
}

pub(super) fn brief(report: &Report) -> Brief {
    let numbers = &Numbers::of(report);
    let id = report.incident.id.to_string();
    let sections = [
        origin_and_propagation(report, numbers),
        change(report, numbers),
        blast_radius(report, numbers),
        hypotheses(report, numbers),
        suspects(report, numbers),
        alerts(report, numbers),
        signals(report, numbers),
        symptoms(report, numbers),
        next_checks(report, numbers),
        timeline(report, numbers),
        warnings(report),
    ];
    let completeness = &report.completeness;
    Brief {
        title: Said::ours("Incident ").and_outside(id).and(": ").and(report.incident.status.as_str()),
        summary: numbers.cite(Said::outside(&report.summary.text), &report.summary.cites),
        lead: vec![
            ("Root cause", root_cause(report, numbers)),
            ("Critical failure", critical_failure(report, numbers)),
            ("Impact", impact(report, numbers)),
        ],
        facts: facts(report),
        sections: sections.into_iter().flatten().collect(),
        completeness: Said::ours("Traces at opening: ")
            .and_outside(&completeness.opening.status)
            .and("; now: ")
            .and_outside(&completeness.latest.status)
            .and("."),
        evidence: report.evidence.iter().map(evidence).collect(),
        foot: Said::ours("Evidence fingerprint ")
            .and_outside(&report.evidence_fingerprint)
            .and(", engine ")
            .and_outside(&report.engine.version)
            .and("."),
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

fn share(share: Share) -> String {
    format!("{} of {}", share.failures, share.requests)
}

fn subject(said: Said, subject: Option<&str>) -> Said {
    match subject {
        Some(subject) => said.and(" (").and_outside(subject).and(")"),
        None => said,
    }
}

fn root_cause(report: &Report, numbers: &Numbers<'_>) -> Said {
    let cause = &report.cause;
    let said = subject(Said::ours(cause.kind.as_str()), cause.subject.as_deref());
    numbers.cite(said.and(format!(", confidence {:.2}", cause.confidence)), &cause.cites)
}

fn critical_failure(report: &Report, numbers: &Numbers<'_>) -> Said {
    match (&report.origin, report.symptoms.first()) {
        (Some(origin), _) => numbers.cite(at_origin(origin), &origin.cites),
        (None, Some(symptom)) => {
            let at = Said::outside(format!("{} {}: {}", symptom.service, symptom.operation, symptom.text));
            numbers.cite_one(at, &symptom.id)
        }
        (None, None) => Said::ours("none could be read"),
    }
}

fn impact(report: &Report, numbers: &Numbers<'_>) -> Said {
    let blast = &report.blast_radius;
    let requests = &blast.requests;
    let said = Said::ours(format!(
        "{} of {} requests at the edge ({}), {}{}; services: ",
        requests.affected,
        requests.total,
        percent(requests.share),
        users(report),
        recorded(report)
    ));
    numbers.cite(said.and_outside(blast.services.join(", ")), &blast.cites)
}

/// What sampled traces do not show is in no number.
fn recorded(report: &Report) -> &'static str {
    let is_sampled = report.instrumentation_warnings.iter().any(|warning| warning.code == "sampled");
    if is_sampled { ", of those that were recorded: traces are sampled" } else { "" }
}

fn users(report: &Report) -> String {
    let users = &report.blast_radius.users;
    let about = if users.exact { "" } else { "about " };
    let noun = if users.affected == 1 { "user" } else { "users" };
    format!("{about}{} {noun}", users.affected)
}

fn facts(report: &Report) -> Vec<(&'static str, Said)> {
    let incident = &report.incident;
    let mut facts = vec![
        ("severity", Said::ours(format!("{} of 5", incident.severity.0))),
        ("environment", Said::outside(&incident.env)),
        ("started", Said::outside(&incident.started_at)),
        ("detected", Said::outside(&incident.detected_at)),
    ];
    if let Some(origin) = &report.origin {
        facts.insert(0, ("origin", Said::outside(&origin.service)));
    }
    if let Some(resolved) = &incident.resolved_at {
        facts.push(("resolved", Said::outside(resolved)));
    }
    if incident.reopened > 0 {
        facts.push(("reopened", Said::ours(format!("{} times", incident.reopened))));
    }
    facts
}

fn section(title: &'static str, short: usize, blocks: Vec<Block>) -> Option<Section> {
    Some(Section { title, short, blocks })
}

fn list(title: &'static str, short: usize, items: Vec<Said>) -> Option<Section> {
    if items.is_empty() { None } else { section(title, short, vec![Block::list(items)]) }
}

fn timeline(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items = report
        .timeline
        .iter()
        .map(|entry| numbers.cite(Said::outside(&entry.at).and(" ").and_outside(&entry.text), &entry.cites));
    list("Timeline", 0, items.collect())
}

fn next_checks(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items = report.next_checks.iter().map(|check| numbers.cite(Said::outside(&check.text), &check.cites));
    list("Next checks", 3, items.collect())
}

fn warnings(report: &Report) -> Option<Section> {
    let items = report.instrumentation_warnings.iter().map(|warning| Said::outside(&warning.text));
    list("Instrumentation warnings", 2, items.collect())
}

fn evidence(part: &crate::report::EvidencePart) -> Evidence {
    Evidence { id: part.id.clone(), digest: part.digest.chars().take(12).collect(), at: part.at.clone() }
}
