//! WebSocket clients that follow heads, or do nothing at all: what a notification costs, and what an idle client holds. It
//! must never know how the figures are shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use memchr::memmem;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::calls::{Calls, Target, upgrade};
use super::floor;
use super::heat::Plan;
use super::node::{Nodes, between};
use super::programs::{Installed, edge};
use super::wire::{TEXT, Wire, put_frame};
use crate::cell::Bed;
use crate::figures::Spread;
use crate::machine::{self, ProcessorTime};

/// Followers, and subscriptions of each: as many notifications of a head each way.
const SHAPES: [(usize, usize); 3] = [(1_000, 1), (250, 4), (125, 8)];
/// The edge believes a chain four times its usual speed, so this is what it may be told for long.
const BLOCK_TIME: Duration = Duration::from_millis(50);
pub(super) const HEAD_EVERY: Duration = Duration::from_millis(16);
/// What stands around a header in a notification, its frame included.
const ENVELOPE_BYTES: usize = 140;
const TOLD_WITHIN: Duration = Duration::from_secs(20);
/// Clients that come and go before idle ones are counted, so that what is held by all of them is there.
const COME_AND_GO: usize = 200;

/// A head, told to many.
#[derive(Debug, Serialize)]
pub(crate) struct FanOut {
    pub(crate) clients: usize,
    pub(crate) subscriptions_per_client: usize,
    pub(crate) header_bytes: usize,
    /// All that the edge used, what it does for a head itself included.
    pub(crate) us_per_notification: Spread,
    pub(crate) kernel_share: f64,
    /// The same bytes, written by a loop that does nothing else.
    pub(crate) us_of_bare_writes: Spread,
    pub(crate) heads: u64,
    pub(crate) notifications: u64,
}

/// What clients hold that do nothing, in bytes for each.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) clients: usize,
    pub(crate) bytes_per_client: f64,
    /// Each with a subscription, after some heads.
    pub(crate) bytes_per_follower: f64,
}

/// What all followers have been told together.
#[derive(Debug, Default)]
struct Told {
    count: AtomicU64,
    expected: AtomicU64,
    all: Notify,
}

struct Followers {
    told: Arc<Told>,
    tasks: JoinSet<anyhow::Result<()>>,
    count: usize,
}

pub(super) async fn fan_out(
    bed: &Bed,
    installed: &Installed,
    nodes: &Nodes,
    plan: &Plan,
) -> anyhow::Result<Vec<FanOut>> {
    let _awake = stay_awake();
    let mut found = Vec::new();
    for (clients, subscriptions) in SHAPES {
        let started = edge(&installed.edge, &bed.scratch, nodes, BLOCK_TIME);
        let running = bed.on_its_core(started).await?;
        let mut wires = connect(&running.target(Calls::Socket), clients).await?;
        for wire in &mut wires {
            subscribe(wire, subscriptions).await?;
        }
        let mut followers = Followers::listen(wires, subscriptions);
        followers.heads_for(nodes, plan.warm_up_s).await?;
        let (mut us, mut heads, mut kernel_s, mut used_s) = (Vec::new(), 0, 0.0, 0.0);
        for _ in 0..plan.turns {
            let before = ProcessorTime::of(running.pid())?;
            let turn = followers.heads_for(nodes, plan.turn_s).await?;
            let used = ProcessorTime::of(running.pid())?.since(before);
            us.push(used.total_s() * 1e6 / (turn * followers.count as u64) as f64);
            (heads, kernel_s, used_s) = (heads + turn, kernel_s + used.system_s, used_s + used.total_s());
        }
        followers.end().await?;
        running.stop().await?;
        // A head is one write to each client, whatever it holds.
        let bytes = subscriptions * (nodes.header_bytes() + ENVELOPE_BYTES);
        let bare = floor::us_per_write(bed, clients, bytes, plan).await?;
        found.push(FanOut {
            us_of_bare_writes: Spread::of(bare.into_iter().map(|us| us / subscriptions as f64)),
            clients,
            subscriptions_per_client: subscriptions,
            header_bytes: nodes.header_bytes(),
            us_per_notification: Spread::of(us),
            kernel_share: kernel_s / used_s,
            heads,
            notifications: heads * (clients * subscriptions) as u64,
        });
    }
    Ok(found)
}

/// Followers do not sleep until what this returns is dropped. Whoever writes to one that sleeps on the same machine pays for an
/// interrupt to its core, which no client elsewhere costs; and whether they sleep depends on which side is a little faster.
fn stay_awake() -> JoinSet<()> {
    let mut awake = JoinSet::new();
    awake.spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    awake
}

