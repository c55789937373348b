//! The edge's metrics: handles that are made once for each pool and node, so that counting is one addition. Label values
//! are words of closed lists or names of the configuration. It must never know why something is counted.

mod dashboard;
mod families;
mod labels;
mod reference;
mod register;

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use runtime::{Metrics, TlsMetrics};

use crate::core::Class;
use crate::core::Transport;
use families::{
    ClassLabels, FailoverLabels, Families, FollowedLabels, NodeLabels, PoolLabels, RequestLabels,
    TransportLabels,
};

pub use dashboard::dashboard_json;
pub use labels::{
    Cut, Direction, Each, ErrorClass, Followed, Label, Limit, Outcome, Queue, Reload, ReportKind,
    ReportOutcome, Side, standing_value,
};
pub use reference::reference_markdown;
pub use register::{EdgeMetric, METRICS, MetricKind};

/// All metrics of the process.
#[derive(Debug)]
pub struct EdgeMetrics {
    registry: Mutex<Metrics>,
    families: Families,
    pub client_connections: Gauge,
    /// As of the last look.
    pub tasks: Gauge,
    pub refused: Each<Limit, Counter>,
    pub denied: Counter,
    pub cut: Each<Cut, Counter>,
    pub queue_depth: Each<Queue, Gauge>,
    pub queue_full: Each<Queue, Counter>,
    pub reports: Each<ReportKind, ReportMetrics>,
    pub config_valid: Gauge,
    pub reloads: Each<Reload, Counter>,
}

/// What is counted of what a Casebook server is told.
#[derive(Debug, Clone)]
pub struct ReportMetrics {
    pub sent: Counter,
    pub dropped: Counter,
    /// Signals and traces together.
    pub waiting: Gauge,
    pub full: Counter,
}

/// What is counted of one pool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PoolMetrics {
    requests: Each<Class, Each<Outcome, Counter>>,
    pub request_seconds: Each<Class, Histogram>,
    pub retries: Each<Class, Counter>,
    pub hedges: Each<Class, Counter>,
    pub hedge_wins: Each<Class, Counter>,
    pub sessions: Gauge,
    pub subscriptions: Each<Followed, Gauge>,
    pub streams_shared: Each<Followed, Gauge>,
    pub notifications_sent: Each<Followed, Counter>,
    bytes: Each<Side, Each<Direction, Counter>>,
    failovers: Each<Transport, Each<ErrorClass, Counter>>,
    pub failover_seconds: Histogram,
    pub head_number: Gauge,
    pub heads_announced: Counter,
    pub gap_blocks: Histogram,
    pub reorg_blocks: Histogram,
    pub slow_clients_closed: Counter,
    pub filters: Gauge,
    pub filters_lost: Counter,
}

/// What is counted of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeMetrics {
    attempts: Each<Transport, Each<ErrorClass, Counter>>,
    pub attempt_seconds: Each<Transport, Histogram>,
    /// See `standing_value`.
    pub state: Each<Transport, Gauge>,
    pub lag_blocks: Gauge,
    pub calls_in_flight: Gauge,
    pub streams: Gauge,
    pub stalls: Each<Transport, Counter>,
    pub lies: Counter,
}

impl Default for EdgeMetrics {
    fn default() -> Self {
        let mut registry = Metrics::default();
        let r = &mut registry;
        let families = Families::register(r);
        let config_valid: Gauge = r.add(register::CONFIG_VALID, Gauge::default());
        config_valid.set(1);
        let (queue_depth, queue_full) = (families.queue_depth(), families.queue_full());
        let reports = Each::new(|kind| ReportMetrics {
            sent: families.reports(kind).of(ReportOutcome::Sent).clone(),
            dropped: families.reports(kind).of(ReportOutcome::Dropped).clone(),
            waiting: queue_depth.of(Queue::Reports).clone(),
            full: queue_full.of(Queue::Reports).clone(),
        });
        Self {
            client_connections: r.add(register::CONNECTIONS, Gauge::default()),
            tasks: r.add(register::TASKS, Gauge::default()),
            denied: r.add(register::DENIED, Counter::default()),
            config_valid,
            refused: families.refused(),
            cut: families.cut(),
            queue_depth,
            queue_full,
            reports,
            reloads: families.reloads(),
            registry: Mutex::new(registry),
            families,
        }
    }
}

