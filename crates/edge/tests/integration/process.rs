//! The real binary with a configuration file, between the nodes of a devnet and clients.

use std::path::PathBuf;
use std::time::Duration;

use devnet::client::{HttpAnswer, HttpClient, Record, WsClient};
use devnet::network::Plan;
use devnet::node::NodePlan;
use devnet::served::Devnet;
use serde_json::{Value, json};

use crate::program::{Ended, Folder, Program, run};
use crate::stage::{self, BLOCK_MS, PATIENCE};

/// What a file says of one node: its name, which node of the devnet it is, and its tier.
pub(crate) type Said = (&'static str, usize, &'static str);

pub(crate) struct Process {
    pub(crate) devnet: Devnet,
    program: Program,
    file: PathBuf,
    _folder: Folder,
}

/// A pool `net` of these nodes. `edge` and `pool` are further lines of their tables, `rest` comes last.
pub(crate) fn text(devnet: &Devnet, nodes: &[Said], edge: &str, pool: &str, rest: &str) -> String {
    let mut text = format!(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"warn\"\n{edge}\n\
         [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"{BLOCK_MS}ms\"\nprobe_every = \"500ms\"\n\
         failback_after = \"1s\"\n{pool}\n"
    );
    for (name, at, tier) in nodes {
        text += &stage::node("net", name, tier, &devnet.node(*at));
    }
    text + rest
}

impl Process {
    pub(crate) async fn start(devnet_nodes: usize, nodes: &[Said], edge: &str) -> Self {
        let plan =
            Plan { block_ms: BLOCK_MS, nodes: vec![NodePlan::default(); devnet_nodes], ..Plan::default() };
        let devnet = Devnet::start(plan).await.unwrap();
        let folder = Folder::new();
        let file = folder.file("edge.toml", &text(&devnet, nodes, edge, "", ""));
        let program = Program::serve(&file, &[]).await;
        let process = Self { devnet, program, file, _folder: folder };
        process.until("all nodes serve", |status| all_serve(status, nodes.len())).await;
        process
    }

    /// Where clients come in.
    pub(crate) fn listen(&self) -> String {
        self.program.address("listen").to_string()
    }

    pub(crate) fn http(&self, pool: &str) -> HttpClient {
        HttpClient::new(&format!("http://{}/{pool}", self.program.address("listen"))).with_patience(PATIENCE)
    }

    pub(crate) async fn ws(&self, pool: &str) -> WsClient {
        WsClient::connect(&format!("ws://{}/{pool}", self.program.address("listen"))).await.unwrap()
    }

    pub(crate) async fn ws_with(&self, key: &str) -> Option<WsClient> {
        let url = format!("ws://{}/net", self.program.address("listen"));
        WsClient::connect_with(&url, &[("x-api-key", key)]).await.ok()
    }

    /// What the configuration says from now on. Comes back when that was taken over, or refused.
    pub(crate) async fn reload(&self, nodes: &[Said], edge: &str, pool: &str, rest: &str) -> Value {
        self.write(&text(&self.devnet, nodes, edge, pool, rest)).await
    }

    pub(crate) async fn write(&self, text: &str) -> Value {
        let counted = async || self.metric("casebook_edge_reloads_total").await;
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
        self.program.signal(name).await;
    }

    pub(crate) async fn drain(&self, order: Value) -> HttpAnswer {
        let client = self.admin().with_header("content-type", "application/json");
        client.send("POST".parse().unwrap(), "/drain", order.to_string().into()).await.unwrap()
    }

    /// The binary as a client of itself: its exit code and what it said.
    pub(crate) async fn command(&self, arguments: &[&str]) -> (i32, String) {
        let url = format!("http://{}", self.program.address("admin_listen"));
        let ended = run(&[arguments, &[&url]].concat(), &[]).await;
        (ended.code.unwrap(), ended.text())
    }

    pub(crate) fn admin(&self) -> HttpClient {
        self.program.admin()
    }

    pub(crate) async fn status(&self) -> Value {
        self.admin().get("/status").await.unwrap().json()
    }

    /// The sum of its series.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        stage::metric(&self.admin(), name, &[]).await
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
        let wrong = stage::wrong(record, &self.devnet);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    pub(crate) async fn ended(self) -> Ended {
        self.program.ended().await
    }
}

/// As many nodes as that, and each of them serves.
pub(crate) fn all_serve(status: &Value, nodes: usize) -> bool {
    let pool = &status["pools"][0];
    pool["nodes"].as_array().unwrap().len() == nodes && stage::serves(pool)
}

/// The state of a node on HTTP, by its name.
pub(crate) fn state(status: &Value, name: &str) -> Value {
    let nodes = status["pools"][0]["nodes"].as_array().unwrap();
    let node = nodes.iter().find(|node| node["name"] == name);
    node.map_or(json!(null), |node| node["http"]["state"].clone())
}
