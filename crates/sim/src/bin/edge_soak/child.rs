//! The edge as a process: its file, its signals, what it counts and what it holds. It must never know a client.

use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use devnet::client::HttpClient;
use devnet::served::Devnet;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::BASELINE_WITHIN;

const READY_WITHIN: Duration = Duration::from_secs(30);
const END_WITHIN: Duration = Duration::from_secs(60);
/// Less than a call takes that is under way at the end, so that it is in flight when nothing new is taken.
const DRAIN_LEAD_MS: u64 = 800;

pub(crate) struct Edge {
    child: Child,
    process: u32,
    file: PathBuf,
    listen: String,
    admin: String,
}

/// What the process holds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Held {
    pub(crate) sockets: usize,
    pub(crate) threads: usize,
    pub(crate) tasks: u64,
    pub(crate) memory_kib: u64,
}

/// What it counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) answered: u64,
    pub(crate) unanswered: u64,
    pub(crate) notified: u64,
    pub(crate) heads_announced: u64,
    pub(crate) reloads: u64,
    pub(crate) sessions: u64,
    pub(crate) subscriptions: u64,
}

/// What the file says.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// Names and places in the devnet, in order; the first is primary.
    pub(crate) nodes: Vec<(String, usize)>,
    pub(crate) attempts_max: u64,
    pub(crate) idle_timeout_s: u64,
}

impl Said {
    pub(crate) fn first(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|at| (format!("node-{at}"), at)).collect();
        Self { nodes, attempts_max: 4, idle_timeout_s: 75 }
    }

    fn text(&self, devnet: &Devnet) -> String {
        let Self { nodes, attempts_max, idle_timeout_s } = self;
        let mut text = format!(
            "[edge]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nlog = \"error\"\n\
             idle_timeout = \"{idle_timeout_s}s\"\ndrain_lead = \"{DRAIN_LEAD_MS}ms\"\n\
             [pools.net]\nkind = \"execution\"\nchain_id = 1337\nblock_time = \"1s\"\nprobe_every = \"1s\"\n\
             failback_after = \"3s\"\nattempts_max = {attempts_max}\nattempt_timeout = \"2s\"\n"
        );
        for (place, (name, at)) in nodes.iter().enumerate() {
            let (node, tier) = (devnet.node(*at), if place == 0 { "primary" } else { "backup" });
            let _ = writeln!(
                text,
                "[[pools.net.nodes]]\nname = \"{name}\"\ntier = \"{tier}\"\nhttp_url = \"{}\"\nws_url = \"{}\"",
                node.http_url(),
                node.ws_url()
            );
        }
        text
    }
}

impl Edge {
    pub(crate) async fn start(binary: Option<&Path>, devnet: &Devnet, seed: u64) -> anyhow::Result<Self> {
        let beside = std::env::current_exe()?.with_file_name("casebook-edge");
        let binary = binary.unwrap_or(&beside);
        let name = format!("casebook-edge-soak-{}-{seed}.toml", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, Said::first(super::NODES).text(devnet))?;
        let mut child = Command::new(binary)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started; build it first", binary.display()))?;
        let process = child.id().context("it ended at once")?;
        let out = child.stdout.take().context("it has no standard output")?;
        let line = timeout(READY_WITHIN, BufReader::new(out).lines().next_line()).await??;
        let ready: Value = serde_json::from_str(&line.context("it said nothing")?)?;
        let at = |key: &str| ready[key].as_str().unwrap_or_default().to_owned();
        Ok(Self { child, process, file, listen: at("listen"), admin: at("admin_listen") })
    }

    pub(crate) fn http_url(&self) -> String {
        format!("http://{}/net", self.listen)
    }

    pub(crate) fn ws_url(&self) -> String {
        format!("ws://{}/net", self.listen)
    }

