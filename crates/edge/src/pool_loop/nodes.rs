//! The nodes of a pool as its loop reaches them: who comes, who stays, who goes, and when an id is free again. It must never
//! decide whom a call is given to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use runtime::DrainHandle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::PoolLoop;
use crate::config::{self, Endpoint};
use crate::core::pool::Input;
use crate::core::{NodeId, Roster};
use crate::exchange::Reach;
use crate::places::Places;
use crate::rules::{Rules, execution, hedges, settings};
use crate::upstream::{Followed, HttpClient, Order, follow};

/// A stream is given little to do, and does it at once.
const ORDERS: usize = 1_024;

/// A pool's part of a configuration. What can be wrong with it was found before.
pub(crate) struct Configured {
    pub(crate) pool: config::Pool,
    /// For each node, should it be a new one.
    pub(crate) https: Vec<HttpClient>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

/// What makes a node the same one. Whoever has another address is another node, whatever it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    name: Arc<str>,
    http: Endpoint,
    ws: Option<Endpoint>,
    dial_timeout: Duration,
}

/// How the loop reaches a node.
pub(super) struct NodeAccess {
    pub(super) name: Arc<str>,
    pub(super) http: HttpClient,
    pub(super) attempt_timeout: Duration,
    /// Closed when the node leaves, which ends its stream.
    pub(super) orders: Option<mpsc::Sender<Order>>,
    places: Places,
    /// Held by whatever of the loop speaks of the node.
    pub(super) token: Arc<()>,
}

#[derive(Default)]
pub(super) struct Nodes {
    by_id: BTreeMap<NodeId, NodeAccess>,
    roster: Roster<Identity>,
    configured: Option<Configured>,
    /// By name, whatever the address is.
    drained: BTreeSet<Arc<str>>,
    /// The oldest first.
    departures: VecDeque<Departure>,
    streams: JoinSet<()>,
    frame_bytes_max: Arc<AtomicUsize>,
}

/// Nodes that left together, and those who may still speak of them.
struct Departure {
    calls: Weak<Rules>,
    nodes: Vec<(NodeId, Weak<()>)>,
}

impl Identity {
    fn of(node: &config::Node) -> Self {
        let config::Node { name, http, ws, dial_timeout, .. } = node.clone();
        Self { name, http, ws, dial_timeout }
    }
}

impl Nodes {
    pub(super) fn get(&self, node: NodeId) -> Option<&NodeAccess> {
        self.by_id.get(&node)
    }

    /// Until all streams have said goodbye to their nodes.
    pub(super) async fn end(&mut self) {
        self.by_id.values_mut().for_each(|node| node.orders = None);
        while self.streams.join_next().await.is_some() {}
    }

    fn ids_of(&self, name: &str) -> Vec<NodeId> {
        self.by_id.iter().filter(|(_, node)| &*node.name == name).map(|(id, _)| *id).collect()
    }
}

impl PoolLoop {
    /// The pool is as it is said from now on. Calls in flight end where they are; sessions notice nothing.
    pub(super) fn configure(&mut self, configured: Configured, ending: &DrainHandle) {
        let names = |name: &Arc<str>| configured.pool.nodes.iter().any(|node| node.name == *name);
        self.nodes.drained.retain(names);
        self.nodes.configured = Some(configured);
        self.seat(ending);
    }

    /// Whether there is such a node.
    pub(super) fn drain(&mut self, name: &Arc<str>, draining: bool) -> bool {
        let configured = self.nodes.configured.as_ref();
        if !configured.is_some_and(|configured| configured.pool.nodes.iter().any(|node| node.name == *name)) {
            return false;
        }
        if draining {
            self.nodes.drained.insert(Arc::clone(name));
        } else {
            self.nodes.drained.remove(name);
        }
        self.record().drained(name, draining);
        for node in self.nodes.ids_of(name) {
            self.say(Input::Drain { node, draining });
        }
        true
    }

