//! Strongly connected components: sets of milestones that each wait for one another. Tarjan's algorithm, on a stack of its
//! own: a long chain of units must not use up the program's.

use super::{Edge, Node};

/// Which component each node is in. Two nodes are in one cycle exactly if they are in one component.
pub(crate) fn components(edges: &[Vec<Edge>], counts: impl Fn(&Edge) -> bool) -> Vec<usize> {
    let mut search = Search::new(edges.len());
    for root in 0..edges.len() {
        if search.index[root].is_none() {
            search.from(root, edges, &counts);
        }
    }
    search.component
}

struct Search {
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    is_open: Vec<bool>,
    component: Vec<usize>,
    open: Vec<Node>,
    seen: usize,
    closed: usize,
}

impl Search {
    fn new(nodes: usize) -> Self {
        Self {
            index: vec![None; nodes],
            low: vec![0; nodes],
            is_open: vec![false; nodes],
            component: vec![0; nodes],
            open: Vec::new(),
            seen: 0,
            closed: 0,
        }
    }

    fn enter(&mut self, node: Node) {
        self.index[node] = Some(self.seen);
        self.low[node] = self.seen;
        self.seen += 1;
        self.is_open[node] = true;
        self.open.push(node);
    }

    fn from(&mut self, root: Node, edges: &[Vec<Edge>], counts: &impl Fn(&Edge) -> bool) {
        self.enter(root);
        let mut path: Vec<(Node, usize)> = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            let edge = edges[node].get(*next);
            *next += 1;
            match edge {
                Some(edge) if !counts(edge) => {}
                Some(edge) => match self.index[edge.to] {
                    None => {
                        self.enter(edge.to);
                        path.push((edge.to, 0));
                    }
                    Some(index) if self.is_open[edge.to] => self.low[node] = self.low[node].min(index),
                    Some(_) => {}
                },
                None => {
                    path.pop();
                    self.leave(node);
                    if let Some((before, _)) = path.last() {
                        self.low[*before] = self.low[*before].min(self.low[node]);
                    }
                }
            }
        }
    }

    fn leave(&mut self, node: Node) {
        if self.index[node] != Some(self.low[node]) {
            return;
        }
        while let Some(member) = self.open.pop() {
            self.is_open[member] = false;
            self.component[member] = self.closed;
            if member == node {
                break;
            }
        }
        self.closed += 1;
    }
}
