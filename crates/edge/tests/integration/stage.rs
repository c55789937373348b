//! A devnet, the proxy before it, and clients.

use std::path::Path;
use std::time::Duration;

use devnet::client::{Expected, HttpClient, Record, WsClient, check};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan};
use devnet::served::{Devnet, NodeHandle};
use edge::Edge;
use edge::config::{Config, Surroundings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

/// Nobody waits longer for anything here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const BLOCK_MS: u64 = 200;

pub(crate) struct Stage {
    pub(crate) devnet: Devnet,
    pub(crate) edge: Edge,
}

/// No shorter one can be configured.
const BLOCK_MS_MIN: u64 = 50;

/// The settings of the pool that differ from one test to another, as TOML.
pub(crate) async fn stage(nodes: Vec<NodePlan>, pool: &str) -> Stage {
    stage_of(Plan { block_ms: BLOCK_MS, nodes, ..Plan::default() }, pool).await
}

pub(crate) async fn stage_of(plan: Plan, pool: &str) -> Stage {
    stage_with(plan, "", pool).await
}

/// The same, with settings of the section `edge`.
pub(crate) async fn stage_with(plan: Plan, edge: &str, pool: &str) -> Stage {
    let block_ms = plan.block_ms.max(BLOCK_MS_MIN);
    let devnet = Devnet::start(plan).await.unwrap();
    let mut text = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain_lead = \"0s\"\ndrain_grace = \"5s\"\nlog = \"off\"\n{edge}\n\
         [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"{block_ms}ms\"\nprobe_every = \"500ms\"\n\
         failback_after = \"2s\"\n{pool}\n"
    );
    for at in 0..devnet.nodes() {
        let tier = if at == 0 { "primary" } else { "backup" };
        text += &node("net", &format!("node-{at}"), tier, &devnet.node(at));
    }
    let edge = Edge::start(&parsed(&text)).await.unwrap();
    let stage = Stage { devnet, edge };
    stage.until_ready().await;
    stage
}

/// What a configuration says of a node of an execution pool.
pub(crate) fn node(pool: &str, name: &str, tier: &str, node: &NodeHandle<'_>) -> String {
    let (http, ws) = (node.http_url(), node.ws_url());
    format!(
        "[[pools.{pool}.nodes]]\nname = \"{name}\"\ntier = \"{tier}\"\nhttp_url = \"{http}\"\nws_url = \"{ws}\"\n"
    )
}

/// A configuration that needs nothing beside itself.
pub(crate) fn parsed(text: &str) -> Config {
    let nothing = Surroundings {
        folder: Path::new("."),
        variable: &|_| None,
        file: &|_| Err("no files here".to_owned()),
        tls: &|_| Ok(()),
    };
    Config::parse(text, "test", &nothing).unwrap()
}

pub(crate) async fn two_nodes() -> Stage {
    stage(vec![NodePlan::default(); 2], "").await
}

impl Stage {
    pub(crate) fn http(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}/net", self.edge.listen)).with_patience(PATIENCE)
    }

    pub(crate) async fn ws(&self) -> WsClient {
        WsClient::connect(&format!("ws://{}/net", self.edge.listen)).await.unwrap()
    }

    pub(crate) fn set(&self, node: usize, fault: Fault) {
        self.devnet.node(node).set(fault).unwrap();
    }

    pub(crate) fn clear(&self, node: usize) {
        self.devnet.node(node).clear(None).unwrap();
    }

    pub(crate) fn head(&self) -> u64 {
        self.devnet.head().number()
    }

    /// Asks a node itself.
    pub(crate) fn node(&self, node: usize) -> HttpClient {
        HttpClient::new(&self.devnet.node(node).http_url()).with_patience(PATIENCE)
    }

    /// What the proxy says of itself.
    pub(crate) fn admin(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}", self.edge.admin_listen)).with_patience(PATIENCE)
    }

    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        metric(&self.admin(), name, labels).await
    }

    /// The proxy serves and knows a head.
    pub(crate) async fn until_ready(&self) {
        let admin = self.admin();
        let ready = async {
            while !serves(&admin.get("/status").await.unwrap().json()["pools"][0]) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("the proxy becomes ready");
    }

    pub(crate) fn assert_well(&self, record: &Record) {
        let wrong = wrong(record, &self.devnet);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// So many files may be open from now on, here and in what is started from here. All that the system allows is taken, so that
/// no other test takes less.
pub(crate) fn open_files(needed: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    assert!(
        maximum.is_none_or(|maximum| maximum >= needed),
        "this test needs {needed} open files, and the hard limit is {maximum:?}: raise it (ulimit -Hn, as root), or leave \
         the test out with --skip"
    );
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .expect("a soft limit may be raised so far");
}

/// The sum of a metric's series that have all of these labels.
pub(crate) async fn metric(admin: &HttpClient, name: &str, labels: &[&str]) -> f64 {
    let page = admin.get("/metrics").await.unwrap().text();
    let is_of = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap();
    page.lines().filter(is_of).map(value).sum()
}

/// Whether a pool of the status page knows a head, and all of its nodes serve.
pub(crate) fn serves(pool: &Value) -> bool {
    let serves = |node: &Value| node["http"]["state"] == "serving" && node["stream"]["state"] == "serving";
    pool["head"].is_object() && pool["nodes"].as_array().unwrap().iter().all(serves)
}

/// With what a client was told.
pub(crate) fn wrong(record: &Record, devnet: &Devnet) -> Vec<String> {
    check(record, &devnet.history(), Expected { finished: true, ..Expected::default() })
}

/// Until it is so; what it waits for comes by itself.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Until the client was told that head.
pub(crate) async fn until_head(client: &WsClient, number: u64) {
    let told = client.until(|record| record.heads().any(|head| head.number >= number));
    tokio::time::timeout(PATIENCE, told).await.expect("the head is told").unwrap();
}

/// Of an answer, the number of a block, or of the block that it is.
pub(crate) fn number(answer: &Value) -> u64 {
    let result = &answer["result"];
    let text = result.as_str().or_else(|| result["number"].as_str());
    let text = text.and_then(|text| text.strip_prefix("0x"));
    text.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or_else(|| panic!("no number: {answer}"))
}
