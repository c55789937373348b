//! The start: sockets first, so that a taken port is known at once; then the journal, the store and the state; then
//! requests.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use journal::{Committed, GroupCommit, Journal, OpenError, Position, Reader, Record, Recovery, Writer};
use model::{Input, Nanos};
use notify::Workers;
use runtime::{Budget, Closed, Drain, Hold, QueueReceiver, QueueSender, bounded};
use store::{SqliteStore, Store};
use tokio::sync::{oneshot, watch};

use super::listeners::{Listeners, Shells, begin_watching, watched_callers};
use super::recovery::recover;
use super::{Server, Threads};
use crate::admin::Admin;
use crate::data::{DataDir, DataDirError};
use crate::denials::Denials;
use crate::disk_room::DiskRoom;
use crate::engine_loop::{self, Backlog, EngineLoop, EngineQueries, Entry, Wake};
use crate::health::{HealthParts, HealthState, Heartbeat, Phase};
use crate::http::{BodyLimits, BodyReader, Door};
use crate::ingest::{self, Committer, DecodeRules, Destination, Ingest, Tag};
use crate::limits::Limits;
use crate::listen::BindError;
use crate::login::{self, Logins};
use crate::metrics::ServerMetrics;
use crate::refusals::Refusals;
use crate::replay::Replayer;
use crate::rest::{self, BundlePlaces, Reading, TracePlaces};
use crate::retention::RetentionTask;
use crate::settings::Settings;
use crate::store_writer::{self, StoreSender, StoreState, StoreWork, StoreWriter};
use crate::trail::Trail;
use crate::{admin, clock, journal_options, snapshot};

/// Whether the process lives is not to depend on how much work it is given at once: `--requests-max` is for the other
/// listeners.
const ADMIN_PLACES: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Data(#[from] DataDirError),
    #[error("{}: another server has it open, or a replay reads it", .0.display())]
    DataInUse(PathBuf),
    #[error(transparent)]
    Journal(OpenError),
    #[error(transparent)]
    JournalRead(#[from] journal::ReadError),
    #[error("the store cannot be opened: {0}")]
    Store(String),
    #[error(
        "the store has applied position {applied}, but the journal ends at {end}: the journal has lost entries. \
         Move {store} away; it is built again from the journal"
    )]
    StoreAhead { applied: u64, end: u64, store: PathBuf },
    #[error(transparent)]
    Notify(#[from] notify::ClientError),
    #[error("the engine's configuration is not valid: {0}")]
    Engine(String),
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
    #[error("the start was broken off")]
    BrokenOff,
}

impl From<Closed> for StartError {
    fn from(_: Closed) -> Self {
        Self::BrokenOff
    }
}

/// What stands on disk, opened.
struct Opened {
    data: DataDir,
    rules: DecodeRules,
    writer: Writer,
    journal: Reader,
    store: SqliteStore,
    applied: Option<Position>,
}

