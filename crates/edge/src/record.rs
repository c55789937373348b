//! What is counted and shown of one pool: its metrics and its part of `/status`. It must never decide anything.

mod calls;
mod seats;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use crate::config;
use crate::core::pool::Happening;
use crate::core::streams::Counts;
use crate::core::{Fault, Head, NodeId, NodeSet, Standing, Tier, Transport, View};
use crate::evidence::{Evidence, Witness};
use crate::metrics::{
    Cut, Each, EdgeMetrics, Followed, Label as _, Limit, NodeMetrics, PoolMetrics, Queue, standing_value,
};
use crate::status::{FailoverStatus, HeadStatus, NodeStatus, PoolStatus, TransportStatus};
use crate::upstream::Line;

use calls::Latencies;
pub(crate) use calls::{AttemptRecord, CallRecord};

const TRANSPORTS: [Transport; 2] = [Transport::Http, Transport::Stream];

pub(crate) struct PoolRecord {
    pub(crate) metrics: PoolMetrics,
    /// Of all pools together.
    pub(crate) refused: Each<Limit, Counter>,
    pub(crate) cut: Each<Cut, Counter>,
    pub(crate) inputs_waiting: Gauge,
    pub(crate) inputs_full: Counter,
    /// Whoever tells a Casebook server.
    pub(crate) witness: Witness,
    all: Arc<EdgeMetrics>,
    /// By id. One that has left stays until nobody speaks of it.
    nodes: RwLock<Vec<Option<Arc<NodeRecord>>>>,
    state: Mutex<State>,
    /// Whether `open` of the state is something: every call looks at it.
    is_failing_over: AtomicBool,
}

struct NodeRecord {
    name: Arc<str>,
    tier: Tier,
    /// What the configuration says.
    blank: NodeStatus,
    metrics: NodeMetrics,
    calls: AtomicU64,
    failed: AtomicU64,
    /// `u64::MAX` while nobody knows.
    peers: AtomicU64,
    latencies: Mutex<Latencies>,
}

struct State {
    /// What the configuration says, and the ids of its nodes. A node without one waits for it.
    blank: PoolStatus,
    order: Vec<Option<NodeId>>,
    drained: BTreeSet<Arc<str>>,
    head: Option<(Head, Instant)>,
    /// Both by id.
    standings: Vec<[Stood; 2]>,
    seen: Vec<u64>,
    counts: Counts,
    failovers: u64,
    last: Option<Failover>,
    /// One that nobody was used after yet.
    open: Option<Failover>,
}

#[derive(Clone, Copy)]
struct Stood {
    standing: Standing,
    since: Instant,
    fault: Option<Fault>,
    /// It served since it last went down. A node may be suspect for a moment before it is out.
    was_preferred: bool,
    /// Another one was used in its place, and it did not serve since.
    was_left: bool,
}

#[derive(Clone, Copy)]
struct Failover {
    from: NodeId,
    to: NodeId,
    fault: Fault,
    at: Instant,
    took_ms: u64,
}

/// A client over WebSocket or with a stream of events that is there.
#[derive(Debug)]
pub(crate) struct SessionCounted(Gauge);

impl Drop for SessionCounted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl PoolRecord {
    pub(crate) fn new(pool: &config::Pool, metrics: &Arc<EdgeMetrics>, evidence: &Arc<Evidence>) -> Self {
        let state = State {
            blank: PoolStatus::of(pool),
            order: Vec::new(),
            drained: BTreeSet::new(),
            head: None,
            standings: vec![[Stood::out(); 2]; NodeSet::NODES_MAX],
            seen: vec![0; NodeSet::NODES_MAX],
            counts: Counts::default(),
            failovers: 0,
            last: None,
            open: None,
        };
        Self {
            metrics: metrics.pool(&pool.name),
            refused: metrics.refused.clone(),
            cut: metrics.cut.clone(),
            inputs_waiting: metrics.queue_depth.of(Queue::PoolInputs).clone(),
            inputs_full: metrics.queue_full.of(Queue::PoolInputs).clone(),
            witness: Witness::new(pool, evidence),
            all: Arc::clone(metrics),
            nodes: RwLock::default(),
            state: Mutex::new(state),
            is_failing_over: AtomicBool::new(false),
        }
    }

