//! Answers of any size: large ones pass, and one beyond the limit is the error of that one call.

use devnet::node::NodePlan;
use serde_json::{Value, json};

use crate::stage::{Stage, stage, two_nodes, until_head};

const ACCOUNT: &str = "0x0000000000000000000000000000000000000001";
const MIB: usize = 1 << 20;
const LARGE: usize = 40 * MIB;
const TOO_LARGE: usize = 200 * MIB;

fn is_whole(answer: &Value, bytes: usize) -> bool {
    answer["result"].as_str().is_some_and(|text| text.len() == bytes && text.bytes().all(|byte| byte == b'a'))
}

fn assert_too_large(answer: &Value) {
    assert_eq!(answer["error"]["code"], -32_000);
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("larger than what is passed on"), "{said}");
}

async fn standing(stage: &Stage, node: usize) -> Value {
    let status = stage.admin().get("/status").await.unwrap().json();
    status["pools"][0]["nodes"][node]["http"]["state"].clone()
}

/// Behaviour 17: over HTTP.
#[tokio::test]
async fn forty_mebibytes_pass_over_http_and_two_hundred_are_an_error_of_that_call() {
    let stage = two_nodes().await;
    let http = stage.http();
    let passed = http.call("devnet_large", json!([LARGE])).await.unwrap();
    assert!(is_whole(&passed.json(), LARGE));

    let others = async {
        for _ in 0..20 {
            let answer = stage.http().call("eth_getCode", json!([ACCOUNT, "latest"])).await.unwrap().json();
            assert!(answer["result"].is_string());
        }
    };
    let (refused, ()) = tokio::join!(http.call("devnet_large", json!([TOO_LARGE])), others);
    let refused = refused.unwrap();
    assert_eq!(refused.status, 200, "the error is JSON-RPC's");
    assert_too_large(&refused.json());
    assert_eq!(standing(&stage, 0).await, "serving", "a long answer says nothing about its node");
    assert_eq!(stage.metric("casebook_edge_refused_total", &["limit=\"frame_bytes\""]).await, 1.0);
}

/// Behaviour 17: over a WebSocket that is told heads and logs meanwhile, with little room for what is not read.
#[tokio::test]
async fn forty_mebibytes_pass_over_websocket_beside_heads_and_two_hundred_are_an_error_of_that_call() {
    let stage = stage(vec![NodePlan::default(); 2], "client_buffer_bytes_max = \"256KiB\"").await;
    let client = stage.ws().await;
    client.subscribe(json!(["newHeads"])).await.unwrap();
    client.subscribe(json!(["logs", {}])).await.unwrap();
    let large = |bytes: usize| client.call("devnet_large", json!([bytes]));
    let (one, other) = tokio::join!(large(LARGE), large(LARGE));
    assert!(is_whole(&one.unwrap().json(), LARGE));
    assert!(is_whole(&other.unwrap().json(), LARGE));

    let (refused, beside) = tokio::join!(large(TOO_LARGE), client.call("eth_chainId", json!([])));
    assert_too_large(&refused.unwrap().json());
    assert_eq!(beside.unwrap().result(), Some(json!("0x539")));
    stage.devnet.pause();
    until_head(&client, stage.head()).await;
    stage.assert_well(&client.close().await);
}

/// Behaviour 17: in a batch, the others of it are answered.
#[tokio::test]
async fn an_answer_beyond_the_limit_is_one_error_in_its_batch() {
    let stage = stage(vec![NodePlan::default(); 2], "frame_bytes_max = \"1MiB\"").await;
    let body = json!([
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []},
        {"jsonrpc": "2.0", "id": 2, "method": "devnet_large", "params": [2 * MIB]},
        {"jsonrpc": "2.0", "id": 3, "method": "eth_chainId", "params": []},
    ]);
    let answers = stage.http().post(&body.to_string()).await.unwrap().json();
    assert_eq!((&answers[0]["result"], &answers[2]["result"]), (&json!("0x539"), &json!("0x539")));
    assert_eq!(answers[1]["id"], 2);
    assert_too_large(&answers[1]);
}

#[tokio::test]
async fn the_answers_of_a_batch_are_bounded_together_and_none_is_missing() {
    let stage = stage(vec![NodePlan::default(); 2], "frame_bytes_max = \"1MiB\"").await;
    let call = |id| json!({"jsonrpc": "2.0", "id": id, "method": "devnet_large", "params": [MIB / 4]});
    let body = Value::from((0..200).map(call).collect::<Vec<_>>()).to_string();
    let client = stage.ws().await;
    client.send_text(&body).await.unwrap();
    let over_http = stage.http().post(&body).await.unwrap().json();
    let is_told = |record: &devnet::client::Record| record.unanswered().next().is_none();
    client.until(is_told).await.unwrap();
    let answers = over_http.as_array().unwrap();
    assert_eq!(answers.len(), 200);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], id);
        assert!(is_whole(answer, MIB / 4) || answer["error"]["code"] == -32_003, "{answer}");
    }
    let whole = answers.iter().filter(|answer| is_whole(answer, MIB / 4)).count();
    assert_eq!(whole, 3, "the fourth does not fit, with what stands around it");
    let asked: u64 = (0..2).map(|node| stage.devnet.node(node).count("devnet_large")).sum();
    assert!(asked < 300, "{asked} of 400 were asked, though no more than 6 could be told");
    stage.assert_well(&client.close().await);
}
