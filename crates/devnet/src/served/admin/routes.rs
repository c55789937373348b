//! What can be asked of the admin API, one function each. It must never know a socket.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Problem;
use crate::network::Network;
use crate::node::{Fault, Switch};
use crate::served::NodeHandle;
use crate::served::shared::Shared;

/// Blocks that one request may have mined.
const MINE_MAX: u64 = 1_000;
/// Steps and requests that `/truth` shows where nothing else is asked for, and at most.
const TRUTH_DEFAULT: usize = 100;
const TRUTH_MAX: usize = 10_000;
const ROUTES: &str = "GET /status, GET /truth, POST /mine, POST /fork, POST and DELETE /nodes/{i}/fault, \
                      POST /nodes/{i}/start, POST /nodes/{i}/stop";

pub(super) struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub body: Bytes,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Mine {
    count: u64,
}

impl Default for Mine {
    fn default() -> Self {
        Self { count: 1 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fork {
    /// Blocks below the head; or the number of the last block that stays.
    depth: Option<u64>,
    at: Option<u64>,
    length: u64,
    /// Whether the main branch goes on with it.
    #[serde(default = "yes")]
    adopt: bool,
    /// Nodes that follow it where it is not adopted.
    #[serde(default)]
    nodes: Vec<usize>,
}

fn yes() -> bool {
    true
}

pub(super) async fn handle(shared: &Arc<Shared>, asked: Asked) -> Result<Value, Problem> {
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    match (asked.method.as_str(), &parts[..]) {
        ("GET", ["status"]) => Ok(status(shared)),
        ("GET", ["truth"]) => truth(shared, &asked.query),
        ("POST", ["mine"]) => mine(shared, &read(&asked.body)?),
        ("POST", ["fork"]) => fork(shared, &read(&asked.body)?),
        ("POST", ["nodes", node, "fault"]) => {
            let document: Value = read(&asked.body)?;
            set(shared, node, Switch::read(&document).map_err(Problem::bad)?).await
        }
        ("DELETE", ["nodes", node, "fault"]) => clear(shared, node, query(&asked.query, "fault")).await,
        ("POST", ["nodes", node, "stop"]) => set(shared, node, Fault::Stop.into()).await,
        ("POST", ["nodes", node, "start"]) => {
            clear(shared, node, Some("stop".to_owned())).await?;
            clear(shared, node, Some("kill".to_owned())).await
        }
        (_, ["status" | "truth" | "mine" | "fork"] | ["nodes", _, "fault" | "start" | "stop"]) => {
            let detail = format!("{} is not for {}; there are {ROUTES}", asked.path, asked.method);
            Err(Problem { status: StatusCode::METHOD_NOT_ALLOWED, detail })
        }
        _ => Err(Problem::missing(format!("there is no {}; there are {ROUTES}", asked.path))),
    }
}

fn status(shared: &Arc<Shared>) -> Value {
    let count = shared.doors().len() / 2;
    let nodes: Vec<Value> = (0..count).map(|node| node_status(shared, node)).collect();
    let head = shared.read(|network| {
        let head = network.chain().head();
        json!({ "number": head.number(), "hash": head.hash, "slot": head.slot })
    });
    json!({ "now_ms": shared.now_ms(), "block_ms": shared.block_ms(), "head": head, "nodes": nodes })
}

fn node_status(shared: &Arc<Shared>, node: usize) -> Value {
    let handle = NodeHandle { shared, index: node };
    let (head, faults) = shared.read(|network| {
        let held = network.nodes().get(node);
        let head = held.map(|held| held.view().announced(network.chain()).number());
        let faults = held.map(|held| held.switches().all().to_vec()).unwrap_or_default();
        (head, faults)
    });
    json!({ "urls": handle.urls(), "head": head, "faults": faults, "connections": handle.connections() })
}

fn truth(shared: &Arc<Shared>, asked: &str) -> Result<Value, Problem> {
    let last = match query(asked, "last") {
        None => TRUTH_DEFAULT,
        Some(text) => {
            let last = text.parse().ok().filter(|last| *last <= TRUTH_MAX);
            last.ok_or_else(|| {
                Problem::bad(format!("`last` is a number of at most {TRUTH_MAX}, not {text}"))
            })?
        }
    };
    let nodes = shared.read(|network| {
        let of = |requests: &crate::network::Requests| {
            let skipped = requests.last().count().saturating_sub(last);
            let received: Vec<Value> = requests.last().skip(skipped).map(|one| json!(one)).collect();
            json!({ "counts": requests.counts(), "requests": received })
        };
        network.requests().iter().map(of).collect::<Vec<Value>>()
    });
    let history = shared.read(|network| network.history().to_json(last));
    Ok(json!({ "history": history, "nodes": nodes }))
}

fn mine(shared: &Shared, Mine { count }: &Mine) -> Result<Value, Problem> {
    if !(1..=MINE_MAX).contains(count) {
        return Err(Problem::bad(format!("`count` is 1 to {MINE_MAX}, not {count}")));
    }
    (0..*count).for_each(|_| _ = shared.step(|network, now_ms| network.mine(now_ms)));
    Ok(shared.read(head))
}

fn fork(shared: &Shared, fork: &Fork) -> Result<Value, Problem> {
    let newest = shared.read(|network| network.chain().head().number());
    let at = match (fork.depth, fork.at) {
        (Some(depth), None) => newest.saturating_sub(depth),
        (None, Some(at)) => at,
        _ => return Err(Problem::bad("give either `depth` or `at`")),
    };
    let stepped = shared.step(|network, now_ms| match network.fork(at, fork.length, now_ms) {
        Err(error) => (Err(error), Vec::new()),
        Ok(branch) if fork.adopt => match network.adopt(branch, now_ms) {
            Ok((_, pushed)) => (Ok(branch), pushed),
            Err(error) => (Err(error), Vec::new()),
        },
        Ok(branch) => {
            let pushed = fork.nodes.iter().flat_map(|node| network.follow(*node, branch, now_ms)).collect();
            (Ok(branch), pushed)
        }
    });
    let branch = stepped.map_err(Problem::bad)?;
    let mut document = shared.read(head);
    document["branch"] = json!(branch.0);
    Ok(document)
}

async fn set(shared: &Arc<Shared>, node: &str, switch: Switch) -> Result<Value, Problem> {
    let index = index(shared, node)?;
    let handle = NodeHandle { shared, index };
    handle.set(switch).map_err(Problem::bad)?;
    handle.settled().await;
    Ok(node_status(shared, index))
}

async fn clear(shared: &Arc<Shared>, node: &str, fault: Option<String>) -> Result<Value, Problem> {
    let index = index(shared, node)?;
    let handle = NodeHandle { shared, index };
    handle.clear(fault.as_deref()).map_err(Problem::bad)?;
    handle.settled().await;
    Ok(node_status(shared, index))
}

fn index(shared: &Shared, node: &str) -> Result<usize, Problem> {
    let count = shared.doors().len() / 2;
    let index = node.parse().ok().filter(|index| *index < count);
    index.ok_or_else(|| Problem::missing(format!("there is no node {node}: they are 0 to {}", count - 1)))
}

fn head(network: &Network) -> Value {
    let head = network.chain().head();
    json!({ "head": { "number": head.number(), "hash": head.hash } })
}

/// No body is an empty document.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Problem::bad(format!("the body cannot be read: {error}")))
}

fn query(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_strictly_and_may_be_missing() {
        assert_eq!(read::<Mine>(b" \n").map(|mine| mine.count), Ok(1));
        assert_eq!(read::<Mine>(b"{\"count\":3}").map(|mine| mine.count), Ok(3));
        let said = read::<Mine>(b"{\"cuont\":3}").map(|mine| mine.count).unwrap_err().detail;
        assert!(said.contains("unknown field `cuont`, expected `count`"), "{said}");
        assert!(read::<Fork>(b"{}").is_err_and(|problem| problem.detail.contains("missing field `length`")));
    }

    #[test]
    fn a_query_is_found_by_its_name() {
        assert_eq!(query("a=1&fault=own%5Ffork", "fault").as_deref(), Some("own_fork"));
        assert_eq!(query("", "fault"), None);
    }
}
