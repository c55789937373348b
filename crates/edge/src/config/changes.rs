//! What a new configuration changes: what can be taken over while clients stay, and what only a restart brings. It decides
//! nothing and does nothing; it must never know how a change is carried out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ApiKey, Config, Node, Pool};

/// The way from one configuration to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    pub live: Vec<Change>,
    /// The settings whose new values do not count yet, as in `edge.listen`.
    pub restart: Vec<String>,
}

/// What can be taken over while clients stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Limits and times of `[edge]`.
    Limits,
    Casebook,
    KeyAdded {
        key: Arc<str>,
    },
    KeyRemoved {
        key: Arc<str>,
    },
    /// Its hashes or its limits. What it has used up goes on counting.
    KeyChanged {
        key: Arc<str>,
    },
    PoolAdded {
        pool: Arc<str>,
    },
    PoolRemoved {
        pool: Arc<str>,
    },
    /// Limits, times and rules of the pool itself.
    PoolChanged {
        pool: Arc<str>,
    },
    /// The same nodes in another order: their `NodeId`s change.
    NodesReordered {
        pool: Arc<str>,
    },
    Node {
        pool: Arc<str>,
        node: Arc<str>,
        change: NodeChange,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeChange {
    Added,
    Removed,
    /// Another address, other headers or another time to dial: what is connected is to be connected anew.
    Endpoint,
    /// Tier, weight, limits: connections stay.
    Share,
}

impl Config {
    /// What differs from `old`. A pool whose kind or chain changed is another pool under the same name, which only a
    /// restart brings, whatever else changed about it.
    pub fn changes(&self, old: &Config) -> Changes {
        let mut changes = Changes { live: Vec::new(), restart: self.edge_restarts(old) };
        if self.edge_limits() != old.edge_limits() {
            changes.live.push(Change::Limits);
        }
        if self.casebook != old.casebook {
            changes.live.push(Change::Casebook);
        }
        compare_keys(&mut changes, &self.keys, &old.keys);
        for pool in &self.pools {
            match old.pool(&pool.name) {
                Some(before) => compare_pool(&mut changes, pool, before),
                None => changes.live.push(Change::PoolAdded { pool: Arc::clone(&pool.name) }),
            }
        }
        for before in old.pools.iter().filter(|before| self.pool(&before.name).is_none()) {
            changes.live.push(Change::PoolRemoved { pool: Arc::clone(&before.name) });
        }
        changes
    }

    fn edge_limits(&self) -> (usize, [Duration; 4]) {
        let edge = &self.edge;
        let times = [edge.request_timeout, edge.idle_timeout, edge.drain_lead, edge.drain_grace];
        (edge.connections_max, times)
    }

    fn edge_restarts(&self, old: &Config) -> Vec<String> {
        let (new, old) = (&self.edge, &old.edge);
        let differ = [
            ("edge.listen", new.listen != old.listen),
            ("edge.admin_listen", new.admin_listen != old.admin_listen),
            ("edge.tls", new.tls != old.tls),
            ("edge.log", new.log != old.log),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
    }
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.restart.is_empty()
    }
}

fn compare_keys(changes: &mut Changes, new: &[ApiKey], old: &[ApiKey]) {
    let named = |keys: &[ApiKey], name: &str| keys.iter().position(|key| &*key.name == name);
    for key in new {
        let name = Arc::clone(&key.name);
        match named(old, &key.name).map(|at| &old[at]) {
            None => changes.live.push(Change::KeyAdded { key: name }),
            Some(before) if before != key => changes.live.push(Change::KeyChanged { key: name }),
            Some(_) => {}
        }
    }
    for key in old.iter().filter(|key| named(new, &key.name).is_none()) {
        changes.live.push(Change::KeyRemoved { key: Arc::clone(&key.name) });
    }
}

fn compare_pool(changes: &mut Changes, new: &Pool, old: &Pool) {
    let identity = [("kind", new.kind() != old.kind()), ("chain_id", new.chain_id() != old.chain_id())];
    if let Some((key, _)) = identity.into_iter().find(|(_, differs)| *differs) {
        changes.restart.push(format!("pools.{}.{key}", new.name));
        return;
    }
    let rules = |pool: &Pool| (pool.limits, pool.probe_every, pool.failback_after, pool.service.clone());
    if rules(new) != rules(old) {
        changes.live.push(Change::PoolChanged { pool: Arc::clone(&new.name) });
    }
    let mut tell = |node: &Node, change| {
        changes.live.push(Change::Node { pool: Arc::clone(&new.name), node: Arc::clone(&node.name), change });
    };
    let find = |pool: &Pool, name: &str| pool.nodes.iter().position(|node| &*node.name == name);
    for node in &new.nodes {
        match find(old, &node.name).map(|at| &old.nodes[at]) {
            None => tell(node, NodeChange::Added),
            Some(before) => compare_node(node, before).into_iter().for_each(|change| tell(node, change)),
        }
    }
    old.nodes
        .iter()
        .filter(|node| find(new, &node.name).is_none())
        .for_each(|node| tell(node, NodeChange::Removed));
    let kept = |pool: &Pool, other: &Pool| -> Vec<Arc<str>> {
        let names = pool.nodes.iter().map(|node| Arc::clone(&node.name));
        names.filter(|name| find(other, name).is_some()).collect()
    };
    if kept(new, old) != kept(old, new) {
        changes.live.push(Change::NodesReordered { pool: Arc::clone(&new.name) });
    }
}

fn compare_node(new: &Node, old: &Node) -> Option<NodeChange> {
    if (&new.http, &new.ws, new.dial_timeout) != (&old.http, &old.ws, old.dial_timeout) {
        Some(NodeChange::Endpoint)
    } else if new != old {
        Some(NodeChange::Share)
    } else {
        None
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits => f.write_str("limits of [edge] changed"),
            Self::Casebook => f.write_str("[casebook] changed"),
            Self::KeyAdded { key } => write!(f, "key {key} added"),
            Self::KeyRemoved { key } => write!(f, "key {key} removed"),
            Self::KeyChanged { key } => write!(f, "key {key} changed"),
            Self::PoolAdded { pool } => write!(f, "pool {pool} added"),
            Self::PoolRemoved { pool } => write!(f, "pool {pool} removed"),
            Self::PoolChanged { pool } => write!(f, "pool {pool} changed"),
            Self::NodesReordered { pool } => write!(f, "nodes of pool {pool} stand in another order"),
            Self::Node { pool, node, change } => {
                let what = match change {
                    NodeChange::Added => "added",
                    NodeChange::Removed => "removed",
                    NodeChange::Endpoint => "has another address, other headers or another dial_timeout",
                    NodeChange::Share => "has another tier, weight or limits",
                };
                write!(f, "node {node} of pool {pool} {what}")
            }
        }
    }
}