    /// Calls are routed by this from now on.
    pub(crate) fn published(&self, view: &View) {
        let mut state = self.lock();
        for node in &view.nodes {
            let at = usize::from(node.id.0);
            let (Some(record), Some(stood)) = (self.node(node.id), state.standings.get_mut(at)) else {
                continue;
            };
            for (transport, stood) in TRANSPORTS.into_iter().zip(stood) {
                let standing = node.standing(transport);
                if stood.standing != standing {
                    let is_back = stood.was_left && standing == Standing::Serving;
                    if is_back {
                        tracing::info!(node = &*record.name, ?transport, "node is given its calls again");
                        self.witness.fails_back(node.id, transport);
                    }
                    *stood = Stood {
                        was_left: stood.was_left && !is_back,
                        standing,
                        since: Instant::now(),
                        fault: stood.fault.filter(|_| standing != Standing::Serving),
                        was_preferred: stood.was_preferred || standing == Standing::Serving,
                    };
                }
                record.metrics.state.of(transport).set(standing_value(standing));
            }
            let lag = view.served.map_or(0, |head| head.number.saturating_sub(node.head));
            record.metrics.lag_blocks.set(i64::try_from(lag).unwrap_or(i64::MAX));
            state.seen[at] = node.head;
        }
    }

    pub(crate) fn told(&self, happening: &Happening) {
        match happening {
            Happening::WentDown { node, transport, fault, others } => {
                self.went_down(*node, *transport, *fault, *others)
            }
            Happening::Doubted { node, transport, fault } => {
                if let Some(stood) = self.lock().standings.get_mut(usize::from(node.0)) {
                    stood[place(*transport)].fault = Some(*fault);
                }
            }
            Happening::Lied { node } => {
                if let Some(record) = self.node(*node) {
                    record.metrics.lies.inc();
                }
                // Whatever it was out for before, this is why it stays so.
                if let Some(stood) = self.lock().standings.get_mut(usize::from(node.0)) {
                    stood.iter_mut().for_each(|stood| stood.fault = Some(Fault::Lying));
                }
            }
            Happening::Announced { head } => {
                self.metrics.heads_announced.inc();
                self.metrics.head_number.set(i64::try_from(head.number).unwrap_or(i64::MAX));
                self.lock().head = Some((*head, Instant::now()));
            }
            Happening::Reorganised { depth } => self.metrics.reorg_blocks.observe(*depth as f64),
            Happening::Bridged { blocks } => self.metrics.gap_blocks.observe(*blocks as f64),
            Happening::CameBack { .. } | Happening::Jumped { .. } | Happening::RelayMoved { .. } => {}
        }
        self.witness.happened(happening);
    }

