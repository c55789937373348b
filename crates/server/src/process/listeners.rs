//! The listeners: bound first, then each wrapped in the same shell.

use std::sync::Arc;

use api::ReadyLine;
use http::HeaderValue;
use runtime::DrainHandle;
use tokio::task::JoinHandle as Task;

use crate::auth::{Auth, People};
use crate::denials::Denials;
use crate::http::{Door, RequestIds, Routes, Shell, Signpost, wrap};
use crate::limits::Limits;
use crate::listen::{BindError, ConnectionLimits, Farewell, Listener, Telling};
use crate::metrics::ServerMetrics;
use crate::overload::Places;
use crate::refusals::Refusals;
use crate::settings::Settings;

pub(super) struct Listeners {
    pub api: Listener,
    pub admin: Listener,
    pub otlp_grpc: Listener,
    pub otlp_http: Listener,
}

impl Listeners {
    pub(super) async fn bind(settings: &Settings) -> Result<Self, BindError> {
        let bind = Listener::bind;
        Ok(Self {
            api: bind("api", "listen", settings.listen, Farewell::Http).await?,
            admin: bind("admin", "admin", settings.admin, Farewell::Http).await?,
            otlp_grpc: bind("otlp_grpc", "otlp-grpc", settings.otlp_grpc, Farewell::Grpc).await?,
            otlp_http: bind("otlp_http", "otlp-http", settings.otlp_http, Farewell::Http).await?,
        })
    }

    pub(super) fn ready_line(&self) -> ReadyLine {
        ReadyLine {
            ready: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            listen: self.api.address(),
            admin: self.admin.address(),
            otlp_grpc: self.otlp_grpc.address(),
            otlp_http: self.otlp_http.address(),
        }
    }
}

/// Who is known, and kept up to date until the end.
pub(super) fn watched_callers(settings: &Settings, metrics: &ServerMetrics, draining: &DrainHandle) -> Auth {
    let (keys, people) = (settings.keys.clone(), settings.people.clone());
    if let Some(keys) = keys.clone() {
        metrics.watch_keys(&keys.metrics);
        tokio::spawn(runtime::each_second_and_at_hangup(draining.clone(), move || keys.look()));
    }
    if let Some(people) = people.clone() {
        metrics.watch_people(&people);
        tokio::spawn(try_issuer(Arc::clone(&people), keys.is_some()));
        let sweep = move || people.sessions.sweep();
        tokio::spawn(runtime::each_second_and_at_hangup(draining.clone(), sweep));
    }
    Auth { keys, people }
}

/// Whoever starts a server is told at once of what would otherwise show with the first login.
async fn try_issuer(people: Arc<People>, has_keys: bool) {
    match people.issuer.look().await {
        Ok(()) => tracing::info!(issuer = %people.issuer.provider().issuer, "people can log in"),
        Err(error) => {
            tracing::warn!(%error, "nobody can log in at the moment; it is tried again with each login")
        }
    }
    if !has_keys {
        tracing::warn!(
            "there are no keys (--keys), so that only people are served, and nobody else brings telemetry in"
        );
    }
}

/// What is looked at until the end, whoever asks.
pub(super) fn begin_watching(settings: &Settings, metrics: &ServerMetrics, draining: &DrainHandle) {
    watch_turns(metrics, draining.clone());
    watch_certificates(settings, metrics, draining.clone());
}

/// Certificates of the listeners are kept up to date.
fn watch_certificates(settings: &Settings, metrics: &ServerMetrics, draining: DrainHandle) {
    let Some(tls) = settings.tls.clone() else { return };
    metrics.watch_tls(&tls.metrics);
    tokio::spawn(runtime::each_second_and_at_hangup(draining, move || tls.look()));
}

/// How long requests wait for the processor.
fn watch_turns(metrics: &ServerMetrics, draining: DrainHandle) {
    let turns = metrics.shedding.turns.clone();
    tokio::spawn(turns.watch(metrics.turn_seconds.clone(), draining));
}

/// What every listener is wrapped in.
pub(super) struct Shells<'a> {
    pub settings: &'a Settings,
    pub metrics: &'a Arc<ServerMetrics>,
    pub refusals: &'a Arc<Refusals>,
    pub ready: &'a ReadyLine,
    pub auth: &'a Auth,
    pub limits: &'a Arc<Limits>,
    pub denials: &'a Arc<Denials>,
}

impl Shells<'_> {
    /// Browsers heed it over TLS alone, and so it is said there alone.
    fn hsts(&self) -> Option<HeaderValue> {
        self.settings.tls.as_ref()?;
        let seconds = self.settings.hsts.as_secs();
        let text = (seconds > 0).then(|| format!("max-age={seconds}"))?;
        HeaderValue::from_str(&text).ok()
    }

    fn signpost(&self, door: Door) -> Signpost {
        let ReadyLine { listen: api, otlp_grpc, otlp_http, .. } = *self.ready;
        Signpost { door, api, otlp_grpc, otlp_http }
    }

    pub(super) fn serve(
        &self,
        listener: Listener,
        routes: Routes,
        door: Door,
        places: usize,
        draining: DrainHandle,
    ) -> Task<()> {
        let shell = Shell {
            listener: listener.name,
            signpost: self.signpost(door),
            places: Places::new(places),
            metrics: Arc::clone(self.metrics),
            refusals: Arc::clone(self.refusals),
            auth: self.auth.clone(),
            limits: Arc::clone(self.limits),
            denials: Arc::clone(self.denials),
            ids: RequestIds::new(),
            hsts: self.hsts(),
        };
        let telling = Telling { metrics: Arc::clone(self.metrics), denials: Arc::clone(self.denials) };
        let limits = ConnectionLimits {
            connections_max: self.settings.connections_max,
            of_address_max: self.settings.connections_per_address_max,
            idle_timeout: self.settings.idle_timeout,
            drain_timeout: self.settings.drain_timeout,
        };
        let door = listener.behind(self.settings.tls.clone());
        tokio::spawn(door.serve(wrap(routes, shell), limits, telling, draining))
    }
}
