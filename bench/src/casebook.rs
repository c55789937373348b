//! The server that is measured: a real `casebook serve` as a child process on a scratch directory, with everything as
//! it is by default, or the listeners and the decoder alone; and what it says of itself on its admin listener.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use api::ReadyLine;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::cell::Bed;
use crate::child::{Child, metric};
use crate::connection::{Transport, get};

const READY_WITHIN: Duration = Duration::from_secs(60);
const DRAINED_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const ANY_PORT: &str = "127.0.0.1:0";

/// How much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// `casebook serve`: journal, engine, store.
    Whole,
    /// The program `decode-only` beside it: nothing is kept.
    DecodeOnly,
}

#[derive(Debug)]
pub(crate) struct Casebook {
    extent: Extent,
    child: Child,
    ready: ReadyLine,
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
    pub(crate) async fn start(bed: &Bed, extent: Extent) -> anyhow::Result<Self> {
        Self::start_on(bed, extent, None).await
    }

    /// On data that is there, or else in a directory of its own.
    pub(crate) async fn start_on(bed: &Bed, extent: Extent, data: Option<&Path>) -> anyhow::Result<Self> {
        let decode_only = bed.program.with_file_name("decode-only");
        let program = if extent == Extent::Whole { &bed.program } else { &decode_only };
        let mut child = Child::start(program, &bed.scratch, |command, directory| {
            let own = directory.join("data");
            serve(bed, extent, command, data.unwrap_or(&own));
            Ok(())
        })?;
        let mut lines = BufReader::new(child.output()?).lines();
        let line =
            timeout(READY_WITHIN, lines.next_line()).await.context("casebook serve does not get ready")??;
        let Some(line) = line else {
            bail!("casebook serve ended before it was ready: {}", child.log());
        };
        let ready: ReadyLine = serde_json::from_str(&line).context("the ready line is not understood")?;
        Ok(Self { extent, child, ready })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid
    }

    pub(crate) fn address(&self, transport: Transport) -> std::net::SocketAddr {
        transport.of(self.ready.otlp_grpc, self.ready.otlp_http)
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
        if self.extent == Extent::DecodeOnly {
            return Ok(Counted::read(&self.metrics().await?));
        }
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
        Ok(Counted::read(&page))
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.child.stop().await
    }

    /// `/readyz` says that it can do its work.
    pub(crate) async fn ready(&self) -> anyhow::Result<()> {
        let wait = async {
            while get(self.ready.admin, "/readyz").await.is_err() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(READY_WITHIN, wait).await.context("the server does not get ready")
    }

    pub(crate) fn log(&self) -> String {
        self.child.log()
    }

    pub(crate) async fn kill(self) -> anyhow::Result<()> {
        self.child.kill().await
    }

    pub(crate) fn ready_line(&self) -> &ReadyLine {
        &self.ready
    }

    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        get(self.ready.admin, "/metrics").await
    }
}

impl Counted {
    fn read(page: &str) -> Self {
        Self {
            accepted: metric(page, "casebook_ingest_events_accepted_total"),
            rejected: metric(page, "casebook_ingest_events_rejected_total"),
            duplicate: metric(page, "casebook_ingest_events_duplicate_total")
                + metric(page, "casebook_engine_duplicate_events"),
            late: metric(page, "casebook_engine_late_events"),
            overflowed: metric(page, "casebook_engine_overflowed"),
            incidents: metric(page, "casebook_incidents_live"),
        }
    }

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

fn serve(bed: &Bed, extent: Extent, command: &mut Command, data: &Path) {
    // Settings of whoever runs this are not what is measured.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CASEBOOK_")) {
        command.env_remove(name);
    }
    if extent == Extent::Whole {
        command.arg("serve").args(&bed.serve);
    }
    command.arg("--data").arg(data);
    for listener in ["--listen", "--admin", "--otlp-grpc", "--otlp-http"] {
        command.args([listener, ANY_PORT]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_span_too_few_or_one_late_is_an_error() {
        let fine = Counted { accepted: 10, rejected: 0, duplicate: 0, late: 0, overflowed: 0, incidents: 1 };
        assert!(fine.check(10).is_ok());
        assert!(fine.check(11).is_err());
        assert!(Counted { late: 1, ..fine }.check(10).is_err());
    }
}
