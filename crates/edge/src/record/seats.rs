//! Which nodes a pool's record is of, while they come and go. It must never know why they do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{NodeRecord, PoolRecord, State, Stood, stood_status};
use crate::config;
use crate::core::{NodeId, NodeSet};
use crate::status::{NodeStatus, PoolStatus};

impl PoolRecord {
    /// The pool has these nodes now, each with its id. Names that are gone are gone from the page of metrics as well.
    pub(crate) fn seated(&self, pool: &config::Pool, ids: &[Option<NodeId>]) {
        self.witness.seated(pool, ids);
        let mut state = self.lock();
        let is_named = |name: &str| pool.nodes.iter().any(|node| &*node.name == name);
        for gone in state.blank.nodes.iter().filter(|node| !is_named(&node.name)) {
            self.all.forget_node(&pool.name, &Arc::from(gone.name.as_str()));
        }
        state.drained.retain(|name| is_named(name));
        for (node, id) in pool.nodes.iter().zip(ids) {
            if let Some(id) = id {
                self.sit(&mut state, pool, node, *id);
            }
        }
        state.blank = PoolStatus::of(pool);
        state.order = ids.to_vec();
    }

    /// Nobody speaks of it any more.
    pub(crate) fn left(&self, id: NodeId) {
        let mut state = self.lock();
        self.set(id, None);
        let is_of = |failover: &super::Failover| failover.from == id || failover.to == id;
        state.last = state.last.filter(|failover| !is_of(failover));
        state.open = state.open.filter(|failover| !is_of(failover));
    }

    /// Of the nodes of the configuration, in its order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().blank.nodes.iter().map(|node| node.name.clone()).collect()
    }

    pub(crate) fn drained(&self, name: &Arc<str>, draining: bool) {
        let mut state = self.lock();
        if draining {
            state.drained.insert(Arc::clone(name));
        } else {
            state.drained.remove(name);
        }
    }

    /// What was counted of the same node goes on counting.
    fn sit(&self, state: &mut State, pool: &config::Pool, node: &config::Node, id: NodeId) {
        let blank = NodeStatus::of(pool.kind(), node);
        let before = self.node(id);
        if before.is_none() {
            let place = usize::from(id.0);
            if let (Some(stood), Some(seen)) = (state.standings.get_mut(place), state.seen.get_mut(place)) {
                (*stood, *seen) = ([Stood::out(); 2], 0);
            }
        }
        let same = before.as_ref().filter(|before| before.blank == blank && before.tier == node.tier);
        if same.is_some() {
            return;
        }
        let count = |of: fn(&NodeRecord) -> &AtomicU64| {
            AtomicU64::new(before.as_ref().map_or(0, |before| of(before).load(Ordering::Relaxed)))
        };
        let record = NodeRecord {
            name: Arc::clone(&node.name),
            tier: node.tier,
            blank,
            metrics: self.all.node(&pool.name, &node.name),
            calls: count(|record| &record.calls),
            failed: count(|record| &record.failed),
            peers: AtomicU64::new(u64::MAX),
            latencies: Mutex::default(),
        };
        self.set(id, Some(Arc::new(record)));
    }

    /// Those that are no longer of the pool and have not left yet.
    pub(super) fn leaving(&self, state: &State) -> Vec<NodeStatus> {
        let ids = (0..NodeSet::NODES_MAX).filter_map(|place| u8::try_from(place).ok()).map(NodeId);
        let others = ids.filter(|id| !state.order.contains(&Some(*id)));
        let leaving = others.filter_map(|id| {
            let record = self.node(id)?;
            let mut status = record.blank.clone();
            record.fill(&mut status, state, id);
            Some(status)
        });
        leaving.collect()
    }

    fn set(&self, id: NodeId, record: Option<Arc<NodeRecord>>) {
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let place = usize::from(id.0);
        if place >= nodes.len() {
            nodes.resize_with(place + 1, || None);
        }
        nodes[place] = record;
    }
}

impl NodeRecord {
    /// Beside what the configuration says, what was seen.
    pub(super) fn fill(&self, node: &mut NodeStatus, state: &State, id: NodeId) {
        let place = usize::from(id.0);
        if let Some([http, stream]) = state.standings.get(place) {
            node.http = stood_status(http);
            node.stream = node.stream.take().map(|_| stood_status(stream));
        }
        node.is_draining = state.drained.contains(&self.name);
        node.head = state.seen.get(place).copied().filter(|head| *head > 0);
        node.lag_blocks =
            state.head.zip(node.head).map(|((served, _), head)| served.number.saturating_sub(head));
        node.peers = Some(self.peers.load(Ordering::Relaxed)).filter(|peers| *peers != u64::MAX);
        node.calls_in_flight = u64::try_from(self.metrics.calls_in_flight.get()).unwrap_or(0);
        node.calls = self.calls.load(Ordering::Relaxed);
        node.calls_failed = self.failed.load(Ordering::Relaxed);
        node.latency = self.latencies.lock().unwrap_or_else(PoisonError::into_inner).summary();
    }
}
