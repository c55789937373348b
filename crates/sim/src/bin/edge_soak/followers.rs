//! Clients that follow heads and logs, each for a while; then it is judged by the truth, forgotten, and another one comes. A
//! few stay from the beginning to the end. It must never know which fault there is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use devnet::client::{Expected, Record, Seen, WsClient, check};
use devnet::served::Devnet;
use serde_json::{Value, json};
use sim::Rng;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::BLOCK_MS;
use super::child::Edge;
use super::ledger::Ledger;

/// How long a client stays, so that what it saw stays small.
const STAYS_S: (u64, u64) = (20, 60);
/// So many stay to the end: what they saw is kept for all of it.
const STAYERS: usize = 10;
/// A node that goes its own way from the head leads until the others have come as far: the edge is no further ahead of what most
/// of them have.
const EXPECTED: Expected = Expected { from_block: None, finished: false, may_close: false, aside_max: 2 };
/// They come one after another.
const BETWEEN: Duration = Duration::from_millis(4);

/// Counts the heads from a moment at which nothing is mined.
pub(crate) struct Witness {
    client: WsClient,
}

struct Place {
    url: String,
    devnet: Arc<Devnet>,
    ledger: Arc<Ledger>,
    ended: watch::Receiver<bool>,
}

pub(crate) fn start(
    clients: usize,
    seed: u64,
    devnet: &Arc<Devnet>,
    edge: &Edge,
    ledger: &Arc<Ledger>,
    ended: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let place = |at: usize| {
        let place = Place {
            url: edge.ws_url(),
            devnet: Arc::clone(devnet),
            ledger: Arc::clone(ledger),
            ended: ended.clone(),
        };
        let rng = Rng::new(seed ^ (at as u64) << 20);
        tokio::spawn(async move {
            sleep(BETWEEN * u32::try_from(at).unwrap_or(0)).await;
            place.fill(rng, at < STAYERS).await;
        })
    };
    (0..clients).map(place).collect()
}

impl Place {
    /// One client after another, until the end.
    async fn fill(mut self, mut rng: Rng, stays: bool) {
        while !*self.ended.borrow() {
            let seconds = STAYS_S.0 + rng.below(STAYS_S.1 - STAYS_S.0);
            let life = if stays { Duration::MAX } else { Duration::from_secs(seconds) };
            if let Err(error) = self.live(&mut rng, life).await {
                self.ledger.wrong(format!("a client: {error:#}"));
                sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn live(&mut self, rng: &mut Rng, life: Duration) -> anyhow::Result<()> {
        let client = WsClient::connect(&self.url).await?;
        let contracts = devnet::chain::contracts(self.devnet.read(|network| network.chain().origin().seed));
        let mut subscriptions = Vec::new();
        for which in 0..4 {
            let contract = contracts[rng.below(contracts.len() as u64) as usize];
            let params = match which {
                0 | 1 => json!(["newHeads"]),
                2 => json!(["logs", {}]),
                _ => json!(["logs", { "address": contract }]),
            };
            subscriptions.push(client.subscribe(params).await.context("a subscription")?);
        }
        tokio::select! {
            () = sleep(life) => {}
            _ = self.ended.wait_for(|ended| *ended) => {}
        }
        let finished = *self.ended.borrow();
        if finished {
            let head = self.devnet.head().number();
            // Who came after the last block is told nothing.
            let _ = tokio::time::timeout(
                Duration::from_millis(4 * BLOCK_MS),
                client.until(|record| record.heads().filter(|seen| seen.number >= head).count() >= 2),
            )
            .await;
        }
        for subscription in subscriptions {
            let answer = client.call("eth_unsubscribe", json!([subscription])).await?;
            anyhow::ensure!(answer.result() == Some(Value::Bool(true)), "eth_unsubscribe: {}", answer.text);
        }
        let last = client.record().heads().last().map(|seen| seen.number);
        let head = self.devnet.head().number();
        let record = client.close().await;
        self.ledger.check(!finished || last.is_none_or(|last| last == head), || {
            format!("at the end a client was at {last:?}, and the chain at {head}")
        });
        let wrong = check(&record, &self.devnet.history(), EXPECTED);
        self.ledger.judged(notified(&record), wrong);
        Ok(())
    }
}

fn notified(record: &Record) -> u64 {
    let is_one = |seen: &Seen| matches!(seen, Seen::Head(_) | Seen::Log(_) | Seen::Notified { .. });
    record.entries().iter().filter(|entry| is_one(&entry.seen)).count() as u64
}

impl Witness {
    pub(crate) async fn start(edge: &Edge) -> anyhow::Result<Self> {
        let client = WsClient::connect(&edge.ws_url()).await?;
        client.subscribe(json!(["newHeads"])).await?;
        Ok(Self { client })
    }

    /// How many heads it was told.
    pub(crate) async fn end(self, devnet: &Devnet, ledger: &Ledger) -> anyhow::Result<u64> {
        let head = devnet.head().number();
        self.client.until(|record| record.heads().last().is_some_and(|seen| seen.number >= head)).await?;
        let record = self.client.close().await;
        let wrong = check(&record, &devnet.history(), Expected { finished: true, ..EXPECTED });
        wrong.into_iter().for_each(|wrong| ledger.wrong(format!("the witness: {wrong}")));
        Ok(record.heads().count() as u64)
    }
}
