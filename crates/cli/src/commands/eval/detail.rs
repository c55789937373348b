//! One case in full: truth, ranked list with findings, hypotheses, the report as it reads.

use cases::{Finding, Outcome};
use engine::report::Report;

use super::Evaluated;
use crate::escape;

pub(super) fn of(evaluated: &[Evaluated]) -> String {
    let mut text = String::new();
    for result in evaluated.iter().flat_map(|set| &set.results) {
        match &result.outcome {
            Ok(outcome) => text.push_str(&case(outcome)),
            Err(error) => text.push_str(&format!("{error}\n")),
        }
    }
    escape::lines(&text).into_owned()
}

fn case(outcome: &Outcome) -> String {
    let case = &outcome.case;
    let mut text = format!("{}\n\n", case.name);
    match &case.truth {
        None => text.push_str("Truth: quiet\n"),
        Some(truth) => {
            let causes: Vec<&str> = truth.causes.iter().map(|cause| cause.as_str()).collect();
            text.push_str(&format!("Truth: {} at {}", truth.services.join(" or "), truth.at));
            text.push_str(&format!(", cause {}", causes.join(" or ")));
            for (what, names) in [("step", &truth.operations), ("instance", &truth.instances)] {
                if !names.is_empty() {
                    text.push_str(&format!(", {what} {}", names.join(" or ")));
                }
            }
            if !truth.change.is_empty() {
                text.push_str(&format!(", change {}", truth.change));
            }
            text.push('\n');
        }
    }
    if !case.decoys.changes.is_empty() {
        text.push_str(&format!("Decoys: {}\n", case.decoys.changes.join(", ")));
    }
    text.push_str(&incidents(outcome));
    text.push_str(&ranked(outcome));
    if let Some(report) = &outcome.report {
        text.push_str(&hypotheses(report));
        text.push_str(&format!("\n{}\n", engine::render::markdown(report)));
    }
    text
}

fn incidents(outcome: &Outcome) -> String {
    let mut text = format!("\nIncidents: {}\n", outcome.incidents.len());
    for incident in &outcome.incidents {
        let answers = if outcome.incident.as_ref() == Some(incident) { ", answers for the case" } else { "" };
        text.push_str(&format!(
            "  {} opened {}, started {}, severity {}, report {}{answers}\n    {}\n",
            incident.id,
            incident.opened_at,
            incident.started_at,
            incident.severity,
            incident.report_hash,
            incident.summary
        ));
    }
    text
}

fn ranked(outcome: &Outcome) -> String {
    let Some(answer) = &outcome.answer else { return "\nNo answer.\n".to_owned() };
    let mut text = format!("\nCause: {}", answer.cause.as_str());
    if let Some(subject) = &answer.cause_subject {
        text.push_str(&format!(" ({subject})"));
    }
    text.push_str("\nRanked\n");
    let right =
        |service: &String| outcome.case.truth.as_ref().is_some_and(|truth| truth.services.contains(service));
    for (place, suspect) in answer.ranked.iter().enumerate() {
        let mark = if right(&suspect.service) { " <- right" } else { "" };
        text.push_str(&format!("{:3}. {:6}  {}", place + 1, suspect.score, suspect.service));
        for part in [&suspect.operation, &suspect.instance, &suspect.change] {
            if !part.is_empty() {
                text.push_str(&format!(" | {part}"));
            }
        }
        text.push_str(&format!(" | {}{mark}\n", suspect.cause.as_str()));
        suspect.evidence.iter().for_each(|finding| text.push_str(&line(finding)));
    }
    text
}

fn line(finding: &Finding) -> String {
    format!("       {:+4}  {}  [{}]\n", finding.points, finding.text, finding.cites.join(", "))
}

fn hypotheses(report: &Report) -> String {
    let mut text = "\nHypotheses\n".to_owned();
    for hypothesis in &report.hypotheses {
        let subject = hypothesis.subject.as_deref().unwrap_or("");
        text.push_str(&format!("  {:6}  {} {subject}\n", hypothesis.score, hypothesis.kind.as_str()));
        for finding in hypothesis.in_favour.iter().chain(&hypothesis.against) {
            text.push_str(&format!(
                "       {:+4}  {}  [{}]\n",
                finding.points,
                finding.text,
                finding.cites.join(", ")
            ));
        }
    }
    text
}
