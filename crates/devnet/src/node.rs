//! One node: its own view of the chain, its answers and notifications, and the faults that are set on it. Pure: what it
//! sends comes back as data, with the time at which it is to be sent. It must never know a socket, or other nodes.

mod answer;
mod blocks;
mod call;
mod connections;
mod consensus;
mod fault;
mod handle;
mod log_filter;
mod logs;
mod methods;
mod params;
mod polls;
mod pool;
mod push;
mod sending;
mod state;
mod subscriptions;
mod switches;
mod view;

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use answer::RpcError;
pub use call::BATCH_MAX;
pub use connections::{CONNECTIONS_MAX, ConnectionId, SUBSCRIPTIONS_MAX};
pub use consensus::{BeaconReply, TOPICS};
pub use fault::{Face, Fault, FaultError, Switch};
pub use handle::{Answer, Handled, Origin, Reply};
pub use log_filter::LogFilter;
pub use polls::POLLS_MAX;
pub use pool::{POOL_MAX, Pool, PoolError};
pub use state::{REVERT_CALL, balance_at};
pub use switches::{Gate, Switches};
pub use view::{SLOTS_PER_EPOCH, View};

use crate::chain::{BranchId, Chain, Draw, Hash};
use connections::Connections;
use consensus::Consensus;
use polls::Polls;

/// What an upgrade to WebSocket is called in the `methods` of a fault.
const UPGRADE: &str = "upgrade";

/// What distinguishes a node from others when nothing is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodePlan {
    /// What `web3_clientVersion` says.
    pub client: String,
    /// What `/eth/v1/node/version` says.
    pub consensus_client: String,
    pub ids: IdScheme,
    pub heads: HeadStyle,
    /// After a block is mined, until the node announces it.
    pub lag_ms: u64,
    /// After the node announces a block, until its data can be read.
    pub data_lag_ms: u64,
    /// Blocks that it stays behind.
    pub lag_blocks: u64,
    pub peers: u64,
}

/// How a node names its subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdScheme {
    /// 128 bits, as geth.
    Random,
    /// 0x1, 0x2, ..., as others do.
    Counter,
}

/// What a node announces when it moves by several blocks at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadStyle {
    Every,
    /// Only the newest, as geth does after an import of several.
    Newest,
}

/// What a node is part of.
#[derive(Debug)]
pub struct World<'a> {
    pub chain: &'a Chain,
    pub pool: &'a mut Pool,
    pub now_ms: u64,
}

/// What a node does to a connection of its own accord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    pub face: Face,
    pub connection: ConnectionId,
    pub at_ms: u64,
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A text frame, or a piece of an event stream.
    Send(Bytes),
    Close {
        code: u16,
        reason: String,
    },
    Reset,
}

#[derive(Debug, Clone)]
pub struct Node {
    index: usize,
    plan: NodePlan,
    view: View,
    connections: Connections,
    polls: Polls,
    switches: Switches,
    consensus: Consensus,
    /// What waits in the pool and was announced.
    announced: BTreeSet<Hash>,
}

impl Default for NodePlan {
    fn default() -> Self {
        Self {
            client: "Geth/v1.16.7-stable-devnet/linux-amd64/go1.25.3".to_owned(),
            consensus_client: "Lighthouse/v8.0.1-devnet/x86_64-linux".to_owned(),
            ids: IdScheme::Random,
            heads: HeadStyle::Every,
            lag_ms: 0,
            data_lag_ms: 0,
            lag_blocks: 0,
            peers: 25,
        }
    }
}

impl Node {
    pub fn new(index: usize, plan: NodePlan, chain: &Chain) -> Self {
        let view = View::new(chain, plan.lag_ms, plan.data_lag_ms, plan.lag_blocks);
        let draw = Draw::new("subscriptions", &[chain.origin().seed, index as u64]);
        Self {
            index,
            connections: Connections::new(plan.ids, draw.clone()),
            polls: Polls::new(draw),
            switches: Switches::default(),
            consensus: Consensus::new(view.clone()),
            view,
            plan,
            announced: BTreeSet::new(),
        }
    }