impl Server {
    /// Starts a server. When this comes back it takes requests.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let data = DataDir::new(&settings.data);
        data.create()?;
        let listeners = Listeners::bind(&settings).await?;
        let metrics = Arc::new(ServerMetrics::new());
        let room = Arc::new(DiskRoom::new(settings.data.clone(), settings.disk_reserve));
        let (shedding, keys, tls) = (metrics.shedding.clone(), settings.keys.clone(), settings.tls.clone());
        let health = Arc::new(HealthState::new(settings.durability, Arc::clone(&room), shedding, keys, tls));
        let (drain, draining) = Drain::new();
        let (admin_drain, admin_draining) = Drain::new();
        let refusals = Arc::new(Refusals::new(Arc::clone(&metrics)));
        let ready = listeners.ready_line();
        let limits = Arc::new(Limits::new(settings.rates));
        let denials = Arc::new(Denials::default());
        begin_watching(&settings, &metrics, &admin_draining);
        let auth = watched_callers(&settings, &metrics, &admin_draining);
        let shells = Shells {
            settings: &settings,
            metrics: &metrics,
            refusals: &refusals,
            ready: &ready,
            auth: &auth,
            limits: &limits,
            denials: &denials,
        };
        let Listeners { api, admin: admin_listener, otlp_grpc, otlp_http } = listeners;
        let routes = admin::router(Admin { health: Arc::clone(&health), metrics: Arc::clone(&metrics) });
        let admin = shells.serve(admin_listener, routes.into(), Door::Admin, ADMIN_PLACES, admin_draining);
        let opened = open(&settings, data).await?;
        let core = Core::start(&settings, opened, &metrics).await?;
        let parts = HealthParts {
            committer: Arc::clone(&core.committer),
            store: Arc::clone(&core.store_state),
            engine: Arc::clone(&core.heartbeat),
            outgoing: Arc::clone(&core.outgoing),
        };
        let _ = health.parts.set(parts);
        let (ingest, reading) = core.surfaces(&settings, &room, &metrics, &refusals);
        tokio::spawn(room.watch(draining.clone()));
        let notifying = tokio::spawn(core.workers(&settings, &metrics)?.run(draining.clone()));
        tokio::spawn(core.retention(&settings, &metrics).run(draining.clone()));
        let routes = api_routes(&settings, reading, &ingest, &denials);
        let places = settings.requests_max;
        let serve = |listener, routes, door| shells.serve(listener, routes, door, places, draining.clone());
        let listeners = vec![
            serve(api, routes.into(), Door::Api),
            serve(otlp_http, ingest::otlp_http_routes(Arc::clone(&ingest)), Door::OtlpHttp),
            serve(otlp_grpc, ingest::grpc_routes(ingest), Door::OtlpGrpc),
        ];
        let (trail_drain, trail) =
            (Drain::new(), Trail::new(Arc::new(core.store.clone()), denials, &settings));
        let trail = (trail_drain.0, tokio::spawn(trail.run(trail_drain.1)));
        health.enter(Phase::Serving);
        let Core { committer, engine, store_sender, store, threads, .. } = core;
        Ok(Self {
            ready,
            health,
            drain,
            admin_drain,
            listeners,
            admin,
            notifying,
            trail,
            committer,
            engine,
            store_sender,
            store,
            threads,
        })
    }
}

fn api_routes(settings: &Settings, reading: Reading, ingest: &Arc<Ingest>, denials: &Arc<Denials>) -> Router {
    let people = settings.people.clone();
    let logins = Logins { people, store: Arc::clone(&reading.store), denials: Arc::clone(denials) };
    rest::router(reading.clone())
        .merge(ingest::rest_router(Arc::clone(ingest), reading))
        .merge(login::router(logins))
}

async fn open(settings: &Settings, data: DataDir) -> Result<Opened, StartError> {
    let installation = data.installation_or_create()?;
    let rules = DecodeRules::new(installation.user_salt(), settings.body_bytes_max);
    let options = journal_options(&data, Some(settings));
    let opening = tokio::task::spawn_blocking(move || Journal::open(options));
    let opened = opening.await.map_err(|_| StartError::BrokenOff)?;
    let (writer, journal, recovery) = opened.map_err(|error| match error {
        OpenError::Locked { .. } => StartError::DataInUse(data.root().to_owned()),
        error => StartError::Journal(error),
    })?;
    tell(&recovery);
    let store =
        SqliteStore::open(&data.store()).await.map_err(|error| StartError::Store(error.to_string()))?;
    let applied =
        store.applied_position().await.map_err(|error| StartError::Store(error.to_string()))?.map(Position);
    Ok(Opened { data, rules, writer, journal, store, applied })
}

fn tell(recovery: &Recovery) {
    if recovery.torn_bytes > 0 || recovery.corrupt_frames > 0 || recovery.missing_bytes > 0 {
        tracing::warn!(
            torn_bytes = recovery.torn_bytes,
            corrupt_frames = recovery.corrupt_frames,
            missing_bytes = recovery.missing_bytes,
            "the journal was repaired"
        );
    }
    tracing::info!(
        entries = recovery.entries,
        bytes = recovery.bytes,
        segments = recovery.segments,
        took_ms = recovery.took.as_millis() as u64,
        "journal opened"
    );
}

/// The part of the server that no request sees: journal, engine and store, connected.
struct Core {
    committer: Arc<Committer>,
    engine: QueueSender<Wake>,
    journal: Reader,
    rules: DecodeRules,
    store: SqliteStore,
    store_sender: StoreSender,
    store_state: Arc<StoreState>,
    heartbeat: Arc<Heartbeat>,
    captures_wait: watch::Receiver<bool>,
    outgoing: Arc<notify::Outgoing>,
    threads: Threads,
}