pub(super) async fn idle(
    bed: &Bed,
    installed: &Installed,
    nodes: &Nodes,
    plan: &Plan,
) -> anyhow::Result<Idle> {
    let started = edge(&installed.edge, &bed.scratch, nodes, Duration::from_secs(1));
    let running = bed.on_its_core(started).await?;
    let (target, pid) = (running.target(Calls::Socket), running.pid());
    let mut first = connect(&target, COME_AND_GO.min(plan.idle_clients)).await?;
    for wire in &mut first {
        subscribe(wire, 1).await?;
    }
    drop(first);
    sleep(Duration::from_secs(1)).await;
    let before = machine::resident_bytes(pid)?;
    let mut wires = connect(&target, plan.idle_clients).await?;
    sleep(Duration::from_secs(1)).await;
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / plan.idle_clients as f64;
    let bytes_per_client = each(machine::resident_bytes(pid)?);
    for wire in &mut wires {
        subscribe(wire, 1).await?;
    }
    let mut followers = Followers::listen(wires, 1);
    for _ in 0..3 {
        followers.head(nodes).await?;
        sleep(Duration::from_secs(1)).await;
    }
    let bytes_per_follower = each(machine::resident_bytes(pid)?);
    followers.end().await?;
    running.stop().await?;
    Ok(Idle { clients: plan.idle_clients, bytes_per_client, bytes_per_follower })
}

async fn connect(target: &Target, clients: usize) -> anyhow::Result<Vec<Wire>> {
    let mut wires = Vec::new();
    for _ in 0..clients {
        wires.push(upgrade(target).await?);
    }
    Ok(wires)
}

async fn subscribe(wire: &mut Wire, subscriptions: usize) -> anyhow::Result<()> {
    for id in 0..subscriptions {
        let ask = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_subscribe","params":["newHeads"]}}"#);
        let mut out = Vec::new();
        put_frame(&mut out, TEXT, ask.as_bytes(), true);
        wire.write(&out).await?;
        let answer = wire.text().await?.context("a WebSocket was closed")?;
        ensure!(
            memmem::find(&answer, format!("\"id\":{id},\"result\":\"0x").as_bytes()).is_some(),
            "a subscription was refused: {}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

impl Followers {
    fn listen(wires: Vec<Wire>, subscriptions: usize) -> Self {
        let told = Arc::new(Told::default());
        let (mut tasks, count) = (JoinSet::new(), wires.len() * subscriptions);
        for wire in wires {
            tasks.spawn(follow(wire, subscriptions, Arc::clone(&told)));
        }
        Self { told, tasks, count }
    }

    /// Heads one after the other, each when all have been told of the last. How many.
    async fn heads_for(&mut self, nodes: &Nodes, seconds: f64) -> anyhow::Result<u64> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut heads = 0;
        while Instant::now() < end {
            let next = tokio::time::Instant::now() + HEAD_EVERY;
            self.head(nodes).await?;
            heads += 1;
            tokio::time::sleep_until(next).await;
        }
        Ok(heads)
    }

    async fn head(&mut self, nodes: &Nodes) -> anyhow::Result<()> {
        let expected = self.told.expected.fetch_add(self.count as u64, Ordering::Relaxed) + self.count as u64;
        nodes.mine();
        let all = async {
            while self.told.count.load(Ordering::Relaxed) < expected {
                tokio::select! {
                    () = self.told.all.notified() => {}
                    Some(ended) = self.tasks.join_next() => match ended? {
                        Ok(()) => bail!("a follower was closed"),
                        Err(error) => return Err(error),
                    },
                }
            }
            Ok(())
        };
        timeout(TOLD_WITHIN, all).await.context("not everybody was told of a head")?
    }

    async fn end(mut self) -> anyhow::Result<()> {
        let (told, expected) =
            (self.told.count.load(Ordering::Relaxed), self.told.expected.load(Ordering::Relaxed));
        ensure!(told == expected, "{expected} notifications were due, and {told} came");
        self.tasks.shutdown().await;
        Ok(())
    }
}

/// Every block once for each subscription, in their order.
async fn follow(mut wire: Wire, subscriptions: usize, told: Arc<Told>) -> anyhow::Result<()> {
    let mut last: Option<u64> = None;
    let mut of_last = 0;
    while let Some(text) = wire.text().await? {
        let number = between(&text, b"\"number\":\"0x", b'"').context("a notification without a number")?;
        let number = u64::from_str_radix(std::str::from_utf8(number)?, 16)?;
        let is_next =
            last.is_none_or(|last| number == last + 1) && (of_last == subscriptions || last.is_none());
        let is_same = last == Some(number) && of_last < subscriptions;
        ensure!(is_next || is_same, "block {number} came after {last:?}");
        of_last = if is_next { 1 } else { of_last + 1 };
        last = Some(number);
        let count = told.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == told.expected.load(Ordering::Relaxed) {
            told.all.notify_one();
        }
    }
    Ok(())
}
