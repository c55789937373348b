//! Facts of Git, as they were handed in: which commits there are since the review began, and what each touched. It
//! asks Git nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{At, Commit, ScopePath};

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    pub id: Commit,
    pub at: At,
    /// Those that were handed in, too; what came before the review is of no matter.
    pub parents: Vec<Commit>,
    /// What it changed, without the ledger's own files.
    pub paths: Vec<String>,
}

/// The commits that what is checked out was made of, since the review began.
#[derive(Debug, Clone)]
pub struct History {
    pub(super) head: Commit,
    commits: BTreeMap<Commit, CommitFacts>,
}

impl History {
    pub fn new(head: Commit, commits: impl IntoIterator<Item = CommitFacts>) -> Self {
        Self { head, commits: commits.into_iter().map(|commit| (commit.id.clone(), commit)).collect() }
    }

    pub fn head(&self) -> &Commit {
        &self.head
    }

    /// When the commit was made; none where it is not part of the history.
    pub(super) fn at(&self, commit: &Commit) -> Option<At> {
        self.commits.get(commit).map(|commit| commit.at)
    }

    /// Whether `later` was made out of `earlier`, or is it.
    pub(super) fn is_in(&self, earlier: &Commit, later: &Commit) -> bool {
        self.reachable(later).contains(earlier)
    }

    /// A commit that `until` has, `since` has not, and that touches the scope: the newest.
    pub(super) fn touched(
        &self,
        since: &Commit,
        until: &Commit,
        scope: &[ScopePath],
    ) -> Option<&CommitFacts> {
        let before = self.reachable(since);
        let after = self.reachable(until);
        let newer = after.difference(&before).filter_map(|id| self.commits.get(*id));
        let touches = |commit: &&CommitFacts| {
            commit.paths.iter().any(|path| scope.iter().any(|scope| scope.holds(path)))
        };
        newer.filter(touches).max_by_key(|commit| (commit.at, &commit.id))
    }

    fn reachable<'h>(&'h self, from: &'h Commit) -> BTreeSet<&'h Commit> {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(id) = next.pop() {
            if let Some(commit) = self.commits.get(id)
                && seen.insert(&commit.id)
            {
                next.extend(&commit.parents);
            }
        }
        seen
    }
}
