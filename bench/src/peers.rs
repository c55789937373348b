//! The programs of others that are measured beside Casebook: the OpenTelemetry Collector and rotel, installed by
//! `scripts/peers.sh` and set up as their own documentation does. It must never ease or burden one of them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use memchr::memmem;
use tokio::time::{sleep, timeout};

use crate::child::{Child, free_address, metric};
use crate::connection::{Transport, get};
use crate::machine::ProcessorTime;

const SETTLED_WITHIN: Duration = Duration::from_secs(30);
/// A look costs the Collector some of what is measured, so they are few.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A program that says nothing of what it still does has settled once it uses no time for this long.
const QUIET_FOR: Duration = Duration::from_millis(250);

/// Where the Collector's pipeline ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Through the batch processor into a file, as JSON: the exporter's default.
    JsonFile,
    /// Through the batch processor into a file, as protobuf: the exporter's cheapest form.
    ProtobufFile,
    /// Straight into the exporter that writes nowhere.
    Nop,
}

#[derive(Debug)]
pub(crate) struct Collector {
    child: Child,
    sink: Sink,
    grpc: SocketAddr,
    http: SocketAddr,
    metrics: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Rotel {
    child: Child,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Collector {
    pub(crate) async fn start(program: &Path, scratch: &Path, sink: Sink) -> anyhow::Result<Self> {
        let (grpc, http, metrics) = (free_address()?, free_address()?, free_address()?);
        let mut child = Child::start(program, scratch, |command, directory| {
            let config = directory.join("collector.yaml");
            fs::write(&config, configuration(sink, &output(directory), [grpc, http, metrics]))?;
            command.arg("--config").arg(config);
            Ok(())
        })?;
        child.listens(&[grpc, http, metrics]).await?;
        Ok(Self { child, sink, grpc, http, metrics })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid
    }

    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        transport.of(self.grpc, self.http)
    }

    /// Waits until everything that was sent since the start has reached the end of the pipeline.
    pub(crate) async fn settled(&self, sent: u64) -> anyhow::Result<()> {
        if self.sink == Sink::Nop {
            return Ok(());
        }
        let wait = async {
            while metric(&get(self.metrics, "/metrics").await?, "otelcol_exporter_sent_spans") < sent {
                sleep(LOOK_EVERY).await;
            }
            anyhow::Ok(())
        };
        timeout(SETTLED_WITHIN, wait).await.context("the Collector's exporter does not keep up")?
    }

    /// So that what it left to the kernel is not written while another program is measured.
    pub(crate) fn rest(&self) -> anyhow::Result<()> {
        let file = File::open(output(self.child.directory()));
        if self.sink == Sink::Nop { Ok(()) } else { Ok(file?.sync_all()?) }
    }

    /// Ends it. It has kept all that was sent, by its own count and, where that can be read, by what it wrote.
    pub(crate) async fn stop(mut self, sent: u64) -> anyhow::Result<()> {
        let page = get(self.metrics, "/metrics").await?;
        let of = |name| metric(&page, name);
        let accepted = of("otelcol_receiver_accepted_spans");
        let lost = of("otelcol_receiver_refused_spans")
            + of("otelcol_receiver_failed_spans")
            + of("otelcol_exporter_send_failed_spans");
        ensure!(
            accepted == sent && lost == 0,
            "{sent} spans were sent; the Collector counted {accepted} and lost {lost}"
        );
        self.child.end().await?;
        if self.sink == Sink::JsonFile {
            let written = spans_written(&output(self.child.directory()))?;
            ensure!(written == sent, "{sent} spans were sent, and the Collector wrote {written}");
        }
        Ok(())
    }
}

fn output(directory: &Path) -> PathBuf {
    directory.join("spans")
}

/// Everything that is not said here is as it is by default. YAML reads JSON.
fn configuration(sink: Sink, file: &Path, [grpc, http, metrics]: [SocketAddr; 3]) -> String {
    let (processors, exporter) = match sink {
        Sink::JsonFile | Sink::ProtobufFile => (vec!["batch"], "file"),
        Sink::Nop => (vec![], "nop"),
    };
    let format = if sink == Sink::ProtobufFile { "proto" } else { "json" };
    let reader = serde_json::json!({ "prometheus": { "host": metrics.ip(), "port": metrics.port() } });
    let configuration = serde_json::json!({
        "receivers": { "otlp": { "protocols": { "grpc": { "endpoint": grpc }, "http": { "endpoint": http } } } },
        "processors": { "batch": {} },
        "exporters": { "file": { "path": file, "format": format }, "nop": {} },
        "service": {
            "telemetry": { "metrics": { "readers": [{ "pull": { "exporter": reader } }] } },
            "pipelines": {
                "traces": { "receivers": ["otlp"], "processors": processors, "exporters": [exporter] },
            },
        },
    });
    configuration.to_string()
}

/// Every span has one trace id, and nothing else in this traffic has one.
fn spans_written(file: &Path) -> anyhow::Result<u64> {
    let finder = memmem::Finder::new(b"\"traceId\":");
    let mut lines = BufReader::with_capacity(1 << 20, File::open(file)?);
    let (mut line, mut spans) = (Vec::new(), 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        spans += finder.find_iter(&line).count() as u64;
        line.clear();
    }
    Ok(spans)
}

impl Rotel {
    pub(crate) async fn start(program: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let (grpc, http) = (free_address()?, free_address()?);
        let mut child = Child::start(program, scratch, |command, directory| {
            command.args(["start", "--exporter", "blackhole"]);
            command.arg("--otlp-grpc-endpoint").arg(grpc.to_string());
            command.arg("--otlp-http-endpoint").arg(http.to_string());
            command.arg("--pid-file").arg(directory.join("pid"));
            command.arg("--log-file").arg(directory.join("own-log"));
            Ok(())
        })?;
        child.listens(&[grpc, http]).await?;
        Ok(Self { child, grpc, http })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.pid
    }

    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        transport.of(self.grpc, self.http)
    }

    /// It says nothing of what it has done: it has settled when it uses no more time.
    pub(crate) async fn settled(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut used = ProcessorTime::of(self.child.pid)?.total_s();
        while begun.elapsed() < SETTLED_WITHIN {
            sleep(QUIET_FOR).await;
            let now = ProcessorTime::of(self.child.pid)?.total_s();
            // One step of the kernel's count is what an idle program may use.
            if now - used < 0.015 {
                break;
            }
            used = now;
        }
        Ok(())
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.child.stop().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collector_is_told_where_to_write_and_nothing_of_how() {
        let addresses = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let of = |sink| -> serde_json::Value {
            serde_json::from_str(&configuration(sink, Path::new("/f"), addresses)).unwrap()
        };
        let traces = |sink| of(sink)["service"]["pipelines"]["traces"].clone();
        assert_eq!(traces(Sink::Nop)["exporters"], serde_json::json!(["nop"]));
        assert_eq!(traces(Sink::JsonFile)["processors"], serde_json::json!(["batch"]));
        assert_eq!(of(Sink::JsonFile)["processors"], serde_json::json!({ "batch": {} }));
        assert_eq!(of(Sink::ProtobufFile)["exporters"]["file"]["format"], "proto");
    }

    #[test]
    fn spans_are_counted_over_lines() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("spans");
        fs::write(&file, "{\"traceId\":\"a\"},{\"traceId\":\"b\"}\n{\"traceId\":\"c\"}\n").unwrap();
        assert_eq!(spans_written(&file).unwrap(), 3);
    }
}
