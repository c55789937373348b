//! `casebook-edge demo`: two made-up nodes, the proxy before them and a client behind it; a node is killed, another freezes, the
//! chain reorganises, and what the client noticed is printed. It must never show anything that was not measured.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use devnet::client::{Expected, Record, Seen, WsClient, check};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan};
use devnet::served::Devnet;
use edge::Edge;
use edge::config::{Config, Surroundings};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::exit::{Exit, Failure};
use super::output;

const BLOCK_TIME: Duration = Duration::from_millis(500);
/// The reorganisation takes back at least so many blocks.
const REPLACED_MIN: usize = 2;
/// Between two calls of the client.
const CALL_EVERY: Duration = Duration::from_millis(20);
/// Nobody waits longer for the proxy to know a head.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// Kills nodes under a client and shows what the client noticed
///
/// Starts two made-up nodes with a block every 500 ms, the proxy before them, and a client that follows heads and logs and calls
/// fifty times a second. Then one node is killed and comes back, the other freezes and comes back, and the last blocks are
/// replaced by others. Takes half a minute; nothing is left behind, and nothing beyond this machine is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  casebook-edge demo")]
pub(crate) struct Demo {}

struct Scene {
    devnet: Devnet,
    client: WsClient,
    begun: Instant,
}

impl Demo {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let tasks = built.map_err(|error| failed(format!("no runtime can be started: {error}")))?;
        tasks.block_on(demo())
    }
}

async fn demo() -> Result<Exit, Failure> {
    let nodes = vec![NodePlan::default(); 2];
    let plan = Plan { block_ms: BLOCK_TIME.as_millis() as u64, nodes, ..Plan::default() };
    let devnet = Devnet::start(plan).await.map_err(|error| failed(error.to_string()))?;
    let edge = Edge::start(&config(&devnet)?).await.map_err(|error| failed(error.to_string()))?;
    output::text(&format!(
        "two nodes:  {}  {}\nthe proxy:  http://{}/demo (JSON-RPC, WebSocket), http://{}/status\n\n",
        devnet.node(0).http_url(),
        devnet.node(1).http_url(),
        edge.listen,
        edge.admin_listen
    ))?;
    let client = connect(&format!("ws://{}/demo", edge.listen)).await?;
    let scene = Scene { devnet, client, begun: Instant::now() };
    let calls = scene.play().await?;
    let record = scene.client.record();
    let expected = Expected { finished: true, ..Expected::default() };
    let wrong = check(&record, &scene.devnet.history(), expected);
    output::text(&told(&record, calls, &wrong))?;
    scene.client.close().await;
    edge.stop().await;
    scene.devnet.stop().await;
    Ok(if wrong.is_empty() && calls.failed == 0 { Exit::Ok } else { Exit::Failed })
}

/// A client that is told heads and logs.
async fn connect(url: &str) -> Result<WsClient, Failure> {
    let ready = async {
        loop {
            let client = WsClient::connect(url).await.map_err(|error| failed(error.to_string()))?;
            let answer =
                client.call("eth_blockNumber", json!([])).await.map_err(|error| failed(error.to_string()))?;
            if answer.result().is_some() {
                return Ok(client);
            }
        }
    };
    let client =
        tokio::time::timeout(READY_WITHIN, ready).await.map_err(|_| failed("the proxy has no head"))??;
    for params in [json!(["newHeads"]), json!(["logs", {}])] {
        client.subscribe(params).await.map_err(|error| failed(error.to_string()))?;
    }
    Ok(client)
}

/// Calls of the client, and how many were not answered by a node.
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    answered: u64,
    failed: u64,
    longest: Duration,
}

impl Scene {
    async fn play(&self) -> Result<Calls, Failure> {
        let mut calls = Calls::default();
        let acts = self.acts();
        tokio::pin!(acts);
        loop {
            tokio::select! {
                played = &mut acts => break played?,
                () = sleep(CALL_EVERY) => self.call(&mut calls).await,
            }
        }
        Ok(calls)
    }

    async fn call(&self, calls: &mut Calls) {
        let begun = Instant::now();
        let answer = self.client.call("eth_getBlockByNumber", json!(["latest", false])).await;
        calls.longest = calls.longest.max(begun.elapsed());
        match answer.is_ok_and(|answer| answer.result().is_some_and(|block| block.is_object())) {
            true => calls.answered += 1,
            false => calls.failed += 1,
        }
    }

