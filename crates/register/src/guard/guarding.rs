//! What keeps which rule, and what was seen of it: for pages and tables of rules. It judges nothing.

use std::collections::BTreeSet;

use super::graduation::{Came, Ran};
use super::guards::{Guards, Mode};
use super::proof::{On, Proof};

/// A guard that enforces a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarding {
    /// The permanent rule's id.
    pub rule: String,
    pub guard: String,
    pub mode: Mode,
    /// Whether it was seen to fail, be it on fixtures.
    pub is_proved: bool,
    /// Defects of the past that it was seen to find: commits that mended one.
    pub defects: usize,
    /// Runs that were recorded, and those in which it found something new.
    pub runs: usize,
    pub catches: usize,
}

pub fn guarding(guards: &Guards, runs: &[Ran], proofs: &[Proof]) -> Vec<Guarding> {
    let of = |guard: &super::Guard| {
        let proofs = || proofs.iter().filter(|proof| proof.guard == guard.id);
        let fixes = proofs().filter_map(|proof| match &proof.on {
            On::Fix { commit, .. } => Some(commit.as_str()),
            On::Fixtures => None,
        });
        let runs = || runs.iter().filter(|run| run.guard == guard.id);
        Guarding {
            rule: guard.rule.clone(),
            guard: guard.id.clone(),
            mode: guard.mode,
            is_proved: proofs().next().is_some(),
            defects: fixes.collect::<BTreeSet<_>>().len(),
            runs: runs().count(),
            catches: runs().filter(|run| matches!(run.came, Came::Found(_))).count(),
        }
    };
    guards.guards.iter().map(of).collect()
}
