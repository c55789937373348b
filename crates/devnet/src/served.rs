//! A devnet on real sockets: HTTP, WebSocket and the Beacon API of every node on loopback, with an API to steer it. What
//! happens is decided by the pure network; here it is carried out. It must never decide what an answer says.

mod admin;
mod beacon;
mod body;
mod channel;
mod clockwork;
mod door;
mod execution;
mod listener;
mod setup;
mod shared;
mod socket;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use setup::{Ports, Setup, StartError};

use crate::chain::{Block, BranchId, ForkError, Path};
use crate::network::{History, Network, Requests};
use crate::node::{Face, Fault, FaultError, Switch};
use door::Door;
use listener::Port;
use shared::Shared;

/// A running devnet. It ends when this is dropped; [`Devnet::stop`] ends it in order.
#[derive(Debug)]
pub struct Devnet {
    shared: Arc<Shared>,
    admin: Option<SocketAddr>,
    drain: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// One node of a running devnet.
#[derive(Debug, Clone, Copy)]
pub struct NodeHandle<'d> {
    shared: &'d Arc<Shared>,
    index: usize,
}

/// What is connected to a node now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Connections {
    /// TCP connections to the execution face, WebSockets included.
    pub execution: usize,
    /// TCP connections to the consensus face, event streams included.
    pub consensus: usize,
    pub sockets: usize,
    pub streams: usize,
}

impl Devnet {
    /// Everything listens when this comes back.
    pub async fn start(setup: impl Into<Setup>) -> Result<Self, StartError> {
        let mut setup = setup.into();
        setup.plan.epoch_s.get_or_insert_with(now_s);
        let block_ms = if setup.mines { setup.plan.block_ms } else { 0 };
        let network = Network::new(setup.plan.clone())?;
        let mut bound = Vec::new();
        for node in 0..network.nodes().len() {
            let ports = setup.ports.get(node).copied().unwrap_or_default();
            for (face, port) in [(Face::Execution, ports.execution), (Face::Consensus, ports.consensus)] {
                let address = SocketAddr::new(setup.host, port);
                let failed = |error| StartError::Bind { what: format!("node {node}"), address, error };
                let port = Port::hold(address).map_err(failed)?;
                bound.push((Door::new(node, face, port.address()), port));
            }
        }
        let doors = bound.iter().map(|(door, _)| Arc::clone(door)).collect();
        let shared = Shared::new(network, doors, block_ms);
        let (drain, draining) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (door, port) in bound {
            open(door, port, &shared, &draining, &mut tasks);
        }
        tasks.spawn(clockwork::run(Arc::clone(&shared), draining.clone()));
        let mut admin = None;
        if let Some(address) = setup.admin {
            let failed = |error| StartError::Bind { what: "the admin API".to_owned(), address, error };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            admin = Some(listener.local_addr().map_err(failed)?);
            tasks.spawn(admin::run(listener, Arc::clone(&shared), draining));
        }
        let devnet = Self { shared, admin, drain, tasks };
        for node in 0..devnet.nodes() {
            devnet.node(node).settled().await;
        }
        Ok(devnet)
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.shared.doors().len() / 2
    }

