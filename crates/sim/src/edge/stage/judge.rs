//! What has to hold of a trial as a whole, while it goes on and at its end. It must never change anything of it.

use devnet::node::Fault;
use edge::core::{NodeId, Standing};

use super::Stage;

/// A head that a healthy network has is announced within this at the end.
const SETTLE_BLOCKS: u64 = 3;
/// A node that has been well for so long is in use again.
const RECOVERED_MS: u64 = 30_000;
/// What a healthy node has is announced within so many blocks and so long, whatever the others do.
const PROGRESS_BLOCKS: u64 = 4;
const PROGRESS_MS: u64 = 12_000;
/// For so long after it a node may be called a liar for what it said, once its next head is due: until then it stands by it.
const SUSPECTED_MS: u64 = 10_000;
/// Of fewer nodes nobody could say which of them is right.
const INVENTED_NODES_MIN: usize = 3;
/// In a trial of nodes that answer within a second nothing has to be looked at more often than this.
const WAKES_PER_SECOND_MAX: u64 = 80;

#[derive(Debug)]
pub(super) struct Watched {
    nodes: Vec<Node>,
    woken: u64,
    quiet_until: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// It is not in the configuration now.
    is_away: bool,
    is_ill: bool,
    well_since: u64,
    /// Until when it may be called a liar.
    lies_until: u64,
    is_liar: bool,
}

impl Node {
    fn is_used(&self, now: u64) -> bool {
        !self.is_away && !self.is_ill && now >= self.well_since + RECOVERED_MS
    }
}

impl Watched {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: vec![Node::default(); nodes], woken: 0, quiet_until: 0 }
    }

    pub(super) fn woke(&mut self) {
        self.woken += 1;
    }

    pub(super) fn fails(&mut self, node: usize, fault: &Fault) {
        self.nodes[node].is_ill = true;
        if matches!(fault, Fault::LieHead { .. } | Fault::Null) {
            self.nodes[node].lies_until = u64::MAX;
        }
    }

    /// Whether the node may invent now, which then is no wonder to the end. Where only two are left nobody could say which of
    /// them is right, so nothing else happens until it tells of a true head again.
    pub(super) fn may_invent(&mut self, node: usize, now: u64, until: u64) -> bool {
        let here: Vec<&Node> = self.nodes.iter().filter(|node| !node.is_away).collect();
        let may = here.len() >= INVENTED_NODES_MIN
            && !self.nodes[node].is_away
            && here.iter().all(|node| node.is_used(now));
        self.nodes[node].is_liar |= may;
        self.quiet_until = if may { until } else { self.quiet_until };
        may
    }

    /// The configuration was read again: these left, and these came, some of them under another address than before.
    pub(super) fn reloaded(&mut self, gone: &[usize], came: &[usize], now: u64) {
        gone.iter().for_each(|node| self.nodes[*node].is_away = true);
        for node in came {
            let node = &mut self.nodes[*node];
            (node.is_away, node.well_since) = (false, now);
        }
    }

    /// A node that was well since then, and for long before.
    pub(super) fn was_well(&self, since: u64) -> Option<usize> {
        self.nodes.iter().position(|node| node.is_used(since) && !node.is_liar)
    }

    pub(super) fn is_quiet(&self, now: u64) -> bool {
        now < self.quiet_until
    }

    pub(super) fn is_well(&mut self, node: usize, now: u64, block_ms: u64) {
        let node = &mut self.nodes[node];
        node.well_since = if node.is_ill { now } else { node.well_since };
        node.is_ill = false;
        node.lies_until = node.lies_until.min(now + block_ms + SUSPECTED_MS);
    }
}

impl Stage {
    /// Honest nodes are never shunned, whatever comes late.
    pub(super) fn judge_lie(&mut self, node: NodeId) {
        let is_suspect = self
            .members
            .node(node)
            .map(|node| &self.watched.nodes[node])
            .is_some_and(|node| node.is_liar || self.now <= node.lies_until);
        if !is_suspect {
            self.wrong.get_or_insert(format!("node {} is called a liar and is none", node.0));
        }
    }

    /// While one node is well, heads come.
    pub(super) fn judge_progress(&mut self) {
        if !self.watched.nodes.iter().any(|node| node.is_used(self.now)) {
            return;
        }
        let behind = PROGRESS_BLOCKS + PROGRESS_MS / self.plan.block_ms + self.left_out();
        let main = self.net.head_number();
        let served = self.pool.view().served.map_or(0, |head| head.number);
        if served + behind < main {
            self.wrong.get_or_insert(format!(
                "block {served} is served while a node is well, and the chain is at {main}"
            ));
        }
    }

    /// Slots without a block among so few.
    fn left_out(&self) -> u64 {
        PROGRESS_BLOCKS.checked_div(self.plan.missed_slot_every).map_or(0, |left_out| left_out + 1)
    }

    /// After a while without faults everything is as if there had been none.
    pub(super) fn judge(&mut self) -> Result<(), String> {
        if self.watched.woken > self.now / 1_000 * WAKES_PER_SECOND_MAX {
            return Err(format!("it woke {} times", self.watched.woken));
        }
        self.judge_calls()?;
        let main = self.net.head_number();
        let served = self.pool.view().served.map_or(0, |head| head.number);
        if served + SETTLE_BLOCKS + self.left_out() < main {
            return Err(format!("block {served} is served, and the chain is at {main}"));
        }
        for node in &self.pool.view().nodes {
            if (node.http, node.stream) != (Standing::Serving, Standing::Serving) {
                return Err(format!("node {} is still {:?} and {:?}", node.id.0, node.http, node.stream));
            }
        }
        for (session, client) in self.clients.iter().filter(|(_, client)| !client.ended) {
            client.judge(self.net.network.chain()).map_err(|what| format!("client {}: {what}", session.0))?;
            if client.last().map(|seen| seen.hash) != self.pool.view().served.map(|head| head.hash) {
                return Err(format!("client {} was not told the head", session.0));
            }
        }
        Ok(())
    }
}
