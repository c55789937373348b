//! One case's answer against its truth. Pure; what counts as right stands here and nowhere else.

use model::{CauseKind, Nanos};
use serde::{Deserialize, Serialize};

use crate::{Answer, Case, Run, Truth};

/// Where the first right entry stands among the distinct names of a ranked list, counted from 1.
pub type Rank = Option<u32>;

/// What was right of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// There is a truth to find.
    pub fault: bool,
    /// An incident covers the fault.
    pub opened: bool,
    pub service_rank: Rank,
    /// `None` where the truth names none.
    pub operation: Option<Rank>,
    /// Whether the change that the cause names is the labelled one, or none where none is guilty; `None` where the
    /// truth does not say.
    pub change_right: Option<bool>,
    pub cause_right: bool,
    /// Nothing opened, or the cause is unknown.
    pub abstained: bool,
    pub decoy_hit: bool,
    /// From `truth.at` to the opening; negative where it was open before.
    pub seconds_to_open: Option<f64>,
    /// Further incidents that cover the fault.
    pub extra_incidents: u32,
    /// Incidents that were over before the fault began, or any at all in a quiet case.
    pub outside_incidents: u32,
    /// How long there was no fault: what `outside_incidents` is counted over.
    pub quiet_seconds: f64,
}

/// An incident that covers the fault, and what the core says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub at: Nanos,
}

pub(crate) struct Chosen {
    pub id: Option<model::IncidentId>,
    pub extra: u32,
    pub outside: u32,
}

/// The incident that answers for the case: of those open across the fault's begin or opened at or after it, the
/// gravest, then the one opened first, then by id.
pub(crate) fn choose(run: &Run, truth_at: Option<Nanos>) -> Chosen {
    let covers = |incident: &crate::IncidentRun| {
        truth_at.is_some_and(|at| incident.opened_at >= at || incident.is_open_across(at))
    };
    // What turned out to be part of another incident is told there.
    let told = || run.incidents.iter().filter(|(_, incident)| incident.row.merged_into.is_none());
    let mut covering: Vec<_> = told().filter(|(_, incident)| covers(incident)).collect();
    covering.sort_by_key(|(id, incident)| (incident.row.severity, incident.opened_at, **id));
    let outside = told().count() - covering.len();
    Chosen {
        id: covering.first().map(|(id, _)| **id),
        extra: count(covering.len().saturating_sub(1)),
        outside: count(outside),
    }
}

/// `onset` is `truth.at`, shifted as the caller asked.
pub(crate) fn score_with(
    case: &Case,
    onset: Option<Nanos>,
    opened: Option<Opened>,
    answer: Option<&Answer>,
    chosen: &Chosen,
) -> Score {
    let quiet_until = onset.unwrap_or(case.end);
    let base = Score {
        fault: case.truth.is_some(),
        opened: opened.is_some(),
        service_rank: None,
        operation: None,
        change_right: None,
        cause_right: false,
        abstained: answer.is_none_or(|answer| answer.cause == CauseKind::Unknown),
        decoy_hit: false,
        seconds_to_open: opened.zip(onset).map(|(opened, onset)| signed_seconds(opened.at, onset)),
        extra_incidents: chosen.extra,
        outside_incidents: chosen.outside,
        quiet_seconds: seconds(quiet_until.since(case.start)),
    };
    match &case.truth {
        Some(truth) => Score { ..score(truth, &case.decoys.changes, answer, base) },
        None => base,
    }
}

/// Fills in what depends on the answer.
pub fn score(truth: &Truth, decoys: &[String], answer: Option<&Answer>, base: Score) -> Score {
    let services = || ranked(answer, |suspect| &suspect.service);
    let operations = || ranked(answer, |suspect| &suspect.operation);
    let change = answer.map_or("", |answer| answer.change.as_str());
    let change_right = match truth.change.as_str() {
        "" => None,
        "none" => Some(answer.is_some() && change.is_empty()),
        guilty => Some(change == guilty),
    };
    Score {
        service_rank: rank(&services(), &truth.services),
        operation: (!truth.operations.is_empty()).then(|| rank(&operations(), &truth.operations)),
        change_right,
        cause_right: answer.is_some_and(|answer| truth.causes.contains(&answer.cause)),
        decoy_hit: !change.is_empty() && decoys.iter().any(|decoy| decoy == change),
        ..base
    }
}

/// The distinct names of a ranked list, in order.
fn ranked<'a>(answer: Option<&'a Answer>, name: impl Fn(&'a crate::Suspect) -> &'a String) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for suspect in answer.iter().flat_map(|answer| &answer.ranked) {
        let name = name(suspect).as_str();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn rank(names: &[&str], right: &[String]) -> Rank {
    names.iter().position(|name| right.iter().any(|right| right == name)).map(|at| count(at + 1))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn signed_seconds(at: Nanos, from: Nanos) -> f64 {
    seconds(at.since(from)) - seconds(from.since(at))
}

#[cfg(test)]
mod tests;
