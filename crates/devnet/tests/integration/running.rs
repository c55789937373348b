//! What the tests share: devnets that mine when they are told to, and ways to ask them.

use std::time::Duration;

use devnet::client::{HttpClient, WsClient};
use devnet::network::Plan;
use devnet::node::{Fault, NodePlan, Switch};
use devnet::served::{Devnet, Setup};
use serde_json::Value;

pub(crate) async fn start(nodes: Vec<NodePlan>) -> Devnet {
    Devnet::start(Setup::from(Plan { nodes, ..Plan::default() }).by_hand()).await.unwrap()
}

pub(crate) async fn one() -> Devnet {
    start(vec![NodePlan::default()]).await
}

pub(crate) fn http(devnet: &Devnet, node: usize) -> HttpClient {
    HttpClient::new(&devnet.node(node).http_url()).with_patience(Duration::from_secs(10))
}

pub(crate) fn beacon(devnet: &Devnet, node: usize) -> HttpClient {
    HttpClient::new(&devnet.node(node).beacon_url()).with_patience(Duration::from_secs(10))
}

pub(crate) async fn ws(devnet: &Devnet, node: usize) -> WsClient {
    WsClient::connect(&devnet.node(node).ws_url()).await.unwrap()
}

/// Sets a fault and waits until new connections feel it.
pub(crate) async fn set(devnet: &Devnet, node: usize, switch: impl Into<Switch>) {
    devnet.node(node).set(switch).unwrap();
    devnet.node(node).settled().await;
}

pub(crate) async fn clear(devnet: &Devnet, node: usize) {
    devnet.node(node).clear(None).unwrap();
    devnet.node(node).settled().await;
}

/// The result of a call over HTTP.
pub(crate) async fn result(devnet: &Devnet, method: &str, params: Value) -> Value {
    let answer = http(devnet, 0).call(method, params).await.unwrap().answered();
    answer.result().unwrap_or_else(|| panic!("{method}: {}", answer.text))
}

/// A fault of one method, until it is cleared.
pub(crate) fn of(fault: Fault, method: &str) -> Switch {
    Switch::from(fault).for_methods(&[method])
}
