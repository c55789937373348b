//! Transactions under failure: none is reported failed that a node accepted.

use devnet::chain::{Draft, Fixed, data, keccak256, keccak256_of, signed};
use devnet::node::{Fault, Switch};
use serde_json::{Value, json};

use crate::stage::{Stage, stage, until};

const SEND: &str = "eth_sendRawTransaction";
const CHAIN_ID: u64 = 1_337;
/// One node is asked at a time, and has little time.
const ONE_BY_ONE: &str = "broadcast_transactions = false\nattempt_timeout = \"400ms\"\ndial_timeout = \"300ms\"\ndeadline = \"8s\"";
const ALL_AT_ONCE: &str =
    "broadcast_transactions = true\nattempt_timeout = \"400ms\"\ndial_timeout = \"300ms\"\ndeadline = \"8s\"";

fn hash(raw: &[u8]) -> Value {
    json!(keccak256(raw).to_string())
}

async fn send(stage: &Stage, raw: &[u8]) -> Value {
    stage.http().call(SEND, json!([data(raw)])).await.unwrap().json()
}

/// It is in a block of the main branch.
async fn is_mined(stage: &Stage, raw: &[u8]) -> bool {
    let hash = keccak256(raw);
    stage.devnet.read(|network| network.chain().with_transaction(&hash).next().is_some())
}

/// Every way in which the answer of the first node is lost, and what it had done by then.
fn losses() -> Vec<Fault> {
    vec![
        Fault::ResetBefore,
        Fault::Reset,
        Fault::Silent,
        Fault::Status { status: 500, retry_after_s: None },
        Fault::StatusAfter { status: 500 },
        Fault::StatusAfter { status: 404 },
        Fault::Status { status: 429, retry_after_s: Some(1) },
        Fault::Error { code: -32_603, message: "internal error".to_owned(), data: None },
        Fault::Truncate { bytes: 20 },
        Fault::Malformed,
    ]
}

/// Behaviour 20: the answer of one node is lost, before or after it accepted.
#[tokio::test]
async fn a_transaction_whose_answer_is_lost_in_whatever_way_is_reported_as_accepted() {
    for settings in [ONE_BY_ONE, ALL_AT_ONCE] {
        let stage = stage(vec![devnet::node::NodePlan::default(); 2], settings).await;
        for (sender, fault) in (1..).zip(losses()) {
            // Every loss meets a first node that is trusted.
            stage.until_ready().await;
            let before = stage.devnet.node(0).count(SEND);
            stage.devnet.node(0).set(Switch::from(fault.clone()).for_methods(&[SEND])).unwrap();
            let raw = signed(sender, 0, CHAIN_ID);
            let answer = send(&stage, &raw).await;
            assert_eq!(answer["result"], hash(&raw), "{fault:?}: {answer}");
            assert!(stage.devnet.node(0).count(SEND) > before, "{fault:?} was never met");
            stage.clear(0);
            until("it is mined", async || is_mined(&stage, &raw).await).await;
        }
    }
}

/// Behaviour 20: the node dies after it accepted and before it answered.
#[tokio::test]
async fn a_transaction_on_its_way_to_a_node_that_is_killed_is_reported_as_accepted() {
    let stage = stage(vec![devnet::node::NodePlan::default(); 2], ONE_BY_ONE).await;
    stage.devnet.node(0).set(Switch::from(Fault::Slow { ms: 350 }).for_methods(&[SEND])).unwrap();
    let raw = signed(1, 0, CHAIN_ID);
    let killed = async {
        until("the node has it", async || stage.devnet.node(0).count(SEND) > 0).await;
        stage.set(0, Fault::Kill);
    };
    let (answer, ()) = tokio::join!(send(&stage, &raw), killed);
    assert_eq!(answer["result"], hash(&raw), "{answer}");
    until("it is mined", async || is_mined(&stage, &raw).await).await;
}

