//! A journal that is far too small for its traffic, under the real server: what an open incident cites can be read after
//! its segments are gone, and what remains replays, also where a start finds no snapshot that it can use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::serve::{Served, command};

const CASEBOOK: &str = env!("CARGO_BIN_EXE_casebook");
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The least that may be asked for; retention runs with every start.
const SMALL: [&str; 6] =
    ["--retention-bytes", "2MiB", "--segment-bytes", "1MiB", "--snapshot-bytes", "64KiB"];
const ROUNDS: usize = 5;
const BROKEN: &str = "GET /cart";

struct Shop {
    served: Served,
    client: reqwest::Client,
    /// Of traces and of spans: none comes twice, whatever server it is sent to.
    next: u64,
}

impl Shop {
    fn open(data: &Path, settings: &[&str], next: u64) -> Self {
        let served = Served::spawn(command(data).args(["--tick", "100ms"]).args(settings));
        Self { served, client: reqwest::Client::builder().no_proxy().build().unwrap(), next }
    }

    /// The server is killed, and another one goes on.
    fn reopen(self, data: &Path, settings: &[&str]) -> Self {
        let next = self.next;
        drop(self.served);
        Self::open(data, settings, next)
    }

    async fn send(&mut self, operation: &str, failed: bool, note_bytes: usize) {
        let end = server::now().0;
        let spans: Vec<Value> = (self.next..self.next + 20)
            .map(|number| {
                json!({
                    "traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": operation, "kind": 2,
                    "startTimeUnixNano": (end - 1_000_000).to_string(), "endTimeUnixNano": end.to_string(),
                    "status": if failed { json!({ "code": 2 }) } else { json!({}) },
                    "attributes": [{ "key": "note", "value": { "stringValue": noise(number, note_bytes) } }],
                })
            })
            .collect();
        self.next += 20;
        let name = json!([{ "key": "service.name", "value": { "stringValue": "shop" } }]);
        let resource = json!({ "resource": { "attributes": name }, "scopeSpans": [{ "spans": spans }] });
        let url = format!("http://{}/v1/traces", self.served.ready.otlp_http);
        let response =
            self.client.post(url).json(&json!({ "resourceSpans": [resource] })).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }

