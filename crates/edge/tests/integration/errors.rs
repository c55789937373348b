//! Everything that can be wrong with a node's answers: reads have no failure that a client sees while one good node is left.

use std::time::Duration;

use devnet::client::WsClient;
use devnet::node::{Fault, NodePlan, REVERT_CALL, Switch};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::stage::{Stage, stage, two_nodes};

const ACCOUNT: &str = "0x0000000000000000000000000000000000000001";
/// A node has little time, so that what hangs does not last.
const SHORT: &str = "attempt_timeout = \"400ms\"\ndial_timeout = \"300ms\"\ndeadline = \"10s\"";
const READS: u64 = 60;

/// What is wrong with a node, and by which of these words its attempts are counted; none where it is given nothing.
fn faults() -> Vec<(Fault, &'static [&'static str])> {
    let status = |status| Fault::Status { status, retry_after_s: None };
    let error = |code, message: &str| Fault::Error { code, message: message.to_owned(), data: None };
    vec![
        (Fault::Kill, &["refused", "reset"]),
        (Fault::Stop, &["refused", "reset"]),
        (Fault::Freeze, &["timeout"]),
        (Fault::Silent, &["timeout"]),
        (Fault::Slow { ms: 2_000 }, &["timeout"]),
        (Fault::Reset, &["reset"]),
        (Fault::ResetBefore, &["reset"]),
        (Fault::Truncate { bytes: 30 }, &["reset"]),
        (status(500), &["status"]),
        (status(503), &["status"]),
        (status(404), &["status"]),
        (Fault::Status { status: 429, retry_after_s: Some(1) }, &["rate_limited"]),
        (error(-32_005, "limit exceeded"), &["rate_limited"]),
        (error(-32_603, "internal error"), &["node_error"]),
        (error(-32_000, "header not found"), &["node_error"]),
        (error(-32_000, "missing trie node 0x1"), &["missing"]),
        (error(-32_601, "the method eth_x does not exist/is not available"), &[]),
        (Fault::Malformed, &["malformed"]),
        (Fault::WrongChain { chain_id: 5 }, &[]),
        (Fault::Syncing, &[]),
        (Fault::Lag { blocks: 10 }, &[]),
        (Fault::LieHead { ahead: 9_000_000 }, &[]),
    ]
}

fn read(stage: &Stage, at: u64) -> (&'static str, Value) {
    let head = stage.devnet.head();
    let (known, number) = (head.header.parent, format!("{:#x}", head.number() - 1));
    match at % 6 {
        0 => ("eth_getBalance", json!([ACCOUNT, "latest"])),
        1 => ("eth_getBlockByNumber", json!([number, false])),
        2 => ("eth_getBlockByHash", json!([known, false])),
        3 => ("eth_getLogs", json!([{"blockHash": known}])),
        4 => ("eth_call", json!([{"to": ACCOUNT}, "latest"])),
        _ => ("eth_gasPrice", json!([])),
    }
}

/// Reads over both ways, one in ten milliseconds; the fault begins in their midst.
async fn reads_over(stage: &Stage, fault: &Fault, socket: &WsClient) -> Vec<String> {
    let reads = (0..READS).map(|at| async move {
        sleep(Duration::from_millis(at * 10)).await;
        let (method, params) = read(stage, at);
        let answer = match at % 2 {
            0 => stage.http().call(method, params).await.unwrap().json(),
            _ => socket.call(method, params).await.unwrap().json(),
        };
        let is_well = answer.get("error").is_none() && !answer["result"].is_null();
        (!is_well).then(|| format!("{fault:?}: {method}: {answer}"))
    });
    let begins = async {
        sleep(Duration::from_millis(READS * 10 / 4)).await;
        stage.set(0, fault.clone());
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(reads), begins);
    answers.into_iter().flatten().collect()
}

/// Behaviour 21: every class of fault that a node can answer with, in the midst of reads of every kind.
#[tokio::test]
async fn reads_have_no_failure_that_a_client_sees_whatever_is_wrong_with_one_of_two_nodes() {
    for (fault, words) in faults() {
        let stage = stage(vec![NodePlan::default(); 2], SHORT).await;
        let socket = stage.ws().await;
        let wrong = reads_over(&stage, &fault, &socket).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let mut seen = 0.0;
        for word in words {
            let labels = ["node=\"node-0\"", &format!("error_class=\"{word}\"")];
            seen += stage.metric("casebook_edge_attempts_total", &labels).await;
        }
        assert!(words.is_empty() || seen > 0.0, "{fault:?} was never met as {words:?}");
        assert!(socket.close().await.unanswered().next().is_none());
        stage.edge.stop().await;
    }
}

