//! Calls: each is answered once, under its own id, whatever becomes of a node.

use std::time::{Duration, Instant};

use devnet::client::{Seen, WsClient};
use devnet::node::{Fault, NodePlan, Switch};
use serde_json::{Value, json};

use crate::stage::{stage, two_nodes, until_head};

#[tokio::test]
async fn ids_come_back_as_they_were_written() {
    let stage = two_nodes().await;
    for id in ["1", "\"a\\\"b\"", "18446744073709551616123", "-7", "1.0", "null", "\"\""] {
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"eth_chainId\",\"params\":[]}}");
        let answer = stage.http().post(&body).await.unwrap().text();
        assert!(answer.contains(&format!("\"id\":{id}")), "{id}: {answer}");
        assert!(answer.contains("\"result\":\"0x539\""), "{id}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_told_so_as_json_rpc() {
    let stage = two_nodes().await;
    for (body, code) in [("", -32700), ("{", -32700), ("[]", -32600), ("7", -32600), ("{\"id\":3}", -32600)] {
        let answer = stage.http().post(body).await.unwrap();
        assert_eq!(answer.json()["error"]["code"], code, "{body}: {}", answer.text());
    }
    let answer = stage.http().call("admin_peers", json!([])).await.unwrap().json();
    assert_eq!(answer["error"]["code"], -32601);
    let answer = stage.http().call("eth_subscribe", json!(["newHeads"])).await.unwrap().json();
    assert_eq!(answer["error"]["code"], -32601);
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order_and_notifications_are_not() {
    let stage = two_nodes().await;
    let body = r#"[{"jsonrpc":"2.0","id":"b","method":"eth_chainId"},7,
        {"jsonrpc":"2.0","method":"eth_chainId"},{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}]"#;
    let answer = stage.http().post(body).await.unwrap().json();
    let ids: Vec<&Value> = answer.as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, [&json!("b"), &json!(null), &json!(1)], "{answer}");
}

/// The deadline is the client's: what waits for others of its batch has no more time than they have.
#[tokio::test]
async fn a_batch_is_answered_by_its_deadline_however_many_of_its_calls_wait() {
    let settings = "attempt_timeout = \"300ms\"\ndial_timeout = \"300ms\"\ndeadline = \"1s\"";
    let stage = stage(vec![NodePlan::default(); 2], settings).await;
    let (http, socket) = (stage.http(), stage.ws().await);
    (0..2).for_each(|node| stage.set(node, Fault::Freeze));
    let call = |id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [{}, "latest"]});
    let batch = Value::from((0..600).map(call).collect::<Vec<_>>()).to_string();
    let begun = Instant::now();
    let (over_http, over_socket) = tokio::join!(http.post(&batch), async {
        socket.send_text(&batch).await?;
        socket.until(|record| record.unanswered().next().is_none()).await
    });
    let took = begun.elapsed();
    over_socket.unwrap();
    let answers = over_http.unwrap().json();
    let is_told = |(id, answer): (usize, &Value)| answer["id"] == id && answer["error"]["code"] == -32_603;
    assert!(answers.as_array().unwrap().iter().enumerate().all(is_told), "{answers}");
    assert_eq!(answers.as_array().unwrap().len(), 600);
    // One call after the other lot of 64 would take ten seconds.
    assert!(took < Duration::from_secs(4), "{took:?}");
    stage.assert_well(&socket.close().await);
}

/// Behaviour 8: slow reads in flight on a node that is reset.
#[tokio::test]
async fn reads_in_flight_on_a_node_that_is_reset_are_answered_once_under_their_ids() {
    let stage = two_nodes().await;
    stage
        .devnet
        .node(0)
        .set(Switch::from(Fault::Slow { ms: 1_500 }).for_methods(&["eth_getBalance"]))
        .unwrap();
    let client = stage.ws().await;
    let params = || json!(["0x0000000000000000000000000000000000000001", "latest"]);
    let ids: Vec<Value> = (0..50)
        .map(|at| match at % 3 {
            0 => json!(at),
            1 => json!(format!("read-{at}")),
            _ => serde_json::from_str(&format!("9007199254740993{at}")).unwrap(),
        })
        .collect();
    let calls = ids.iter().map(|id| client.call_as(id, "eth_getBalance", params()));
    let killed = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.set(0, Fault::Kill);
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(calls), killed);
    for (id, answer) in ids.iter().zip(answers) {
        assert!(answer.unwrap().result().is_some_and(|result| result.is_string()), "{id}");
    }
    stage.assert_well(&client.close().await);
}