impl Core {
    async fn start(
        settings: &Settings,
        opened: Opened,
        metrics: &Arc<ServerMetrics>,
    ) -> Result<Self, StartError> {
        let Opened { data, rules, writer, journal, store, applied } = opened;
        let keep_from = snapshot::keep_from(&data.snapshots(), applied).unwrap_or(Position::START);
        let store_state = Arc::new(StoreState::new(keep_from));
        let (queue, inbox) = bounded(store_writer::QUEUE_CAPACITY, metrics.store_queue.clone());
        let store_sender = StoreSender::new(queue, Arc::clone(metrics));
        let outgoing = Arc::new(notify::Outgoing::new(&settings.notifications));
        let telling = (settings.notifications.clone(), Arc::clone(&outgoing));
        let store_thread = start_store(&data, &store, inbox, &store_state, metrics, telling)?;
        let recovering = {
            let (data, journal, rules, sender) =
                (data.clone(), journal.clone(), rules.clone(), store_sender.clone());
            let shards = settings.shards;
            tokio::task::spawn_blocking(move || recover(&data, &journal, &rules, shards, applied, &sender))
        };
        let replayer = recovering.await.map_err(|_| StartError::BrokenOff)??;
        let (engine, inbox) = bounded(engine_loop::QUEUE_CAPACITY, metrics.engine_queue.clone());
        let committer = GroupCommit::start(
            writer,
            ingest::COMMIT_QUEUE_RECORDS,
            ingest::COMMIT_QUEUE_BYTES,
            sink(
                engine.clone(),
                Backlog::new(engine_loop::BACKLOG_BYTES_MAX, metrics.engine_queue.full.clone()),
                tokio::runtime::Handle::current(),
            ),
        )
        .map_err(StartError::Thread)?;
        let committer = Arc::new(committer);
        configure(settings, &replayer, &committer)?;
        let heartbeat = Arc::new(Heartbeat::new(settings.tick));
        let (tell, captures_wait) = watch::channel(replayer.evidence.is_behind());
        let engine_loop = EngineLoop {
            heartbeat: Arc::clone(&heartbeat),
            replayer,
            inbox,
            committer: Arc::clone(&committer),
            journal: journal.clone(),
            rules: rules.clone(),
            store: store_sender.clone(),
            tick: settings.tick,
            snapshot_bytes: settings.snapshot_bytes,
            retention_bytes: settings.retention_bytes,
            captures_wait: tell,
            metrics: Arc::clone(metrics),
        };
        let threads = start_engine(engine_loop, store_thread)?;
        Ok(Self {
            committer,
            engine,
            journal,
            rules,
            store,
            store_sender,
            store_state,
            heartbeat,
            captures_wait,
            outgoing,
            threads,
        })
    }

    fn surfaces(
        &self,
        settings: &Settings,
        room: &Arc<DiskRoom>,
        metrics: &Arc<ServerMetrics>,
        refusals: &Arc<Refusals>,
    ) -> (Arc<Ingest>, Reading) {
        let budget = Budget::new(settings.in_flight_bytes_max);
        metrics.watch(budget.clone(), self.journal.clone());
        let limits = BodyLimits { bytes_max: settings.body_bytes_max, timeout: settings.request_timeout };
        let bodies = BodyReader::new(limits, budget, metrics.shedding.clone());
        let (destination, rules) = (Destination::Journal(Arc::clone(&self.committer)), self.rules.clone());
        let secrets = settings.pagerduty_secrets.clone();
        let ingest = Arc::new(Ingest::new(
            destination,
            bodies,
            rules,
            Arc::clone(room),
            secrets,
            Arc::clone(metrics),
            Arc::clone(refusals),
        ));
        let reading = Reading {
            store: Arc::new(self.store.clone()),
            journal: self.journal.clone(),
            rules: self.rules.clone(),
            engine: EngineQueries::new(self.engine.clone()),
            outbox: Arc::new(self.store.clone()),
            outgoing: Arc::clone(&self.outgoing),
            configuration: configuration(settings).into(),
            bundles: BundlePlaces::default(),
            traces: TracePlaces::default(),
        };
        (ingest, reading)
    }

