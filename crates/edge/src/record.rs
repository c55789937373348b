//! What is counted and shown of one pool: its metrics and its part of `/status`. It must never decide anything.

mod calls;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use crate::config;
use crate::core::pool::Happening;
use crate::core::streams::Counts;
use crate::core::{Fault, Head, NodeId, Standing, Tier, Transport, View};
use crate::evidence::{Evidence, Witness};
use crate::metrics::{
    Cut, Each, EdgeMetrics, Followed, Limit, NodeMetrics, PoolMetrics, Queue, standing_value,
};
use crate::status::{FailoverStatus, HeadStatus, PoolStatus, TransportStatus};

pub(crate) use calls::CallRecord;
use calls::Latencies;

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
    nodes: Vec<NodeRecord>,
    state: Mutex<State>,
    /// Whether `open` of the state is something: every call looks at it.
    is_failing_over: AtomicBool,
    /// What the configuration says.
    blank: PoolStatus,
}

struct NodeRecord {
    name: Arc<str>,
    tier: Tier,
    metrics: NodeMetrics,
    calls: AtomicU64,
    failed: AtomicU64,
    latencies: Mutex<Latencies>,
}

struct State {
    head: Option<(Head, Instant)>,
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
}

#[derive(Clone, Copy)]
struct Failover {
    from: NodeId,
    to: NodeId,
    fault: Fault,
    at: Instant,
    took_ms: u64,
}

/// A client over WebSocket that is there.
#[derive(Debug)]
pub(crate) struct SessionCounted(Gauge);

impl Drop for SessionCounted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl PoolRecord {
    pub(crate) fn new(pool: &config::Pool, metrics: &EdgeMetrics, evidence: &Arc<Evidence>) -> Self {
        let node = |node: &config::Node| NodeRecord {
            name: Arc::clone(&node.name),
            tier: node.tier,
            metrics: metrics.node(&pool.name, &node.name),
            calls: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies: Mutex::default(),
        };
        let nodes: Vec<NodeRecord> = pool.nodes.iter().map(node).collect();
        let out = Stood { standing: Standing::Out, since: Instant::now(), fault: None, was_preferred: false };
        let state = State {
            head: None,
            standings: vec![[out; 2]; nodes.len()],
            seen: vec![0; nodes.len()],
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
            nodes,
            state: Mutex::new(state),
            is_failing_over: AtomicBool::new(false),
            blank: PoolStatus::of(pool),
        }
    }

    /// Calls are routed by this from now on.
    pub(crate) fn published(&self, view: &View) {
        let mut state = self.lock();
        for (at, node) in view.nodes.iter().enumerate() {
            let (Some(record), Some(stood)) = (self.nodes.get(at), state.standings.get_mut(at)) else {
                continue;
            };
            for (transport, stood) in TRANSPORTS.into_iter().zip(stood) {
                let standing = node.standing(transport);
                if stood.standing != standing {
                    *stood = Stood {
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
            Happening::Lied { node } => {
                if let Some(record) = self.node(*node) {
                    record.metrics.lies.inc();
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

    /// Whether the node's stream is up.
    pub(crate) fn connected(&self, node: NodeId, is_connected: bool) {
        if let Some(record) = self.node(node) {
            record.metrics.streams.set(i64::from(is_connected));
        }
    }

    pub(crate) fn followed(&self, counts: Counts) {
        self.lock().counts = counts;
        for (at, kind) in [Followed::Heads, Followed::Logs, Followed::Relayed].into_iter().enumerate() {
            let count = |of: [usize; 3]| i64::try_from(of[at]).unwrap_or(i64::MAX);
            self.metrics.subscriptions.of(kind).set(count(counts.subscriptions));
            self.metrics.streams_shared.of(kind).set(count(counts.streams));
        }
    }

    /// One more client over WebSocket, until what this returns is dropped.
    pub(crate) fn session(&self) -> SessionCounted {
        self.metrics.sessions.inc();
        SessionCounted(self.metrics.sessions.clone())
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let state = self.lock();
        let mut status = self.blank.clone();
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
        for (at, node) in status.nodes.iter_mut().enumerate() {
            let (Some(record), Some([http, stream])) = (self.nodes.get(at), state.standings.get(at)) else {
                continue;
            };
            node.http = stood_status(http);
            node.stream = node.stream.take().map(|_| stood_status(stream));
            node.head = state.seen.get(at).copied().filter(|head| *head > 0);
            node.lag_blocks =
                state.head.zip(node.head).map(|((served, _), head)| served.number.saturating_sub(head));
            node.calls_in_flight = u64::try_from(record.metrics.calls_in_flight.get()).unwrap_or(0);
            node.calls = record.calls.load(Ordering::Relaxed);
            node.calls_failed = record.failed.load(Ordering::Relaxed);
            node.latency = record.latencies.lock().unwrap_or_else(PoisonError::into_inner).summary();
        }
        status
    }

    fn went_down(&self, id: NodeId, transport: Transport, fault: Fault, others: bool) {
        let Some(record) = self.node(id) else { return };
        if fault == Fault::Stalled {
            record.metrics.stalls.of(transport).inc();
        }
        let mut state = self.lock();
        let Some(stood) = state.standings.get_mut(usize::from(id.0)) else { return };
        let place = if transport == Transport::Http { 0 } else { 1 };
        stood[place].fault = Some(fault);
        let was_preferred = std::mem::take(&mut stood[place].was_preferred);
        let Some(to) = self.next_best(&state, id).filter(|_| others && was_preferred) else { return };
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
        let others = self
            .nodes
            .iter()
            .zip(&state.standings)
            .zip(0..)
            .filter(|((_, stood), id)| NodeId(*id) != without && serves(stood));
        others.min_by_key(|((record, _), id)| (record.tier, *id)).map(|(_, id)| NodeId(id))
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

    fn node(&self, id: NodeId) -> Option<&NodeRecord> {
        self.nodes.get(usize::from(id.0))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left numbers behind, and numbers cannot be half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stood_status(stood: &Stood) -> TransportStatus {
    TransportStatus::new(stood.standing, ms_since(stood.since), stood.fault)
}

fn ms_since(at: Instant) -> u64 {
    u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)
}
