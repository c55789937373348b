//! Clients that are there when the process is told to end, each with a call under way: every call is answered, and everybody is
//! told goodbye after it. It must never know how the process ends.

use std::time::Duration;

use anyhow::Context as _;
use devnet::client::{Seen, WsClient};
use devnet::node::{Fault, Switch};
use devnet::served::Devnet;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::child::Edge;
use super::ledger::Ledger;

const METHOD: &str = "eth_getBalance";
/// Less than a node may take, and long enough for all calls to be under way before the first is answered.
const SLOW_MS: u64 = 1_500;
const UNDER_WAY_WITHIN: Duration = Duration::from_secs(20);

pub(crate) struct Crowd {
    leaving: JoinSet<Vec<String>>,
}

impl Crowd {
    /// Comes back when a node works on the call of each. It is the only one left, so no call is asked twice.
    pub(crate) async fn gather(clients: usize, devnet: &Devnet, edge: &Edge) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for _ in 0..clients {
            let client = WsClient::connect(&edge.ws_url()).await?;
            client.subscribe(json!(["newHeads"])).await?;
            all.push(client);
        }
        for at in 1..devnet.nodes() {
            devnet.node(at).set(Fault::Kill)?;
        }
        let node = devnet.node(0);
        node.set(Switch::from(Fault::Slow { ms: SLOW_MS }).for_methods(&[METHOD]))?;
        let before = node.count(METHOD);
        let leaving = all.into_iter().map(leave).collect();
        let under_way = async {
            while node.count(METHOD) < before + clients as u64 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(UNDER_WAY_WITHIN, under_way).await.context("not all calls at the end came to a node")?;
        Ok(Self { leaving })
    }

    /// When the process is gone.
    pub(crate) async fn judge(mut self, ledger: &Ledger) -> anyhow::Result<()> {
        while let Some(left) = self.leaving.join_next().await {
            left.context("a client")?.into_iter().for_each(|wrong| ledger.wrong(wrong));
        }
        Ok(())
    }
}

/// One call, then nothing until the connection is closed: what was wrong with either.
async fn leave(client: WsClient) -> Vec<String> {
    let params = json!(["0x0000000000000000000000000000000000000001", "latest"]);
    let call = client.call(METHOD, params).await;
    // It ends with the connection.
    let _ = client.until(|_| false).await;
    let record = client.record();
    let last = record.entries().last().map(|entry| &entry.seen);
    let is_goodbye = matches!(last, Some(Seen::Closed { code: Some(1001), reason }) if !reason.is_empty());
    let not_answered = |what| format!("a call at the end was not answered: {what}");
    let of_call = match call {
        Ok(answer) if answer.result().is_some() => None,
        Ok(answer) => Some(not_answered(answer.json().to_string())),
        Err(error) => Some(not_answered(error.to_string())),
    };
    let of_goodbye = (!is_goodbye).then(|| format!("a client was not told goodbye with 1001, but {last:?}"));
    of_call.into_iter().chain(of_goodbye).collect()
}
