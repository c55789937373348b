//! HTTP reads at a steady rate through the edge, while one of its two nodes fails in every way that it can: what clients see of
//! it, and how much longer they wait. Real sockets and real time; the figures mean something on a quiet machine alone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is what the program is for")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use devnet::client::HttpClient;
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan};
use devnet::served::Devnet;
use edge::Edge;
use edge::config::{Config, Surroundings};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);
/// Shorter than the edge's least delay before a second node is asked, plus what it may take beyond it.
const ADDED_P99_MS_MAX: f64 = 20.0 + 50.0;
/// Of one class, so many failures are shown.
const SHOWN_MAX: usize = 3;

/// Reads through the edge beside every class of error on one of two nodes
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  cargo run --release --package sim --bin edge-errors -- --seconds 30 --out bench/results/edge-errors.json")]
struct Arguments {
    /// How long each class lasts; the time before it is as long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Reads a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How the two nodes stand to each other.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Tiers {
    BothPrimary,
    PrimaryAndBackup,
}

#[derive(Debug, Serialize)]
struct Row {
    tiers: Tiers,
    error: &'static str,
    asked: Asked,
    reads: usize,
    failed: usize,
    p50_before_ms: f64,
    p99_before_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    largest_ms: f64,
    added_p99_ms: f64,
}

/// How the edge asks nodes for a read: what is looked up over WebSockets, what is computed over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    WebSocket,
    Http,
}

impl Asked {
    const ALL: [Self; 2] = [Self::WebSocket, Self::Http];

    fn read(self) -> &'static str {
        match self {
            Self::WebSocket => concat!(
                r#"{"jsonrpc":"2.0","id":"a-1","method":"eth_getBalance","#,
                r#""params":["0x00000000000000000000000000000000000000aa","latest"]}"#
            ),
            Self::Http => concat!(
                r#"{"jsonrpc":"2.0","id":"a-1","method":"eth_call","#,
                r#""params":[{"to":"0x00000000000000000000000000000000000000aa"},"latest"]}"#
            ),
        }
    }
}

/// One read: what became of it, and how long that took.
struct Read {
    asked: Asked,
    outcome: Result<(), String>,
    took: Duration,
}

fn errors() -> Vec<(&'static str, Fault)> {
    vec![
        ("refused", Fault::Kill),
        ("hang", Fault::Freeze),
        ("no answer", Fault::Silent),
        ("reset", Fault::Reset),
        ("500", Fault::Status { status: 500, retry_after_s: None }),
        ("429 with Retry-After", Fault::Status { status: 429, retry_after_s: Some(1) }),
        ("error in 200", Fault::Error { code: -32603, message: "internal error".to_owned(), data: None }),
        ("truncated", Fault::Truncate { bytes: 30 }),
        ("no JSON", Fault::Malformed),
        ("null", Fault::Null),
        ("wrong chain", Fault::WrongChain { chain_id: 5 }),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("edge-errors: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    println!(
        "tiers             error                  asked      reads  failed  p50 before/after ms  p99 before/after ms  largest  added p99"
    );
    let mut rows = Vec::new();
    for tiers in [Tiers::BothPrimary, Tiers::PrimaryAndBackup] {
        for (name, fault) in errors() {
            let both =
                measure(arguments, tiers, name, fault).await.with_context(|| format!("at {name:?}"))?;
            both.iter().for_each(print);
            rows.extend(both);
        }
    }
    let failed: usize = rows.iter().map(|row| row.failed).sum();
    let late = rows.iter().filter(|row| row.added_p99_ms > ADDED_P99_MS_MAX).count();
    println!(
        "{failed} reads failed; the added p99 is above {ADDED_P99_MS_MAX} ms in {late} of {}",
        rows.len()
    );
    if let Some(out) = &arguments.out {
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        std::fs::write(out, text).with_context(|| format!("{} could not be written", out.display()))?;
    }
    Ok(failed == 0 && late == 0)
}

fn print(row: &Row) {
    println!(
        "{:<17} {:<22} {:<10} {:>5} {:>7} {:>9.1} {:>9.1} {:>10.1} {:>9.1} {:>9.0} {:>10.1}",
        format!("{:?}", row.tiers),
        row.error,
        format!("{:?}", row.asked),
        row.reads,
        row.failed,
        row.p50_before_ms,
        row.p50_ms,
        row.p99_before_ms,
        row.p99_ms,
        row.largest_ms,
        row.added_p99_ms
    );
}

/// Reads of both kinds in turn, before and beside the error.
async fn measure(
    arguments: &Arguments,
    tiers: Tiers,
    error: &'static str,
    fault: Fault,
) -> anyhow::Result<[Row; 2]> {
    let nodes = vec![NodePlan::default(); 2];
    let devnet = Devnet::start(Plan { block_ms: 1_000, nodes, ..Plan::default() }).await?;
    let edge = Edge::start(&configured(&devnet, tiers)?).await?;
    let client = Arc::new(HttpClient::new(&format!("http://{}/net", edge.listen)).with_patience(PATIENCE));
    until_ready(&edge).await?;
    let span = Duration::from_secs(arguments.seconds);
    let before = reads(&client, arguments.rate, span).await;
    devnet.node(0).set(fault)?;
    let after = reads(&client, arguments.rate, span).await;
    edge.stop().await;
    let failures = before.iter().chain(&after).filter_map(|read| read.outcome.as_ref().err());
    failures.take(SHOWN_MAX).for_each(|what| eprintln!("  {what}"));
    Ok(Asked::ALL.map(|asked| {
        let (calm, troubled) = (sorted_ms(&before, asked), sorted_ms(&after, asked));
        let (p99_before_ms, p99_ms) = (part(&calm, 0.99), part(&troubled, 0.99));
        let is_failed = |read: &&Read| read.asked == asked && read.outcome.is_err();
        Row {
            tiers,
            error,
            asked,
            reads: troubled.len(),
            failed: before.iter().chain(&after).filter(is_failed).count(),
            p50_before_ms: part(&calm, 0.5),
            p99_before_ms,
            p50_ms: part(&troubled, 0.5),
            p99_ms,
            largest_ms: part(&troubled, 1.0),
            added_p99_ms: (p99_ms - p99_before_ms).max(0.0),
        }
    }))
}

/// Whatever becomes of the ones before, the next is sent when it is due.
async fn reads(client: &Arc<HttpClient>, rate: u32, span: Duration) -> Vec<Read> {
    let mut due = interval(Duration::from_secs(1) / rate.max(1));
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut open, mut reads) = (Instant::now(), JoinSet::new(), Vec::new());
    for asked in Asked::ALL.into_iter().cycle() {
        if began.elapsed() >= span {
            break;
        }
        let at = due.tick().await;
        let client = Arc::clone(client);
        open.spawn(async move {
            let outcome = read(&client, asked).await;
            Read { asked, outcome, took: at.elapsed() }
        });
        while let Some(Ok(read)) = open.try_join_next() {
            reads.push(read);
        }
    }
    while let Some(Ok(read)) = open.join_next().await {
        reads.push(read);
    }
    reads
}

