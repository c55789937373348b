//! Plays a script in real time: sends what it says to a real server when its time has come. Part of the healthy
//! traffic lies in the past when the sending begins, so that the fault need not be waited for so long.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use http::StatusCode;
use model::Nanos;
use reqwest::{Client, Response};

use crate::casebook::now;
use crate::script::{Given, Kind, Script};

/// How far back the healthy traffic begins: well within the time that the server allows spans to be late.
pub(crate) const BACK_S: u64 = 40;
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A server under load asks for patience; this often it gets it.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Where a script goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    client: Client,
    otlp: String,
    api: String,
}

impl Target {
    pub(crate) fn new(otlp: String, api: String) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(ANSWER_WITHIN).build();
        Ok(Self { client: client.context("no HTTP client for the script")?, otlp, api })
    }

    async fn give(&self, given: Given) -> anyhow::Result<()> {
        let base = match given.kind {
            Kind::OtlpTraces | Kind::OtlpLogs | Kind::OtlpMetrics => &self.otlp,
            Kind::Signal | Kind::Deployment | Kind::Baseline => &self.api,
        };
        let url = format!("{base}{}", given.kind.path());
        for _ in 0..ATTEMPTS {
            let request = self.client.post(&url).header("content-type", "application/json");
            let response = request.body(given.body.clone()).send().await?;
            match response.status() {
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                    tokio::time::sleep(PAUSE).await;
                }
                _ => return taken(given.kind, response).await,
            }
        }
        anyhow::bail!("{url} has had no time for it, {ATTEMPTS} times")
    }
}

/// Everything of it, and not a part.
async fn taken(kind: Kind, response: Response) -> anyhow::Result<()> {
    let status = response.status();
    let text = response.text().await?;
    ensure!(status.is_success(), "{} was refused with {status}: {text}", kind.path());
    ensure!(!text.contains("partialSuccess\":{\"rejected"), "{} was refused in part: {text}", kind.path());
    Ok(())
}

/// Sends all of the script, each request in its time.
pub(crate) async fn play(script: Script, target: &Target) -> anyhow::Result<()> {
    let mut script = script;
    while let Some(arrived) = script.play_second() {
        for given in arrived {
            tokio::time::sleep(Duration::from_nanos(given.at.since(now()))).await;
            target.give(given).await?;
        }
    }
    Ok(())
}

/// When a script begins whose first seconds are past.
pub(crate) fn start() -> Nanos {
    Nanos::from_secs(now().as_secs().saturating_sub(BACK_S))
}
