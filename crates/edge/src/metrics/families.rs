//! The series behind the handles: how they are labelled, registered and forgotten. It must never be reached by what counts.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use runtime::{MetricSpec, Metrics};

use super::labels::{
    Cut, Direction, Each, ErrorClass, Followed, Label, Limit, Outcome, Queue, Reload, ReportKind,
    ReportOutcome, Side,
};
use super::register;
use crate::core::Class;
use crate::core::Transport;

/// From one millisecond to half a minute, the default deadline.
const CALL_BUCKETS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const FAILOVER_BUCKETS_S: [f64; 10] = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];
const BLOCK_BUCKETS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

macro_rules! label_sets {
    ($($name:ident { $($field:ident: $kind:ty),* })*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
            pub(super) struct $name {
                $(pub(super) $field: $kind,)*
            }
        )*
    };
}

label_sets! {
    PoolLabels { pool: Arc<str> }
    ClassLabels { pool: Arc<str>, class: &'static str }
    RequestLabels { pool: Arc<str>, class: &'static str, outcome: &'static str }
    FollowedLabels { pool: Arc<str>, kind: &'static str }
    ByteLabels { pool: Arc<str>, side: &'static str, direction: &'static str }
    FailoverLabels { pool: Arc<str>, transport: &'static str, error_class: &'static str }
    NodeLabels { pool: Arc<str>, node: Arc<str> }
    TransportLabels { pool: Arc<str>, node: Arc<str>, transport: &'static str }
    AttemptLabels { pool: Arc<str>, node: Arc<str>, transport: &'static str, error_class: &'static str }
    LimitLabels { limit: &'static str }
    CutLabels { why: &'static str }
    QueueLabels { queue: &'static str }
    ReportLabels { kind: &'static str, outcome: &'static str }
    ReloadLabels { outcome: &'static str }
}

impl ClassLabels {
    pub(super) fn new(pool: &Arc<str>, class: Class) -> Self {
        Self { pool: Arc::clone(pool), class: class.word() }
    }
}

impl RequestLabels {
    pub(super) fn new(pool: &Arc<str>, class: Class, outcome: Outcome) -> Self {
        Self { pool: Arc::clone(pool), class: class.word(), outcome: outcome.word() }
    }
}

impl FollowedLabels {
    pub(super) fn new(pool: &Arc<str>, kind: Followed) -> Self {
        Self { pool: Arc::clone(pool), kind: kind.word() }
    }
}

impl ByteLabels {
    fn new(pool: &Arc<str>, side: Side, direction: Direction) -> Self {
        Self { pool: Arc::clone(pool), side: side.word(), direction: direction.word() }
    }
}

impl FailoverLabels {
    pub(super) fn new(pool: &Arc<str>, transport: Transport, class: ErrorClass) -> Self {
        Self { pool: Arc::clone(pool), transport: transport.word(), error_class: class.word() }
    }
}

impl TransportLabels {
    pub(super) fn new(pool: &Arc<str>, node: &Arc<str>, transport: Transport) -> Self {
        Self { pool: Arc::clone(pool), node: Arc::clone(node), transport: transport.word() }
    }
}

impl AttemptLabels {
    fn new(pool: &Arc<str>, node: &Arc<str>, transport: Transport, class: ErrorClass) -> Self {
        let (pool, node) = (Arc::clone(pool), Arc::clone(node));
        Self { pool, node, transport: transport.word(), error_class: class.word() }
    }
}

#[derive(Debug)]
pub(super) struct Families {
    pub(super) requests: Family<RequestLabels, Counter>,
    pub(super) request_seconds: Histograms<ClassLabels>,
    pub(super) retries: Family<ClassLabels, Counter>,
    pub(super) hedges: Family<ClassLabels, Counter>,
    pub(super) hedge_wins: Family<ClassLabels, Counter>,
    pub(super) sessions: Family<PoolLabels, Gauge>,
    pub(super) subscriptions: Family<FollowedLabels, Gauge>,
    pub(super) streams_shared: Family<FollowedLabels, Gauge>,
    pub(super) notifications_sent: Family<FollowedLabels, Counter>,
    bytes: Family<ByteLabels, Counter>,
    pub(super) failovers: Family<FailoverLabels, Counter>,
    pub(super) failover_seconds: Histograms<PoolLabels>,
    attempts: Family<AttemptLabels, Counter>,
    pub(super) attempt_seconds: Histograms<TransportLabels>,
    pub(super) node_state: Family<TransportLabels, Gauge>,
    pub(super) node_lag_blocks: Family<NodeLabels, Gauge>,
    pub(super) node_calls_in_flight: Family<NodeLabels, Gauge>,
    pub(super) node_streams: Family<NodeLabels, Gauge>,
    pub(super) stalls: Family<TransportLabels, Counter>,
    pub(super) lies: Family<NodeLabels, Counter>,
    pub(super) head_number: Family<PoolLabels, Gauge>,
    pub(super) heads_announced: Family<PoolLabels, Counter>,
    pub(super) gap_blocks: Histograms<PoolLabels>,
    pub(super) reorg_blocks: Histograms<PoolLabels>,
    pub(super) slow_clients_closed: Family<PoolLabels, Counter>,
    pub(super) filters: Family<PoolLabels, Gauge>,
    pub(super) filters_lost: Family<PoolLabels, Counter>,
    refused: Family<LimitLabels, Counter>,
    cut: Family<CutLabels, Counter>,
    queue_depth: Family<QueueLabels, Gauge>,
    queue_full: Family<QueueLabels, Counter>,
    reports: Family<ReportLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
}

impl Families {
    pub(super) fn register(r: &mut Metrics) -> Self {
        Self {
            requests: r.add(register::REQUESTS, Family::default()),
            request_seconds: histograms(r, register::REQUEST_SECONDS, call_seconds),
            sessions: r.add(register::SESSIONS, Family::default()),
            subscriptions: r.add(register::SUBSCRIPTIONS, Family::default()),
            streams_shared: r.add(register::STREAMS, Family::default()),
            notifications_sent: r.add(register::NOTIFICATIONS, Family::default()),
            bytes: r.add(register::BYTES, Family::default()),
            failovers: r.add(register::FAILOVERS, Family::default()),
            failover_seconds: histograms(r, register::FAILOVER_SECONDS, failover_seconds),
            retries: r.add(register::RETRIES, Family::default()),
            hedges: r.add(register::HEDGES, Family::default()),
            hedge_wins: r.add(register::HEDGE_WINS, Family::default()),
            attempts: r.add(register::ATTEMPTS, Family::default()),
            attempt_seconds: histograms(r, register::ATTEMPT_SECONDS, call_seconds),
            node_state: r.add(register::NODE_STATE, Family::default()),
            node_lag_blocks: r.add(register::NODE_LAG, Family::default()),
            node_calls_in_flight: r.add(register::NODE_IN_FLIGHT, Family::default()),
            node_streams: r.add(register::NODE_STREAMS, Family::default()),
            stalls: r.add(register::STALLS, Family::default()),
            lies: r.add(register::LIES, Family::default()),
            head_number: r.add(register::HEAD, Family::default()),
            heads_announced: r.add(register::HEADS, Family::default()),
            gap_blocks: histograms(r, register::GAP_BLOCKS, blocks),
            reorg_blocks: histograms(r, register::REORG_BLOCKS, blocks),
            slow_clients_closed: r.add(register::SLOW, Family::default()),
            filters: r.add(register::FILTERS, Family::default()),
            filters_lost: r.add(register::FILTERS_LOST, Family::default()),
            refused: r.add(register::REFUSED, Family::default()),
            cut: r.add(register::CUT, Family::default()),
            queue_depth: r.add(register::QUEUE_DEPTH, Family::default()),
            queue_full: r.add(register::QUEUE_FULL, Family::default()),
            reports: r.add(register::REPORTS, Family::default()),
            reloads: r.add(register::RELOADS, Family::default()),
        }
    }

    pub(super) fn cut(&self) -> Each<Cut, Counter> {
        Each::new(|why: Cut| self.cut.get_or_create_owned(&CutLabels { why: why.word() }))
    }

    pub(super) fn refused(&self) -> Each<Limit, Counter> {
        Each::new(|limit: Limit| self.refused.get_or_create_owned(&LimitLabels { limit: limit.word() }))
    }

    pub(super) fn queue_depth(&self) -> Each<Queue, Gauge> {
        Each::new(|queue: Queue| self.queue_depth.get_or_create_owned(&QueueLabels { queue: queue.word() }))
    }

    pub(super) fn queue_full(&self) -> Each<Queue, Counter> {
        Each::new(|queue: Queue| self.queue_full.get_or_create_owned(&QueueLabels { queue: queue.word() }))
    }

    pub(super) fn reports(&self, kind: ReportKind) -> Each<ReportOutcome, Counter> {
        let of = |outcome: ReportOutcome| ReportLabels { kind: kind.word(), outcome: outcome.word() };
        Each::new(|outcome| self.reports.get_or_create_owned(&of(outcome)))
    }

    pub(super) fn reloads(&self) -> Each<Reload, Counter> {
        Each::new(|reload: Reload| self.reloads.get_or_create_owned(&ReloadLabels { outcome: reload.word() }))
    }

    pub(super) fn bytes_of(&self, pool: &Arc<str>) -> Each<Side, Each<Direction, Counter>> {
        let of = |side, direction| self.bytes.get_or_create_owned(&ByteLabels::new(pool, side, direction));
        Each::new(|side| Each::new(|direction| of(side, direction)))
    }

    pub(super) fn attempts_of(
        &self,
        pool: &Arc<str>,
        node: &Arc<str>,
    ) -> Each<Transport, Each<ErrorClass, Counter>> {
        let of = |transport, class| {
            self.attempts.get_or_create_owned(&AttemptLabels::new(pool, node, transport, class))
        };
        Each::new(|transport| Each::new(|class| of(transport, class)))
    }

    pub(super) fn forget_pool(&self, pool: &Arc<str>) {
        for class in Class::ALL {
            for outcome in Outcome::ALL {
                self.requests.remove(&RequestLabels::new(pool, *class, *outcome));
            }
            let labels = ClassLabels::new(pool, *class);
            self.request_seconds.remove(&labels);
            for family in [&self.retries, &self.hedges, &self.hedge_wins] {
                family.remove(&labels);
            }
        }
        for kind in Followed::ALL {
            let labels = FollowedLabels::new(pool, *kind);
            for family in [&self.subscriptions, &self.streams_shared] {
                family.remove(&labels);
            }
            self.notifications_sent.remove(&labels);
        }
        for side in Side::ALL {
            Direction::ALL.iter().for_each(|way| _ = self.bytes.remove(&ByteLabels::new(pool, *side, *way)));
        }
        for transport in Transport::ALL {
            for class in ErrorClass::ALL {
                self.failovers.remove(&FailoverLabels::new(pool, *transport, *class));
            }
        }
        let labels = PoolLabels { pool: Arc::clone(pool) };
        for family in [&self.sessions, &self.head_number, &self.filters] {
            family.remove(&labels);
        }
        for family in [&self.heads_announced, &self.slow_clients_closed, &self.filters_lost] {
            family.remove(&labels);
        }
        for family in [&self.failover_seconds, &self.gap_blocks, &self.reorg_blocks] {
            family.remove(&labels);
        }
    }

    pub(super) fn forget_node(&self, pool: &Arc<str>, node: &Arc<str>) {
        for transport in Transport::ALL {
            for class in ErrorClass::ALL {
                self.attempts.remove(&AttemptLabels::new(pool, node, *transport, *class));
            }
            let labels = TransportLabels::new(pool, node, *transport);
            self.attempt_seconds.remove(&labels);
            self.node_state.remove(&labels);
            self.stalls.remove(&labels);
        }
        let labels = NodeLabels { pool: Arc::clone(pool), node: Arc::clone(node) };
        for family in [&self.node_lag_blocks, &self.node_calls_in_flight, &self.node_streams] {
            family.remove(&labels);
        }
        self.lies.remove(&labels);
    }
}

fn histograms<L>(registry: &mut Metrics, spec: MetricSpec, make: fn() -> Histogram) -> Histograms<L>
where
    L: std::fmt::Debug + Clone + Eq + std::hash::Hash + EncodeLabelSet + Send + Sync + 'static,
{
    registry.add(spec, Family::new_with_constructor(make))
}

fn call_seconds() -> Histogram {
    Histogram::new(CALL_BUCKETS_S)
}

fn failover_seconds() -> Histogram {
    Histogram::new(FAILOVER_BUCKETS_S)
}

fn blocks() -> Histogram {
    Histogram::new(BLOCK_BUCKETS)
}
