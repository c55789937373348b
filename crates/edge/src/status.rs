//! The document of `/status`: how the process, its pools and nodes stand at one moment. Addresses are redacted on the way
//! in, and nothing else of the configuration that could be secret has a place in it. It must never know how it is shown.

use serde::{Deserialize, Serialize};

use crate::config::{Config, Kind, Node, Pool};
use crate::core::{Fault, Standing, Tier};

/// A document with another one is of another version.
pub const SCHEMA: &str = "casebook.edge-status/v1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub schema: String,
    pub version: String,
    pub uptime_ms: u64,
    /// It is about to end: nobody is to be sent here any more.
    pub is_draining: bool,
    pub config: ConfigStatus,
    pub clients: ClientStatus,
    /// The Casebook server, where one is told.
    #[serde(default)]
    pub casebook: Option<CasebookStatus>,
    /// In the order of the configuration, as are the nodes.
    pub pools: Vec<PoolStatus>,
}

/// Whether the file as it stands is in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConfigStatus {
    pub reloads: u64,
    /// What is wrong with the file, while something is: as `check` tells it, without values.
    pub faults: Vec<String>,
    /// Settings whose new values count after a restart.
    pub awaits_restart: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientStatus {
    pub connections: u64,
    pub sessions: u64,
    pub subscriptions: u64,
}

/// Whether what happens here reaches the Casebook server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CasebookStatus {
    /// Scheme, host and port.
    pub address: String,
    pub signals: ReportStatus,
    /// None where no spans are sent.
    pub traces: Option<ReportStatus>,
    /// Why it is not told at the moment, if so.
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportStatus {
    pub sent: u64,
    pub waiting: u64,
    pub dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolStatus {
    pub name: String,
    pub kind: String,
    pub chain_id: Option<u64>,
    /// The head that is served. None before the first one, and in pools without a chain.
    pub head: Option<HeadStatus>,
    pub sessions: u64,
    pub subscriptions: u64,
    /// What the subscriptions come down to at the nodes.
    pub streams_shared: u64,
    pub failovers: u64,
    pub last_failover: Option<FailoverStatus>,
    pub nodes: Vec<NodeStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadStatus {
    pub number: u64,
    pub hash: String,
    /// Since it was announced.
    pub age_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailoverStatus {
    pub from: String,
    pub to: String,
    /// What `from` had done, by its class.
    pub reason: String,
    pub age_ms: u64,
    /// From the fault until `to` was used.
    pub took_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub name: String,
    /// Scheme, host and port.
    pub address: String,
    pub tier: String,
    pub weight: u16,
    /// By an operator's word: it is given nothing new while another serves.
    #[serde(default)]
    pub is_draining: bool,
    pub http: TransportStatus,
    /// None where the node has no WebSocket and no event stream.
    pub stream: Option<TransportStatus>,
    /// The highest block of the served chain that it was seen to have.
    pub head: Option<u64>,
    /// Behind the served head.
    pub lag_blocks: Option<u64>,
    /// Others that it is connected with, by its own word; nothing is decided by that.
    #[serde(default)]
    pub peers: Option<u64>,
    pub calls_in_flight: u64,
    pub calls: u64,
    pub calls_failed: u64,
    /// Of the last calls.
    pub latency: Option<Latency>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportStatus {
    pub state: State,
    pub since_ms: u64,
    /// Why it is not `serving`, by the class of the fault.
    pub fault: Option<String>,
}

/// As the core calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Serving,
    Draining,
    Suspect,
    Silent,
    Leaving,
    Out,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub median_ms: f64,
    pub p99_ms: f64,
}

/// The body of `POST /drain`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainOrder {
    pub node: String,
    /// Needed only where several pools have a node of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Whether it is to be drained, or used again.
    pub draining: bool,
}

impl Default for Status {
    /// Of an edge that has nothing to show yet.
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ms: 0,
            is_draining: false,
            config: ConfigStatus::default(),
            clients: ClientStatus::default(),
            casebook: None,
            pools: Vec::new(),
        }
    }
}

impl Status {
    /// What the configuration says, with nothing seen yet.
    pub fn of(config: &Config) -> Self {
        Self { pools: config.pools.iter().map(PoolStatus::of).collect(), ..Self::default() }
    }
}

impl PoolStatus {
    /// What the configuration says of a pool, with nothing seen yet.
    pub fn of(pool: &Pool) -> Self {
        Self {
            name: pool.name.to_string(),
            kind: pool.kind().word().to_owned(),
            chain_id: pool.chain_id(),
            head: None,
            sessions: 0,
            subscriptions: 0,
            streams_shared: 0,
            failovers: 0,
            last_failover: None,
            nodes: pool.nodes.iter().map(|node| NodeStatus::of(pool.kind(), node)).collect(),
        }
    }
}

impl NodeStatus {
    /// What the configuration says of a node, with nothing seen yet.
    pub fn of(kind: Kind, node: &Node) -> Self {
        let has_stream = node.ws.is_some() || kind == Kind::Consensus;
        Self {
            name: node.name.to_string(),
            address: node.http.url.to_string(),
            tier: tier_word(node.tier).to_owned(),
            weight: node.weight,
            is_draining: false,
            http: TransportStatus::default(),
            stream: has_stream.then(TransportStatus::default),
            head: None,
            lag_blocks: None,
            peers: None,
            calls_in_flight: 0,
            calls: 0,
            calls_failed: 0,
            latency: None,
        }
    }
}

impl TransportStatus {
    pub fn new(standing: Standing, since_ms: u64, fault: Option<Fault>) -> Self {
        Self { state: standing.into(), since_ms, fault: fault.map(|fault| fault.class().to_owned()) }
    }
}

impl Default for TransportStatus {
    fn default() -> Self {
        Self::new(Standing::Out, 0, None)
    }
}

impl From<Standing> for State {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Serving => Self::Serving,
            Standing::Draining => Self::Draining,
            Standing::Suspect => Self::Suspect,
            Standing::Silent => Self::Silent,
            Standing::Leaving => Self::Leaving,
            Standing::Out => Self::Out,
        }
    }
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Suspect => "suspect",
            Self::Silent => "silent",
            Self::Leaving => "leaving",
            Self::Out => "out",
        }
    }
}

/// As it is written in the configuration.
pub fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Primary => "primary",
        Tier::Backup => "backup",
    }
}