/// Behaviour 20: every answer is lost, and one of the nodes is asked what became of it.
#[tokio::test]
async fn a_transaction_whose_every_answer_is_lost_is_looked_up_by_its_hash() {
    let stage = stage(vec![devnet::node::NodePlan::default(); 2], ONE_BY_ONE).await;
    for node in 0..2 {
        stage.devnet.node(node).set(Switch::from(Fault::Reset).for_methods(&[SEND])).unwrap();
    }
    let raw = signed(1, 0, CHAIN_ID);
    let answer = send(&stage, &raw).await;
    assert_eq!(answer["result"], hash(&raw), "{answer}");
}

/// Behaviour 20: nobody can say what became of it, and that is what is told: not that it failed.
#[tokio::test]
async fn a_transaction_of_which_nothing_is_known_is_not_called_failed() {
    let stage = stage(vec![devnet::node::NodePlan::default(); 2], ONE_BY_ONE).await;
    for node in 0..2 {
        let lost = Switch::from(Fault::Reset).for_methods(&[SEND, "eth_getTransactionByHash"]);
        stage.devnet.node(node).set(lost).unwrap();
    }
    let raw = signed(1, 0, CHAIN_ID);
    let answer = send(&stage, &raw).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("may have taken the transaction"), "{answer}");
    assert!(said.contains(hash(&raw).as_str().unwrap()), "{answer}");
}

/// Behaviour 20: "already known" is success.
#[tokio::test]
async fn a_transaction_that_a_node_knows_already_is_reported_as_accepted() {
    let stage = stage(vec![devnet::node::NodePlan::default(); 2], ONE_BY_ONE).await;
    stage.devnet.pause();
    let raw = signed(1, 0, CHAIN_ID);
    let direct = stage.node(0).call(SEND, json!([data(&raw)])).await.unwrap().json();
    assert_eq!(direct["result"], hash(&raw));
    let again = stage.node(0).call(SEND, json!([data(&raw)])).await.unwrap().json();
    assert_eq!(again["error"]["message"], "already known");
    let answer = send(&stage, &raw).await;
    assert_eq!(answer["result"], hash(&raw), "{answer}");
}

/// Behaviour 20: "nonce too low" is success where the transaction itself is what took the nonce, and else what it says.
#[tokio::test]
async fn a_nonce_that_is_too_low_is_an_error_only_where_another_transaction_has_it() {
    let stage = stage(vec![devnet::node::NodePlan::default(); 2], ONE_BY_ONE).await;
    let raw = signed(1, 0, CHAIN_ID);
    assert_eq!(send(&stage, &raw).await["result"], hash(&raw));
    until("it is mined", async || is_mined(&stage, &raw).await).await;
    let direct = stage.node(0).call(SEND, json!([data(&raw)])).await.unwrap().json();
    assert!(direct["error"]["message"].as_str().unwrap().starts_with("nonce too low"), "{direct}");
    let answer = send(&stage, &raw).await;
    assert_eq!(answer["result"], hash(&raw), "{answer}");

    let other = rival_of(1);
    let answer = send(&stage, &other).await;
    let said = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(said.starts_with("nonce too low"), "{answer}");
}

/// What a node refuses for good is refused: nobody accepted it.
#[tokio::test]
async fn a_transaction_that_every_node_refuses_is_refused_in_a_nodes_words() {
    let stage = stage(vec![devnet::node::NodePlan::default(); 2], ONE_BY_ONE).await;
    let answer = stage.http().call(SEND, json!(["0x02c0"])).await.unwrap().json();
    assert_eq!(answer["error"]["code"], -32_000, "{answer}");
    assert!(!answer["error"]["message"].as_str().unwrap().contains("may have taken"), "{answer}");
}

/// Another transaction of the same account with the nonce 0.
fn rival_of(sender: u64) -> Vec<u8> {
    // The account follows from this half of the signature.
    let mut r = keccak256_of(&[b"sender", &sender.to_be_bytes()]);
    r.0[0] = r.0[0] & 0x3f | 0x01;
    let (to, s) = (Fixed([0x22; 20]), Fixed([0x07; 32]));
    Draft { chain_id: CHAIN_ID, nonce: 0, to, value: 2, gas: 21_000, input: Vec::new(), r, s }.raw()
}
