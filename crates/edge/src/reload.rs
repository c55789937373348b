//! A configuration that is taken over while clients stay. All that could be wrong with it is found before anything of it
//! counts, so a faulty one changes nothing. It must never know how a pool carries out what it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use runtime::config::ConfigErrors;
use runtime::{Drain, DrainHandle};
use tokio::sync::{mpsc, watch};

use crate::admin::{Board, Seen};
use crate::config::{Changes, Config};
use crate::evidence::Evidence;
use crate::front::{Entrance, Front, Rooms};
use crate::keys::Keys;
use crate::metrics::{EdgeMetrics, Reload};
use crate::pool_loop::{Configured, Event};
use crate::serve::{Built, Edge, Farewell, ServeError, seed, tls_for};
use crate::status::ConfigStatus;

/// What runs, as the configuration in force has it.
pub(crate) struct Running {
    pub(crate) config: Config,
    pub(crate) front: Arc<Front>,
    pub(crate) metrics: Arc<EdgeMetrics>,
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) board: watch::Sender<Arc<Board>>,
    pub(crate) pools: BTreeMap<Arc<str>, Open>,
    /// Of all pools, at the very end.
    pub(crate) ending: DrainHandle,
}

/// A pool that is served.
pub(crate) struct Open {
    pub(crate) events: mpsc::Sender<Event>,
    /// Tells its clients to leave.
    pub(crate) closing: Drain,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) seen: Seen,
}

/// What is made of a new configuration before any of it counts.
struct Prepared {
    config: Config,
    changes: Changes,
    /// For pools that are there.
    told: Vec<(Arc<str>, Configured)>,
    built: Vec<Built>,
}

impl Edge {
    /// Takes over what was read of the file. `Err` says what is wrong with it; then everything is as it was.
    pub async fn reload(&mut self, read: Result<Config, ConfigErrors>) -> Result<Changes, Vec<String>> {
        let prepared = match read {
            Err(errors) => Err(errors.0.iter().map(ToString::to_string).collect()),
            Ok(config) => self.running.prepare(config).map_err(|error| vec![error.to_string()]),
        };
        match prepared {
            Ok(prepared) => {
                let changes = self.running.take_over(prepared, &mut self.pool_tasks).await;
                self.farewell = Farewell::of(&self.running.config);
                Ok(changes)
            }
            Err(faults) => {
                self.running.refuse(&faults);
                Err(faults)
            }
        }
    }
}

impl Running {
    fn prepare(&mut self, mut config: Config) -> Result<Prepared, ServeError> {
        let changes = config.changes(&self.config);
        self.keep_what_only_a_restart_brings(&mut config);
        let tls = tls_for(&config)?;
        let (mut told, mut built) = (Vec::new(), Vec::new());
        for pool in &config.pools {
            match self.config.pool(&pool.name) {
                Some(before) if before == pool => {}
                Some(_) => told.push((Arc::clone(&pool.name), Configured::new(pool, &tls)?)),
                None => built.push(Built::new(pool, &tls, seed(), (&self.metrics, &self.evidence))?),
            }
        }
        // The last that can fail, because it counts at once.
        if config.casebook != self.config.casebook {
            self.evidence.replace(config.casebook.as_ref()).map_err(ServeError::Casebook)?;
        }
        Ok(Prepared { config, changes, told, built })
    }

    /// The configuration is what runs, so what does not count yet is not in it.
    fn keep_what_only_a_restart_brings(&self, config: &mut Config) {
        let before = &self.config.edge;
        config.edge.listen = before.listen;
        config.edge.admin_listen = before.admin_listen;
        config.edge.tls.clone_from(&before.tls);
        config.edge.log.clone_from(&before.log);
        for pool in &mut config.pools {
            let is_another =
                |of: &&crate::config::Pool| (of.kind(), of.chain_id()) != (pool.kind(), pool.chain_id());
            if let Some(before) = self.config.pool(&pool.name).filter(is_another) {
                *pool = before.clone();
            }
        }
    }

    async fn take_over(&mut self, prepared: Prepared, tasks: &mut tokio::task::JoinSet<()>) -> Changes {
        let Prepared { config, changes, told, built } = prepared;
        for (name, configured) in told {
            if let Some(open) = self.pools.get(&name) {
                // A loop that is gone ends the process anyway.
                let _ = open.events.send(Event::Configure(Box::new(configured))).await;
            }
        }
        let is_gone = |name: &Arc<str>| config.pool(name).is_none();
        let gone: Vec<Arc<str>> = self.pools.keys().filter(|name| is_gone(name)).cloned().collect();
        let closed: Vec<Open> = gone.iter().filter_map(|name| self.pools.remove(name)).collect();
        for built in built {
            let open = built.start(&self.ending, tasks);
            self.pools.insert(Arc::clone(&open.seen.name), open);
        }
        let before = self.front.rooms();
        self.front.open(self.rooms(&config, &before.keys));
        self.front.places.resize(config.edge.connections_max);
        // Nobody comes in any more; whoever is there says goodbye.
        for (open, name) in closed.iter().zip(&gone) {
            open.closing.start();
            let nodes = self.config.pool(name).into_iter().flat_map(|pool| &pool.nodes);
            let nodes: Vec<Arc<str>> = nodes.map(|node| Arc::clone(&node.name)).collect();
            self.metrics.forget_pool(name, &nodes);
        }
        self.config = config;
        self.taken(&changes);
        changes
    }

    pub(crate) fn rooms(&self, config: &Config, keys: &Keys) -> Rooms {
        Rooms {
            pools: self
                .pools
                .iter()
                .map(|(name, open)| (Arc::clone(name), Arc::clone(&open.entrance)))
                .collect(),
            keys: keys.reloaded(&config.keys),
            request_timeout: config.edge.request_timeout,
            idle_timeout: config.edge.idle_timeout,
        }
    }

    fn taken(&self, changes: &Changes) {
        for change in &changes.live {
            tracing::info!(%change, "configuration");
        }
        for setting in &changes.restart {
            tracing::warn!(setting = %setting, "the new value counts after a restart");
        }
        if changes.is_empty() {
            tracing::info!("the configuration was read again and says nothing new");
        }
        self.metrics.config_valid.set(1);
        self.metrics.reloads.of(Reload::Taken).inc();
        let reloads = self.board.borrow().config.reloads + 1;
        let awaits_restart = changes.restart.clone();
        self.show(ConfigStatus { reloads, faults: Vec::new(), awaits_restart });
    }

    fn refuse(&self, faults: &[String]) {
        for fault in faults {
            tracing::error!(fault, "the configuration cannot be used; the one from before stays in force");
        }
        self.metrics.config_valid.set(0);
        self.metrics.reloads.of(Reload::Refused).inc();
        let before = self.board.borrow().config.clone();
        self.show(ConfigStatus { faults: faults.to_vec(), ..before });
    }

    /// What operators see.
    pub(crate) fn show(&self, config: ConfigStatus) {
        let pools = self.pools.values().map(|open| open.seen.clone()).collect();
        self.board.send_replace(Arc::new(Board { pools, config }));
    }
}

impl Front {
    /// What counts for requests that come now.
    pub(crate) fn rooms(&self) -> Arc<Rooms> {
        Arc::clone(&self.rooms.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn open(&self, rooms: Rooms) {
        *self.rooms.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rooms);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("pools", &self.pools.keys()).finish_non_exhaustive()
    }
}
