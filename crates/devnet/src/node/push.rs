//! What subscribers are sent when the view of a node moves. It must never know how a subscription was made.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::notification;
use super::blocks::head;
use super::connections::{Kind, Subscription};
use super::fault::{Face, Fault};
use super::log_filter::LogFilter;
use super::view::Moved;
use super::{Action, ConnectionId, HeadStyle, Node, Push, World};
use crate::chain::{Block, Hash, Path, Transaction, json};

/// An answer to an id that no client uses.
const UNSOLICITED: &[u8] = br#"{"jsonrpc":"2.0","id":987654321987,"result":"0x1"}"#;

impl Node {
    /// In the order of geth: transactions that came, heads, then logs; retractions before what replaces them.
    pub(super) fn push_moves(&mut self, world: &World<'_>, moved: &Moved, pushes: &mut Vec<Push>) {
        let pending = self.newly_pending(world, &moved.announced);
        let heads = self.newly_announced(&moved.announced);
        let chain_id = world.chain.origin().chain_id;
        for (connection, id, subscription) in self.connections.subscriptions() {
            let results: Vec<Value> = match &subscription.kind {
                Kind::NewHeads => heads.clone(),
                Kind::Logs(filter) => logs(filter, &moved.readable),
                Kind::Pending { full } => {
                    let shown = |transaction: &Transaction| match full {
                        true => json::transaction(transaction, None, chain_id),
                        false => json!(transaction.hash),
                    };
                    pending.iter().map(|transaction| shown(transaction)).collect()
                }
                Kind::Syncing => Vec::new(),
            };
            self.push_results(world, (connection, id, subscription), &results, pushes);
        }
        if !heads.is_empty() {
            let sockets: Vec<ConnectionId> = self.connections.ids().collect();
            sockets.into_iter().for_each(|connection| self.push_unsolicited(world, connection, pushes));
        }
    }

    /// Where that fault is set.
    pub fn push_unsolicited(&self, world: &World<'_>, connection: ConnectionId, pushes: &mut Vec<Push>) {
        if self.switches.has(Face::Execution, &Fault::Unsolicited) && self.connections.is_open(connection) {
            let action = Action::Send(Bytes::from_static(UNSOLICITED));
            pushes.push(Push { face: Face::Execution, connection, at_ms: world.now_ms, action });
        }
    }

    /// The flag changed: whoever asked for it is told.
    pub(super) fn push_syncing(&self, before: bool, world: &World<'_>, pushes: &mut Vec<Push>) {
        let now = self.is_syncing();
        if now == before {
            return;
        }
        let told = if now { json!({ "syncing": true, "status": self.syncing(world) }) } else { json!(false) };
        let results = [told];
        for (connection, id, subscription) in self.connections.subscriptions() {
            if subscription.kind == Kind::Syncing {
                self.push_results(world, (connection, id, subscription), &results, pushes);
            }
        }
    }

    fn push_results(
        &self,
        world: &World<'_>,
        (connection, id, subscription): (ConnectionId, &str, &Subscription),
        results: &[Value],
        pushes: &mut Vec<Push>,
    ) {
        if self.switches.stalled(Face::Execution, subscription.kind.name()) {
            return;
        }
        let late = self.switches.find(Face::Execution, |fault| match fault {
            Fault::Late { ms } => Some(*ms),
            _ => None,
        });
        let at_ms = world.now_ms.saturating_add(late.unwrap_or(0)).max(subscription.active_ms);
        let times = if self.switches.has(Face::Execution, &Fault::Duplicate) { 2 } else { 1 };
        for result in results {
            let action = Action::Send(notification(id, result).into());
            let push = Push { face: Face::Execution, connection, at_ms, action };
            pushes.extend(std::iter::repeat_n(push, times));
        }
    }

    fn newly_announced(&self, path: &Path) -> Vec<Value> {
        let lie = self.lie();
        let skipped = match self.plan.heads {
            HeadStyle::Every => 0,
            HeadStyle::Newest => path.added.len().saturating_sub(1),
        };
        path.added.iter().skip(skipped).map(|block| head(block, lie)).collect()
    }

    /// What clients sent; and what the chain made up, at the last moment.
    fn newly_pending(&mut self, world: &World<'_>, path: &Path) -> Vec<Arc<Transaction>> {
        let mut come = world.pool.known(self.index, world.now_ms);
        let known: BTreeSet<Hash> = come.iter().map(|held| held.hash).collect();
        come.retain(|held| !self.announced.contains(&held.hash));
        self.announced = known;
        let made_up = path.added.iter().flat_map(|block| &block.transactions).filter(|held| !held.sent);
        come.extend(made_up.cloned());
        come
    }
}

/// Retractions, then what replaces them.
pub(super) fn logs(filter: &LogFilter, path: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    let mut take = |block: &Block, removed| {
        found.extend(filter.of(block).map(|log| json::log(log, block, removed)));
    };
    path.removed.iter().for_each(|block| take(block, true));
    path.added.iter().for_each(|block| take(block, false));
    found
}
