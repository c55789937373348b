//! One pool of the configuration, put together and then started. It must never know a client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::DrainHandle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ServeError;
use crate::config::{self, Service};
use crate::core::chain::ChainSettings;
use crate::core::health::HealthTimes;
use crate::core::pool::{Input, NodeSettings, Pool, PoolSettings};
use crate::core::streams::StreamLimits;
use crate::core::tracker::Numbering;
use crate::core::{Budget, CallLimits, HedgeDelay, NodeId, Pace, View};
use crate::evidence::Evidence;
use crate::exchange::{Exchange, Reach};
use crate::filters::Filters;
use crate::front::{Entrance, RpcEntrance};
use crate::metrics::EdgeMetrics;
use crate::pool_loop::{Event, NodeAccess, PoolLoop};
use crate::record::PoolRecord;
use crate::session::Door;
use crate::upstream::{Followed, HttpClient, Order, follow};

/// What nodes say and clients want waits here; who brings more waits as well.
const QUEUE: usize = 4_096;
/// A stream is given little to do, and does it at once.
const ORDERS: usize = 1_024;
/// Idle connections that are kept to one node.
const IDLE_CONNECTIONS_MAX: usize = 256;
const FIRST_HEAD_WAIT_MS: u64 = 2_000;
/// Of a hundred calls, so many may be tried again.
const RETRIES_PERMILLE: u64 = 200;
/// So many calls a second may be tried again however few there are, and so many are saved up.
const RETRIES_FLOOR: u64 = 50;
const SAVED_MAX: u64 = 500;
const HEDGE_DELAY: HedgeDelay = HedgeDelay { min_ms: 20, max_ms: 1_000, half_life_ms: 30_000 };

/// A pool before anything of it runs.
pub(super) struct Built {
    core: Pool,
    pub(super) exchange: Arc<Exchange>,
    nodes: Vec<NodeAccess>,
    streams: Vec<(Followed, mpsc::Receiver<Order>)>,
    facts: mpsc::Receiver<Input>,
    answers: mpsc::Sender<Input>,
    view: watch::Sender<Arc<View>>,
    began: Instant,
    events: mpsc::Sender<Event>,
    clients: mpsc::Receiver<Event>,
}

impl Built {
    pub(super) fn new(
        pool: &config::Pool,
        tls: &rustls::ClientConfig,
        seed: u64,
        metrics: &EdgeMetrics,
        evidence: &Arc<Evidence>,
    ) -> Result<Self, ServeError> {
        let Service::Execution(execution) = &pool.service else {
            return Err(ServeError::Kind { pool: Arc::clone(&pool.name), kind: pool.kind().word() });
        };
        let began = Instant::now();
        let core = Pool::new(settings(pool, execution, seed));
        let (answers, facts) = mpsc::channel(QUEUE);
        let (view, seen) = watch::channel(Arc::clone(core.view()));
        let (mut nodes, mut reaches, mut streams) = (Vec::new(), Vec::new(), Vec::new());
        for (node, id) in pool.nodes.iter().zip(0..) {
            let wrong =
                |_| ServeError::Address { pool: Arc::clone(&pool.name), node: Arc::clone(&node.name) };
            let idle_max = node.calls_max.min(IDLE_CONNECTIONS_MAX);
            let frame_bytes_max = execution.frame_bytes_max;
            let http = HttpClient::new(&node.http, tls.clone(), node.dial_timeout, idle_max, frame_bytes_max)
                .map_err(wrong)?;
            reaches.push(Reach::new(http.clone(), node.calls_max));
            let orders = node.ws.as_ref().map(|endpoint| {
                let (orders, receiver) = mpsc::channel(ORDERS);
                let tls = Arc::new(tls.clone());
                let (node, dial_timeout, endpoint) = (NodeId(id), node.dial_timeout, endpoint.clone());
                streams.push((Followed { node, endpoint, tls, dial_timeout, frame_bytes_max }, receiver));
                orders
            });
            let (name, attempt_timeout) = (Arc::clone(&node.name), node.attempt_timeout);
            nodes.push(NodeAccess { name, http, attempt_timeout, orders });
        }
        let (events, clients) = mpsc::channel(QUEUE);
        let filters = Filters::new(events.clone(), metrics.pool(&pool.name), metrics.refused.clone());
        let exchange = Arc::new(Exchange {
            nodes: reaches,
            view: seen,
            pace: Mutex::new(pace(pool)),
            limits: call_limits(pool, execution),
            events: answers.clone(),
            began,
            record: Arc::new(PoolRecord::new(pool, metrics, evidence)),
            filters: Arc::new(filters),
        });
        Ok(Self { core, exchange, nodes, streams, facts, answers, view, began, events, clients })
    }