    /// How many others the node says that it is connected with.
    pub(crate) fn has_peers(&self, node: NodeId, count: Option<u64>) {
        if let Some(record) = self.node(node) {
            record.peers.store(count.unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Whether the node's stream is up.
    pub(crate) fn connected(&self, node: NodeId, is_connected: bool) {
        if let Some(record) = self.node(node) {
            record.metrics.streams.set(i64::from(is_connected));
        }
    }

    /// `kinds` are what the places of the counts are here.
    pub(crate) fn followed(&self, counts: Counts, kinds: [Followed; 3]) {
        self.lock().counts = counts;
        for kind in Followed::ALL.iter().copied() {
            let count = |of: [usize; 3]| {
                let all: usize =
                    kinds.iter().zip(of).filter(|(of, _)| **of == kind).map(|(_, count)| count).sum();
                i64::try_from(all).unwrap_or(i64::MAX)
            };
            self.metrics.subscriptions.of(kind).set(count(counts.subscriptions));
            self.metrics.streams_shared.of(kind).set(count(counts.streams));
        }
    }

    /// Calls over a node's WebSocket, and what is counted of them.
    pub(crate) fn line(&self) -> Line {
        let of = Queue::NodeCalls;
        Line::new(self.all.queue_depth.of(of).clone(), self.all.queue_full.of(of).clone())
    }

    /// One more client, until what this returns is dropped.
    pub(crate) fn session(&self) -> SessionCounted {
        self.metrics.sessions.inc();
        SessionCounted(self.metrics.sessions.clone())
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let state = self.lock();
        let mut status = state.blank.clone();
        status.head = state.head.map(|(head, at)| HeadStatus {
            number: head.number,
            hash: head.hash.to_string(),
            age_ms: ms_since(at),
        });
        let sum = |of: [usize; 3]| of.iter().sum::<usize>() as u64;
        status.sessions = u64::try_from(self.metrics.sessions.get()).unwrap_or(0);
        status.subscriptions = sum(state.counts.subscriptions);
        status.streams_shared = sum(state.counts.streams);
        status.failovers = state.failovers;
        status.last_failover = state.last.and_then(|failover| self.failover_status(failover));
        for (node, id) in status.nodes.iter_mut().zip(&state.order) {
            if let Some((id, record)) = id.and_then(|id| Some((id, self.node(id)?))) {
                record.fill(node, &state, id);
            }
        }
        status.nodes.extend(self.leaving(&state));
        status
    }

    fn went_down(&self, id: NodeId, transport: Transport, fault: Fault, others: bool) {
        let Some(record) = self.node(id) else { return };
        if fault == Fault::Stalled {
            record.metrics.stalls.of(transport).inc();
        }
        let mut state = self.lock();
        let Some(stood) = state.standings.get_mut(usize::from(id.0)) else { return };
        let stood = &mut stood[place(transport)];
        stood.fault = Some(fault);
        let was_preferred = std::mem::take(&mut stood.was_preferred);
        let Some(to) = self.next_best(&state, id).filter(|_| others && was_preferred) else { return };
        if let Some(stood) = state.standings.get_mut(usize::from(id.0)) {
            stood[place(transport)].was_left = true;
        }
        self.witness.fails_over(id, to, transport, fault);
        self.metrics.failovers(transport, fault).inc();
        state.failovers += 1;
        let failover = Failover { from: id, to, fault, at: Instant::now(), took_ms: 0 };
        (state.last, state.open) = (Some(failover), Some(failover));
        self.is_failing_over.store(true, Ordering::Release);
    }

    /// Another node was used: an open failover is over.
    fn used(&self, node: NodeId) {
        if !self.is_failing_over.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.lock();
        let Some(open) = state.open.filter(|open| open.from != node) else { return };
        state.open = None;
        self.is_failing_over.store(false, Ordering::Release);
        let took = open.at.elapsed();
        self.metrics.failover_seconds.observe(took.as_secs_f64());
        self.witness.failed_over(open.from, node, open.fault, open.at);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        state.last = Some(Failover { to: node, took_ms, ..open });
    }

    /// Who is given the calls instead: the first that serves, of the better tier.
    fn next_best(&self, state: &State, without: NodeId) -> Option<NodeId> {
        let serves = |stood: &[Stood; 2]| stood.iter().any(|stood| stood.standing == Standing::Serving);
        let others = state
            .order
            .iter()
            .flatten()
            .filter(|id| **id != without && state.standings.get(usize::from(id.0)).is_some_and(serves));
        // Of equals the first in the configuration.
        others.min_by_key(|id| self.node(**id).map(|record| record.tier)).copied()
    }

    fn failover_status(&self, failover: Failover) -> Option<FailoverStatus> {
        Some(FailoverStatus {
            from: self.node(failover.from)?.name.to_string(),
            to: self.node(failover.to)?.name.to_string(),
            reason: failover.fault.class().to_owned(),
            age_ms: ms_since(failover.at),
            took_ms: failover.took_ms,
        })
    }

    fn node(&self, id: NodeId) -> Option<Arc<NodeRecord>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(id.0))?.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left numbers behind, and numbers cannot be half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stood {
    fn out() -> Self {
        Self {
            standing: Standing::Out,
            since: Instant::now(),
            fault: None,
            was_preferred: false,
            was_left: false,
        }
    }
}

/// Of `TRANSPORTS`.
fn place(transport: Transport) -> usize {
    match transport {
        Transport::Http => 0,
        Transport::Stream => 1,
    }
}

fn stood_status(stood: &Stood) -> TransportStatus {
    TransportStatus::new(stood.standing, ms_since(stood.since), stood.fault)
}

fn ms_since(at: Instant) -> u64 {
    u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)
}