    pub fn plan(&self) -> &NodePlan {
        &self.plan
    }

    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    pub fn gate(&self, face: Face) -> Gate {
        self.switches.gate(face)
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    /// WebSockets and event streams.
    pub fn connections(&self) -> (usize, usize) {
        (self.connections.count(), self.consensus.streams())
    }

    /// A WebSocket was opened. `Err` is the status with which the upgrade is refused.
    pub fn open(&mut self) -> Result<ConnectionId, u16> {
        if self.switches.has(Face::Execution, &Fault::DropSockets) {
            return Err(503);
        }
        let is_status = |fault: &Fault| matches!(fault, Fault::Status { .. });
        match self.switches.take_where(Face::Execution, UPGRADE, is_status) {
            Some(Fault::Status { status, .. }) => Err(status),
            _ => self.connections.open().ok_or(503),
        }
    }

    pub fn closed(&mut self, face: Face, connection: ConnectionId) {
        match face {
            Face::Execution => self.connections.closed(connection),
            Face::Consensus => self.consensus.closed(connection),
        }
    }

    /// Looks at the chain and tells subscribers what is new.
    pub fn advance(&mut self, world: &World<'_>) -> Vec<Push> {
        let mut pushes = Vec::new();
        if matches!(self.gate(Face::Execution), Gate::Open | Gate::Hanging) {
            let moved = self.view.advance(world.chain, world.now_ms);
            self.push_moves(world, &moved, &mut pushes);
        }
        if matches!(self.gate(Face::Consensus), Gate::Open | Gate::Hanging) {
            self.push_events(world, &mut pushes);
        }
        pushes
    }

    /// When something becomes visible by itself.
    pub fn due(&self, chain: &Chain, now_ms: u64) -> Option<u64> {
        let execution = Some(&self.view).filter(|_| self.gate(Face::Execution) != Gate::Frozen);
        let consensus = Some(self.consensus.view()).filter(|_| self.gate(Face::Consensus) != Gate::Frozen);
        execution.into_iter().chain(consensus).filter_map(|view| view.due(chain, now_ms)).min()
    }

    /// Sets a fault. What concerns the chain (`own_fork`) is made by whoever owns it, before.
    pub fn set(&mut self, switch: Switch, world: &mut World<'_>) -> Result<Vec<Push>, FaultError> {
        switch.check()?;
        let mut pushes = Vec::new();
        if let Fault::CloseSockets { code, reason } = &switch.fault {
            let action = Action::Close { code: *code, reason: reason.clone() };
            self.end_sockets(&action, world.now_ms, &mut pushes);
            return Ok(pushes);
        }
        let syncing_before = self.is_syncing();
        self.switches.set(switch.clone())?;
        let away = Action::Close { code: 1001, reason: "going away".to_owned() };
        match &switch.fault {
            Fault::Kill => self.end(&switch, &Action::Reset, world, &mut pushes),
            Fault::Stop => self.end(&switch, &away, world, &mut pushes),
            Fault::DropSockets => self.end_sockets(&Action::Reset, world.now_ms, &mut pushes),
            Fault::Lag { .. } => self.apply_lag(),
            _ => {}
        }
        self.push_syncing(syncing_before, world, &mut pushes);
        Ok(pushes)
    }

    /// Clears faults by name, or all of them.
    pub fn clear(&mut self, name: Option<&str>, world: &World<'_>) -> Vec<Push> {
        let mut pushes = Vec::new();
        let syncing_before = self.is_syncing();
        self.switches.clear(name);
        self.apply_lag();
        self.push_syncing(syncing_before, world, &mut pushes);
        pushes
    }

    /// Puts the faces on a branch that a switch covers.
    pub fn follow(&mut self, switch: &Switch, branch: BranchId) {
        if switch.covers(Face::Execution) {
            self.view.follow(branch);
        }
        if switch.covers(Face::Consensus) {
            self.consensus.view_mut().follow(branch);
        }
    }

    /// The branches that this node is on.
    pub fn branches(&self) -> [BranchId; 2] {
        [self.view.branch(), self.consensus.view().branch()]
    }

    fn end(&mut self, switch: &Switch, action: &Action, world: &mut World<'_>, pushes: &mut Vec<Push>) {
        if switch.covers(Face::Execution) {
            self.end_sockets(action, world.now_ms, pushes);
            self.polls.clear();
            self.connections.restart();
            world.pool.forget(self.index, world.now_ms);
        }
        if switch.covers(Face::Consensus) {
            // An event stream ends; there is no code to say why.
            let streams = self.consensus.end();
            pushes.extend(streams.into_iter().map(|connection| Push {
                face: Face::Consensus,
                connection,
                at_ms: world.now_ms,
                action: action.clone(),
            }));
        }
    }

    fn end_sockets(&mut self, action: &Action, now_ms: u64, pushes: &mut Vec<Push>) {
        let ended = self.connections.end_all();
        pushes.extend(ended.into_iter().map(|connection| Push {
            face: Face::Execution,
            connection,
            at_ms: now_ms,
            action: action.clone(),
        }));
    }

    fn apply_lag(&mut self) {
        let lag = |fault: &Fault| match fault {
            Fault::Lag { blocks } => Some(*blocks),
            _ => None,
        };
        let own = self.plan.lag_blocks;
        self.view.set_lag_blocks(self.switches.find(Face::Execution, lag).unwrap_or(own));
        self.consensus.view_mut().set_lag_blocks(self.switches.find(Face::Consensus, lag).unwrap_or(own));
    }

    fn is_syncing(&self) -> bool {
        self.switches.has(Face::Execution, &Fault::Syncing)
    }
}
