//! The Casebook that watches the shop: a real `casebook serve` as a child process, used through its REST API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use api::{Incident, IncidentsPage, IngestReply, ReadyLine};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::{child, guard};

const READY_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const END_WITHIN: Duration = Duration::from_secs(15);
const ANY_PORT: &str = "127.0.0.1:0";

#[derive(Debug)]
pub(crate) struct Casebook {
    process: Child,
    ready: ReadyLine,
    client: reqwest::Client,
}

/// A report as it was received.
#[derive(Debug)]
pub(crate) struct ReceivedReport {
    /// What the server calls it.
    pub(crate) hash: String,
    /// What its bytes hash to here.
    pub(crate) computed_hash: String,
    pub(crate) content: Value,
}

impl ReceivedReport {
    /// A trace that the report cites, to look into.
    pub(crate) fn example_trace(&self) -> Option<&str> {
        self.content.pointer("/exemplars/0/trace_id").and_then(Value::as_str)
    }
}

impl Casebook {
    pub(crate) async fn start(data: &Path, logs: &Path) -> anyhow::Result<Self> {
        let log: PathBuf = logs.join("casebook.log");
        let mut process = child::same_program(&log)?
            .args(["demo-service", guard::WORD, "serve", "--data"])
            .arg(data)
            .args(["--listen", ANY_PORT, "--admin", ANY_PORT])
            .args(["--otlp-grpc", ANY_PORT, "--otlp-http", ANY_PORT])
            .spawn()
            .context("casebook serve does not start")?;
        let output = process.stdout.take().context("a child without an output")?;
        let mut lines = BufReader::new(output).lines();
        let ready = tokio::time::timeout(READY_WITHIN, ready_line(&mut lines)).await;
        let ready = ready.context("casebook serve does not get ready").flatten();
        let ready = ready.map_err(|error| anyhow!("{error:#}; {}", child::tail(&log)))?;
        // It may print more; a full pipe would hold it up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { process, ready, client })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.ready.listen)
    }

    pub(crate) fn otlp_grpc(&self) -> String {
        format!("http://{}", self.ready.otlp_grpc)
    }

    pub(crate) fn otlp_http(&self) -> String {
        format!("http://{}", self.ready.otlp_http)
    }

    /// Every incident of an environment, open or not, but for those that turned out to be part of another.
    pub(crate) async fn incidents_of(&self, env: &str) -> anyhow::Result<Vec<Incident>> {
        let page: IncidentsPage =
            self.get(&format!("/v1/incidents?state=all&env={env}")).await?.json().await?;
        Ok(page.incidents.into_iter().filter(|incident| incident.merged_into.is_none()).collect())
    }

    /// Every incident there is, open or not.
    pub(crate) async fn incidents(&self) -> anyhow::Result<Vec<Incident>> {
        let page: IncidentsPage = self.get("/v1/incidents?state=all").await?.json().await?;
        Ok(page.incidents)
    }

    pub(crate) async fn incident(&self, id: &str) -> anyhow::Result<Incident> {
        Ok(self.get(&format!("/v1/incidents/{id}")).await?.json().await?)
    }

    pub(crate) async fn report(&self, id: &str) -> anyhow::Result<ReceivedReport> {
        let response = self.get(&format!("/v1/incidents/{id}/report?format=json")).await?;
        let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        let hash = tag.trim_matches('"').to_owned();
        let bytes = response.bytes().await?;
        let computed_hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let content = serde_json::from_slice(&bytes).context("the report is no JSON")?;
        Ok(ReceivedReport { hash, computed_hash, content })
    }

    pub(crate) async fn markdown(&self, id: &str) -> anyhow::Result<String> {
        Ok(self.get(&format!("/v1/incidents/{id}/report?format=markdown")).await?.text().await?)
    }

    /// Announces a rollout, as a deployment pipeline does.
    pub(crate) async fn deployed(&self, service: &str, version: &str, previous: &str) -> anyhow::Result<()> {
        let deployment = json!({
            "service": service,
            "env": crate::ENVIRONMENT,
            "version": version,
            "previous_version": previous,
            "at": now().to_rfc3339(),
            "commit": "5f0c1d9",
            "author": "demo pipeline",
        });
        let request = self.client.post(format!("{}/v1/deployments", self.url())).json(&deployment);
        let response = request.send().await.context("the deployment was not taken")?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "the deployment was refused with {status}: {text}");
        let reply: IngestReply = serde_json::from_str(&text).context("an unknown answer")?;
        ensure!(reply.accepted == 1, "the deployment was not accepted: {text}");
        Ok(())
    }

    /// Ends the server in good order.
    pub(crate) async fn end(mut self) {
        terminate(&self.process);
        if tokio::time::timeout(END_WITHIN, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }

    /// Waits for a server that ends by itself, which it should not.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => anyhow::anyhow!("casebook serve ended with {status}"),
            Err(error) => error.into(),
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let response = self.client.get(format!("{}{path}", self.url())).send().await?;
        let status = response.status();
        if !status.is_success() {
            bail!("GET {path} was answered with {status}: {}", response.text().await.unwrap_or_default());
        }
        Ok(response)
    }
}

pub(crate) fn now() -> model::Nanos {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    model::Nanos(u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX))
}

async fn ready_line(lines: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<ReadyLine> {
    while let Some(line) = lines.next_line().await? {
        if let Ok(ready) = serde_json::from_str(&line) {
            return Ok(ready);
        }
    }
    bail!("casebook serve ended before it was ready")
}

#[cfg(unix)]
fn terminate(process: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    let id = process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        let _ = kill_process(id, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn terminate(_process: &Child) {}
