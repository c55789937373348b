//! `casebook serve`: starts the server. The server itself lives in `server`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use server::{Server, SettingFlags, Settings, StartError};

use crate::exit::{Exit, Failure};

const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// Takes in telemetry, opens incidents and answers for them
///
/// Prints one line of JSON with the chosen addresses on standard output once every port answers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook serve --data /var/lib/casebook
  casebook serve --config /etc/casebook.toml
  casebook serve --data DIR --listen 127.0.0.1:0 --admin 127.0.0.1:0")]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: SettingFlags,
}

impl Serve {
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let settings =
            self.settings.settings().map_err(|errors| Failure::new(Exit::Usage, errors.to_string()))?;
        runtime::init_telemetry(&settings.log)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let async_runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Server, format!("no threads can be started: {error}")))?;
        let outcome = async_runtime.block_on(serve(settings));
        // A start that was broken off may still be reading the journal; nothing is lost by leaving it.
        async_runtime.shutdown_timeout(SHUTDOWN_WAIT);
        outcome
    }
}

async fn serve(settings: Settings) -> Result<Exit, Failure> {
    // Before the start, so that a signal during it is not lost.
    let ended = ended();
    let mut ended = std::pin::pin!(ended);
    let server = tokio::select! {
        server = Server::start(settings) => server.map_err(|error| start_failure(&error))?,
        () = &mut ended => return Ok(Exit::Ok),
    };
    print_ready(&server)?;
    server.run_until(ended).await.map_err(|error| Failure::new(Exit::Server, error.to_string()))?;
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

async fn ended() {
    match runtime::on_termination().await {
        Ok(signal) => tracing::info!(signal, "stopping"),
        Err(error) => tracing::error!(%error, "signals cannot be received; stopping"),
    }
}

fn print_ready(server: &Server) -> Result<(), Failure> {
    let line = serde_json::to_string(server.ready_line())
        .map_err(|error| Failure::new(Exit::Server, format!("the ready line cannot be written: {error}")))?;
    let mut out = std::io::stdout().lock();
    // Nobody may be listening there; that is no reason not to serve.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    Ok(())
}

/// What the configuration is to blame for is a usage error.
fn start_failure(error: &StartError) -> Failure {
    let exit = match error {
        StartError::Bind(_) | StartError::Data(_) | StartError::Engine(_) => Exit::Usage,
        StartError::DataInUse(_) => Exit::Usage,
        _ => Exit::Server,
    };
    Failure::new(exit, error.to_string())
}