/// Behaviour 21: `null` that others have.
#[tokio::test]
async fn a_null_that_another_node_can_fill_is_asked_of_it() {
    let stage = two_nodes().await;
    let block =
        stage.devnet.history().main().into_iter().rfind(|block| !block.transactions.is_empty()).unwrap();
    let (hash, transaction) = (json!(block.hash), json!(block.transactions[0].hash));
    stage.set(0, Fault::Null);
    let number = json!(format!("{:#x}", block.number()));
    for (method, params) in [
        ("eth_getBlockByHash", json!([hash, false])),
        ("eth_getBlockByNumber", json!([number, false])),
        ("eth_getTransactionByHash", json!([transaction])),
        ("eth_getTransactionReceipt", json!([transaction])),
    ] {
        let answer = stage.http().call(method, params).await.unwrap().json();
        assert!(answer["result"].is_object(), "{method}: {answer}");
    }
}

/// Behaviour 21: what nobody has is told as what it is.
#[tokio::test]
async fn a_null_of_every_node_is_null() {
    let stage = two_nodes().await;
    let nowhere = format!("0x{}", "ab".repeat(32));
    let answer = stage.http().call("eth_getTransactionByHash", json!([nowhere])).await.unwrap().json();
    assert!(answer["result"].is_null() && answer.get("error").is_none(), "{answer}");
}

/// Behaviour 21: reverts are never retried.
#[tokio::test]
async fn a_revert_is_an_answer_and_no_other_node_is_asked() {
    let stage = two_nodes().await;
    let socket = stage.ws().await;
    let asked = |method: &str| (0..2).map(|node| stage.devnet.node(node).count(method)).sum::<u64>();
    for method in ["eth_call", "eth_estimateGas"] {
        let before = asked(method);
        for times in 1..=5 {
            let params = json!([{"to": ACCOUNT, "data": REVERT_CALL}, "latest"]);
            let answer = match times % 2 {
                0 => stage.http().call(method, params).await.unwrap().json(),
                _ => socket.call(method, params).await.unwrap().json(),
            };
            assert_eq!(answer["error"]["code"], 3, "{answer}");
            assert!(answer["error"]["data"].is_string(), "its data is passed on: {answer}");
            assert_eq!(asked(method) - before, times, "{method}");
        }
    }
    assert_eq!(stage.metric("casebook_edge_retries_total", &[]).await, 0.0);
}

/// Behaviour 21: a node that asks for a pause has it, for as long as it said.
#[tokio::test]
async fn a_node_that_asks_to_be_left_alone_is_left_alone_for_so_long() {
    let stage = two_nodes().await;
    // Over HTTP, which says how long.
    let limited = Fault::Status { status: 429, retry_after_s: Some(2) };
    stage.devnet.node(0).set(Switch::from(limited).for_methods(&["eth_getCode"]).for_requests(1)).unwrap();
    let code = async || {
        let answer = stage.http().call("eth_getCode", json!([ACCOUNT, "latest"])).await.unwrap().json();
        assert!(answer["result"].is_string(), "{answer}");
    };
    let begun = Instant::now();
    code().await;
    let asked = stage.devnet.node(0).count("eth_getCode");
    assert_eq!(asked, 1, "the first was asked of it");
    while begun.elapsed() < Duration::from_millis(1_900) {
        code().await;
        // Whoever was slow to look sees it after the pause.
        let now = stage.devnet.node(0).count("eth_getCode");
        assert!(now == asked || begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
        sleep(Duration::from_millis(20)).await;
    }
    crate::stage::until("it is asked again", async || {
        code().await;
        stage.devnet.node(0).count("eth_getCode") > asked
    })
    .await;
}

/// Behaviour 21: with no good node left, each call has one error of JSON-RPC, in its time.
#[tokio::test]
async fn without_a_good_node_a_call_has_one_error_before_its_deadline() {
    let settings = "attempt_timeout = \"400ms\"\ndial_timeout = \"300ms\"\ndeadline = \"1500ms\"";
    let stage = stage(vec![NodePlan::default(); 2], settings).await;
    let socket = stage.ws().await;
    (0..2).for_each(|node| stage.set(node, Fault::Freeze));
    let begun = Instant::now();
    let calls = (0..20).map(|at| {
        let socket = &socket;
        async move {
            let params = json!([ACCOUNT, "latest"]);
            let answer = socket.call_as(&json!(format!("c{at}")), "eth_getBalance", params).await.unwrap();
            assert_eq!(answer.json()["id"], json!(format!("c{at}")));
            answer.error().unwrap()
        }
    });
    for (code, said) in futures_util::future::join_all(calls).await {
        assert_eq!(code, -32_603, "{said}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let record = socket.close().await;
    assert!(record.unanswered().next().is_none());
}