    pub fn node(&self, index: usize) -> NodeHandle<'_> {
        NodeHandle { shared: &self.shared, index }
    }

    pub fn admin_url(&self) -> Option<String> {
        self.admin.map(|address| format!("http://{address}"))
    }

    /// Since the start, on the clock of blocks and records.
    pub fn now_ms(&self) -> u64 {
        self.shared.now_ms()
    }

    /// A block on the main branch.
    pub fn mine(&self) -> Arc<Block> {
        self.shared.step(|network, now_ms| network.mine(now_ms))
    }

    /// Blocks come by themselves at this interval, or only when asked for.
    pub fn set_block_time(&self, interval: Option<Duration>) {
        let ms =
            interval.map_or(0, |interval| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1));
        self.shared.set_block_ms(ms);
    }

    /// No more blocks but those that are asked for.
    pub fn pause(&self) {
        self.set_block_time(None);
    }

    /// A branch of `length` blocks after block `at` of the main branch, which nobody sees yet.
    pub fn fork(&self, at: u64, length: u64) -> Result<BranchId, ForkError> {
        self.shared.step(|network, now_ms| (network.fork(at, length, now_ms), Vec::new()))
    }

    /// Makes a branch the main one.
    pub fn adopt(&self, branch: BranchId) -> Result<Path, ForkError> {
        self.shared.step(|network, now_ms| parted(network.adopt(branch, now_ms)))
    }

    /// Replaces the last `depth` blocks of the main branch by `length` others.
    pub fn reorganise(&self, depth: u64, length: u64) -> Result<Path, ForkError> {
        self.shared.step(|network, now_ms| parted(network.reorganise(depth, length, now_ms)))
    }

    pub fn history(&self) -> History {
        self.shared.read(|network| network.history().clone())
    }

    pub fn head(&self) -> Arc<Block> {
        self.shared.read(|network| Arc::clone(network.chain().head()))
    }

    /// Looks at the network behind it.
    pub fn read<T>(&self, read: impl FnOnce(&Network) -> T) -> T {
        self.shared.read(read)
    }

    /// What `casebook-devnet` prints when it is ready.
    pub fn ready_line(&self) -> Value {
        let nodes: Vec<Value> = (0..self.nodes()).map(|node| self.node(node).urls()).collect();
        let chain_id = self.read(|network| network.plan().chain_id);
        json!({ "chain_id": chain_id, "admin": self.admin_url(), "nodes": nodes })
    }

    /// Says goodbye to all who are connected, and waits until everything has ended.
    pub async fn stop(mut self) {
        for node in 0..self.nodes() {
            // Whoever cannot be told is let go of all the same.
            let _ = self.node(node).set(Fault::Stop);
        }
        self.drain.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl NodeHandle<'_> {
    /// Sets a fault. Requests feel it at once, new connections as soon as the node has [settled](Self::settled).
    pub fn set(&self, switch: impl Into<Switch>) -> Result<(), FaultError> {
        let switch = switch.into();
        let fault = switch.fault.clone();
        let set = |network: &mut Network, now_ms| parted_unit(network.set(self.index, switch, now_ms));
        self.shared.turn(self.index, Some(&fault), set)
    }

    /// Clears the faults of a name, or all. A node that was killed or stopped is there again as soon as it has
    /// [settled](Self::settled).
    pub fn clear(&self, name: Option<&str>) -> Result<(), FaultError> {
        let clear = |network: &mut Network, now_ms| parted_unit(network.clear(self.index, name, now_ms));
        self.shared.turn(self.index, None, clear)
    }

    /// Waits until the sockets of the node are as its faults want them.
    pub async fn settled(&self) {
        self.shared.settled(self.index).await;
    }

    /// Puts the node on a branch.
    pub fn follow(&self, branch: BranchId) {
        self.shared.step(|network, now_ms| ((), network.follow(self.index, branch, now_ms)));
    }

    pub fn http_url(&self) -> String {
        self.url("http", Face::Execution)
    }

    pub fn ws_url(&self) -> String {
        self.url("ws", Face::Execution)
    }

    pub fn beacon_url(&self) -> String {
        self.url("http", Face::Consensus)
    }

    /// What it was asked.
    pub fn requests(&self) -> Requests {
        self.shared.read(|network| network.requests().get(self.index).cloned().unwrap_or_default())
    }

    /// How often a method was called, or a path of the Beacon API.
    pub fn count(&self, method: &str) -> u64 {
        self.requests().count(method).received
    }

    pub fn connections(&self) -> Connections {
        let open = |face| self.shared.door(self.index, face).map_or(0, |door| door.open());
        let (sockets, streams) = self
            .shared
            .read(|network| network.nodes().get(self.index).map_or((0, 0), |node| node.connections()));
        Connections { execution: open(Face::Execution), consensus: open(Face::Consensus), sockets, streams }
    }

    fn url(&self, scheme: &str, face: Face) -> String {
        let address = self.shared.door(self.index, face).map(|door| door.address);
        address.map_or_else(String::new, |address| format!("{scheme}://{address}"))
    }

    fn urls(&self) -> Value {
        json!({ "http": self.http_url(), "ws": self.ws_url(), "beacon": self.beacon_url() })
    }
}

/// A clock that stands before 1970 is as good as one that stands there.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn open(
    door: Arc<Door>,
    port: Port,
    shared: &Arc<Shared>,
    draining: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) {
    let (shared, draining, of) = (Arc::clone(shared), draining.clone(), Arc::clone(&door));
    match door.face {
        Face::Execution => {
            let serve = move |stream, endings| {
                execution::serve(stream, endings, Arc::clone(&of), Arc::clone(&shared))
            };
            tasks.spawn(listener::run(port, door, draining, serve));
        }
        Face::Consensus => {
            let serve =
                move |stream, endings| beacon::serve(stream, endings, Arc::clone(&of), Arc::clone(&shared));
            tasks.spawn(listener::run(port, door, draining, serve));
        }
    }
}

type Pushes = Vec<crate::network::Pushed>;

/// The value of a step and what is to be sent, apart.
fn parted<T, E>(stepped: Result<(T, Pushes), E>) -> (Result<T, E>, Pushes) {
    match stepped {
        Ok((value, pushed)) => (Ok(value), pushed),
        Err(error) => (Err(error), Vec::new()),
    }
}

fn parted_unit<E>(stepped: Result<Pushes, E>) -> (Result<(), E>, Pushes) {
    parted(stepped.map(|pushed| ((), pushed)))
}
