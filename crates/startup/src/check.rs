//! What is wrong with a start: findings, each with the facts it rests on. It reads no text and knows no format.

mod cuts;
mod cycles;
mod finding;
mod single;
mod stall;
mod wording;

pub use finding::{BrokenBy, Change, Class, Cut, Ends, Finding, Level, Shows, Stall, Step, Verdict};
pub use wording::told;

use crate::facts::System;
use crate::graph::Graph;
use crate::limits::FINDINGS_MAX;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// By place.
    pub findings: Vec<Finding>,
    /// How many more there are than are told.
    pub left_out: usize,
}

/// Everything that is found in these facts.
pub fn check(system: &System) -> Checked {
    let graph = Graph::new(system);
    let mut findings = cycles::pure(&graph);
    findings.extend(cycles::gates(&graph));
    findings.extend(single::findings(system));
    findings.sort_by(|one, other| {
        (&one.at, one.class, &one.sentence).cmp(&(&other.at, other.class, &other.sentence))
    });
    let left_out = findings.len().saturating_sub(FINDINGS_MAX);
    findings.truncate(FINDINGS_MAX);
    Checked { findings, left_out }
}
