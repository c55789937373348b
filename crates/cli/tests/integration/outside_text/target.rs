//! Everyone who can be told of an incident, made for the test: takes all, but for one who answers with hostile text.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path as Parameter, State};
use axum::http::StatusCode;

use super::poison::HOSTILE;

const KINDS: [&str; 4] = ["webhook", "slack", "pagerduty", "alertmanager"];

type Got = Arc<Mutex<Vec<(String, String)>>>;

pub(super) struct Targets {
    pub(super) file: PathBuf,
    got: Got,
    _runtime: tokio::runtime::Runtime,
}

impl Targets {
    pub(super) fn start(dir: &Path) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let got = Got::default();
        let router = Router::new()
            .route("/{target}", axum::routing::post(take))
            .route("/{target}/{*rest}", axum::routing::post(take_below))
            .with_state(Arc::clone(&got));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let target = |name: &str, kind: &str| {
            format!(
                "[[target]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"http://{address}/{name}\"\n{}",
                if kind == "slack" { "" } else { "secret = \"S3CRET\"\n" }
            )
        };
        let listed: String = KINDS.iter().map(|kind| target(kind, kind)).collect();
        let text = format!(
            "retry_first = \"1ms\"\nretry_max = \"1ms\"\nattempts_max = 2\n{listed}{}",
            target("rude", "webhook")
        );
        let file = dir.join("notify.toml");
        std::fs::write(&file, text).unwrap();
        Self { file, got, _runtime: runtime }
    }

    pub(super) fn got(&self) -> Vec<(String, String)> {
        self.got.lock().unwrap().clone()
    }

    /// Each kind heard of each poison.
    pub(super) fn told_all(&self) -> bool {
        let got = self.got();
        KINDS.iter().all(|kind| got.iter().filter(|(target, _)| target == kind).count() >= HOSTILE.len())
    }
}

async fn take(
    State(got): State<Got>,
    Parameter(target): Parameter<String>,
    body: String,
) -> (StatusCode, String) {
    answer(&got, target, body)
}

async fn take_below(
    State(got): State<Got>,
    Parameter((target, _)): Parameter<(String, String)>,
    body: String,
) -> (StatusCode, String) {
    answer(&got, target, body)
}

fn answer(got: &Got, target: String, body: String) -> (StatusCode, String) {
    let mut got = got.lock().unwrap();
    let hostile = HOSTILE[got.len() % HOSTILE.len()];
    let is_rude = target == "rude";
    got.push((target, body));
    if is_rude {
        (StatusCode::BAD_REQUEST, hostile.to_owned())
    } else {
        (StatusCode::ACCEPTED, "{}".to_owned())
    }
}