impl EdgeMetrics {
    /// Adds what the source of certificates counts.
    pub fn watch_tls(&self, tls: &TlsMetrics) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.add(register::TLS_BROKEN, tls.broken.clone());
        registry.add(register::TLS_RELOADS, tls.reloads.clone());
    }

    /// The handles of a pool; the same series whenever it is asked for.
    pub fn pool(&self, pool: &Arc<str>) -> PoolMetrics {
        let f = &self.families;
        let of = || PoolLabels { pool: Arc::clone(pool) };
        let class = |family: &Family<ClassLabels, Counter>| {
            Each::new(|class| family.get_or_create_owned(&ClassLabels::new(pool, class)))
        };
        let followed = |family: &Family<FollowedLabels, Gauge>| {
            Each::new(|kind| family.get_or_create_owned(&FollowedLabels::new(pool, kind)))
        };
        PoolMetrics {
            requests: Each::new(|class| {
                Each::new(|outcome| f.requests.get_or_create_owned(&RequestLabels::new(pool, class, outcome)))
            }),
            request_seconds: Each::new(|class| {
                f.request_seconds.get_or_create_owned(&ClassLabels::new(pool, class))
            }),
            retries: class(&f.retries),
            hedges: class(&f.hedges),
            hedge_wins: class(&f.hedge_wins),
            sessions: f.sessions.get_or_create_owned(&of()),
            subscriptions: followed(&f.subscriptions),
            streams_shared: followed(&f.streams_shared),
            notifications_sent: Each::new(|kind| {
                f.notifications_sent.get_or_create_owned(&FollowedLabels::new(pool, kind))
            }),
            bytes: f.bytes_of(pool),
            failovers: Each::new(|transport| {
                Each::new(|class| {
                    f.failovers.get_or_create_owned(&FailoverLabels::new(pool, transport, class))
                })
            }),
            failover_seconds: f.failover_seconds.get_or_create_owned(&of()),
            head_number: f.head_number.get_or_create_owned(&of()),
            heads_announced: f.heads_announced.get_or_create_owned(&of()),
            gap_blocks: f.gap_blocks.get_or_create_owned(&of()),
            reorg_blocks: f.reorg_blocks.get_or_create_owned(&of()),
            slow_clients_closed: f.slow_clients_closed.get_or_create_owned(&of()),
            filters: f.filters.get_or_create_owned(&of()),
            filters_lost: f.filters_lost.get_or_create_owned(&of()),
        }
    }

    /// The handles of a node; the same series whenever it is asked for.
    pub fn node(&self, pool: &Arc<str>, node: &Arc<str>) -> NodeMetrics {
        let f = &self.families;
        let of = NodeLabels { pool: Arc::clone(pool), node: Arc::clone(node) };
        let by = |transport| TransportLabels::new(pool, node, transport);
        NodeMetrics {
            attempts: f.attempts_of(pool, node),
            attempt_seconds: Each::new(|transport| f.attempt_seconds.get_or_create_owned(&by(transport))),
            state: Each::new(|transport| f.node_state.get_or_create_owned(&by(transport))),
            lag_blocks: f.node_lag_blocks.get_or_create_owned(&of),
            calls_in_flight: f.node_calls_in_flight.get_or_create_owned(&of),
            streams: f.node_streams.get_or_create_owned(&of),
            stalls: Each::new(|transport| f.stalls.get_or_create_owned(&by(transport))),
            lies: f.lies.get_or_create_owned(&of),
        }
    }

    /// Takes the series of a pool that is gone off the page; those of its nodes as well.
    pub fn forget_pool(&self, pool: &Arc<str>, nodes: &[Arc<str>]) {
        nodes.iter().for_each(|node| self.forget_node(pool, node));
        self.families.forget_pool(pool);
    }

    /// Takes the series of a node that is gone off the page, so that names of the past add nothing.
    pub fn forget_node(&self, pool: &Arc<str>, node: &Arc<str>) {
        self.families.forget_node(pool, node);
    }

    /// The page of `/metrics`.
    pub fn render(&self) -> String {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).render()
    }
}

impl PoolMetrics {
    pub fn requests(&self, class: Class, outcome: Outcome) -> &Counter {
        self.requests.of(class).of(outcome)
    }

    pub fn bytes(&self, side: Side, direction: Direction) -> &Counter {
        self.bytes.of(side).of(direction)
    }

    /// By what the node that is left had done.
    pub fn failovers(&self, transport: Transport, class: impl Into<ErrorClass>) -> &Counter {
        self.failovers.of(transport).of(class)
    }
}

impl NodeMetrics {
    /// By what came of them; `ErrorClass::NONE` is an answer.
    pub fn attempts(&self, transport: Transport, class: impl Into<ErrorClass>) -> &Counter {
        self.attempts.of(transport).of(class)
    }
}

#[cfg(test)]
mod tests;
