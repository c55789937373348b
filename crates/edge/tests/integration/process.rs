//! The real binary with a configuration file, between the nodes of a devnet and clients.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use devnet::client::{Expected, HttpAnswer, HttpClient, Record, WsClient, check};
use devnet::network::Plan;
use devnet::node::NodePlan;
use devnet::served::Devnet;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::stage::{BLOCK_MS, PATIENCE};

const EDGE: &str = env!("CARGO_BIN_EXE_casebook-edge");
static FILES: AtomicU32 = AtomicU32::new(0);

/// What a file says of one node: its name, which node of the devnet it is, and its tier.
pub(crate) type Said = (&'static str, usize, &'static str);

pub(crate) struct Process {
    pub(crate) devnet: Devnet,
    child: Child,
    file: PathBuf,
    listen: String,
    admin: String,
}

/// A pool `net` of these nodes. `edge` and `pool` are further lines of their tables, `rest` comes last.
pub(crate) fn text(devnet: &Devnet, nodes: &[Said], edge: &str, pool: &str, rest: &str) -> String {
    let mut text = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"warn\"\n{edge}\n\
         [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"{BLOCK_MS}ms\"\nprobe_every = \"500ms\"\n\
         failback_after = \"1s\"\n{pool}\n"
    );
    for (name, at, tier) in nodes {
        let node = devnet.node(*at);
        writeln!(text, "[[pools.net.nodes]]\nname = \"{name}\"\ntier = \"{tier}\"").unwrap();
        writeln!(text, "http_url = \"{}\"\nws_url = \"{}\"", node.http_url(), node.ws_url()).unwrap();
    }
    text + rest
}

impl Process {
    pub(crate) async fn start(devnet_nodes: usize, nodes: &[Said], edge: &str) -> Self {
        let plan =
            Plan { block_ms: BLOCK_MS, nodes: vec![NodePlan::default(); devnet_nodes], ..Plan::default() };
        let devnet = Devnet::start(plan).await.unwrap();
        let serial = FILES.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("casebook-edge-{}-{serial}.toml", std::process::id()));
        std::fs::write(&file, text(&devnet, nodes, edge, "", "")).unwrap();
        let mut child = Command::new(EDGE)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let at = |key: &str| ready[key].as_str().unwrap().to_owned();
        let process = Self { devnet, child, file, listen: at("listen"), admin: at("admin_listen") };
        process.until("all nodes serve", |status| all_serve(status, nodes.len())).await;
        process
    }

    pub(crate) fn http(&self, pool: &str) -> HttpClient {
        HttpClient::new(&format!("http://{}/{pool}", self.listen)).with_patience(PATIENCE)
    }

    pub(crate) async fn ws(&self, pool: &str) -> WsClient {
        WsClient::connect(&format!("ws://{}/{pool}", self.listen)).await.unwrap()
    }

    pub(crate) async fn ws_with(&self, key: &str) -> Option<WsClient> {
        let url = format!("ws://{}/net", self.listen);
        WsClient::connect_with(&url, &[("x-api-key", key)]).await.ok()
    }

    /// What the configuration says from now on. Comes back when that was taken over, or refused.
    pub(crate) async fn reload(&self, nodes: &[Said], edge: &str, pool: &str, rest: &str) -> Value {
        self.write(&text(&self.devnet, nodes, edge, pool, rest)).await
    }

    pub(crate) async fn write(&self, text: &str) -> Value {
        let counted = async || self.metric("edge_reloads").await;
        let before = counted().await;
        std::fs::write(&self.file, text).unwrap();
        self.signal("HUP").await;
        let told = async {
            while counted().await == before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("the file is read again");
        self.status().await
    }

    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([format!("-{name}"), id]).status().await.unwrap();
        assert!(sent.success());
    }

    pub(crate) async fn drain(&self, order: Value) -> HttpAnswer {
        let client = self.admin().with_header("content-type", "application/json");
        client.send("POST".parse().unwrap(), "/drain", order.to_string().into()).await.unwrap()
    }

    /// The binary as a client of itself: its exit code and what it said.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, String) {
        let output =
            Command::new(EDGE).args(arguments).arg(format!("http://{}", self.admin)).output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    pub(crate) fn admin(&self) -> HttpClient {
        HttpClient::new(&format!("http://{}", self.admin)).with_patience(PATIENCE)
    }

    pub(crate) async fn status(&self) -> Value {
        self.admin().get("/status").await.unwrap().json()
    }

    /// The sum of its series.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page = self.admin().get("/metrics").await.unwrap().text();
        let is_of = |line: &&str| {
            let rest = line.strip_prefix("casebook_").unwrap_or(line).strip_prefix(name);
            let rest = rest.map(|rest| rest.strip_prefix("_total").unwrap_or(rest));
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap();
        page.lines().filter(is_of).map(value).sum()
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let waited = async {
            while !is_so(&self.status().await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, waited).await;
        assert!(in_time.is_ok(), "{what}, not: {}", self.status().await);
    }

    pub(crate) fn head(&self) -> u64 {
        self.devnet.head().number()
    }

    pub(crate) fn assert_well(&self, record: &Record) {
        let expected = Expected { finished: true, ..Expected::default() };
        let wrong = check(record, &self.devnet.history(), expected);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// How it ended, and what stood on its standard error.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        (status, said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// As many nodes as that, and each of them serves.
pub(crate) fn all_serve(status: &Value, nodes: usize) -> bool {
    let all = status["pools"][0]["nodes"].as_array().unwrap();
    let serves = |node: &Value| node["http"]["state"] == "serving" && node["stream"]["state"] == "serving";
    all.len() == nodes && all.iter().all(serves) && status["pools"][0]["head"].is_object()
}

/// The state of a node on HTTP, by its name.
pub(crate) fn state(status: &Value, name: &str) -> Value {
    let nodes = status["pools"][0]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["name"] == name);
    node.map_or(json!(null), |node| node["http"]["state"].clone())
}
