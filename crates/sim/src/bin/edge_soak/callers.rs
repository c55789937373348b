//! Calls at a steady rate over HTTP and WebSocket. Each has to be answered, and not with an error. It must never know which
//! fault there is.

use std::sync::Arc;
use std::time::Duration;

use devnet::client::{HttpClient, WsClient};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::child::Edge;
use super::ledger::Ledger;

/// Of one caller; there are as many as are needed for the rate.
const CALLS_PER_SECOND: u64 = 10;
/// After so many a caller begins anew, so that what it wrote down stays small.
const CALLS_MAX: u64 = 500;

enum Way {
    Http(HttpClient),
    Ws(WsClient),
}

impl Way {
    async fn new(over_ws: bool, http: &str, ws: &str) -> Result<Self, String> {
        if over_ws {
            return WsClient::connect(ws).await.map(Self::Ws).map_err(|error| error.to_string());
        }
        Ok(Self::Http(HttpClient::new(http)))
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        match self {
            Self::Http(client) => {
                let answer = client.call(method, params).await.map_err(|error| error.to_string())?;
                Ok(answer.json())
            }
            Self::Ws(client) => {
                let answer = client.call(method, params).await.map_err(|error| error.to_string())?;
                Ok(answer.json())
            }
        }
    }
}

pub(crate) fn start(
    rate: u64,
    edge: &Edge,
    ledger: &Arc<Ledger>,
    ended: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let callers = rate.div_ceil(CALLS_PER_SECOND);
    let caller = |at: u64| {
        let (http, ws, ledger, ended) = (edge.http_url(), edge.ws_url(), Arc::clone(ledger), ended.clone());
        tokio::spawn(async move {
            while !*ended.borrow() {
                if let Err(error) = go_on(at.is_multiple_of(2), &http, &ws, &ledger, &ended).await {
                    ledger.wrong(format!("a caller: {error}"));
                }
            }
        })
    };
    (0..callers).map(caller).collect()
}

async fn go_on(
    over_ws: bool,
    http: &str,
    ws: &str,
    ledger: &Ledger,
    ended: &watch::Receiver<bool>,
) -> Result<(), String> {
    let way = Way::new(over_ws, http, ws).await?;
    let mut turns = interval(Duration::from_millis(1_000 / CALLS_PER_SECOND));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for call in 0..CALLS_MAX {
        turns.tick().await;
        if *ended.borrow() {
            break;
        }
        let (method, params) = question(call);
        let asked = Instant::now();
        let answer = way.call(method, params).await?;
        ledger.answered(u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX));
        if answer.get("result").is_none_or(Value::is_null) {
            ledger.wrong(format!("{method}: {answer}"));
        }
    }
    if let Way::Ws(client) = way {
        let record = client.close().await;
        record.unanswered().for_each(|(id, method)| ledger.wrong(format!("{method} {id} was not answered")));
    }
    Ok(())
}

fn question(call: u64) -> (&'static str, Value) {
    match call % 4 {
        0 => ("eth_blockNumber", json!([])),
        1 => ("eth_getBlockByNumber", json!(["latest", false])),
        2 => ("eth_getBalance", json!(["0x0000000000000000000000000000000000000001", "latest"])),
        _ => ("eth_gasPrice", json!([])),
    }
}
