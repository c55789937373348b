//! The nodes of a pool as its loop reaches them: who comes, who stays, who goes, and when an id is free again. It must never
//! decide whom a call is given to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use runtime::DrainHandle;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::PoolLoop;
use super::probes::PeersTurn;
use crate::asking::Asking;
use crate::config::{self, Endpoint, Service};
use crate::core::pool::Input;
use crate::core::{NodeId, Roster};
use crate::exchange::Reach;
use crate::places::Places;
use crate::rules::{Rules, frame_bytes_max, hedges, ms, settings};
use crate::upstream::{Followed, FollowedEvents, Line, NodeClient, Order, follow, follow_events};

/// A stream is given little to do, and does it at once.
const ORDERS: usize = 1_024;

/// A pool's part of a configuration. What can be wrong with it was found before.
pub(crate) struct Configured {
    pub(crate) pool: config::Pool,
    /// For each node, should it be a new one.
    pub(crate) clients: Vec<NodeClient>,
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
    client: NodeClient,
    pub(super) asking: Asking,
    /// What it may take for an answer, in milliseconds.
    within_ms: Arc<AtomicU64>,
    /// Closed when the node leaves, which ends its stream.
    pub(super) orders: Option<mpsc::Sender<Order>>,
    line: Option<Arc<Line>>,
    places: Places,
    pub(super) peers: Arc<PeersTurn>,
    /// Held by whatever speaks of this node and of no other.
    pub(super) token: Arc<()>,
}

