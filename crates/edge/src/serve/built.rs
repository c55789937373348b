//! One pool of the configuration, put together and then started. It must never know a client.

use std::sync::{Arc, Mutex, RwLock};

use runtime::{Drain, DrainHandle};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ServeError;
use crate::admin::Seen;
use crate::config::{self, Service};
use crate::core::View;
use crate::core::pool::{Input, Pool};
use crate::core::rest as rest_core;
use crate::evidence::Evidence;
use crate::exchange::{Alarms, Clock, Exchange, Reaches};
use crate::filters::Filters;
use crate::front::{Entrance, EventsDoor, RestEntrance, RpcEntrance};
use crate::metrics::EdgeMetrics;
use crate::pool_loop::{Configured, Event, PoolLoop};
use crate::record::PoolRecord;
use crate::reload::Open;
use crate::rest::RestExchange;
use crate::rules::{Rules, frame_bytes_max, pace, settings};
use crate::session::Door;
use crate::telling::Telling;
use crate::upstream::{HttpClient, NodeClient, RestClient};

/// What nodes say and clients want waits here; who brings more waits as well.
const QUEUE: usize = 4_096;
/// Idle connections that are kept to one node.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// A pool before anything of it runs.
pub(crate) struct Built {
    core: Pool,
    exchange: Arc<Exchange>,
    first: Configured,
    facts: mpsc::Receiver<Input>,
    view: watch::Sender<Arc<View>>,
    seed: u64,
    events: mpsc::Sender<Event>,
    clients: mpsc::Receiver<Event>,
}

impl Configured {
    pub(crate) fn new(pool: &config::Pool, tls: &Arc<rustls::ClientConfig>) -> Result<Self, ServeError> {
        let client = |node: &config::Node| {
            let idle_max = node.calls_max.min(IDLE_CONNECTIONS_MAX);
            let (tls, dial_timeout) = ((**tls).clone(), node.dial_timeout);
            let made = match &pool.service {
                Service::Execution(_) => {
                    HttpClient::new(&node.http, tls, dial_timeout, idle_max, frame_bytes_max(pool))
                        .map(NodeClient::Rpc)
                }
                Service::Consensus(_) | Service::Http(_) => {
                    RestClient::new(&node.http, tls, dial_timeout, idle_max).map(NodeClient::Rest)
                }
            };
            made.map_err(|_| ServeError::Address {
                pool: Arc::clone(&pool.name),
                node: Arc::clone(&node.name),
            })
        };
        let clients = pool.nodes.iter().map(client).collect::<Result<_, _>>()?;
        Ok(Self { pool: pool.clone(), clients, tls: Arc::clone(tls) })
    }
}

impl Built {
    /// `seed` is another one for every pool of the process.
    pub(crate) fn new(
        pool: &config::Pool,
        tls: &Arc<rustls::ClientConfig>,
        seed: u64,
        (metrics, evidence): (&Arc<EdgeMetrics>, &Arc<Evidence>),
    ) -> Result<Self, ServeError> {
        let first = Configured::new(pool, tls)?;
        // Its nodes come when it starts.
        let core = Pool::new(settings(pool, &[], seed));
        let (events, facts) = mpsc::channel(QUEUE);
        let (view, seen) = watch::channel(Arc::clone(core.view()));
        let (loop_events, clients) = mpsc::channel(QUEUE);
        let filters =
            Filters::new(loop_events.downgrade(), metrics.pool(&pool.name), metrics.refused.clone());
        let clock = Clock::new();
        let exchange = Arc::new(Exchange {
            nodes: Reaches::default(),
            pace: Mutex::new(pace(pool)),
            rules: RwLock::new(Arc::new(Rules::new(pool))),
            events,
            clock,
            alarms: Arc::new(Alarms::new(clock, seen.clone())),
            view: seen,
            record: Arc::new(PoolRecord::new(pool, metrics, evidence)),
            filters: Arc::new(filters),
        });
        Ok(Self { core, exchange, first, facts, view, seed, events: loop_events, clients })
    }

    pub(crate) fn start(self, ending: &DrainHandle, tasks: &mut JoinSet<()>) -> Open {
        let Self { core, exchange, first, facts, view, seed, events, clients } = self;
        let name = Arc::clone(&first.pool.name);
        let (closing, closed) = Drain::new();
        let looped = PoolLoop::new(core, view, Arc::clone(&exchange), seed, Telling::of(&first.pool.service));
        let service = first.pool.service.clone();
        tasks.spawn(looped.run(first, clients, facts, ending.clone()));
        let (filters, mut gone) = (Arc::clone(&exchange.filters).run(ending.clone()), closed.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = filters => {}
                () = gone.started() => {}
            }
        });
        let seen = Seen {
            name: Arc::clone(&name),
            view: exchange.view.clone(),
            record: Arc::clone(&exchange.record),
            events: events.downgrade(),
        };
        let pool = events.clone();
        let rest = |exchange, service| Arc::new(RestExchange { calls: exchange, pool: name, service });
        let entrance = match service {
            Service::Execution(_) => {
                Entrance::Rpc(RpcEntrance { door: Door { exchange, pool, closing: closed } })
            }
            Service::Consensus(_) => {
                let exchange = rest(exchange, rest_core::Service::Beacon);
                Entrance::Rest(RestEntrance { exchange, events: Some(EventsDoor { pool }), closing: closed })
            }
            Service::Http(_) => {
                let exchange = rest(exchange, rest_core::Service::Plain);
                Entrance::Rest(RestEntrance { exchange, events: None, closing: closed })
            }
        };
        Open { events, closing, entrance: Arc::new(entrance), seen }
    }
}
