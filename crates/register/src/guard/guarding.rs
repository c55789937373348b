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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::guards;
    use crate::guard::{graduation, proof};

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn what_was_seen_of_a_guard_is_counted_for_it_alone() {
        let guard = |id: &str| {
            format!(
                "[[guard]]\nid = \"{id}\"\nrule = \"r-{id}\"\nkind = \"regex\"\nmode = \"warn\"\nmessage = \"x\"\n\
                 mend = \"y\"\npaths = [\"a\"]\npattern = 'x'\n"
            )
        };
        let guards = guards(&format!("{}{}{}", guard("a"), guard("b"), guard("c")));
        let runs =
            "casebook.guard-history/v1\n2026-11-01 a clean\n2026-11-02 a found 2\n2026-11-02 b crashed\n";
        let proofs = format!(
            "casebook.guard-proofs/v1\nfix a {COMMIT}\nfix a {}\nfixtures a\nfixtures b\nfix gone {COMMIT}\n",
            COMMIT.replace('0', "f")
        );
        let runs = graduation::read(runs.as_bytes()).unwrap();
        let proofs = proof::read(proofs.as_bytes()).unwrap();
        let told: Vec<_> = guarding(&guards, &runs, &proofs)
            .into_iter()
            .map(|each| (each.guard, each.rule, (each.is_proved, each.defects), (each.runs, each.catches)))
            .collect();
        let expected = [("a", (true, 2), (2, 1)), ("b", (true, 0), (1, 0)), ("c", (false, 0), (0, 0))];
        let expected = expected.map(|(id, proved, ran)| (id.to_owned(), format!("r-{id}"), proved, ran));
        assert_eq!(told, expected);
        assert_eq!(guards.gone(&proofs).into_iter().collect::<Vec<_>>(), ["gone"]);
    }
}
