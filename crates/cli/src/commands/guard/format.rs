//! How a run is printed: for people, for programs, and in the words of those who show findings beside code.

mod annotations;
mod json;
mod sarif;
mod text;

use register::guard::{Guard, Outcome};

pub(super) use annotations::{github, gitlab};
pub(super) use json::json;
pub(super) use sarif::sarif;
pub(super) use text::text;

/// A run, as all forms show it.
#[derive(Debug)]
pub(super) struct Ran<'r> {
    pub(super) guards: Vec<&'r Guard>,
    /// The file that lists them.
    pub(super) file: &'r str,
    pub(super) outcome: &'r Outcome,
    /// How many files were looked at.
    pub(super) files: usize,
    pub(super) passed_over: &'r [String],
}

impl<'r> Ran<'r> {
    fn guard(&self, id: &str) -> Option<&'r Guard> {
        self.guards.iter().find(|guard| guard.id == id).copied()
    }
}
