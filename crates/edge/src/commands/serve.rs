//! `casebook-edge serve`: runs the proxy until it is asked to end.

use std::path::{Path, PathBuf};

use clap::Args;
use edge::Edge;
use edge::config::Config;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::{Exit, Failure};
use super::output;

/// Whose lines are shown as the configuration says; what others print may hold credentials.
const OWN_CRATES: &[&str] = &["casebook_edge", "edge", "runtime"];

/// Runs the proxy
///
/// SIGHUP reads the file again: what changed counts at once, and no client is dropped for it. A faulty file changes nothing.
/// SIGTERM turns /readyz off and serves on for drain_lead; then it takes nothing new, lets calls in flight end, and says
/// goodbye to clients.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  casebook-edge check edge.toml && casebook-edge serve edge.toml
  curl -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\"}' http://127.0.0.1:8545/mainnet
  casebook-edge status http://127.0.0.1:9545")]
pub(crate) struct Serve {
    /// The configuration file
    config: PathBuf,
}

impl Serve {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let config =
            Config::read(&self.config).map_err(|errors| Failure::new(Exit::Usage, errors.to_string()))?;
        let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let tasks = built
            .map_err(|error| Failure::new(Exit::Failed, format!("no runtime can be started: {error}")))?;
        tasks.block_on(serve(&self.config, &config))
    }
}

async fn serve(file: &Path, config: &Config) -> Result<Exit, Failure> {
    let failed = |what: String| Failure::new(Exit::Failed, what);
    runtime::init_reserved_telemetry(&config.edge.log, OWN_CRATES)
        .map_err(|error| failed(error.to_string()))?;
    let unheard = |error: std::io::Error| failed(format!("no signal can be received: {error}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(unheard)?;
    let mut edge = Edge::start(config).await.map_err(|error| failed(error.to_string()))?;
    let ready = serde_json::json!({ "listen": edge.listen, "admin_listen": edge.admin_listen });
    output::text(&format!("{ready}\n"))?;
    let termination = runtime::on_termination();
    tokio::pin!(termination);
    let signal = loop {
        tokio::select! {
            signal = &mut termination => break signal.map_err(unheard)?,
            _ = hangup.recv() => {}
            // Whoever runs it starts it again; a pool that answers nobody would go unnoticed.
            part = edge.failed() => return Err(failed(format!("a part of the proxy failed, so it ends: {part}"))),
        }
        let file = file.to_owned();
        // What is wrong with it is told by the edge.
        match tokio::task::spawn_blocking(move || Config::read(&file)).await {
            Ok(read) => _ = edge.reload(read).await,
            Err(error) => tracing::error!(%error, "the configuration could not be read"),
        }
    };
    tracing::info!(signal, "draining");
    if !edge.stop().await {
        tracing::warn!("not all clients had gone when the grace period ended");
    }
    Ok(Exit::Ok)
}
