//! Events in the order of a tree: each under its parent, siblings as they came. Events whose parent is missing
//! stand at the top, and so do those that name each other in a circle.

use std::collections::HashMap;

use api::TraceEvent;

/// Deeper events are not moved further to the right.
const DEPTH_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node<'a> {
    pub(super) event: &'a TraceEvent,
    pub(super) depth: usize,
}

pub(super) fn walk(events: &[TraceEvent]) -> Vec<Node<'_>> {
    let places: HashMap<&str, usize> =
        events.iter().enumerate().map(|(at, event)| (event.span_id.as_str(), at)).collect();
    let parent = |event: &TraceEvent| event.parent_span_id.as_deref().and_then(|id| places.get(id)).copied();
    let mut children = vec![Vec::new(); events.len()];
    for (at, event) in events.iter().enumerate().rev() {
        if let Some(parent) = parent(event) {
            children[parent].push(at);
        }
    }
    let tops = (0..events.len()).filter(|at| parent(&events[*at]).is_none());
    let mut walk = Walk { events, children, seen: vec![false; events.len()], nodes: Vec::new() };
    tops.for_each(|at| walk.down_from(at));
    // What no top leads to is a circle; it is entered where it began.
    (0..events.len()).for_each(|at| walk.down_from(at));
    walk.nodes
}

struct Walk<'a> {
    events: &'a [TraceEvent],
    /// The last sibling first, so that the first is taken from the end.
    children: Vec<Vec<usize>>,
    seen: Vec<bool>,
    nodes: Vec<Node<'a>>,
}

impl Walk<'_> {
    fn down_from(&mut self, top: usize) {
        let mut waiting = vec![(top, 0)];
        while let Some((at, depth)) = waiting.pop() {
            if std::mem::replace(&mut self.seen[at], true) {
                continue;
            }
            self.nodes.push(Node { event: &self.events[at], depth: depth.min(DEPTH_MAX) });
            waiting.extend(self.children[at].iter().map(|child| (*child, depth + 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(span: &str, parent: Option<&str>) -> TraceEvent {
        TraceEvent {
            span_id: span.to_owned(),
            parent_span_id: parent.map(str::to_owned),
            kind: "server".to_owned(),
            env: String::new(),
            service: String::new(),
            operation: String::new(),
            version: String::new(),
            instance: String::new(),
            peer: String::new(),
            started_at: String::new(),
            duration_ns: 0,
            status: "ok".to_owned(),
            failure: None,
        }
    }

    fn shape(events: &[TraceEvent]) -> Vec<(&str, usize)> {
        walk(events).into_iter().map(|node| (node.event.span_id.as_str(), node.depth)).collect()
    }

    #[test]
    fn children_stand_under_their_parents_in_order() {
        let events = [event("a", None), event("c", Some("b")), event("b", Some("a")), event("d", Some("a"))];
        assert_eq!(shape(&events), [("a", 0), ("b", 1), ("c", 2), ("d", 1)]);
    }

    #[test]
    fn orphans_circles_and_twins_appear_once() {
        let events = [
            event("o", Some("gone")),
            event("x", Some("y")),
            event("y", Some("x")),
            event("s", Some("s")),
            event("t", None),
            event("t", None),
        ];
        assert_eq!(shape(&events), [("o", 0), ("t", 0), ("t", 0), ("x", 0), ("y", 1), ("s", 0)]);
    }

    #[test]
    fn a_deep_chain_neither_overflows_nor_runs_off() {
        let name = |n: usize| format!("{n}");
        let events: Vec<TraceEvent> =
            (0..50_000).map(|n| event(&name(n), (n > 0).then(|| name(n - 1)).as_deref())).collect();
        let nodes = walk(&events);
        assert_eq!(nodes.len(), events.len());
        assert_eq!(nodes.last().map(|node| node.depth), Some(DEPTH_MAX));
    }
}
