//! A devnet: one chain, the transactions that wait, and the nodes that see it, each in its own way. Pure: a driver brings
//! time and requests, and carries out what comes back; a simulator drives it as well as real sockets do. It must never know
//! either of them.

mod history;
mod plan;
mod record;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use history::{History, Step};
pub use plan::{Plan, PlanError};
pub use record::{Count, Outcome, Received, Requests, Via};

use crate::chain::{Block, BranchId, Chain, ForkError, Hash, Mining, Path};
use crate::node::{
    Action, Answer, BeaconReply, ConnectionId, Face, Fault, FaultError, Gate, Handled, Node, Origin, Pool,
    Push, Reply, Switch, World,
};

/// What a node does to one of its connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    pub node: usize,
    pub push: Push,
}

#[derive(Debug, Clone)]
pub struct Network {
    plan: Plan,
    chain: Chain,
    pool: Pool,
    nodes: Vec<Node>,
    history: History,
    requests: Vec<Requests>,
}

impl Network {
    pub fn new(plan: Plan) -> Result<Self, PlanError> {
        plan.check()?;
        let mut chain = Chain::new(plan.origin());
        let mut history = History::new(Arc::clone(chain.head()));
        for _ in 0..plan.blocks_at_start {
            let block = chain.mine(BranchId::MAIN, Mining::default());
            history.added(0, block);
        }
        let nodes: Vec<Node> =
            plan.nodes.iter().enumerate().map(|(at, node)| Node::new(at, node.clone(), &chain)).collect();
        let requests = nodes.iter().map(|_| Requests::default()).collect();
        Ok(Self { pool: Pool::new(plan.gossip_ms), plan, chain, nodes, history, requests })
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    /// What a node was asked, by its place.
    pub fn requests(&self) -> &[Requests] {
        &self.requests
    }

    pub fn gate(&self, node: usize, face: Face) -> Gate {
        self.nodes.get(node).map_or(Gate::Closed, |node| node.gate(face))
    }

    /// A block on the main branch, and one on every branch that a node has for itself.
    pub fn mine(&mut self, now_ms: u64) -> (Arc<Block>, Vec<Pushed>) {
        let next = self.chain.head().number() + 1;
        let every = self.plan.missed_slot_every;
        let missed_slots = u64::from(every > 0 && next.is_multiple_of(every));
        let sent = self.pool.for_block();
        let block = self.chain.mine(BranchId::MAIN, Mining { now_ms, missed_slots, sent });
        self.history.added(now_ms, Arc::clone(&block));
        for branch in self.side_branches() {
            let block = self.chain.mine(branch, Mining { now_ms, ..Mining::default() });
            self.history.put_aside(block);
        }
        (block, self.advance(now_ms))
    }

    /// A new branch that nobody sees until it is adopted or followed.
    pub fn fork(&mut self, at: u64, length: u64, now_ms: u64) -> Result<BranchId, ForkError> {
        let branch = self.chain.fork(at, length, now_ms)?;
        let mut block = Some(self.chain.tip(branch));
        let mut aside = Vec::new();
        while let Some(of_branch) = block.filter(|block| block.number() > at) {
            aside.push(Arc::clone(of_branch));
            block = self.chain.block(&of_branch.parent());
        }
        aside.into_iter().rev().for_each(|block| self.history.put_aside(block));
        Ok(branch)
    }

    /// Makes a branch the main one: a reorganisation for all who see the main one.
    pub fn adopt(&mut self, branch: BranchId, now_ms: u64) -> Result<(Path, Vec<Pushed>), ForkError> {
        let path = self.chain.adopt(branch, now_ms)?;
        let kept: BTreeSet<_> =
            path.added.iter().flat_map(|block| &block.transactions).map(|held| held.hash).collect();
        for block in &path.removed {
            self.history.removed(now_ms, Arc::clone(block));
            for held in block.transactions.iter().filter(|held| held.sent && !kept.contains(&held.hash)) {
                self.pool.put_back(held, now_ms);
            }
        }
        path.added.iter().for_each(|block| self.history.added(now_ms, Arc::clone(block)));
        let pushed = self.advance(now_ms);
        Ok((path, pushed))
    }

    /// Replaces the last `depth` blocks by `length` others.
    pub fn reorganise(
        &mut self,
        depth: u64,
        length: u64,
        now_ms: u64,
    ) -> Result<(Path, Vec<Pushed>), ForkError> {
        let at = self.chain.head().number().saturating_sub(depth);
        let branch = self.fork(at, length, now_ms)?;
        self.adopt(branch, now_ms)
    }

    /// Puts a node on a branch; on the main one if that branch is gone.
    pub fn follow(&mut self, node: usize, branch: BranchId, now_ms: u64) -> Vec<Pushed> {
        if let Some(node) = self.nodes.get_mut(node) {
            node.follow(&Switch::from(Fault::OwnFork { depth: 0 }), branch);
        }
        self.advance(now_ms)
    }

    pub fn set(&mut self, node: usize, switch: Switch, now_ms: u64) -> Result<Vec<Pushed>, FaultError> {
        let last = self.nodes.len().saturating_sub(1);
        let held = self.nodes.get_mut(node).ok_or(FaultError::NoSuchNode { node, last })?;
        let mut world = World { chain: &self.chain, pool: &mut self.pool, now_ms };
        let mut pushed = of(node, held.set(switch.clone(), &mut world)?);
        if let Fault::OwnFork { depth } = switch.fault {
            let at = self.chain.head().number().saturating_sub(depth);
            match self.fork(at, depth.saturating_add(1), now_ms) {
                Ok(branch) => {
                    self.nodes.get_mut(node).into_iter().for_each(|node| node.follow(&switch, branch));
                }
                Err(error) => {
                    self.clear(node, Some(&switch.fault.name()), now_ms)?;
                    return Err(error.into());
                }
            }
        }
        pushed.extend(self.advance(now_ms));
        Ok(pushed)
    }

    /// Clears the faults of a name, or all.
    pub fn clear(&mut self, node: usize, name: Option<&str>, now_ms: u64) -> Result<Vec<Pushed>, FaultError> {
        let last = self.nodes.len().saturating_sub(1);
        let held = self.nodes.get_mut(node).ok_or(FaultError::NoSuchNode { node, last })?;
        let world = World { chain: &self.chain, pool: &mut self.pool, now_ms };
        let mut pushed = of(node, held.clear(name, &world));
        let own_fork = |switch: &Switch| matches!(switch.fault, Fault::OwnFork { .. });
        if !held.switches().all().iter().any(own_fork) {
            let left = held.branches();
            held.follow(&Switch::from(Fault::OwnFork { depth: 0 }), BranchId::MAIN);
            let used = self.side_branches();
            for branch in left.into_iter().filter(|branch| !used.contains(branch)) {
                self.chain.drop_branch(branch);
            }
        }
        pushed.extend(self.advance(now_ms));
        Ok(pushed)
    }

    /// A WebSocket is opened; `Err` is the status of the refusal.
    pub fn open(&mut self, node: usize) -> Result<ConnectionId, u16> {
        self.nodes.get_mut(node).ok_or(404_u16)?.open()
    }

    pub fn closed(&mut self, node: usize, face: Face, connection: ConnectionId) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.closed(face, connection);
        }
    }

    /// A body of HTTP.
    pub fn post(&mut self, node: usize, body: &[u8], now_ms: u64) -> (Reply, Vec<Pushed>) {
        self.handle(node, Origin::Http, body, now_ms)
    }

    /// A frame of a WebSocket. What it is answered is among what comes back.
    pub fn frame(&mut self, node: usize, connection: ConnectionId, bytes: &[u8], now_ms: u64) -> Vec<Pushed> {
        let (reply, mut others) = self.handle(node, Origin::Socket(connection), bytes, now_ms);
        let mut pushes = as_pushes(connection, reply);
        if let Some(held) = self.nodes.get(node) {
            let world = World { chain: &self.chain, pool: &mut self.pool, now_ms };
            held.push_unsolicited(&world, connection, &mut pushes);
        }
        let mut pushed = of(node, pushes);
        pushed.append(&mut others);
        pushed
    }

    /// Whether a transaction waits for a block, as far as a node knows.
    pub fn knows(&self, node: usize, transaction: &Hash, now_ms: u64) -> bool {
        self.pool.knows(node, transaction, now_ms)
    }

    /// A GET of the Beacon API.
    pub fn beacon(&mut self, node: usize, path: &str, query: &str, now_ms: u64) -> BeaconReply {
        let world = World { chain: &self.chain, pool: &mut self.pool, now_ms };
        let Some(held) = self.nodes.get_mut(node) else { return BeaconReply::Reply(Reply::Silent) };
        let reply = held.beacon(path, query, &world);
        if let Some(requests) = self.requests.get_mut(node) {
            let outcome = match &reply {
                BeaconReply::Reply(reply) => Outcome::of(reply),
                BeaconReply::Stream { .. } => Outcome::Answered,
            };
            requests.add(now_ms, Via::Beacon, path, outcome);
        }
        reply
    }

    /// What is new to the nodes at this time.
    pub fn advance(&mut self, now_ms: u64) -> Vec<Pushed> {
        let mut pushed = Vec::new();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let world = World { chain: &self.chain, pool: &mut self.pool, now_ms };
            pushed.extend(of(at, node.advance(&world)));
        }
        pushed
    }

    /// When `advance` has something to do by itself.
    pub fn due(&self, now_ms: u64) -> Option<u64> {
        let nodes = self.nodes.iter().filter_map(|node| node.due(&self.chain, now_ms));
        nodes.chain(self.pool.next_gossip(now_ms)).min()
    }

    fn handle(&mut self, node: usize, origin: Origin, bytes: &[u8], now_ms: u64) -> (Reply, Vec<Pushed>) {
        let (Some(held), Some(requests)) = (self.nodes.get_mut(node), self.requests.get_mut(node)) else {
            return (Reply::Silent, Vec::new());
        };
        match held.gate(Face::Execution) {
            Gate::Closed => return (Reply::Reset { at_ms: now_ms }, Vec::new()),
            // Whoever drives a frozen node keeps what came until it moves again, or it is lost.
            Gate::Frozen => return (Reply::Silent, Vec::new()),
            Gate::Open | Gate::Hanging => {}
        }
        let arrivals = self.pool.arrivals();
        let mut world = World { chain: &self.chain, pool: &mut self.pool, now_ms };
        let Handled { methods, reply } = held.handle(origin, bytes, &mut world);
        let via = match origin {
            Origin::Http => Via::Http,
            Origin::Socket(_) => Via::Socket,
        };
        methods.iter().for_each(|method| requests.add(now_ms, via, method, Outcome::of(&reply)));
        let pushed = if self.pool.arrivals() == arrivals { Vec::new() } else { self.advance(now_ms) };
        (reply, pushed)
    }

    /// Branches beside the main one that a node is on.
    fn side_branches(&self) -> BTreeSet<BranchId> {
        let on = self.nodes.iter().flat_map(Node::branches);
        on.filter(|branch| *branch != BranchId::MAIN && self.chain.has_branch(*branch)).collect()
    }
}

fn of(node: usize, pushes: Vec<Push>) -> Vec<Pushed> {
    pushes.into_iter().map(|push| Pushed { node, push }).collect()
}

/// A reply as a WebSocket carries it: what is cut ends with the connection.
fn as_pushes(connection: ConnectionId, reply: Reply) -> Vec<Push> {
    let push = |at_ms, action| Push { face: Face::Execution, connection, at_ms, action };
    match reply {
        Reply::Silent => Vec::new(),
        Reply::Reset { at_ms } => vec![push(at_ms, Action::Reset)],
        Reply::Answer(Answer { body, .. }) if body.is_empty() => Vec::new(),
        Reply::Answer(Answer { at_ms, body, cut: None, .. }) => vec![push(at_ms, Action::Send(body))],
        Reply::Answer(Answer { at_ms, body, cut: Some(cut), .. }) => {
            let kept = body.slice(..cut.min(body.len()));
            vec![push(at_ms, Action::Send(kept)), push(at_ms, Action::Reset)]
        }
    }
}

#[cfg(test)]
mod tests;