    /// Every node of the configuration has an id, as far as there are any; those that are no longer of it leave.
    fn seat(&mut self, ending: &DrainHandle) {
        let Some(configured) = self.nodes.configured.take() else { return };
        let Some(execution) = execution(&configured.pool) else { return };
        let identities: Vec<Identity> = configured.pool.nodes.iter().map(Identity::of).collect();
        let seating = self.nodes.roster.seat(&identities);
        self.nodes.frame_bytes_max.store(execution.frame_bytes_max, Ordering::Relaxed);
        for ((node, http), id) in configured.pool.nodes.iter().zip(&configured.https).zip(&seating.ids) {
            match id {
                Some(id) if seating.came.contains(id) => self.come(*id, node, http, &configured.tls, ending),
                Some(id) => self.stay(*id, node, execution.frame_bytes_max),
                None => tracing::warn!(node = &*node.name, "node waits for the calls of others that left"),
            }
        }
        self.record().seated(&configured.pool, &seating.ids);
        self.exchange.pace.lock().unwrap_or_else(PoisonError::into_inner).hedges = hedges(&configured.pool);
        let settings = settings(&configured.pool, execution, &seating.ids, self.seed);
        self.say(Input::Configure(Box::new(settings)));
        // Calls that see these rules see the picture without those that left.
        let rules = Arc::new(Rules::new(&configured.pool, execution));
        let before = std::mem::replace(
            &mut *self.exchange.rules.write().unwrap_or_else(PoisonError::into_inner),
            rules,
        );
        self.depart(&before, seating.left);
        for id in seating.came {
            let is_drained = self.nodes.get(id).is_some_and(|node| self.nodes.drained.contains(&node.name));
            if is_drained {
                self.say(Input::Drain { node: id, draining: true });
            }
        }
        self.nodes.configured = Some(configured);
    }

    fn come(
        &mut self,
        id: NodeId,
        node: &config::Node,
        http: &HttpClient,
        tls: &Arc<rustls::ClientConfig>,
        ending: &DrainHandle,
    ) {
        let (places, token) = (Places::new(node.calls_max), Arc::new(()));
        let reach = Reach::new(http.clone(), node.secrets(), Arc::clone(places.free()));
        self.exchange.nodes.set(id, Some(reach));
        let orders = node.ws.as_ref().map(|endpoint| {
            let (orders, receiver) = mpsc::channel(ORDERS);
            let followed = Followed {
                node: id,
                endpoint: endpoint.clone(),
                tls: Arc::clone(tls),
                dial_timeout: node.dial_timeout,
                frame_bytes_max: Arc::clone(&self.nodes.frame_bytes_max),
            };
            let (answers, ending, token) = (self.exchange.events.clone(), ending.clone(), Arc::clone(&token));
            self.nodes.streams.spawn(async move {
                follow(followed, receiver, answers, ending).await;
                drop(token);
            });
            orders
        });
        let (name, attempt_timeout) = (Arc::clone(&node.name), node.attempt_timeout);
        let access = NodeAccess { name, http: http.clone(), attempt_timeout, orders, places, token };
        self.nodes.by_id.insert(id, access);
    }

    /// Its connections stay.
    fn stay(&mut self, id: NodeId, node: &config::Node, frame_bytes_max: usize) {
        let Some(access) = self.nodes.by_id.get_mut(&id) else { return };
        access.attempt_timeout = node.attempt_timeout;
        access.http.hold_to(frame_bytes_max);
        access.places.resize(node.calls_max);
        let reach = Reach::new(access.http.clone(), node.secrets(), Arc::clone(access.places.free()));
        self.exchange.nodes.set(id, Some(reach));
    }

    fn depart(&mut self, before: &Arc<Rules>, left: Vec<NodeId>) {
        let mut nodes = Vec::new();
        for id in left {
            let Some(access) = self.nodes.by_id.get_mut(&id) else { continue };
            access.orders = None;
            let token = std::mem::replace(&mut access.token, Arc::new(()));
            nodes.push((id, Arc::downgrade(&token)));
            self.record().connected(id, false);
        }
        // One without nodes as well: calls that began under it may speak of those that left before.
        self.nodes.departures.push_back(Departure { calls: Arc::downgrade(before), nodes });
    }

    /// `facts_wait` says whether something that was said is still to be heard. An id is free when all who could speak of its
    /// node are gone, and what they said was heard.
    pub(super) fn part(&mut self, facts_wait: bool, ending: &DrainHandle) {
        while self.nodes.streams.try_join_next().is_some() {}
        let mut is_one_free = false;
        while let Some(first) = self.nodes.departures.front() {
            let is_spoken_of = first.nodes.iter().any(|(_, token)| token.strong_count() > 0);
            if facts_wait || first.calls.strong_count() > 0 || is_spoken_of {
                break;
            }
            let nodes = self.nodes.departures.pop_front().map(|first| first.nodes).unwrap_or_default();
            for (id, _) in nodes {
                is_one_free = true;
                self.say(Input::Left { node: id });
                self.exchange.nodes.set(id, None);
                self.exchange.pace.lock().unwrap_or_else(PoisonError::into_inner).latencies.forget(id);
                self.record().left(id);
                self.nodes.by_id.remove(&id);
                self.nodes.roster.is_done(id);
            }
        }
        let waits = self.nodes.configured.as_ref().is_some_and(|it| it.pool.nodes.len() > self.here());
        if is_one_free && waits {
            self.seat(ending);
        }
    }

    /// Nodes that did not leave.
    fn here(&self) -> usize {
        let leaving: usize = self.nodes.departures.iter().map(|departure| departure.nodes.len()).sum();
        self.nodes.by_id.len() - leaving
    }
}
