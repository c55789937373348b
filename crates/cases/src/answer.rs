//! A report read as an answer: a ranked list of suspects. Knows the report's document and nothing of truth.

use engine::report::Report;
use model::CauseKind;
use serde::{Deserialize, Serialize};

/// Further suspects are left out.
const SUSPECTS_MAX: usize = 50;
const FINDINGS_MAX: usize = 12;

/// What the core says of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub cause: CauseKind,
    pub cause_subject: Option<String>,
    /// Id of the deployment or signal that is the cause; empty where no change is.
    pub change: String,
    /// Best first.
    pub ranked: Vec<Suspect>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    pub service: String,
    pub operation: String,
    pub instance: String,
    pub change: String,
    pub cause: CauseKind,
    pub score: i64,
    /// Strongest first.
    pub evidence: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub points: i64,
    pub text: String,
    pub cites: Vec<String>,
}

impl Answer {
    pub fn of(report: &Report) -> Self {
        let change = change(report);
        let ranked = in_order(suspects(report, &change));
        Self { cause: report.cause.kind, cause_subject: report.cause.subject.clone(), change, ranked }
    }
}

impl Suspect {
    /// Service and operation, for people.
    pub fn place(&self) -> String {
        match self.operation.as_str() {
            "" => self.service.clone(),
            operation => format!("{} {operation}", self.service),
        }
    }
}

/// Best first; equal scores in order of name, whatever the report's order was.
fn in_order(mut list: Vec<Suspect>) -> Vec<Suspect> {
    list.sort_by(|a, b| {
        let name = |s: &Suspect| (s.service.clone(), s.operation.clone(), s.instance.clone());
        b.score.cmp(&a.score).then_with(|| name(a).cmp(&name(b)))
    });
    list.truncate(SUSPECTS_MAX);
    list
}

/// The change that the cause names: only causes that are changes have one.
fn change(report: &Report) -> String {
    if !matches!(report.cause.kind, CauseKind::Deploy | CauseKind::Config) {
        return String::new();
    }
    let ids = report.cause.cites.iter();
    let cited = ids
        .filter_map(|cite| cite.strip_prefix("deployment:").or_else(|| cite.strip_prefix("signal:")))
        .next();
    let named = report.change.as_ref().filter(|_| report.cause.kind == CauseKind::Deploy);
    named.map(|change| plain(&change.id)).or_else(|| cited.map(str::to_owned)).unwrap_or_default()
}

/// A change's id as its sender gave it: reports name changes as they cite them.
fn plain(id: &str) -> String {
    id.strip_prefix("deployment:").unwrap_or(id).to_owned()
}

/// The report's own list; the findings of the winning cause stand with the first.
fn suspects(report: &Report, change: &str) -> Vec<Suspect> {
    let suspect = |(i, suspect): (usize, &engine::report::Suspect)| {
        let own = if i == 0 { winning_findings(report) } else { Vec::new() };
        let evidence = suspect.findings.iter().map(finding).chain(own);
        Suspect {
            service: suspect.service.clone(),
            operation: suspect.operation.clone(),
            instance: suspect.instance.clone(),
            change: if i == 0 { change.to_owned() } else { suspect.change.clone().unwrap_or_default() },
            cause: suspect.cause,
            score: suspect.score,
            evidence: strongest(evidence.collect()),
        }
    };
    report.suspects.iter().enumerate().map(suspect).collect()
}

fn winning_findings(report: &Report) -> Vec<Finding> {
    let best = report.hypotheses.first();
    best.into_iter().flat_map(|best| best.in_favour.iter().chain(&best.against)).map(finding).collect()
}

fn finding(finding: &engine::report::Finding) -> Finding {
    Finding { points: finding.points, text: finding.text.clone(), cites: finding.cites.clone() }
}

fn strongest(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.points.abs()));
    findings.truncate(FINDINGS_MAX);
    findings
}

#[cfg(test)]
mod tests;
