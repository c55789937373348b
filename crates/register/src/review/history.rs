//! Facts of Git, as they were handed in: which commits there are since the review began, and what each touched. It
//! asks Git nothing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::words::{At, Commit, ScopePath};

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFacts {
    pub id: Commit,
    pub at: At,
    /// Those that were handed in, too; what came before the review is of no matter.
    pub parents: Vec<Commit>,
    /// What it changed, without the ledger's own files; of a merge, what is as in none of its parents.
    pub paths: Vec<String>,
    /// Of a merge: for each parent, in their order, what is not as there. Empty for other commits.
    pub beside: Vec<Vec<String>>,
}

/// The commits that what is checked out was made of, since the review began.
#[derive(Debug, Clone)]
pub struct History {
    pub(super) head: Commit,
    ids: BTreeMap<Commit, usize>,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    facts: CommitFacts,
    /// Those that are known.
    parents: Vec<usize>,
    /// Greater than that of every parent: a walk knows by it when it has gone too far back.
    depth: usize,
}

impl History {
    pub fn new(head: Commit, commits: impl IntoIterator<Item = CommitFacts>) -> Self {
        let commits: BTreeMap<Commit, CommitFacts> =
            commits.into_iter().map(|commit| (commit.id.clone(), commit)).collect();
        let ids: BTreeMap<Commit, usize> =
            commits.keys().enumerate().map(|(index, id)| (id.clone(), index)).collect();
        let node = |facts: CommitFacts| {
            let parents = facts.parents.iter().filter_map(|parent| ids.get(parent).copied()).collect();
            Node { facts, parents, depth: 0 }
        };
        let mut nodes: Vec<Node> = commits.into_values().map(node).collect();
        deepen(&mut nodes);
        Self { head, ids, nodes }
    }

    pub fn head(&self) -> &Commit {
        &self.head
    }

    /// When the commit was made; none where it is not part of the history.
    pub(super) fn at(&self, commit: &Commit) -> Option<At> {
        self.node(*self.ids.get(commit)?).map(|node| node.facts.at)
    }

    /// Whether `later` was made out of `earlier`, or is it.
    pub(super) fn is_in(&self, earlier: &Commit, later: &Commit) -> bool {
        let (Some(earlier), Some(later)) = (self.ids.get(earlier), self.ids.get(later)) else { return false };
        let depth = self.node(*earlier).map_or(0, |node| node.depth);
        let (mut seen, mut next) = (BTreeSet::from([*later]), vec![*later]);
        while let Some(index) = next.pop() {
            if index == *earlier {
                return true;
            }
            let Some(node) = self.node(index).filter(|node| node.depth > depth) else { continue };
            next.extend(node.parents.iter().copied().filter(|parent| seen.insert(*parent)));
        }
        false
    }

    /// A commit that `until` has, `since` has not, and that touches the scope: the newest.
    pub(super) fn touched(
        &self,
        since: &Commit,
        until: &Commit,
        scope: &[ScopePath],
    ) -> Option<&CommitFacts> {
        let since = self.ids.get(since).copied();
        let newer = self.newer(since, *self.ids.get(until)?);
        let mut found: Option<&CommitFacts> = None;
        // Those that were made out of `since`.
        let mut after: BTreeSet<usize> = since.into_iter().collect();
        for (index, node) in newer.iter().rev().filter_map(|index| Some((*index, self.node(*index)?))) {
            if node.parents.iter().any(|parent| after.contains(parent)) {
                after.insert(index);
            }
            let is_newest =
                || found.is_none_or(|other| (other.at, &other.id) < (node.facts.at, &node.facts.id));
            if self.touches(node, &after, scope) && is_newest() {
                found = Some(&node.facts);
            }
        }
        found
    }

    /// A merge that takes the scope from another side than the one with what was claimed changes it there, although it is
    /// as in one of its parents.
    fn touches(&self, node: &Node, after: &BTreeSet<usize>, scope: &[ScopePath]) -> bool {
        let is_touched =
            |paths: &Vec<String>| paths.iter().any(|path| scope.iter().any(|part| part.holds(path)));
        let is_after = |parent: &Commit| self.ids.get(parent).is_some_and(|index| after.contains(index));
        let beside = node.facts.parents.iter().zip(&node.facts.beside);
        let mut kept = beside.filter(|(parent, _)| is_after(parent)).map(|(_, paths)| paths).peekable();
        is_touched(&node.facts.paths) || kept.peek().is_some() && kept.all(is_touched)
    }

    /// What `until` has and `since` has not, each before its parents. It goes no further back than it has to.
    fn newer(&self, since: Option<usize>, until: usize) -> Vec<usize> {
        let depth = |index: usize| self.node(index).map_or(0, |node| node.depth);
        // By commit, whether `since` has it.
        let mut seen: BTreeMap<usize, bool> = BTreeMap::from([(until, false)]);
        seen.extend(since.map(|since| (since, true)));
        let mut next: BinaryHeap<(usize, usize)> = seen.keys().map(|index| (depth(*index), *index)).collect();
        let mut waiting = seen.values().filter(|is_old| !**is_old).count();
        let mut newer = Vec::new();
        while let Some((_, index)) = next.pop() {
            let is_old = seen.get(&index).copied().unwrap_or(true);
            if !is_old {
                waiting = waiting.saturating_sub(1);
                newer.push(index);
            }
            for parent in self.node(index).into_iter().flat_map(|node| &node.parents) {
                match seen.entry(*parent) {
                    Entry::Vacant(place) => {
                        place.insert(is_old);
                        next.push((depth(*parent), *parent));
                        waiting += usize::from(!is_old);
                    }
                    Entry::Occupied(mut place) if is_old && !*place.get() => {
                        place.insert(true);
                        waiting = waiting.saturating_sub(1);
                    }
                    Entry::Occupied(_) => {}
                }
            }
            if waiting == 0 {
                break;
            }
        }
        newer
    }

    fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }
}

/// From the first commits on. What is no history, for it goes round in a circle, stays at 0.
fn deepen(nodes: &mut [Node]) {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut missing: Vec<usize> = nodes.iter().map(|node| node.parents.len()).collect();
    for (index, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            if let Some(children) = children.get_mut(*parent) {
                children.push(index);
            }
        }
    }
    let mut next: Vec<usize> = (0..nodes.len()).filter(|index| missing.get(*index) == Some(&0)).collect();
    while let Some(index) = next.pop() {
        let Some(depth) = nodes.get(index).map(|node| node.depth) else { continue };
        for child in children.get(index).into_iter().flatten() {
            if let (Some(node), Some(missing)) = (nodes.get_mut(*child), missing.get_mut(*child)) {
                node.depth = node.depth.max(depth + 1);
                *missing = missing.saturating_sub(1);
                if *missing == 0 {
                    next.push(*child);
                }
            }
        }
    }
}
