//! From a configuration to a running proxy and back: listeners, pools, the way down. It must never know a protocol.

mod built;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use runtime::{Drain, TlsSource};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::admin::{Admin, Board};
use crate::config::{self, Config};
use crate::evidence::Evidence;
use crate::front::{Front, Rooms};
use crate::keys::Keys;
use crate::metrics::EdgeMetrics;
use crate::places::Places;
use crate::pulse::Pulses;
use crate::reload::Running;
use crate::status::ConfigStatus;
use crate::upstream::client_tls;

pub(crate) use built::Built;

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{0}")]
    Authorities(String),
    #[error("casebook: {0}")]
    Casebook(String),
    #[error("pool {pool}, node {node}: its address cannot be asked")]
    Address { pool: Arc<str>, node: Arc<str> },
    #[error("edge.tls: {0}")]
    Tls(String),
    #[error("{what} {address} cannot be listened on: {error}")]
    Listen { what: &'static str, address: SocketAddr, error: std::io::Error },
}

/// A proxy that runs.
#[derive(Debug)]
pub struct Edge {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    drain: Drain,
    tasks: JoinSet<()>,
    pub(crate) grace: Duration,
    /// Ends after the clients have.
    pools: Drain,
    pub(crate) pool_tasks: JoinSet<()>,
    pub(crate) running: Running,
}

impl Edge {
    /// Binds, connects and serves. Everything that can be wrong is found before anything listens.
    pub async fn start(config: &Config) -> Result<Self, ServeError> {
        let (drain, draining) = Drain::new();
        let (pools_drain, ending) = Drain::new();
        let tls = tls_for(config)?;
        let metrics = Arc::new(EdgeMetrics::default());
        let evidence = Evidence::new(&metrics);
        evidence.replace(config.casebook.as_ref()).map_err(ServeError::Casebook)?;
        let mut built = Vec::new();
        for pool in &config.pools {
            built.push(Built::new(pool, &tls, seed(), (&metrics, &evidence))?);
        }
        let inbound = config.edge.tls.clone().map(TlsSource::open).transpose().map_err(ServeError::Tls)?;
        let listener = listen("edge.listen", config.edge.listen).await?;
        let admin_listener = listen("edge.admin_listen", config.edge.admin_listen).await?;
        let (listen, admin_listen) =
            (address(&listener, config.edge.listen), address(&admin_listener, config.edge.admin_listen));
        let (mut tasks, mut pool_tasks) = (JoinSet::new(), JoinSet::new());
        if let Some(tls) = &inbound {
            metrics.watch_tls(&tls.metrics);
            let tls = Arc::clone(tls);
            pool_tasks.spawn(runtime::each_second_and_at_hangup(ending.clone(), move || tls.look()));
        }
        let opened = built.into_iter().map(|built| built.start(&ending, &mut pool_tasks));
        let pools: BTreeMap<_, _> = opened.map(|open| (Arc::clone(&open.seen.name), open)).collect();
        let front = Arc::new(Front {
            rooms: RwLock::new(Arc::new(Rooms::default())),
            places: Places::new(config.edge.connections_max),
            tls: inbound,
            sessions: AtomicU64::new(0),
            pulses: Pulses::new(),
            metrics: Arc::clone(&metrics),
            drain: draining.clone(),
        });
        let (board, seen) = watch::channel(Arc::new(Board::default()));
        let running = Running {
            config: config.clone(),
            front: Arc::clone(&front),
            metrics: Arc::clone(&metrics),
            evidence: Arc::clone(&evidence),
            board,
            pools,
            ending: ending.clone(),
        };
        front.open(running.rooms(config, &Keys::default()));
        running.show(ConfigStatus::default());
        tasks.spawn(front.run(listener));
        pool_tasks.spawn(Arc::clone(&evidence).run(ending.clone()));
        pool_tasks.spawn(Admin::new(seen, metrics, evidence, draining).run(admin_listener, ending));
        let grace = config.edge.drain_grace;
        Ok(Self { listen, admin_listen, drain, tasks, grace, pools: pools_drain, pool_tasks, running })
    }

    /// Takes nothing new, lets calls in flight end, says goodbye to clients, and stops. Whether all ended in time.
    pub async fn stop(mut self) -> bool {
        self.drain.start();
        let ended = timeout(self.grace, async { while self.tasks.join_next().await.is_some() {} }).await;
        self.tasks.abort_all();
        self.pools.start();
        let _ =
            timeout(Duration::from_secs(2), async { while self.pool_tasks.join_next().await.is_some() {} })
                .await;
        self.pool_tasks.abort_all();
        ended.is_ok()
    }
}

/// A subscription's id means nothing to another pool, another replica, or after a restart.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(())
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|error| ServeError::Listen { what, address, error })
}

/// Port 0 is another one by now.
fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

/// Nodes are reached with these. The authorities of this machine are read where some node needs them.
pub(crate) fn tls_for(config: &Config) -> Result<Arc<rustls::ClientConfig>, ServeError> {
    let needs_tls = config.pools.iter().flat_map(|pool| &pool.nodes).any(is_encrypted);
    client_tls(needs_tls).map(Arc::new).map_err(ServeError::Authorities)
}

fn is_encrypted(node: &config::Node) -> bool {
    let schemes = [Some(&node.http), node.ws.as_ref()].into_iter().flatten();
    schemes.into_iter().any(|endpoint| matches!(endpoint.url.expose().scheme(), "https" | "wss"))
}
