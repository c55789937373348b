//! Which nodes the pool has, while its configuration changes, and under which ids. It must never know what they say.

use edge::core::pool::Input;
use edge::core::{NodeId, Roster};

use super::{Event, Stage, settings};

/// By then whatever was asked of a node that left has come to something.
const LEFT_MS: u64 = 10_000;
/// Of a node that is not there.
const NOBODY: NodeId = NodeId(u8::MAX);

pub(super) struct Members {
    roster: Roster<(usize, u64)>,
    /// How often each node got another address.
    moves: Vec<u64>,
    /// In the order of the configuration.
    seated: Vec<(usize, NodeId)>,
}

impl Members {
    pub(super) fn new(nodes: usize) -> Self {
        let mut members = Self { roster: Roster::default(), moves: vec![0; nodes], seated: Vec::new() };
        members.seat(&(0..nodes).collect::<Vec<_>>());
        members
    }

    /// Who came, and the ids of those who left.
    fn seat(&mut self, nodes: &[usize]) -> (Vec<usize>, Vec<NodeId>) {
        let wanted: Vec<(usize, u64)> = nodes.iter().map(|node| (*node, self.moves[*node])).collect();
        let seating = self.roster.seat(&wanted);
        let seated = nodes.iter().zip(&seating.ids).filter_map(|(node, id)| Some((*node, (*id)?)));
        self.seated = seated.collect();
        let came = self.seated.iter().filter(|(_, id)| seating.came.contains(id)).map(|(node, _)| *node);
        (came.collect(), seating.left)
    }

    pub(super) fn is_done(&mut self, id: NodeId) {
        self.roster.is_done(id);
    }

    pub(super) fn seated(&self) -> impl Iterator<Item = (usize, NodeId)> {
        self.seated.iter().copied()
    }

    pub(super) fn id(&self, node: usize) -> NodeId {
        self.seated.iter().find(|(of, _)| *of == node).map_or(NOBODY, |(_, id)| *id)
    }

    pub(super) fn node(&self, id: NodeId) -> Option<usize> {
        self.seated.iter().find(|(_, of)| *of == id).map(|(node, _)| *node)
    }
}

impl Stage {
    pub(super) fn reload(&mut self, nodes: &[usize], moved: Option<usize>, rules: u64) {
        self.tally.reloads += 1;
        if let Some(moved) = moved {
            self.members.moves[moved] += 1;
        }
        let before: Vec<usize> = self.members.seated().map(|(node, _)| node).collect();
        let (came, left) = self.members.seat(nodes);
        let settings = settings(self.seed, &self.plan, &self.members, rules);
        let (stayed, gone): (Vec<usize>, Vec<usize>) = before.iter().partition(|node| nodes.contains(node));
        self.watched.reloaded(&gone, &came, self.now);
        came.iter().for_each(|node| self.is_seated(self.members.id(*node)));
        self.say(Input::Configure(Box::new(settings)));
        let moved = stayed.iter().filter(|node| came.contains(node));
        gone.iter().chain(moved).for_each(|node| self.hang_up(*node));
        for node in came {
            let attempt = self.links[node].attempt;
            self.at(self.now, Event::Dial { node, attempt });
        }
        left.into_iter().for_each(|id| self.at(self.now + LEFT_MS, Event::Left { id }));
    }
}