async fn read(client: &HttpClient, asked: Asked) -> Result<(), String> {
    let sent = client.send("POST".parse().map_err(|_| "POST")?, "", asked.read().into()).await;
    let answer = sent.map_err(|failure| failure.to_string())?;
    let body = answer.json();
    match answer.status == 200 && body["id"] == "a-1" && body["result"].is_string() {
        true => Ok(()),
        false => Err(format!("{asked:?}: status {}: {}", answer.status, answer.text())),
    }
}

fn sorted_ms(reads: &[Read], asked: Asked) -> Vec<f64> {
    let own = reads.iter().filter(|read| read.asked == asked);
    let mut all: Vec<f64> = own.map(|read| read.took.as_secs_f64() * 1_000.0).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// What that part of all does not exceed.
fn part(sorted: &[f64], part: f64) -> f64 {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn configured(devnet: &Devnet, tiers: Tiers) -> anyhow::Result<Config> {
    let mut text = String::from(
        "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"off\"\n\
         [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"1s\"\n",
    );
    for at in 0..devnet.nodes() {
        let tier = match tiers {
            Tiers::PrimaryAndBackup if at > 0 => "backup",
            Tiers::PrimaryAndBackup | Tiers::BothPrimary => "primary",
        };
        let (http, ws) = (devnet.node(at).http_url(), devnet.node(at).ws_url());
        text += &format!(
            "[[pools.net.nodes]]\nname = \"node-{at}\"\ntier = \"{tier}\"\nhttp_url = \"{http}\"\nws_url = \"{ws}\"\n"
        );
    }
    let nothing = Surroundings {
        folder: Path::new("."),
        variable: &|_| None,
        file: &|_| Err("no files here".to_owned()),
        tls: &|_| Ok(()),
    };
    Config::parse(&text, "edge-errors", &nothing).map_err(|errors| anyhow::anyhow!("{errors}"))
}

/// Both nodes serve. What came back first is suspect for a while.
async fn until_ready(edge: &Edge) -> anyhow::Result<()> {
    let admin = HttpClient::new(&format!("http://{}", edge.admin_listen));
    let ready = async {
        loop {
            let status = admin.get("/status").await?.json();
            let nodes = status["pools"][0]["nodes"].as_array().cloned().unwrap_or_default();
            let all = nodes.len() == 2 && nodes.iter().all(|node| node["http"]["state"] == "serving");
            if all && status["pools"][0]["head"].is_object() {
                return anyhow::Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    match timeout(PATIENCE, ready).await {
        Ok(ready) => ready,
        Err(_) => bail!("the edge did not become ready within {PATIENCE:?}"),
    }
}