    pub(super) fn start(
        self,
        pool: &config::Pool,
        ending: &DrainHandle,
        tasks: &mut JoinSet<()>,
    ) -> Entrance {
        for (followed, orders) in self.streams {
            tasks.spawn(follow(followed, orders, self.answers.clone(), ending.clone()));
        }
        let looped = PoolLoop::new(
            self.core,
            self.nodes,
            self.began,
            self.view,
            self.answers,
            Arc::clone(&self.exchange.record),
        );
        tasks.spawn(looped.run(self.clients, self.facts, ending.clone()));
        tasks.spawn(Arc::clone(&self.exchange.filters).run(ending.clone()));
        let (batch_max, calls_max) = match &pool.service {
            Service::Execution(execution) => (execution.batch_max, execution.calls_per_client_max),
            Service::Consensus(_) | Service::Http(_) => (1, 1),
        };
        let outbound_bytes_max = pool.chain().map_or(1 << 20, |chain| chain.client_buffer_bytes_max);
        let door =
            Door { exchange: self.exchange, pool: self.events, batch_max, calls_max, outbound_bytes_max };
        Entrance::Rpc(RpcEntrance { door, request_bytes_max: pool.limits.request_bytes_max })
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn settings(pool: &config::Pool, execution: &config::Execution, seed: u64) -> PoolSettings {
    let chain = &execution.chain;
    let node = |node: &config::Node| NodeSettings {
        tier: node.tier,
        weight: node.weight,
        attempt_ms: ms(node.attempt_timeout),
    };
    PoolSettings {
        chain: ChainSettings {
            numbering: Numbering::Dense,
            block_time_ms: ms(chain.block_time),
            gap_blocks_max: chain.gap_blocks_max,
            first_head_wait_ms: FIRST_HEAD_WAIT_MS,
        },
        health: HealthTimes { failback_after_ms: ms(pool.failback_after), ..HealthTimes::default() },
        streams: StreamLimits {
            per_session_max: execution.subscriptions_per_client_max,
            per_pool_max: chain.subscriptions_max,
            linger_ms: ms(chain.linger),
        },
        chain_id: Some(execution.chain_id),
        nodes: pool.nodes.iter().map(node).collect(),
        probe_ms: ms(pool.probe_every),
        stall_after_ms: ms(chain.stall_after),
        lag_blocks_max: chain.lag_blocks_max,
        seed,
    }
}

fn call_limits(pool: &config::Pool, execution: &config::Execution) -> CallLimits {
    let attempt = pool.nodes.iter().map(|node| node.attempt_timeout).max().unwrap_or(pool.limits.deadline);
    CallLimits {
        deadline_ms: ms(pool.limits.deadline),
        attempt_ms: ms(attempt),
        attempts_max: pool.limits.attempts_max,
        hedge: pool.limits.hedge_percent_max > 0,
        broadcast: execution.broadcast_transactions,
    }
}

fn pace(pool: &config::Pool) -> Pace {
    let hedges = u64::from(pool.limits.hedge_percent_max) * 10;
    Pace::new(
        Budget::new(RETRIES_PERMILLE, RETRIES_FLOOR, SAVED_MAX),
        Budget::new(hedges, 0, SAVED_MAX),
        HEDGE_DELAY,
    )
}
