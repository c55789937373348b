//! What calls are routed by: a picture of the pool at one moment, shared and never changed. It must never know how the
//! picture came about.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Hash, NodeId, NodeSet, Tier, Transport};

/// A block by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub number: u64,
    pub hash: Hash,
}

/// The better, the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// May be given calls.
    Serving,
    /// Finishes what it has; is given nothing new while another serves.
    Draining,
    /// Is given calls only where nothing else is left.
    Suspect,
    /// Is no longer of the pool: finishes what it has, and is given nothing.
    Leaving,
    /// It owes answers and gives no sign of life: is given calls last, and who waits for it asks another node as well.
    Silent,
    /// Is given nothing.
    Out,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    pub id: NodeId,
    pub tier: Tier,
    /// Its share of the calls within its tier; at least 1.
    pub weight: u16,
    /// What it may take for one answer while another could be asked.
    pub attempt_ms: u64,
    pub http: Standing,
    pub stream: Standing,
    /// The highest block of the served chain that this node was seen to have, and has not left for another branch.
    pub head: u64,
}

/// Which nodes were seen to have which of the last blocks: none of those that are there, where all that had one are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recent {
    pub holders: BTreeMap<Hash, NodeSet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// The block that was announced last, but for those that nobody will have. `None` until there is one, and in pools without a
    /// chain.
    pub served: Option<Head>,
    /// In the order of the configuration.
    pub nodes: Vec<NodeView>,
    pub recent: Arc<Recent>,
}

impl NodeView {
    pub fn standing(&self, transport: Transport) -> Standing {
        match transport {
            Transport::Http => self.http,
            Transport::Stream => self.stream,
        }
    }
}

impl View {
    /// What a client is told that asks for the height: the number of the head that clients were told, so that no two answers
    /// contradict each other; while some node has it.
    pub fn height(&self) -> Option<u64> {
        let head = self.served?;
        let has_it = |node: &NodeView| node.head >= head.number && node.http != Standing::Out;
        self.nodes.iter().any(has_it).then_some(head.number)
    }

    pub fn node(&self, id: NodeId) -> Option<&NodeView> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_height_is_that_of_the_head_that_was_told_while_some_node_has_it() {
        let node = |http, head| NodeView {
            id: NodeId(0),
            tier: Tier::Primary,
            weight: 1,
            attempt_ms: 1_000,
            http,
            stream: Standing::Serving,
            head,
        };
        let view = |number: Option<u64>, nodes| View {
            served: number.map(|number| Head { number, hash: Hash([1; 32]) }),
            nodes,
            recent: Arc::default(),
        };
        let cases = [
            (None, vec![node(Standing::Serving, 9)], None),
            (Some(9), vec![], None),
            (Some(9), vec![node(Standing::Serving, 8)], None),
            (Some(9), vec![node(Standing::Out, 9)], None),
            (Some(9), vec![node(Standing::Serving, 8), node(Standing::Silent, 9)], Some(9)),
            (Some(9), vec![node(Standing::Serving, 12)], Some(9)),
        ];
        for (served, nodes, expected) in cases {
            assert_eq!(view(served, nodes.clone()).height(), expected, "{served:?} {nodes:?}");
        }
    }
}