impl NodeAccess {
    pub(super) fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms.load(Ordering::Relaxed))
    }
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
    nodes: Vec<(NodeId, Arc<()>)>,
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

    /// Those that left and of whom nobody speaks any more. Calls may speak of whoever left after they began; whatever holds a
    /// token speaks of its own node alone.
    fn take_free(&mut self) -> Vec<NodeId> {
        let mut free = Vec::new();
        for departure in &mut self.departures {
            if departure.calls.strong_count() > 0 {
                break;
            }
            let unspoken = departure.nodes.extract_if(.., |(_, token)| Arc::strong_count(token) == 1);
            free.extend(unspoken.map(|(id, _)| id));
        }
        self.departures.retain(|left| left.calls.strong_count() > 0 || !left.nodes.is_empty());
        free
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
        let identities: Vec<Identity> = configured.pool.nodes.iter().map(Identity::of).collect();
        let seating = self.nodes.roster.seat(&identities);
        self.nodes.frame_bytes_max.store(frame_bytes_max(&configured.pool), Ordering::Relaxed);
        for ((node, client), id) in configured.pool.nodes.iter().zip(&configured.clients).zip(&seating.ids) {
            match id {
                Some(id) if seating.came.contains(id) => self.come(*id, node, client, &configured, ending),
                Some(id) => self.stay(*id, node, &configured.pool),
                None => tracing::warn!(node = &*node.name, "node waits for the calls of others that left"),
            }
        }
        self.record().seated(&configured.pool, &seating.ids);
        if let Service::Execution(execution) = &configured.pool.service {
            self.exchange.filters.hold_to(execution.filters_per_address_max);
        }
        self.exchange.pace.lock().unwrap_or_else(PoisonError::into_inner).hedges = hedges(&configured.pool);
        let settings = settings(&configured.pool, &seating.ids, self.seed);
        self.say(Input::Configure(Box::new(settings)));
        // Calls that see these rules see the picture without those that left.
        let rules = Arc::new(Rules::new(&configured.pool));
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
        client: &NodeClient,
        configured: &Configured,
        ending: &DrainHandle,
    ) {
        let (places, token) = (Places::new(node.calls_max), Arc::new(()));
        let within_ms = Arc::new(AtomicU64::new(ms(node.attempt_timeout)));
        let line = node.ws.as_ref().map(|_| Arc::new(self.record().line()));
        let reach = Reach::new((client.clone(), line.clone()), node, Arc::clone(places.free()), &token);
        self.exchange.nodes.set(id, Some(reach));
        let orders =
            self.follow((id, node), (client, line.as_ref()), configured, (&token, &within_ms), ending);
        let name = Arc::clone(&node.name);
        let (client, asking) = (client.clone(), self.asking(client, &configured.pool));
        let peers = Arc::new(PeersTurn::new());
        let access = NodeAccess { name, client, asking, within_ms, orders, line, places, peers, token };
        self.nodes.by_id.insert(id, access);
    }

    /// The stream of a node, where it has one.
    fn follow(
        &mut self,
        (id, node): (NodeId, &config::Node),
        (client, line): (&NodeClient, Option<&Arc<Line>>),
        configured: &Configured,
        (token, within_ms): (&Arc<()>, &Arc<AtomicU64>),
        ending: &DrainHandle,
    ) -> Option<mpsc::Sender<Order>> {
        let (orders, receiver) = mpsc::channel(ORDERS);
        let (answers, ending, token) = (self.exchange.events.clone(), ending.clone(), Arc::clone(token));
        match (client, node.ws.as_ref().zip(line), &configured.pool.service) {
            (NodeClient::Rpc(_), Some((endpoint, line)), _) => {
                let followed = Followed {
                    node: id,
                    endpoint: endpoint.clone(),
                    tls: Arc::clone(&configured.tls),
                    dial_timeout: node.dial_timeout,
                    frame_bytes_max: Arc::clone(&self.nodes.frame_bytes_max),
                    line: Arc::clone(line),
                };
                self.nodes.streams.spawn(async move {
                    follow(followed, receiver, answers, ending).await;
                    drop(token);
                });
            }
            (NodeClient::Rest(client), _, Service::Consensus(_)) => {
                let (client, within_ms) = (client.clone(), Arc::clone(within_ms));
                let followed = FollowedEvents { node: id, client, within_ms };
                self.nodes.streams.spawn(async move {
                    follow_events(followed, receiver, answers, ending).await;
                    drop(token);
                });
            }
            (NodeClient::Rpc(_), None, _) | (NodeClient::Rest(_), _, _) => return None,
        }
        Some(orders)
    }

    fn asking(&self, client: &NodeClient, pool: &config::Pool) -> Asking {
        match (client, &pool.service) {
            (NodeClient::Rpc(http), _) => Asking::Rpc(http.clone()),
            (NodeClient::Rest(client), Service::Consensus(consensus)) => Asking::Beacon {
                client: client.clone(),
                lag_slots_max: consensus.chain.lag_blocks_max,
                is_of_known_chain: consensus.chain_id.is_some(),
                slots_per_epoch: self.telling.slots_per_epoch(),
            },
            (NodeClient::Rest(client), service) => {
                let health_path = match service {
                    Service::Http(http) => http.health_path.clone(),
                    Service::Execution(_) | Service::Consensus(_) => None,
                };
                Asking::Plain { client: client.clone(), health_path }
            }
        }
    }

    /// Its connections stay.
    fn stay(&mut self, id: NodeId, node: &config::Node, pool: &config::Pool) {
        let Some(client) = self.nodes.by_id.get(&id).map(|access| access.client.clone()) else { return };
        let asking = self.asking(&client, pool);
        let Some(access) = self.nodes.by_id.get_mut(&id) else { return };
        access.within_ms.store(ms(node.attempt_timeout), Ordering::Relaxed);
        access.asking = asking;
        if let NodeClient::Rpc(http) = &client {
            http.hold_to(frame_bytes_max(pool));
        }
        access.places.resize(node.calls_max);
        let places = Arc::clone(access.places.free());
        let reach = Reach::new((client, access.line.clone()), node, places, &access.token);
        self.exchange.nodes.set(id, Some(reach));
    }

    fn depart(&mut self, before: &Arc<Rules>, left: Vec<NodeId>) {
        let mut nodes = Vec::new();
        for id in left {
            let Some(access) = self.nodes.by_id.get_mut(&id) else { continue };
            access.orders = None;
            let token = std::mem::replace(&mut access.token, Arc::new(()));
            nodes.push((id, token));
            self.record().connected(id, false);
        }
        // One without nodes as well: calls that began under it may speak of those that leave later.
        self.nodes.departures.push_back(Departure { calls: Arc::downgrade(before), nodes });
    }

    /// `facts_wait` says whether something that was said is still to be heard. An id is free when all who could speak of its
    /// node are gone, and what they said was heard.
    pub(super) fn part(&mut self, facts_wait: bool, ending: &DrainHandle) {
        while let Some(ended) = self.nodes.streams.try_join_next() {
            if let Err(Ok(panic)) = ended.map_err(JoinError::try_into_panic) {
                // A node that nobody hears is a defect, and not the node's.
                std::panic::resume_unwind(panic);
            }
        }
        let free = if facts_wait { Vec::new() } else { self.nodes.take_free() };
        for id in &free {
            self.say(Input::Left { node: *id });
            self.exchange.nodes.set(*id, None);
            self.exchange.pace.lock().unwrap_or_else(PoisonError::into_inner).latencies.forget(*id);
            self.record().left(*id);
            self.nodes.by_id.remove(id);
            self.nodes.roster.is_done(*id);
        }
        let waits = self.nodes.configured.as_ref().is_some_and(|it| it.pool.nodes.len() > self.here());
        if !free.is_empty() && waits {
            self.seat(ending);
        }
    }

    /// Nodes that did not leave.
    fn here(&self) -> usize {
        let leaving: usize = self.nodes.departures.iter().map(|departure| departure.nodes.len()).sum();
        self.nodes.by_id.len() - leaving
    }
}
