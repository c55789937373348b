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

/// Origin, then the chain outwards, then what else is affected.
fn suspects(report: &Report, change: &str) -> Vec<Suspect> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    if let Some(origin) = &report.origin {
        names.push((&origin.service, &origin.operation));
    }
    names.extend(report.propagation.iter().map(|hop| (hop.service.as_str(), hop.operation.as_str())));
    names.extend(report.blast_radius.services.iter().map(|service| (service.as_str(), "")));
    let mut list: Vec<Suspect> = Vec::new();
    for (service, operation) in names {
        if list.iter().any(|known| known.service == service) {
            continue;
        }
        let first = list.is_empty();
        list.push(Suspect {
            service: service.to_owned(),
            operation: operation.to_owned(),
            instance: String::new(),
            change: if first { change.to_owned() } else { String::new() },
            cause: if first { report.cause.kind } else { CauseKind::Unknown },
            score: -(list.len() as i64),
            evidence: if first { winning_findings(report) } else { Vec::new() },
        });
    }
    list
}

fn winning_findings(report: &Report) -> Vec<Finding> {
    let best = report.hypotheses.first();
    let findings = best.into_iter().flat_map(|best| best.in_favour.iter().chain(&best.against));
    let mut findings: Vec<Finding> = findings
        .map(|finding| Finding {
            points: finding.points,
            text: finding.text.clone(),
            cites: finding.cites.clone(),
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.points.abs()));
    findings.truncate(FINDINGS_MAX);
    findings
}

#[cfg(test)]
mod tests;
