//! The listeners of telemetry with all that stands before the journal, and nothing behind it: what was decoded is
//! acknowledged and dropped. This is what `bench` sets beside programs that keep nothing either. `casebook` never
//! starts it, and it must never differ from `Server` in what it does to a request up to the journal.

use std::sync::Arc;

use api::ReadyLine;
use runtime::{Budget, Drain};
use tokio::task::JoinHandle as Task;

use super::StartError;
use super::listeners::{Listeners, Shells, begin_watching, watched_callers};
use crate::admin::{self, Admin};
use crate::data::DataDir;
use crate::denials::Denials;
use crate::disk_room::DiskRoom;
use crate::health::HealthState;
use crate::http::{BodyLimits, BodyReader, Door};
use crate::ingest::{self, DecodeRules, Destination, Ingest, PagerdutySecrets};
use crate::limits::Limits;
use crate::metrics::ServerMetrics;
use crate::refusals::Refusals;
use crate::settings::Settings;

/// Takes telemetry and keeps none of it.
#[derive(Debug)]
pub struct DecodeOnly {
    ready: ReadyLine,
    drain: Drain,
    listeners: Vec<Task<()>>,
}

impl DecodeOnly {
    /// The data directory of the settings stays empty; that it has room is looked at as ever.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        DataDir::new(&settings.data).create()?;
        let listeners = Listeners::bind(settings).await?;
        let ready = listeners.ready_line();
        let metrics = Arc::new(ServerMetrics::new());
        let refusals = Arc::new(Refusals::new(Arc::clone(&metrics)));
        let room = Arc::new(DiskRoom::new(settings.data.clone(), settings.disk_reserve));
        let (shedding, keys, tls) = (metrics.shedding.clone(), settings.keys.clone(), settings.tls.clone());
        let health =
            Arc::new(HealthState::new(settings.durability, Arc::clone(&room), shedding.clone(), keys, tls));
        let limits = BodyLimits { bytes_max: settings.body_bytes_max, timeout: settings.request_timeout };
        let ingest = Arc::new(Ingest::new(
            Destination::Nowhere,
            BodyReader::new(limits, Budget::new(settings.in_flight_bytes_max), shedding),
            DecodeRules::new([0; 16], settings.body_bytes_max),
            Arc::clone(&room),
            PagerdutySecrets::new(Vec::new()),
            Arc::clone(&metrics),
            Arc::clone(&refusals),
        ));
        let (drain, draining) = Drain::new();
        tokio::spawn(room.watch(draining.clone()));
        begin_watching(settings, &metrics, &draining);
        let auth = watched_callers(settings, &metrics, &draining);
        let limits = Arc::new(Limits::new(settings.rates));
        let shells = Shells {
            settings,
            metrics: &metrics,
            refusals: &refusals,
            ready: &ready,
            auth: &auth,
            limits: &limits,
            // Nobody keeps them here; their number is bounded.
            denials: &Arc::new(Denials::default()),
        };
        let serve = |listener, routes, door| {
            shells.serve(listener, routes, door, settings.requests_max, draining.clone())
        };
        let routes = admin::router(Admin { health, metrics: Arc::clone(&metrics) });
        let listeners = vec![
            serve(listeners.admin, routes.into(), Door::Admin),
            serve(listeners.otlp_http, ingest::otlp_http_routes(Arc::clone(&ingest)), Door::OtlpHttp),
            serve(listeners.otlp_grpc, ingest::grpc_routes(ingest), Door::OtlpGrpc),
        ];
        Ok(Self { ready, drain, listeners })
    }

    pub fn ready_line(&self) -> &ReadyLine {
        &self.ready
    }

    pub async fn run_until(self, end: impl Future<Output = ()>) {
        end.await;
        self.drain.start();
        for listener in self.listeners {
            // A listener that panicked has said so already.
            let _ = listener.await;
        }
    }
}
