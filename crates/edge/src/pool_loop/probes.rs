//! Probes of nodes, and what is asked of a node that answered one: how many others it is connected with. That is shown and
//! decides nothing, so a probe never waits for it. It must never judge an answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::PoolLoop;
use crate::core::pool::Input;
use crate::core::{Fault, NodeId};

/// Whoever takes longer to say which chain it is of is not well.
const PROBE_WITHIN: Duration = Duration::from_secs(2);
/// A node that does not say how many it is connected with may do so another time: not all offer it, and some count what
/// they are asked.
const NOT_TOLD_PAUSE: Duration = Duration::from_secs(60);

/// When a node may be asked for its peers: one question at a time.
#[derive(Debug)]
pub(super) struct PeersTurn(Mutex<Turn>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    From(Instant),
    UnderWay,
}

impl PeersTurn {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Turn::From(Instant::now())))
    }

    /// Whether it is its turn, which is under way from then on.
    fn begin(&self, now: Instant) -> bool {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = matches!(*turn, Turn::From(at) if at <= now);
        if is_due {
            *turn = Turn::UnderWay;
        }
        is_due
    }

    fn end(&self, from: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Turn::From(from);
    }
}

impl PoolLoop {
    pub(super) fn probe(&self, node: NodeId) {
        let Some(access) = self.nodes.get(node) else { return };
        let (record, turn) = (Arc::clone(self.record()), Arc::clone(&access.peers));
        let token = Arc::clone(&access.token);
        self.ask(node, move |asking, within| async move {
            let within = within.min(PROBE_WITHIN);
            let result = asking.probe(within).await;
            if result.is_err() {
                record.has_peers(node, None);
            } else if turn.begin(Instant::now()) {
                tokio::spawn(async move {
                    let told = asking.peers(within).await;
                    record.has_peers(node, told.ok());
                    let now = Instant::now();
                    let is_refused =
                        matches!(told, Err(Fault::NodeError | Fault::Status(_) | Fault::Missing));
                    turn.end(if is_refused { now + NOT_TOLD_PAUSE } else { now });
                    drop(token);
                });
            }
            Input::Probed { node, result }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_at_a_time_and_the_next_when_it_is_due() {
        let (turn, now) = (PeersTurn::new(), Instant::now());
        assert!(turn.begin(now) && !turn.begin(now), "it is under way");
        turn.end(now + NOT_TOLD_PAUSE);
        assert!(!turn.begin(now) && turn.begin(now + NOT_TOLD_PAUSE));
    }
}