    async fn acts(&self) -> Result<(), Failure> {
        self.wait(3).await;
        self.act("node 0 is killed", || self.devnet.node(0).set(Fault::Kill))?;
        self.wait(5).await;
        self.act("node 0 is started again", || self.devnet.node(0).clear(None))?;
        self.wait(4).await;
        self.act("node 1 freezes: it takes connections and answers nothing", || {
            self.devnet.node(1).set(Fault::Freeze)
        })?;
        self.wait(5).await;
        self.act("node 1 moves again", || self.devnet.node(1).clear(None))?;
        self.wait(4).await;
        self.reorganise().await?;
        self.wait(3).await;
        self.devnet.pause();
        self.until_told().await;
        Ok(())
    }

    /// The last blocks are replaced, as many as it takes for logs to be among what is lost: a block may have none.
    async fn reorganise(&self) -> Result<(), Failure> {
        self.devnet.pause();
        self.until_told().await;
        let main = self.devnet.history().main();
        let last = main.iter().rev().position(|block| !block.logs.is_empty()).unwrap_or(0);
        let depth = (last + 1).max(REPLACED_MIN).min(main.len().saturating_sub(1));
        let lost: usize = main.iter().rev().take(depth).map(|block| block.logs.len()).sum();
        self.say(&format!(
            "the last {depth} blocks, which had {lost} logs, are replaced by {} others",
            depth + 1
        ))?;
        let depth = depth as u64;
        self.devnet.reorganise(depth, depth + 1).map_err(|error| failed(error.to_string()))?;
        self.devnet.set_block_time(Some(BLOCK_TIME));
        Ok(())
    }

    /// The client knows the head, or never will.
    async fn until_told(&self) {
        let head = self.devnet.head().hash;
        let told = self.client.until(|record| record.heads().any(|seen| seen.hash == head));
        let _ = tokio::time::timeout(READY_WITHIN, told).await;
    }

    async fn wait(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    fn act<E: std::fmt::Display>(
        &self,
        what: &str,
        act: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), Failure> {
        self.say(what)?;
        act().map_err(|error| failed(error.to_string()))
    }

    fn say(&self, what: &str) -> Result<(), Failure> {
        let heads = self.client.record().heads().count();
        output::text(&format!(
            "{:>5.1} s  {what} (the client has {heads} heads)\n",
            self.begun.elapsed().as_secs_f64()
        ))?;
        Ok(())
    }
}

fn told(record: &Record, calls: Calls, wrong: &[String]) -> String {
    let heads = record.heads().count();
    let retracted = record.logs().filter(|log| log.removed).count();
    let logs = record.logs().count() - retracted;
    let is_end = |seen: &Seen| matches!(seen, Seen::Closed { .. } | Seen::Lost { .. });
    let ends = record.entries().iter().filter(|entry| is_end(&entry.seen)).count();
    let mut text = format!(
        "\nWhat the client saw:\n\
         {heads:>7} heads, each once, on its parent, under one subscription\n\
         {logs:>7} logs in order, and {retracted} taken back by the reorganisation\n\
         {:>7} calls answered, {} failed; the longest took {} ms\n\
         {ends:>7} connections lost\n",
        calls.answered,
        calls.failed,
        calls.longest.as_millis()
    );
    if wrong.is_empty() {
        text.push_str("Held against the chain as it was: nothing is missing, and nothing came twice.\n");
    } else {
        text.push_str("Held against the chain as it was, this is wrong:\n");
        wrong.iter().for_each(|what| _ = writeln!(text, "  {what}"));
    }
    text
}

fn config(devnet: &Devnet) -> Result<Config, Failure> {
    let mut text = "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain_lead = \"0s\"\n[pools.demo]\nkind = \"execution\"\n\
                    chain_id = 1337\nblock_time = \"500ms\"\nprobe_every = \"1s\"\nfailback_after = \"2s\"\n"
        .to_owned();
    for at in 0..devnet.nodes() {
        let (http, ws) = (devnet.node(at).http_url(), devnet.node(at).ws_url());
        let node =
            format!("[[pools.demo.nodes]]\nname = \"node-{at}\"\nhttp_url = \"{http}\"\nws_url = \"{ws}\"\n");
        text.push_str(&node);
    }
    let nothing = Surroundings {
        folder: Path::new(""),
        variable: &|_| None,
        file: &|_| Err("the demo reads no files".to_owned()),
        tls: &|_| Ok(()),
    };
    Config::parse(&text, "demo", &nothing).map_err(|errors| failed(errors.to_string()))
}

fn failed(what: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, what)
}