/// Behaviour 10: a hundred calls a second over a WebSocket while the primary is killed. Those are affected that were under way
/// at that moment, which at this node are twenty, and those of the next second.
#[tokio::test]
async fn calls_go_on_while_the_primary_is_killed() {
    const SLOW: Duration = Duration::from_millis(200);
    const KILLED_AT: Duration = Duration::from_secs(1);
    let stage = two_nodes().await;
    let slow = Fault::Slow { ms: SLOW.as_millis() as u64 };
    stage.devnet.node(0).set(Switch::from(slow).for_methods(&["eth_getBalance"])).unwrap();
    let client = stage.ws().await;
    let started = Instant::now();
    let calls = (0..300_u64).map(|at| {
        let client = &client;
        async move {
            tokio::time::sleep(Duration::from_millis(at * 10)).await;
            let begun = started.elapsed();
            let params = json!(["0x0000000000000000000000000000000000000001", "latest"]);
            let answer = client.call_as(&json!(at), "eth_getBalance", params).await.unwrap();
            assert!(answer.result().is_some_and(|result| result.is_string()), "{at}: {}", answer.text);
            (begun, started.elapsed())
        }
    });
    let killed = async {
        tokio::time::sleep(KILLED_AT).await;
        let asked = stage.devnet.node(0).count("eth_getBalance");
        stage.set(0, Fault::Kill);
        (started.elapsed(), asked)
    };
    let (answers, (killed, asked)) = tokio::join!(futures_util::future::join_all(calls), killed);
    assert!(asked > 50, "the primary was asked: {asked}");
    let under_way = answers.iter().filter(|(begun, ended)| *begun < killed && *ended > killed).count();
    assert!(under_way >= 10, "{under_way} were under way");
    let is_affected =
        |(begun, ended): &&(Duration, Duration)| *ended > killed && *begun < killed + Duration::from_secs(1);
    let mut took: Vec<Duration> =
        answers.iter().filter(is_affected).map(|(begun, ended)| *ended - *begun).collect();
    took.sort_unstable();
    assert!(took.len() >= 100, "{}", took.len());
    assert!(took[took.len() * 99 / 100] <= Duration::from_millis(1_500), "{took:?}");
    let record = client.close().await;
    // Each is answered once: more would be what nobody asked for.
    let is_answer = |seen: &Seen| matches!(seen, Seen::Answered { .. });
    assert_eq!(record.entries().iter().filter(|entry| is_answer(&entry.seen)).count(), answers.len());
    stage.assert_well(&record);
}

/// Behaviour 11: a client that uses id 1 for everything.
#[tokio::test]
async fn a_client_may_use_one_id_for_everything() {
    let stage = two_nodes().await;
    let clients = [stage.ws().await, stage.ws().await];
    let mut ids = Vec::new();
    for (client, params) in clients.iter().flat_map(|client| KINDS.map(|params| (client, params))) {
        let params = serde_json::from_str(params).unwrap();
        let answer = client.call_as(&json!(1), "eth_subscribe", params).await.unwrap();
        ids.push(answer.result().unwrap().as_str().unwrap().to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let mut expected = Vec::new();
    for (method, params) in questions() {
        expected.push(stage.node(1).call(method, params).await.unwrap().json()["result"].to_string());
    }
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(expected.len(), 20, "each has an answer of its own");
    let slow = Switch::from(Fault::Slow { ms: 300 });
    let slow = slow.for_methods(&["eth_getBalance", "eth_getBlockByNumber"]);
    stage.devnet.node(0).set(slow).unwrap();
    for is_killed in [false, true, false] {
        // Many at once, of which a client can only say that all came, and none twice.
        let all = clients.iter().map(all_at_once);
        let killed = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            is_killed.then(|| stage.set(0, Fault::Kill));
        };
        let (answers, ()) = tokio::join!(futures_util::future::join_all(all), killed);
        assert!(answers.iter().all(|results| *results == expected), "{answers:?}");
    }
    until_head(&clients[0], stage.head() + 3).await;
    stage.devnet.pause();
    for client in clients {
        until_head(&client, stage.head()).await;
        let heads = client.record().heads().last().unwrap().subscription.clone();
        let answer = client.call_as(&json!(1), "eth_unsubscribe", json!([heads])).await.unwrap();
        assert_eq!(answer.result(), Some(json!(true)));
        stage.assert_well(&client.close().await);
    }
}

const KINDS: [&str; 2] = ["[\"newHeads\"]", "[\"logs\",{}]"];

/// Over a node's WebSocket and over HTTP, each with an answer that is no other's.
fn questions() -> Vec<(&'static str, Value)> {
    let balance = |at: u64| ("eth_getBalance", json!([format!("0x{at:040x}"), "0x5"]));
    let block = |at: u64| ("eth_getBlockByNumber", json!([format!("{at:#x}"), false]));
    (0..10).map(balance).chain((0..10).map(block)).collect()
}

/// What all of them were answered under one id, which cannot say which is whose.
async fn all_at_once(client: &WsClient) -> Vec<String> {
    let id = json!(1);
    let calls = questions().into_iter().map(|(method, params)| client.call_as(&id, method, params));
    let answers = futures_util::future::join_all(calls).await;
    let mut results: Vec<String> =
        answers.into_iter().map(|answer| answer.unwrap().result().unwrap().to_string()).collect();
    results.sort_unstable();
    results
}
