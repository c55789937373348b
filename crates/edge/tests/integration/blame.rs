//! What speaks against a node and what does not: a client's own mistakes take no node from anybody.

use devnet::client::HttpClient;
use devnet::node::{Fault, Switch};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, two_nodes};

const ACCOUNT: &str = "0x00000000000000000000000000000000000000aa";

fn only(fault: &Fault, method: &str) -> Switch {
    Switch { fault: fault.clone(), methods: vec![method.to_owned()], requests: None, face: None }
}

async fn states(stage: &Stage) -> Vec<String> {
    let admin = HttpClient::new(&format!("http://{}", stage.edge.admin_listen));
    let status = admin.get("/status").await.unwrap().json();
    let nodes = status["pools"][0]["nodes"].as_array().unwrap().clone();
    nodes.iter().map(|node| node["http"]["state"].as_str().unwrap().to_owned()).collect()
}

async fn until_shunned(stage: &Stage, node: usize) {
    let out = async {
        while states(stage).await[node] == "serving" {
            let answer = stage.http().call("eth_getBalance", json!([ACCOUNT, "latest"])).await.unwrap();
            assert!(answer.json()["result"].is_string(), "{}", answer.text());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, out).await.expect("others are preferred");
}

#[tokio::test]
async fn what_a_client_asks_in_vain_takes_no_node_out() {
    let stage = two_nodes().await;
    for _ in 0..30 {
        let answer = stage.http().call("eth_getBalance", json!([ACCOUNT, "0xffffff"])).await.unwrap();
        assert!(answer.json()["error"].is_object(), "{}", answer.text());
    }
    assert_eq!(states(&stage).await, ["serving", "serving"]);
    stage.edge.stop().await;
}

#[tokio::test]
async fn what_every_node_fails_at_is_held_against_none() {
    let stage = two_nodes().await;
    let error = Fault::Error { code: -32603, message: "internal error".to_owned(), data: None };
    for node in [0, 1] {
        stage.devnet.node(node).set(only(&error, "eth_getProof")).unwrap();
    }
    for _ in 0..30 {
        let answer = stage.http().call("eth_getProof", json!([ACCOUNT, [], "latest"])).await.unwrap();
        assert_eq!(answer.json()["error"]["code"], Value::from(-32603), "{}", answer.text());
    }
    assert_eq!(states(&stage).await, ["serving", "serving"]);
    stage.edge.stop().await;
}

#[tokio::test]
async fn what_another_node_does_better_is_held_against_a_node() {
    let stage = two_nodes().await;
    let error = Fault::Error { code: -32603, message: "internal error".to_owned(), data: None };
    stage.devnet.node(0).set(only(&error, "eth_getBalance")).unwrap();
    until_shunned(&stage, 0).await;
    assert_eq!(states(&stage).await[1], "serving");
    stage.edge.stop().await;
}
