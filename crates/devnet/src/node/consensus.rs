//! The consensus face of a node: what the Beacon API says of slots, roots and health, and who listens to its events. It must
//! never know JSON-RPC.

mod documents;
mod events;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use super::connections::ConnectionId;
use super::fault::{Face, Fault};
use super::view::View;
use super::{Node, World};
use crate::chain::Hash;

pub use events::TOPICS;
pub use routes::BeaconReply;

/// Event streams of one node. One more is refused with 503.
const STREAMS_MAX: usize = 4_096;

#[derive(Debug, Clone)]
pub(super) struct Consensus {
    view: View,
    /// Topics of each stream.
    streams: BTreeMap<ConnectionId, BTreeSet<&'static str>>,
    last: u64,
    /// The last checkpoint that was told of.
    finalized: Hash,
}

/// What a consensus node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Health {
    pub sync_distance: u64,
    pub optimistic: bool,
    pub el_offline: bool,
}

impl Consensus {
    pub(super) fn new(view: View) -> Self {
        Self { view, streams: BTreeMap::new(), last: 0, finalized: Hash::ZERO }
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    pub(super) fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    pub(super) fn closed(&mut self, stream: ConnectionId) {
        self.streams.remove(&stream);
    }

    /// Forgets all streams and names them.
    pub(super) fn end(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.streams).into_keys().collect()
    }

    fn open(&mut self, topics: BTreeSet<&'static str>) -> Option<ConnectionId> {
        if self.streams.len() >= STREAMS_MAX {
            return None;
        }
        self.last += 1;
        self.streams.insert(ConnectionId(self.last), topics);
        Some(ConnectionId(self.last))
    }
}

impl Node {
    pub(super) fn health(&self) -> Health {
        let switches = self.switches();
        let distance = |fault: &Fault| match fault {
            Fault::SyncDistance { slots } => Some(*slots),
            _ => None,
        };
        Health {
            sync_distance: switches.find(Face::Consensus, distance).unwrap_or(0),
            optimistic: switches.has(Face::Consensus, &Fault::Optimistic),
            el_offline: switches.has(Face::Consensus, &Fault::ElOffline),
        }
    }

    /// The slot that the node says is its newest.
    fn head_slot(&self, world: &World<'_>) -> u64 {
        let lie = self.switches().find(Face::Consensus, |fault| match fault {
            Fault::LieHead { ahead } => Some(*ahead),
            _ => None,
        });
        self.consensus.view.readable(world.chain).slot.saturating_add(lie.unwrap_or(0))
    }
}
