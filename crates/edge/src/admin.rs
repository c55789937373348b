//! What operators ask: whether the process lives, whether it can serve, how its nodes stand, and its metrics. On a listener of
//! its own, and without a secret in any answer. The one thing that it changes is which nodes are drained.

mod drain;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use runtime::{DrainHandle, Metrics};
use tokio::net::TcpListener;
use tokio::sync::mpsc::WeakSender;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::core::{NodeView, Standing, View};
use crate::evidence::Evidence;
use crate::metrics::EdgeMetrics;
use crate::pool_loop::Event;
use crate::record::PoolRecord;
use crate::status::{ClientStatus, ConfigStatus, Status};

/// One pool, as its calls are routed.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) name: Arc<str>,
    pub(crate) view: watch::Receiver<Arc<View>>,
    pub(crate) record: Arc<PoolRecord>,
    /// It ends when nobody can come in any more, and this does not count as somebody.
    pub(crate) events: WeakSender<Event>,
}

/// What there is to be seen, by the configuration in force.
#[derive(Clone, Default)]
pub(crate) struct Board {
    pub(crate) pools: Vec<Seen>,
    pub(crate) config: ConfigStatus,
}

pub(crate) struct Admin {
    board: watch::Receiver<Arc<Board>>,
    metrics: Arc<EdgeMetrics>,
    evidence: Arc<Evidence>,
    /// Whether the process is about to end.
    leaving: DrainHandle,
    began: Instant,
}

impl Admin {
    pub(crate) fn new(
        board: watch::Receiver<Arc<Board>>,
        metrics: Arc<EdgeMetrics>,
        evidence: Arc<Evidence>,
        leaving: DrainHandle,
    ) -> Self {
        Self { board, metrics, evidence, leaving, began: Instant::now() }
    }

    /// Until the very end: what drains is still asked how it stands.
    pub(crate) async fn run(self, listener: TcpListener, mut ending: DrainHandle) {
        let router = Router::new()
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/drain", post(drain::drain))
            .with_state(Arc::new(self));
        let served =
            axum::serve(listener, router).with_graceful_shutdown(async move { ending.started().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the admin listener ended");
        }
    }

    /// What keeps it from serving.
    fn unready(&self) -> Option<String> {
        if self.leaving.is_started() {
            return Some("draining\n".to_owned());
        }
        let has_no_node = |seen: &&Seen| !seen.view.borrow().nodes.iter().any(is_usable);
        let board = self.board.borrow();
        board.pools.iter().find(has_no_node).map(|seen| format!("pool {}: no node can serve\n", seen.name))
    }

    fn status(&self) -> Status {
        let board = Arc::clone(&self.board.borrow());
        let mut status = Status { config: board.config.clone(), ..Status::default() };
        status.uptime_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        status.is_draining = self.leaving.is_started();
        status.pools = board.pools.iter().map(|seen| seen.record.status()).collect();
        status.casebook = self.evidence.status();
        status.clients = ClientStatus {
            connections: u64::try_from(self.metrics.client_connections.get()).unwrap_or(0),
            sessions: status.pools.iter().map(|pool| pool.sessions).sum(),
            subscriptions: status.pools.iter().map(|pool| pool.subscriptions).sum(),
        };
        status
    }
}

fn is_usable(node: &NodeView) -> bool {
    [node.http, node.stream].iter().any(|standing| *standing != Standing::Out)
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    match admin.unready() {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
    }
}

async fn status(State(admin): State<Arc<Admin>>) -> Json<Status> {
    Json(admin.status())
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    admin.metrics.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], admin.metrics.render()).into_response()
}
