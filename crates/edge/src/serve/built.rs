//! One pool of the configuration, put together and then started. It must never know a client.

use std::sync::{Arc, Mutex, RwLock};

use runtime::{Drain, DrainHandle};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ServeError;
use crate::admin::Seen;
use crate::config;
use crate::core::View;
use crate::core::pool::{Input, Pool};
use crate::evidence::Evidence;
use crate::exchange::{Exchange, Reaches};
use crate::filters::Filters;
use crate::front::{Entrance, RpcEntrance};
use crate::metrics::EdgeMetrics;
use crate::pool_loop::{Configured, Event, PoolLoop};
use crate::record::PoolRecord;
use crate::reload::Open;
use crate::rules::{Rules, execution, pace, settings};
use crate::session::Door;
use crate::upstream::HttpClient;

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
        let kind = || ServeError::Kind { pool: Arc::clone(&pool.name), kind: pool.kind().word() };
        let frame_bytes_max = execution(pool).ok_or_else(kind)?.frame_bytes_max;
        let http = |node: &config::Node| {
            let idle_max = node.calls_max.min(IDLE_CONNECTIONS_MAX);
            let tls = (**tls).clone();
            let made = HttpClient::new(&node.http, tls, node.dial_timeout, idle_max, frame_bytes_max);
            made.map_err(|_| ServeError::Address {
                pool: Arc::clone(&pool.name),
                node: Arc::clone(&node.name),
            })
        };
        let https = pool.nodes.iter().map(http).collect::<Result<_, _>>()?;
        Ok(Self { pool: pool.clone(), https, tls: Arc::clone(tls) })
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
        let kind = || ServeError::Kind { pool: Arc::clone(&pool.name), kind: pool.kind().word() };
        let execution = execution(pool).ok_or_else(kind)?;
        // Its nodes come when it starts.
        let core = Pool::new(settings(pool, execution, &[], seed));
        let (events, facts) = mpsc::channel(QUEUE);
        let (view, seen) = watch::channel(Arc::clone(core.view()));
        let (loop_events, clients) = mpsc::channel(QUEUE);
        let filters =
            Filters::new(loop_events.downgrade(), metrics.pool(&pool.name), metrics.refused.clone());
        let exchange = Arc::new(Exchange {
            nodes: Reaches::default(),
            view: seen,
            pace: Mutex::new(pace(pool)),
            rules: RwLock::new(Arc::new(Rules::new(pool, execution))),
            events,
            began: Instant::now(),
            record: Arc::new(PoolRecord::new(pool, metrics, evidence)),
            filters: Arc::new(filters),
        });
        Ok(Self { core, exchange, first, facts, view, seed, events: loop_events, clients })
    }

    pub(crate) fn start(self, ending: &DrainHandle, tasks: &mut JoinSet<()>) -> Open {
        let Self { core, exchange, first, facts, view, seed, events, clients } = self;
        let name = Arc::clone(&first.pool.name);
        let (closing, closed) = Drain::new();
        let looped = PoolLoop::new(core, view, Arc::clone(&exchange), seed);
        tasks.spawn(looped.run(first, clients, facts, ending.clone()));
        let (filters, mut gone) = (Arc::clone(&exchange.filters).run(ending.clone()), closed.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = filters => {}
                () = gone.started() => {}
            }
        });
        let seen = Seen {
            name,
            view: exchange.view.clone(),
            record: Arc::clone(&exchange.record),
            events: events.downgrade(),
        };
        let door = Door { exchange, pool: events.clone(), closing: closed };
        Open { events, closing, entrance: Arc::new(Entrance::Rpc(RpcEntrance { door })), seen }
    }
}
