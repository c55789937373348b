//! A repository in memory: commits with whole trees, of which facts are told as Git tells them. What a scope went
//! through is said here by looking at the trees, for the oracle; nothing of the code that judges is asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::review::{At, Commit, CommitFacts, PlannedGate};

/// What stands at each path: equal numbers are equal files.
pub(super) type Tree = BTreeMap<String, u64>;

#[derive(Clone)]
pub(super) struct Made {
    pub(super) facts: CommitFacts,
    pub(super) tree: Tree,
    parents: Vec<usize>,
    /// With itself.
    ancestors: BTreeSet<usize>,
}

#[derive(Clone, Default)]
pub(super) struct Repository {
    pub(super) commits: Vec<Made>,
}

impl Repository {
    pub(super) fn commit(&mut self, at: At, parents: &[usize], tree: Tree) -> usize {
        let index = self.commits.len();
        let beside: Vec<Vec<String>> =
            parents.iter().map(|parent| differing(&tree, &self.commits[*parent].tree)).collect();
        let paths = match beside.as_slice() {
            [] => differing(&tree, &Tree::new()),
            [first, others @ ..] => {
                let everywhere = |path: &&String| others.iter().all(|other| other.contains(path));
                first.iter().filter(everywhere).cloned().collect()
            }
        };
        let facts = CommitFacts {
            id: format!("{:0<40x}", 0xabc_0000 + index).parse().unwrap(),
            at,
            parents: parents.iter().map(|parent| self.commits[*parent].facts.id.clone()).collect(),
            paths,
            beside: if parents.len() > 1 { beside } else { Vec::new() },
        };
        let before = parents.iter().flat_map(|parent| &self.commits[*parent].ancestors);
        let ancestors = before.copied().chain([index]).collect();
        self.commits.push(Made { facts, tree, parents: parents.to_vec(), ancestors });
        index
    }

    /// What `head` was made of, without what `begin` was made of.
    pub(super) fn told(&self, head: usize, begin: usize) -> Vec<CommitFacts> {
        let before: BTreeSet<usize> =
            self.commits[begin].ancestors.iter().copied().filter(|index| *index != begin).collect();
        let since = self.commits[head].ancestors.difference(&before);
        since.map(|index| self.commits[*index].facts.clone()).collect()
    }

    pub(super) fn index(&self, id: &Commit) -> Option<usize> {
        self.commits.iter().position(|made| made.facts.id == *id)
    }

    pub(super) fn at(&self, id: &Commit) -> Option<At> {
        Some(self.commits[self.index(id)?].facts.at)
    }

    /// Whether the later commit was made out of the earlier one, or is it.
    pub(super) fn has(&self, later: &Commit, earlier: &Commit) -> bool {
        let (Some(later), Some(earlier)) = (self.index(later), self.index(earlier)) else { return false };
        self.commits[later].ancestors.contains(&earlier)
    }

    /// Whether the gate's files were others at some time from one commit to the other, or were changed beside it.
    pub(super) fn touched(&self, gate: &PlannedGate, since: &Commit, until: &Commit) -> bool {
        let (Some(since), Some(until)) = (self.index(since), self.index(until)) else { return true };
        let is_in = |path: &str| {
            let mut scope = gate.scope.iter().map(|part| part.as_str());
            scope.any(|part| path == part || path.starts_with(&format!("{part}/")))
        };
        let of_scope = |made: &Made| {
            made.tree
                .iter()
                .filter(|(path, _)| is_in(path))
                .map(|(path, what)| (path.clone(), *what))
                .collect::<Tree>()
        };
        let (from, to) = (&self.commits[since], &self.commits[until]);
        let claimed = of_scope(from);
        let newer = to.ancestors.difference(&from.ancestors);
        newer.map(|index| &self.commits[*index]).any(|made| {
            if made.ancestors.contains(&since) {
                return of_scope(made) != claimed;
            }
            let parents = || made.parents.iter().map(|parent| &self.commits[*parent].tree);
            let paths = parents().chain([&made.tree]).flat_map(|tree| tree.keys());
            let is_new = |path: &&String| parents().all(|tree| tree.get(*path) != made.tree.get(*path));
            paths.filter(|path| is_in(path)).any(|path| is_new(&path))
        })
    }
}

fn differing(one: &Tree, other: &Tree) -> Vec<String> {
    let paths: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
}
