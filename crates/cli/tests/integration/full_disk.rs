//! A disk that fills up under the real server, and has room again: a small file system in memory, which only root may
//! mount. Where that is not allowed the tests say that they were skipped.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::grpc::{Grpc, TRACES};
use crate::serve::{Served, command};

const WAIT_MAX: Duration = Duration::from_secs(60);
const DISK_MIB: usize = 48;
const UNAVAILABLE: u32 = 14;

/// A file system of a few megabytes, and a file that takes the room away.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MIB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "casebook-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { folder });
        }
        println!("SKIPPED: a file system cannot be mounted here, so nothing was shown of a full disk");
        None
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Takes room until so much is left, or all of it.
    fn fill(&self, left_mib: usize) {
        let mut file = File::create(self.ballast()).unwrap();
        let piece = vec![0; 64 << 10];
        let full = std::iter::repeat_with(|| file.write_all(&piece)).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), std::io::ErrorKind::StorageFull);
        let bytes = file.metadata().unwrap().len().saturating_sub((left_mib as u64) << 20);
        file.set_len(bytes).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

/// What asks the server and counts what it acknowledged.
struct Asker {
    served: Served,
    client: reqwest::Client,
    sent: u64,
    acknowledged: Vec<String>,
}

impl Asker {
    fn start(data: &Path, reserve: &str) -> Self {
        let mut command = command(data);
        let served = Served::spawn(command.args(["--disk-reserve", reserve, "--segment-bytes", "1MiB"]));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { served, client, sent: 0, acknowledged: Vec::new() }
    }

    async fn export(&mut self) -> reqwest::Response {
        self.sent += 1;
        let trace = format!("{:032x}", self.sent);
        let end = server::now().0;
        let span = json!({
            "traceId": trace, "spanId": format!("{:016x}", self.sent), "name": "work", "kind": 2,
            "startTimeUnixNano": (end - 1_000_000).to_string(), "endTimeUnixNano": end.to_string(),
            // Other numbers each time, so that the bytes cannot be made fewer.
            "attributes": [{ "key": "note", "value": { "stringValue": noise(self.sent) } }],
        });
        let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] });
        let url = format!("http://{}/v1/traces", self.served.ready.otlp_http);
        let response = self.client.post(url).json(&body).send().await.unwrap();
        if response.status() == StatusCode::OK {
            self.acknowledged.push(trace);
        }
        response
    }

    async fn readiness(&self) -> (StatusCode, Value) {
        let url = format!("http://{}/readyz", self.served.ready.admin);
        let response = self.client.get(url).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    /// Asks until the server is ready or not, as wanted; comes back with what it said of one of its checks.
    async fn wait_until(&self, ready: bool, check: &str) -> String {
        let begun = Instant::now();
        loop {
            let (status, said) = self.readiness().await;
            if status.is_success() == ready {
                let all = said["checks"].as_array().unwrap();
                let told = all.iter().find(|one| one["name"] == check).unwrap();
                if ready || told["status"] == "fail" {
                    return told["detail"].as_str().unwrap().to_owned();
                }
            }
            assert!(begun.elapsed() < WAIT_MAX, "{status} {said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything that was acknowledged can be read.
    async fn demand_all(&self) {
        for trace in &self.acknowledged {
            let url = format!("http://{}/v1/traces/{trace}", self.served.ready.listen);
            let response = self.client.get(url).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{trace} was acknowledged");
        }
    }
}

/// Text that no compression makes much shorter.
fn noise(seed: u64) -> String {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        format!("{:016x}", state ^ state >> 31)
    };
    (0..512).map(|_| next()).collect()
}

fn is_told_to_wait(response: &reqwest::Response) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "5");
}

#[tokio::test]
async fn below_the_reserve_telemetry_waits_and_signals_do_not() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut asker = Asker::start(&disk.data(), "16MiB");
    asker.wait_until(true, "disk").await;
    assert_eq!(asker.export().await.status(), StatusCode::OK);
    disk.fill(8);
    let told = asker.wait_until(false, "disk").await;
    assert!(told.contains("telemetry is not taken") && told.contains("16 MiB"), "{told}");
    is_told_to_wait(&asker.export().await);
    let grpc = Grpc::connect(&asker.served).await;
    let (status, message, details) = grpc.call_with_details(TRACES, "identity", &otlp_span()).await;
    assert_eq!(status, UNAVAILABLE, "{message}");
    assert!(message.contains("MiB%20left"), "{message}");
    assert!(details.windows(9).any(|part| part == b"RetryInfo"), "{details:?}");
    let signal = json!({ "kind": "runtime", "subtype": "panic", "service": "a", "message": "still heard" });
    let url = format!("http://{}/v1/signals", asker.served.ready.listen);
    let signal = asker.client.post(url).json(&signal).send().await.unwrap();
    assert!(signal.status().is_success(), "{}", signal.text().await.unwrap());
    disk.make_room();
    asker.wait_until(true, "disk").await;
    assert_eq!(asker.export().await.status(), StatusCode::OK);
    asker.demand_all().await;
    assert_eq!(asker.served.terminate(), Some(0));
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::mount() else { return };
    let mut asker = Asker::start(&disk.data(), "0B");
    asker.wait_until(true, "journal").await;
    for round in 0..3 {
        while asker.acknowledged.len() < 40 * (round + 1) {
            let response = asker.export().await;
            assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
        }
        disk.fill(0);
        // What is left of the last block may take a few more.
        let refused = loop {
            let response = asker.export().await;
            if response.status() != StatusCode::OK {
                break response;
            }
        };
        is_told_to_wait(&refused);
        let problem = refused.text().await.unwrap();
        assert!(problem.contains("No space left on device"), "{problem}");
        let told = asker.wait_until(false, "journal").await;
        assert!(told.contains("No space left on device"), "{told}");
        disk.make_room();
        asker.wait_until(true, "journal").await;
    }
    asker.demand_all().await;
    let data = disk.data();
    let Asker { served, client, sent, acknowledged } = asker;
    assert_eq!(served.terminate(), Some(0));
    let again = Asker { served: Served::start(&data), client, sent, acknowledged };
    again.demand_all().await;
}

/// One span in protobuf.
fn otlp_span() -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;
    let end_time_unix_nano = server::now().0;
    let span = Span {
        trace_id: vec![7; 16],
        span_id: vec![7; 8],
        name: "work".to_owned(),
        start_time_unix_nano: end_time_unix_nano - 1_000_000,
        end_time_unix_nano,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}
