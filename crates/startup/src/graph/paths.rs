//! The shortest way between two milestones, so that a cycle is told with as few steps as it has.

use std::collections::{BTreeMap, VecDeque};

use super::{Edge, Node};

/// Edges from one node to another, over those of the graph that count and those that are added to it. Of equally short
/// ways it is the one whose edges come first, and for a node to itself the way without a step.
pub(crate) fn shortest<'g>(
    edges: &'g [Vec<Edge>],
    added: &'g [Edge],
    from: Node,
    to: Node,
    counts: impl Fn(&Edge) -> bool,
) -> Option<Vec<&'g Edge>> {
    let mut reached: BTreeMap<Node, Option<&Edge>> = BTreeMap::from([(from, None)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(node) = waiting.pop_front() {
        if node == to {
            break;
        }
        let own = edges.get(node).into_iter().flatten().filter(|edge| counts(edge));
        for edge in own.chain(added.iter().filter(|edge| edge.from == node)) {
            reached.entry(edge.to).or_insert_with(|| {
                waiting.push_back(edge.to);
                Some(edge)
            });
        }
    }
    let mut steps = Vec::new();
    let mut last = *reached.get(&to)?;
    while let Some(edge) = last {
        steps.push(edge);
        last = reached.get(&edge.from).copied().flatten();
    }
    steps.reverse();
    Some(steps)
}
