//! What every node is asked, and what its answers say. It must never judge them: whether a node is behind shows only
//! beside the others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ask::{Answer, Asker, Failure, Question};
use super::judge::{Answers, Seen};
use crate::config::{Config, Consensus, Node, Pool, Service};
use crate::core::Fault;
use crate::redact::{SecretUrl, Secrets};

/// Nodes that are asked at the same time.
const AT_ONCE_MAX: usize = 16;
/// A node that takes longer is told of as one that does not answer: somebody waits at a terminal.
const TIMEOUT_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;
const HTTP_OK: u16 = 200;
const HTTP_TOO_MANY: u16 = 429;

/// The answers of the nodes of every pool, in the order of the file.
pub(super) async fn ask_all(config: &Config) -> Result<Vec<(&Pool, Answers)>, String> {
    let nodes = || config.pools.iter().flat_map(|pool| pool.nodes.iter().map(move |node| (pool, node)));
    let needs_tls = nodes().any(|(_, node)| node.http.url.expose().scheme() == "https");
    let asker = Asker::new(needs_tls)?;
    let turns = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut asked = JoinSet::new();
    for (at, (pool, node)) in nodes().enumerate() {
        let (asker, turns, service, node) =
            (asker.clone(), Arc::clone(&turns), pool.service.clone(), node.clone());
        asked.spawn(async move {
            // Nobody closes it; without a turn the node is asked all the same.
            let _turn = turns.acquire().await;
            (at, ask(&asker, &service, &node).await)
        });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    let mut answers = answers.into_iter().map(|(_, answer)| answer);
    Ok(config.pools.iter().map(|pool| (pool, answers.by_ref().take(pool.nodes.len()).collect())).collect())
}

async fn ask(asker: &Asker, service: &Service, node: &Node) -> Result<Seen, Failure> {
    let asking = Asking { asker, node, secrets: node.secrets() };
    match service {
        Service::Execution(_) => asking.execution().await,
        Service::Consensus(consensus) => asking.consensus(consensus).await,
        Service::Http(http) => {
            let path = http.health_path.as_deref().unwrap_or_default();
            Ok(Seen::Http { status: asking.get(path).await?.status })
        }
    }
}

struct Asking<'a> {
    asker: &'a Asker,
    node: &'a Node,
    secrets: Secrets,
}

impl Asking<'_> {
    async fn execution(&self) -> Result<Seen, Failure> {
        let chain_id = quantity(&self.call("eth_chainId").await?)?;
        let syncing = self.call("eth_syncing").await?;
        let head = quantity(&self.call("eth_blockNumber").await?)?;
        Ok(Seen::Execution { chain_id, head, is_syncing: syncing != Value::Bool(false) })
    }

    async fn consensus(&self, pool: &Consensus) -> Result<Seen, Failure> {
        let chain_id = match pool.chain_id {
            Some(_) => {
                let spec = self.data("/eth/v1/config/spec").await?;
                Some(number(&spec, "DEPOSIT_CHAIN_ID")?)
            }
            None => None,
        };
        let syncing = self.data("/eth/v1/node/syncing").await?;
        let is = |name: &str| syncing.get(name).and_then(Value::as_bool).unwrap_or_default();
        Ok(Seen::Consensus {
            chain_id,
            head_slot: number(&syncing, "head_slot")?,
            sync_distance: number(&syncing, "sync_distance")?,
            is_optimistic: is("is_optimistic"),
            el_offline: is("el_offline"),
        })
    }

    /// The result of a JSON-RPC call.
    async fn call(&self, method: &str) -> Result<Value, Failure> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] });
        let answer = self.ask(self.node.http.url.clone(), Some(body.to_string().into())).await?;
        let mut document = self.document(&answer)?;
        match document.get_mut("result").map(Value::take) {
            Some(result) => Ok(result),
            None => {
                let message =
                    document.pointer("/error/message").and_then(Value::as_str).unwrap_or("no result");
                Err(Failure::because(Fault::NodeError, message, &self.secrets))
            }
        }
    }

    /// What a Beacon node has under `data`.
    async fn data(&self, path: &str) -> Result<Value, Failure> {
        let answer = self.get(path).await?;
        // Which of several requests it was tells more than the class alone.
        let named =
            |failure: Failure| Failure { cause: failure.cause.or_else(|| Some(path.to_owned())), ..failure };
        let mut document = self.document(&answer).map_err(named)?;
        document.get_mut("data").map(Value::take).ok_or_else(|| named(Fault::Malformed.into()))
    }

    async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(below(&self.node.http.url, path), None).await
    }

    async fn ask(&self, url: SecretUrl, body: Option<Bytes>) -> Result<Answer, Failure> {
        let question = Question {
            url,
            headers: &self.node.http.headers,
            body,
            dial_timeout: self.node.dial_timeout,
            timeout: self.node.attempt_timeout.min(TIMEOUT_MAX),
            answer_bytes_max: ANSWER_BYTES_MAX,
            secrets: &self.secrets,
        };
        self.asker.ask(question).await
    }

    /// A document of an answer that is one.
    fn document(&self, answer: &Answer) -> Result<Value, Failure> {
        match answer.status {
            HTTP_OK => serde_json::from_slice(&answer.body)
                .map_err(|error| Failure::because(Fault::Malformed, &error.to_string(), &self.secrets)),
            HTTP_TOO_MANY => Err(Fault::RateLimited { retry_after_ms: None }.into()),
            status => Err(Fault::Status(status).into()),
        }
    }
}

/// The address of a path of the node: behind what its URL already has, before its query.
fn below(url: &SecretUrl, path: &str) -> SecretUrl {
    let url = url.expose();
    let mut below = url.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    if !path.is_empty() {
        below.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    }
    match (url.query(), query) {
        (Some(own), Some(more)) => below.set_query(Some(&format!("{own}&{more}"))),
        (None, Some(more)) => below.set_query(Some(more)),
        (_, None) => {}
    }
    SecretUrl::new(below)
}

/// `"0x1b4"`.
fn quantity(value: &Value) -> Result<u64, Failure> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(|| Fault::Malformed.into())
}

/// Beacon nodes write numbers as texts.
fn number(value: &Value, name: &str) -> Result<u64, Failure> {
    let text = value.get(name).and_then(Value::as_str);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Fault::Malformed.into())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn paths_go_between_what_an_address_has_and_its_query() {
        for (url, path, expected) in [
            ("http://a.example.org", "/eth/v1", "http://a.example.org/eth/v1"),
            ("http://a.example.org/key/", "/eth/v1", "http://a.example.org/key/eth/v1"),
            ("http://a.example.org/?k=1", "/eth/v1", "http://a.example.org/eth/v1?k=1"),
            ("http://a.example.org/b?k=1", "/health?full", "http://a.example.org/b/health?k=1&full"),
            ("http://a.example.org/b", "/health?full", "http://a.example.org/b/health?full"),
            ("http://a.example.org/b", "", "http://a.example.org/b"),
        ] {
            let url = SecretUrl::new(Url::parse(url).unwrap());
            assert_eq!(below(&url, path).expose().as_str(), expected);
        }
    }
}