    pub(crate) async fn until_ready(&self) -> anyhow::Result<()> {
        let until = Instant::now() + READY_WITHIN;
        while !self.all_serve().await? {
            if Instant::now() > until {
                bail!("it is not ready: {}", self.page("/status").await?);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn all_serve(&self) -> anyhow::Result<bool> {
        let status: Value = serde_json::from_str(&self.page("/status").await?)?;
        let nodes = status["pools"][0]["nodes"].as_array().cloned().unwrap_or_default();
        let serves =
            |node: &Value| node["http"]["state"] == "serving" && node["stream"]["state"] == "serving";
        Ok(nodes.iter().all(serves) && status["pools"][0]["head"].is_object())
    }

    pub(crate) async fn reload(&self, said: &Said, devnet: &Devnet) -> anyhow::Result<()> {
        std::fs::write(&self.file, said.text(devnet))?;
        self.signal("HUP").await
    }

    async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([format!("-{name}"), self.process.to_string()]).status().await?;
        if !sent.success() {
            bail!("SIG{name} cannot be sent: the edge is gone");
        }
        Ok(())
    }

    /// It has to be unready at once, and still to serve whoever comes.
    pub(crate) async fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.signal("TERM").await?;
        let admin = HttpClient::new(&format!("http://{}", self.admin));
        let until = Instant::now() + Duration::from_millis(DRAIN_LEAD_MS) / 2;
        while admin.get("/readyz").await.context("/readyz of the edge")?.status != 503 {
            if Instant::now() > until {
                bail!("it is told to end, and ready still");
            }
            sleep(Duration::from_millis(5)).await;
        }
        let late = HttpClient::new(&self.http_url()).call("eth_blockNumber", json!([])).await;
        late.context("whoever comes before it takes nothing new is not served")?;
        timeout(END_WITHIN, self.child.wait()).await.context("it does not end")?.context("it")
    }

    pub(crate) async fn numbers(&self) -> anyhow::Result<Numbers> {
        let page = self.page("/metrics").await?;
        let sum = |name: &str, labels: &str| sum(&page, name, labels);
        let answered = sum("edge_requests_total", "outcome=\"answered\"");
        Ok(Numbers {
            answered,
            unanswered: sum("edge_requests_total", "") - answered,
            notified: sum("edge_notifications_sent_total", ""),
            heads_announced: sum("edge_heads_announced_total", ""),
            reloads: sum("edge_reloads_total", "outcome=\"taken\""),
            sessions: sum("edge_sessions", ""),
            subscriptions: sum("edge_subscriptions", ""),
        })
    }

    /// When nobody is there any more, or does not go.
    pub(crate) async fn numbers_at_rest(&self) -> anyhow::Result<Numbers> {
        let until = Instant::now() + READY_WITHIN;
        loop {
            let numbers = self.numbers().await?;
            if numbers.sessions == 0 || Instant::now() > until {
                return Ok(numbers);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn page(&self, path: &str) -> anyhow::Result<String> {
        let answer = HttpClient::new(&format!("http://{}", self.admin)).get(path).await;
        Ok(answer.with_context(|| format!("{path} of the edge"))?.text())
    }

    pub(crate) async fn measure(&self) -> anyhow::Result<Held> {
        let of = |name: &str| PathBuf::from(format!("/proc/{}/{name}", self.process));
        let mut sockets = 0;
        for entry in std::fs::read_dir(of("fd"))? {
            let target = std::fs::read_link(entry?.path()).unwrap_or_default();
            sockets += usize::from(target.to_string_lossy().starts_with("socket:"));
        }
        let status = std::fs::read_to_string(of("status"))?;
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        let threads = usize::try_from(number("Threads:"))?;
        let tasks = sum(&self.page("/metrics").await?, "edge_tasks", "");
        Ok(Held { sockets, threads, tasks, memory_kib: number("VmRSS:") })
    }

    /// What is held when nobody is there: as little as `expected`, or what it comes down to.
    pub(crate) async fn settled(&self, expected: Option<Held>) -> anyhow::Result<Held> {
        let until = Instant::now() + BASELINE_WITHIN;
        let mut least = self.measure().await?;
        let mut since = Instant::now();
        while Instant::now() < until {
            sleep(Duration::from_millis(500)).await;
            let now = self.measure().await?;
            if now.sockets < least.sockets {
                since = Instant::now();
            }
            least = Held { sockets: least.sockets.min(now.sockets), ..now };
            let is_enough = match expected {
                Some(expected) => now.sockets <= expected.sockets && now.tasks <= expected.tasks,
                // Idle connections to nodes are kept for a while.
                None => since.elapsed() > Duration::from_secs(25),
            };
            if is_enough {
                break;
            }
        }
        Ok(least)
    }
}

/// Of a metric's series with these labels.
fn sum(page: &str, name: &str, labels: &str) -> u64 {
    let value = |line: &str| {
        let rest = line.strip_prefix("casebook_").unwrap_or(line).strip_prefix(name)?;
        let is_of = rest.starts_with(['{', ' ']) && rest.contains(labels);
        is_of.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
    };
    page.lines().filter_map(value).sum::<f64>() as u64
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sockets, {} tasks, {} threads, {} MiB",
            self.sockets,
            self.tasks,
            self.threads,
            self.memory_kib >> 10
        )
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