    async fn text(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.served.ready.listen);
        let response = self.client.get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.text(path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn metric(&self, name: &str) -> f64 {
        let page =
            self.client.get(format!("http://{}/metrics", self.served.ready.admin)).send().await.unwrap();
        let page = page.text().await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    async fn tick(&self) {
        let ticks = async || self.metric("casebook_engine_ticks_total").await;
        let before = ticks().await;
        eventually("a tick", async || (ticks().await > before).then_some(())).await;
    }

    /// Healthy traffic, then failures, until there is an incident.
    async fn break_down(&mut self) -> String {
        for _ in 0..10 {
            self.send(BROKEN, false, 100).await;
            self.tick().await;
        }
        let begun = Instant::now();
        loop {
            self.send(BROKEN, true, 100).await;
            self.tick().await;
            if let Some(id) = self.json("/v1/incidents").await["incidents"][0]["id"].as_str() {
                return id.to_owned();
            }
            assert!(begun.elapsed() < WAIT_MAX, "no incident opens");
        }
    }

    /// So much journal that no compression makes smaller, and the outage goes on.
    async fn go_on(&mut self, bytes: f64) {
        let end = async |shop: &Self| shop.metric("casebook_journal_end_position").await;
        let until = end(self).await + bytes;
        while end(self).await < until {
            self.send("GET /other", false, 8_000).await;
            self.send(BROKEN, true, 100).await;
        }
        self.tick().await;
    }

    async fn cited(&self, id: &str) -> Vec<String> {
        let report = self.json(&format!("/v1/incidents/{id}/report")).await;
        let parts = report["evidence"].as_array().unwrap().iter();
        parts.filter_map(|part| part["id"].as_str()?.strip_prefix("trace:").map(str::to_owned)).collect()
    }
}

/// Text that no compression makes much shorter.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        format!("{:016x}", state ^ state >> 31)
    };
    (0..bytes / 16).map(|_| next()).collect()
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < WAIT_MAX, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn files(data: &Path, folder: &str, extension: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(data.join(folder)).unwrap().map(|file| file.unwrap().path());
    let mut found: Vec<_> =
        all.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    found.sort();
    found
}

fn verify(data: &Path) {
    let output = Command::new(CASEBOOK).args(["replay", "--verify", "--data"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn what_an_open_incident_cites_outlives_its_segments() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(data.path(), &SMALL, 1);
    let id = shop.break_down().await;
    let mut traces = shop.cited(&id).await;
    assert!(!traces.is_empty());
    let first = files(data.path(), "journal", "log")[0].clone();
    let mut reports = Vec::new();
    for _ in 0..ROUNDS {
        shop.go_on(1_500_000.0).await;
        traces.extend(shop.cited(&id).await);
        reports.push(
            shop.json(&format!("/v1/incidents/{id}")).await["report_hash"].as_str().unwrap().to_owned(),
        );
        shop = shop.reopen(data.path(), &SMALL);
    }
    eventually("the journal to be shortened", async || (!first.exists()).then_some(())).await;
    assert_eq!(shop.text(&format!("/v1/traces/{:032x}", 1)).await.0, 404, "a trace that nobody cites");
    for trace in traces {
        let read = shop.json(&format!("/v1/traces/{trace}")).await;
        assert_eq!(read["events"].as_array().unwrap().len(), 1, "{read}");
        assert_eq!(read["incidents"], json!([id]), "{read}");
    }
    for hash in reports {
        let report = shop.text(&format!("/v1/reports/{hash}")).await.1;
        assert_eq!(engine::sha256_hex(report.as_bytes()), hash);
    }
    shop.go_on(10_000.0).await;
    let incident = shop.json(&format!("/v1/incidents/{id}")).await;
    assert_ne!(incident["state"], "resolved", "the outage went on: {incident}");
    let bundle = Command::new(CASEBOOK)
        .args(["bundle", &id, "--out"])
        .arg(data.path().join("case"))
        .env("CASEBOOK_SERVER", format!("http://{}", shop.served.ready.listen))
        .output()
        .unwrap();
    let told = String::from_utf8(bundle.stderr).unwrap();
    assert!(told.contains("what was before is no longer kept"), "{told}");
    assert_eq!(shop.served.terminate(), Some(0));
    verify(data.path());
}

#[tokio::test]
async fn the_journal_stays_whole_while_no_snapshot_can_stand_for_its_beginning() {
    let data = tempfile::tempdir().unwrap();
    let large = ["--segment-bytes", "1MiB", "--snapshot-bytes", "64KiB"];
    let mut shop = Shop::open(data.path(), &large, 1);
    let id = shop.break_down().await;
    shop.go_on(4_000_000.0).await;
    let next = shop.next;
    assert_eq!(shop.served.terminate(), Some(0));
    let damaged = files(data.path(), "snapshots", "snapshot");
    assert_eq!(damaged.len(), 2);
    for snapshot in &damaged {
        let mut bytes = fs::read(snapshot).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(snapshot, bytes).unwrap();
    }
    // Retention finds the journal too large at once, and asks for a snapshot. Then the server is killed.
    let first = files(data.path(), "journal", "log")[0].clone();
    let small = ["--retention-bytes", "2MiB", "--segment-bytes", "1MiB", "--snapshot-bytes", "16GiB"];
    let shop = Shop::open(data.path(), &small, next);
    eventually("a snapshot", async || {
        files(data.path(), "snapshots", "snapshot").iter().any(|path| !damaged.contains(path)).then_some(())
    })
    .await;
    assert!(first.exists(), "nothing but the new snapshot could stand for it");
    let shop = shop.reopen(data.path(), &small);
    let families = shop.json("/v1/errors?service=shop").await;
    assert_eq!(families["errors"][0]["operation"], BROKEN, "{families}");
    assert_eq!(shop.json(&format!("/v1/incidents/{id}")).await["id"], id.as_str());
    assert_eq!(shop.served.terminate(), Some(0));
    verify(data.path());
}
