//! What a node does to one connection, each thing at its time; nothing while the node is frozen. When this is dropped, the
//! node hears that the connection is gone. It must never know what is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::door::{Door, Line};
use super::execution::Connection;
use super::shared::Shared;
use crate::node::{Action, ConnectionId, Gate};

/// What waits for its time on one connection. When it is this much, the connection is reset.
const WAITING_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Channel {
    shared: Arc<Shared>,
    door: Arc<Door>,
    line: Line,
    /// By time, and in the order in which it came.
    waiting: BTreeMap<(u64, u64), Action>,
    arrivals: u64,
}

impl Channel {
    pub(super) fn new(line: Line, connection: &Connection) -> Self {
        let (shared, door) = (Arc::clone(&connection.shared), Arc::clone(&connection.door));
        Self { shared, door, line, waiting: BTreeMap::new(), arrivals: 0 }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.line.id
    }

    /// `None`: nothing more will come, or too much did. Nothing is lost when the wait is given up.
    pub(super) async fn next(&mut self) -> Option<Action> {
        let mut standing = self.door.watch();
        loop {
            let moves = standing.borrow_and_update().gate != Gate::Frozen;
            let due = self.waiting.keys().next().map_or(0, |(at_ms, _)| *at_ms);
            tokio::select! {
                changed = standing.changed() => changed.ok()?,
                outgoing = self.line.out.recv() => {
                    let outgoing = outgoing.filter(|_| self.waiting.len() < WAITING_MAX)?;
                    self.arrivals += 1;
                    self.waiting.insert((outgoing.at_ms, self.arrivals), outgoing.action);
                }
                () = tokio::time::sleep_until(self.shared.instant(due)), if moves && !self.waiting.is_empty() => {
                    return self.waiting.pop_first().map(|(_, action)| action);
                }
            }
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let (node, face, id) = (self.door.node, self.door.face, self.line.id);
        self.door.disconnect(id);
        self.shared.step(|network, _| (network.closed(node, face, id), Vec::new()));
    }
}