    fn workers(&self, settings: &Settings, metrics: &Arc<ServerMetrics>) -> Result<Workers, StartError> {
        Ok(Workers {
            notifications: Arc::new(settings.notifications.clone()),
            client: notify::Client::new(&settings.notifications)?,
            outbox: Arc::new(self.store.clone()),
            reports: Arc::new(self.store.clone()),
            outgoing: Arc::clone(&self.outgoing),
            metrics: metrics.notify.clone(),
            clock: clock::now,
        })
    }

    fn retention(&self, settings: &Settings, metrics: &Arc<ServerMetrics>) -> RetentionTask {
        RetentionTask {
            age_max: settings.retention_age,
            bytes_max: settings.retention_bytes,
            journal: self.journal.clone(),
            committer: Arc::clone(&self.committer),
            store: Arc::new(self.store.clone()),
            outbox: Arc::new(self.store.clone()),
            store_state: Arc::clone(&self.store_state),
            engine: self.engine.clone(),
            captures_wait: self.captures_wait.clone(),
            metrics: Arc::clone(metrics),
        }
    }
}

/// What happens to a group of records once their fate is known: who waits is told, and the engine gets what is durable,
/// in order. Each side is woken once for all of them.
fn sink(
    engine: QueueSender<Wake>,
    backlog: Arc<Backlog>,
    runtime: tokio::runtime::Handle,
) -> impl FnMut(Vec<Committed<Tag>>) + Send + 'static {
    move |group| {
        let mut replies = Vec::with_capacity(group.len());
        let mut entries = Vec::with_capacity(group.len());
        for Committed { position, received_ns, tag } in group {
            let Tag { input, reply, hold } = tag;
            replies.extend(reply.map(|reply| (reply, position.clone())));
            let received = Nanos(received_ns);
            entries.push(Entry { position: position.ok(), received, input, hold });
        }
        // Who asked may have gone away since.
        let tell =
            async move { replies.into_iter().for_each(|(reply, position)| drop(reply.send(position))) };
        drop(runtime.spawn(tell));
        // A closed queue means that the engine has ended, and with it soon the server. The entries are in the journal.
        let bytes = entries.iter().filter_map(|entry| entry.hold.as_ref()).map(Hold::bytes).sum();
        let room = backlog.enter(bytes);
        let _ = engine.send_blocking(Wake::Committed { entries, room });
    }
}

/// The engine's configuration as the settings have it.
fn configuration(settings: &Settings) -> String {
    let tick_ms = u64::try_from(settings.tick.as_millis()).unwrap_or(u64::MAX);
    let alert_labels = settings.alert_labels.clone();
    engine::Config { tick_ms, alert_labels, ..engine::Config::default() }.to_json()
}

/// Journals the engine's configuration if it differs from the one journaled last.
fn configure(settings: &Settings, replayer: &Replayer, committer: &Committer) -> Result<(), StartError> {
    let text = configuration(settings);
    engine::Config::from_json(&text).map_err(|error| StartError::Engine(error.to_string()))?;
    if replayer.configure.as_deref() == Some(text.as_str()) {
        return Ok(());
    }
    let input = Input::Configure(text.into());
    let (kind, payload) = intake::record::encode(&input);
    let record = Record { kind: kind as u8, received_ns: clock::now().0, keys: Vec::new(), payload };
    let tag = Tag { input, reply: None, hold: None };
    committer.submit(record, tag).map_err(|_| StartError::BrokenOff)
}

fn start_store(
    data: &DataDir,
    store: &SqliteStore,
    inbox: QueueReceiver<StoreWork>,
    state: &Arc<StoreState>,
    metrics: &Arc<ServerMetrics>,
    (notifications, outgoing): (notify::Notifications, Arc<notify::Outgoing>),
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let outbox = Arc::new(store.clone());
    let writer = StoreWriter {
        store: Arc::new(store.clone()),
        snapshots: data.snapshots(),
        inbox,
        state: Arc::clone(state),
        metrics: Arc::clone(metrics),
        planner: notify::Planner::new(Arc::new(notifications), outbox),
        outgoing,
    };
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.run(&runtime))
        .map_err(StartError::Thread)
}

fn start_engine(engine: EngineLoop, store: std::thread::JoinHandle<()>) -> Result<Threads, StartError> {
    let (ended, engine_ended) = oneshot::channel::<()>();
    let engine = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            // Dropped when the thread ends, even by a panic.
            let _ended = ended;
            engine.run()
        })
        .map_err(StartError::Thread)?;
    Ok(Threads { engine, store, engine_ended })
}
