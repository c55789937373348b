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
use tokio::task::{JoinError, JoinSet};
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

/// What saying goodbye may take when the grace period is over.
const GOODBYE: Duration = Duration::from_millis(500);

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

/// What the streams of nodes may take to say goodbye.
const POOLS_END: Duration = Duration::from_secs(2);

/// How much time its end takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Farewell {
    /// For whoever sends clients here to notice.
    lead: Duration,
    /// For what is in flight then.
    grace: Duration,
}

impl Farewell {
    pub(crate) fn of(config: &Config) -> Self {
        Self { lead: config.edge.drain_lead, grace: config.edge.drain_grace }
    }
}

/// A proxy that runs.
#[derive(Debug)]
pub struct Edge {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    /// Says that it leaves, while nothing else changes.
    leaving: Drain,
    drain: Drain,
    late: Drain,
    tasks: JoinSet<()>,
    pub(crate) farewell: Farewell,
    /// Ends after the clients have.
    pools: Drain,
    pub(crate) pool_tasks: JoinSet<()>,
    pub(crate) running: Running,
}

impl Edge {
    /// Binds, connects and serves. Everything that can be wrong is found before anything listens.
    pub async fn start(config: &Config) -> Result<Self, ServeError> {
        let (leaving, leaves) = Drain::new();
        let (drain, draining) = Drain::new();
        let (late, is_late) = Drain::new();
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
        let listener = listen("edge.listen", config.edge.listen)?;
        let admin_listener = listen("edge.admin_listen", config.edge.admin_listen)?;
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
            drain: draining,
            late: is_late,
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
        pool_tasks.spawn(Admin::new(seen, metrics, evidence, leaves).run(admin_listener, ending));
        let (farewell, pools) = (Farewell::of(config), pools_drain);
        Ok(Self { listen, admin_listen, leaving, drain, late, tasks, farewell, pools, pool_tasks, running })
    }

    /// Never, unless a part of it failed on which all depends: which one, and how.
    pub async fn failed(&mut self) -> String {
        loop {
            tokio::select! {
                Some(ended) = self.tasks.join_next() => {
                    return format!("the listener: {}", ended.err().map_or_else(|| "it ended".to_owned(), said));
                }
                Some(ended) = self.pool_tasks.join_next() => match ended {
                    Err(error) if error.is_panic() => return format!("a pool: {}", said(error)),
                    // A pool that the configuration does not name any more.
                    _ => {}
                },
                else => std::future::pending().await,
            }
        }
    }

    /// Says that it leaves and serves on for a while; then takes nothing new, lets calls in flight end, says goodbye to clients,
    /// and stops. Whether all ended in time.
    pub async fn stop(mut self) -> bool {
        let Farewell { lead, grace } = self.farewell;
        self.leaving.start();
        // Where a part of it fails there is nothing to go on with.
        let _ = timeout(lead, self.failed()).await;
        self.drain.start();
        let ended = timeout(grace, all_end(&mut self.tasks)).await;
        if ended.is_err() {
            self.late.start();
            let _ = timeout(GOODBYE, all_end(&mut self.tasks)).await;
        }
        self.tasks.abort_all();
        self.pools.start();
        let _ = timeout(POOLS_END, all_end(&mut self.pool_tasks)).await;
        self.pool_tasks.abort_all();
        ended.is_ok()
    }
}

async fn all_end(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

/// What a task said in its panic. The place stands in the line that the panic wrote.
fn said(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was ended".to_owned() };
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

/// A subscription's id means nothing to another pool, another replica, or after a restart.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(())
}

fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    runtime::listen(address).map_err(|error| ServeError::Listen { what, address, error })
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Surroundings;

    #[tokio::test]
    async fn a_part_that_fails_is_told_and_a_pool_that_ended_is_not() {
        let text = "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[pools.net]\nkind = \"execution\"\n\
                    chain_id = 1\n[[pools.net.nodes]]\nname = \"a\"\nhttp_url = \"http://127.0.0.1:1\"\n";
        let nothing = Surroundings {
            folder: Path::new("."),
            variable: &|_| None,
            file: &|_| Err("no files here".to_owned()),
            tls: &|_| Ok(()),
        };
        let mut edge = Edge::start(&Config::parse(text, "test", &nothing).unwrap()).await.unwrap();
        edge.pool_tasks.spawn(async {});
        assert!(timeout(Duration::from_millis(100), edge.failed()).await.is_err());
        edge.pool_tasks.spawn(async { panic!("it broke") });
        let told = timeout(Duration::from_secs(5), edge.failed()).await;
        assert_eq!(told.as_deref(), Ok("a pool: it broke"));
        edge.tasks.abort_all();
        let told = timeout(Duration::from_secs(5), edge.failed()).await;
        assert_eq!(told.as_deref(), Ok("the listener: it was ended"));
    }
}
