//! Permanent rules that hold, each with the guards that keep it. A rule that nobody keeps is told as such. It runs no guard.

use super::entry::{Entry, PermanentRule};
use crate::guard::{Guarding, Mode};

/// A rule that holds.
#[derive(Debug, Clone)]
pub struct Enforced<'e> {
    /// The document that made it.
    pub entry: &'e Entry,
    pub rule: &'e PermanentRule,
    /// The strictest first; none keep a rule that is unenforced.
    pub guards: Vec<&'e Guarding>,
}

impl Enforced<'_> {
    /// The strictest mode of its guards.
    pub fn mode(&self) -> Option<Mode> {
        self.guards.first().map(|guard| guard.mode)
    }
}

/// What is kept least comes first: unenforced rules, then those in report, warn and block; then by their ids.
pub fn enforced<'e>(register: &'e [Entry], guards: &'e [Guarding]) -> Vec<Enforced<'e>> {
    let standing = register.iter().filter(|entry| !entry.is_superseded());
    let rules = standing.flat_map(|entry| entry.rules.iter().map(move |rule| (entry, rule)));
    let mut all: Vec<Enforced<'e>> = rules
        .map(|(entry, rule)| {
            let mut of: Vec<&Guarding> = guards.iter().filter(|guard| guard.rule == rule.id).collect();
            of.sort_by(|one, other| (other.mode, &one.guard).cmp(&(one.mode, &other.guard)));
            Enforced { entry, rule, guards: of }
        })
        .collect();
    all.sort_by(|one, other| (one.mode(), &one.rule.id).cmp(&(other.mode(), &other.rule.id)));
    all
}

/// Such as `11 rules: 2 block, 1 warn, 7 report, 1 unenforced`.
pub fn by_mode(rules: &[Enforced<'_>]) -> String {
    let of = |mode: Option<Mode>| rules.iter().filter(|rule| rule.mode() == mode).count();
    let (block, warn, report) = (of(Some(Mode::Block)), of(Some(Mode::Warn)), of(Some(Mode::Report)));
    let plural = if rules.len() == 1 { "" } else { "s" };
    format!(
        "{} rule{plural}: {block} block, {warn} warn, {report} report, {} unenforced",
        rules.len(),
        of(None)
    )
}

#[cfg(test)]
mod tests;
