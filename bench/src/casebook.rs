//! The server that is measured: a real `casebook serve` as a child process on a scratch directory, with everything as
//! it is by default, and what it says of itself on its admin listener.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use api::ReadyLine;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::cell::Bed;
use crate::connection::{Transport, get};

const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(30);
const DRAINED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const ANY_PORT: &str = "127.0.0.1:0";

/// Killed when dropped; its data goes with it.
#[derive(Debug)]
pub(crate) struct Casebook {
    process: Child,
    pub(crate) pid: u32,
    pub(crate) ready: ReadyLine,
    data: TempDir,
}

/// What the server counted. All but `accepted` and `incidents` have to be zero for a measurement to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counted {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) duplicate: u64,
    pub(crate) late: u64,
    pub(crate) overflowed: u64,
    pub(crate) incidents: u64,
}

impl Casebook {
    pub(crate) async fn start(bed: &Bed) -> anyhow::Result<Self> {
        let data = tempfile::tempdir_in(&bed.scratch).context("the scratch directory cannot be written")?;
        let mut process = serve(bed, data.path())?.spawn().with_context(|| {
            format!("{} does not start; build it, or name it with --casebook", bed.program.display())
        })?;
        let output = process.stdout.take().context("a child without an output")?;
        let mut lines = BufReader::new(output).lines();
        let line =
            timeout(READY_WITHIN, lines.next_line()).await.context("casebook serve does not get ready")??;
        let Some(line) = line else {
            let log = std::fs::read_to_string(data.path().join("log")).unwrap_or_default();
            bail!("casebook serve ended before it was ready: {log}");
        };
        let ready: ReadyLine = serde_json::from_str(&line).context("the ready line is not understood")?;
        Ok(Self { process, pid: ready.pid, ready, data })
    }

    pub(crate) fn address(&self, transport: Transport) -> std::net::SocketAddr {
        match transport {
            Transport::Grpc => self.ready.otlp_grpc,
            Transport::HttpProtobuf => self.ready.otlp_http,
        }
    }

    /// Waits until the engine has applied everything that was acknowledged.
    pub(crate) async fn drained(&self) -> anyhow::Result<()> {
        let wait = async {
            while metric(&self.metrics().await?, "casebook_engine_queue_depth") > 0 {
                sleep(LOOK_EVERY).await;
            }
            anyhow::Ok(())
        };
        timeout(DRAINED_WITHIN, wait).await.context("the engine does not keep up")?
    }

    /// After two more ticks, when the engine's own counts hold everything that came before.
    pub(crate) async fn counted(&self) -> anyhow::Result<Counted> {
        const TICKS: &str = "casebook_engine_ticks_total";
        self.drained().await?;
        let before = metric(&self.metrics().await?, TICKS);
        let settled = async {
            loop {
                let page = self.metrics().await?;
                if metric(&page, TICKS) >= before + 2 {
                    return anyhow::Ok(page);
                }
                sleep(LOOK_EVERY * 20).await;
            }
        };
        let page = timeout(DRAINED_WITHIN, settled).await.context("the engine does not tick")??;
        Ok(Counted {
            accepted: metric(&page, "casebook_ingest_events_accepted_total"),
            rejected: metric(&page, "casebook_ingest_events_rejected_total"),
            duplicate: metric(&page, "casebook_ingest_events_duplicate_total")
                + metric(&page, "casebook_engine_duplicate_events"),
            late: metric(&page, "casebook_engine_late_events"),
            overflowed: metric(&page, "casebook_engine_overflowed"),
            incidents: metric(&page, "casebook_incidents_live"),
        })
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).context("an impossible process id")?;
        kill_process(pid, Signal::TERM)?;
        let status =
            timeout(END_WITHIN, self.process.wait()).await.context("casebook serve does not end")??;
        ensure!(status.success(), "casebook serve ended with {status}");
        self.data.close().context("the scratch directory cannot be removed")
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        get(self.ready.admin, "/metrics").await
    }
}

impl Counted {
    /// What was measured is what was meant: every span sent was taken in, counted, and counted once.
    pub(crate) fn check(&self, sent: u64) -> anyhow::Result<()> {
        let Self { accepted, rejected, duplicate, late, overflowed, .. } = *self;
        ensure!(
            accepted == sent && [rejected, duplicate, late, overflowed] == [0; 4],
            "{sent} spans were sent, and the server counted {self:?}"
        );
        Ok(())
    }
}

fn serve(bed: &Bed, data: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(&bed.program);
    // Settings of whoever runs this are not what is measured.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CASEBOOK_")) {
        command.env_remove(name);
    }
    command.arg("serve").arg("--data").arg(data.join("data"));
    for listener in ["--listen", "--admin", "--otlp-grpc", "--otlp-http"] {
        command.args([listener, ANY_PORT]);
    }
    command.args(&bed.serve).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(data.join("log"))?);
    Ok(command)
}

/// The sum of a metric over all its labels; a metric without a line has not counted yet.
fn metric(page: &str, name: &str) -> u64 {
    let lines = page.lines().filter_map(|line| line.strip_prefix(name));
    let values = lines.filter(|rest| rest.starts_with([' ', '{'])).filter_map(|rest| rest.rsplit(' ').next());
    values.filter_map(|value| value.parse::<f64>().ok()).sum::<f64>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_no_other_counts() {
        let page = "# HELP a_b x\na_b{x=\"1\"} 3\na_b{x=\"2\"} 4\na_bc 100\na_b_sum 9\n# EOF\n";
        assert_eq!((metric(page, "a_b"), metric(page, "a_bc"), metric(page, "a")), (7, 100, 0));
    }

    #[test]
    fn one_span_too_few_or_one_late_is_an_error() {
        let fine = Counted { accepted: 10, rejected: 0, duplicate: 0, late: 0, overflowed: 0, incidents: 1 };
        assert!(fine.check(10).is_ok());
        assert!(fine.check(11).is_err());
        assert!(Counted { late: 1, ..fine }.check(10).is_err());
    }
}
