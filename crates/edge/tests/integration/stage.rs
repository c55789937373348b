//! A devnet, the proxy before it, and clients.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use devnet::client::{Expected, HttpClient, Record, WsClient, check};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan};
use devnet::served::Devnet;
use edge::Edge;
use edge::config::{Config, Surroundings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain_grace = \"5s\"\nlog = \"off\"\n{edge}\n\
         [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"{block_ms}ms\"\nprobe_every = \"500ms\"\n\
         failback_after = \"2s\"\n{pool}\n"
    );
    for at in 0..devnet.nodes() {
        let node = devnet.node(at);
        let tier = if at == 0 { "primary" } else { "backup" };
        writeln!(text, "[[pools.net.nodes]]\nname = \"node-{at}\"\ntier = \"{tier}\"").unwrap();
        writeln!(text, "http_url = \"{}\"\nws_url = \"{}\"", node.http_url(), node.ws_url()).unwrap();
    }
    let edge = Edge::start(&parsed(&text)).await.unwrap();
    let stage = Stage { devnet, edge };
    stage.until_ready().await;
    stage
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

    /// The sum of a metric's series that have all of these labels.
    pub(crate) async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.admin().get("/metrics").await.unwrap().text();
        let is_of = |line: &&str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap();
        page.lines().filter(is_of).map(value).sum()
    }

    /// The proxy serves and knows a head.
    pub(crate) async fn until_ready(&self) {
        let admin = self.admin();
        let ready = async {
            loop {
                let status = admin.get("/status").await.unwrap().json();
                let nodes = status["pools"][0]["nodes"].as_array().unwrap().clone();
                let all = nodes
                    .iter()
                    .all(|node| node["http"]["state"] == "serving" && node["stream"]["state"] == "serving");
                if all && status["pools"][0]["head"].is_object() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("the proxy becomes ready");
    }

    /// What was wrong with what a client was told.
    pub(crate) fn judge(&self, record: &Record) -> Vec<String> {
        check(record, &self.devnet.history(), Expected { finished: true, ..Expected::default() })
    }

    pub(crate) fn assert_well(&self, record: &Record) {
        let wrong = self.judge(record);
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
