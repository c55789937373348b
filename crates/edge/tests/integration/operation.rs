//! What operators do while clients go on: the way back to a primary, a drain, a new configuration, an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use devnet::client::{HttpClient, WsClient};
use devnet::node::{Fault, Switch};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::process::{Process, Said, all_serve, state, text};
use crate::stage::{until, until_head};

const TWO: [Said; 2] = [("a", 0, "primary"), ("b", 1, "backup")];
/// Longer than anything that is done while it is in flight.
const SLOW: Duration = Duration::from_secs(8);

/// A client that follows heads and logs, and one that calls all the time.
struct Clients {
    follower: WsClient,
    ended: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    caller: JoinHandle<Vec<String>>,
}

impl Clients {
    async fn of(process: &Process) -> Self {
        let follower = process.ws("net").await;
        follower.subscribe(json!(["newHeads"])).await.unwrap();
        follower.subscribe(json!(["logs", {}])).await.unwrap();
        let (ended, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let caller = tokio::spawn(steady(process.http("net"), Arc::clone(&ended), Arc::clone(&calls)));
        let clients = Self { follower, ended, calls, caller };
        until_head(&clients.follower, process.head() + 2).await;
        clients
    }

    /// Some more heads and calls go by.
    async fn go_on(&self, process: &Process) {
        let calls = self.calls.load(Ordering::Relaxed);
        until_head(&self.follower, process.head() + 3).await;
        until("some calls go by", async || self.calls.load(Ordering::Relaxed) >= calls + 5).await;
    }

    /// Nobody noticed anything.
    async fn assert_well(self, process: &Process) {
        self.ended.store(true, Ordering::Relaxed);
        assert_eq!(self.caller.await.unwrap(), [""; 0], "every call is answered");
        process.devnet.pause();
        until_head(&self.follower, process.head()).await;
        process.assert_well(&self.follower.close().await);
    }
}

/// What was no answer.
async fn steady(client: HttpClient, ended: Arc<AtomicBool>, calls: Arc<AtomicU64>) -> Vec<String> {
    let mut wrong = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        match client.call("eth_getBlockByNumber", json!(["latest", false])).await {
            Ok(answer) if answer.json()["result"]["number"].is_string() => {}
            Ok(answer) => wrong.push(answer.text()),
            Err(failure) => wrong.push(failure.to_string()),
        }
        calls.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    wrong
}

/// A call that its node takes long for, and has begun with.
async fn slow_call(process: &Process, node: usize) -> JoinHandle<Value> {
    let slow = Fault::Slow { ms: u64::try_from(SLOW.as_millis()).unwrap() };
    process.devnet.node(node).set(Switch::from(slow).for_methods(&["eth_gasPrice"])).unwrap();
    let client = process.http("net");
    let before = process.devnet.node(node).count("eth_gasPrice");
    let call = tokio::spawn(async move { client.call("eth_gasPrice", json!([])).await.unwrap().json() });
    until("the node has begun", async || process.devnet.node(node).count("eth_gasPrice") > before).await;
    call
}

/// Behaviour 9.
// rca: 2026-11-proxy-believed-its-own-answers
#[tokio::test]
async fn a_planned_failback_drains_and_subscriptions_do_not_notice() {
    let process = Process::start(2, &TWO, "").await;
    let clients = Clients::of(&process).await;
    process.devnet.node(0).set(Fault::Kill).unwrap();
    process.until("the primary is out", |status| state(status, "a") == "out").await;
    clients.go_on(&process).await;
    let call = slow_call(&process, 1).await;
    process.devnet.node(0).clear(None).unwrap();
    process.until("the primary is back", |status| state(status, "a") == "serving").await;
    assert!(!call.is_finished(), "the call is still in flight on the backup");
    let before = process.devnet.node(0).count("eth_chainId");
    let on_backup = process.devnet.node(1).count("eth_getBalance");
    for _ in 0..20 {
        let client = process.http("net");
        // Both have it: of the head the backup may be the only one that has it, for a moment.
        let params = json!(["0x0000000000000000000000000000000000000001", "0x1"]);
        assert!(client.call("eth_getBalance", params).await.unwrap().json()["result"].is_string());
    }
    assert_eq!(process.devnet.node(1).count("eth_getBalance"), on_backup, "new calls go to the primary");
    assert!(process.devnet.node(0).count("eth_chainId") >= before);
    assert!(call.await.unwrap()["result"].is_string());
    assert_eq!(process.devnet.node(0).count("eth_gasPrice"), 0, "the call ended where it was");
    clients.go_on(&process).await;
    clients.assert_well(&process).await;
}

#[tokio::test]
async fn a_node_is_drained_by_hand_and_used_again_and_nobody_notices() {
    let process = Process::start(2, &TWO, "").await;
    let clients = Clients::of(&process).await;
    let call = slow_call(&process, 0).await;
    let (code, said) = process.command(&["drain", "a"]).await;
    assert_eq!((code, said.as_str()), (0, "net/a is given nothing new while another serves\n"));
    process.until("it is drained", |status| state(status, "a") == "draining").await;
    assert_eq!(process.status().await["pools"][0]["nodes"][0]["is_draining"], json!(true));
    assert!(process.command(&["status", "--once"]).await.1.contains("primary, drained"));
    clients.go_on(&process).await;
    // Of the head it may be the only one that has it, for a moment: what others have is asked of them.
    let params = json!(["0x0000000000000000000000000000000000000001", "0x1"]);
    for _ in 0..20 {
        let answer = process.http("net").call("eth_getBalance", params.clone()).await.unwrap();
        assert!(answer.json()["result"].is_string(), "{}", answer.text());
    }
    let asked = [0, 1].map(|node| process.devnet.node(node).count("eth_getBalance"));
    assert_eq!(asked, [0, 20], "it is given nothing new");
    let before = process.devnet.node(0).count("eth_getBlockByNumber");
    // A new configuration leaves it drained.
    process.reload(&TWO, "", "attempts_max = 5", "").await;
    assert_eq!(state(&process.status().await, "a"), "draining");
    assert!(call.await.unwrap()["result"].is_string());
    assert_eq!(process.devnet.node(1).count("eth_gasPrice"), 0, "the call ended where it was");
    assert_eq!(process.command(&["undrain", "a", "--pool", "net"]).await.0, 0);
    process.until("it serves", |status| state(status, "a") == "serving").await;
    clients.go_on(&process).await;
    assert!(process.devnet.node(0).count("eth_getBlockByNumber") > before, "it is given calls again");
    clients.assert_well(&process).await;
}

/// It was out before it lied: nothing turned, and nothing said why it stayed so.
#[tokio::test]
async fn a_node_that_lies_from_its_first_word_is_out_and_it_is_said_why() {
    let three = [TWO[0], TWO[1], ("c", 2, "backup")];
    let process = Process::start(3, &TWO, "").await;
    process.devnet.node(2).set(Fault::LieHead { ahead: 9_000_000 }).unwrap();
    process.reload(&three, "", "", "").await;
    let fault = |status: &Value| {
        let node = &status["pools"][0]["nodes"][2];
        ["http", "stream"].map(|transport| node[transport]["fault"].clone())
    };
    process.until("it is said why", |status| fault(status) == ["lying", "lying"]).await;
    assert_eq!(state(&process.status().await, "c"), "out");
    assert!(process.command(&["status", "--once"]).await.1.contains("out (lying)"));
}

#[tokio::test]
async fn what_cannot_be_drained_is_told_with_what_can() {
    let process = Process::start(2, &TWO, "").await;
    let (code, said) = process.command(&["drain", "c"]).await;
    assert_eq!((code, said.as_str()), (3, "casebook-edge: there is no such node; there are: net/a, net/b\n"));
    let (code, said) = process.command(&["drain", "c", "--pool", "net"]).await;
    assert_eq!((code, said.as_str()), (3, "casebook-edge: pool net has no such node; its nodes are: a, b\n"));
    let (code, said) = process.command(&["undrain", "a", "--pool", "nett"]).await;
    assert_eq!((code, said.as_str()), (3, "casebook-edge: there is no such pool; there are: net\n"));
    // What a page in somebody's browser could send is not taken, and clients have no such path.
    let plain = process.admin().with_header("content-type", "text/plain");
    let order = json!({"node": "a", "draining": true}).to_string();
    let refused = plain.send("POST".parse().unwrap(), "/drain", order.clone().into()).await.unwrap();
    assert_eq!(refused.status, 415);
    let client = process.http("drain");
    assert_eq!(client.send("POST".parse().unwrap(), "", order.into()).await.unwrap().status, 404);
    assert_eq!(process.drain(json!({"node": "a", "draining": true, "for": 3})).await.status, 422);
    assert_eq!(state(&process.status().await, "a"), "serving");
}

#[tokio::test]
async fn nodes_come_and_go_and_move_over_reloads_and_no_client_notices() {
    let process = Process::start(4, &TWO, "").await;
    let clients = Clients::of(&process).await;
    let three = [("b", 1, "primary"), ("c", 2, "primary"), ("a", 0, "backup")];
    process.reload(&three, "", "attempts_max = 5", "").await;
    process.until("three nodes serve", |status| all_serve(status, 3)).await;
    clients.go_on(&process).await;
    // One that is working leaves.
    process.reload(&[("b", 1, "primary"), ("a", 0, "backup")], "", "", "").await;
    process.reload(&TWO, "", "", "").await;
    let call = slow_call(&process, 0).await;
    process.reload(&[("b", 1, "backup"), ("d", 3, "primary")], "", "", "").await;
    process.until("it is leaving", |status| state(status, "a") == "leaving").await;
    process.until("the new one serves", |status| state(status, "d") == "serving").await;
    clients.go_on(&process).await;
    let before = process.devnet.node(0).count("eth_getBlockByNumber");
    clients.go_on(&process).await;
    assert_eq!(process.devnet.node(0).count("eth_getBlockByNumber"), before, "who left is given nothing");
    assert!(call.await.unwrap()["result"].is_string());
    let others: u64 = (1..4).map(|node| process.devnet.node(node).count("eth_gasPrice")).sum();
    assert_eq!(others, 0, "the call ended where it was");
    process.until("it has left", |status| all_serve(status, 2)).await;
    // The same name is another node.
    process.reload(&[("b", 1, "backup"), ("d", 2, "primary")], "", "", "").await;
    process.until("it moved", |status| all_serve(status, 2)).await;
    clients.go_on(&process).await;
    assert_eq!(process.devnet.node(3).connections().sockets, 0, "nothing is left of where it was");
    assert_eq!(process.metric("casebook_edge_config_valid").await, 1.0);
    clients.assert_well(&process).await;
}

#[tokio::test]
async fn a_faulty_file_changes_nothing_and_all_that_is_wrong_is_told() {
    let process = Process::start(2, &TWO, "").await;
    let clients = Clients::of(&process).await;
    let nodes = [("c", 1, "primary"), ("d", 0, "third")];
    let faulty = text(&process.devnet, &nodes, "connections_max = 0", "attempt_max = 3", "");
    let status = process.write(&faulty).await;
    let faults = status["config"]["faults"].as_array().unwrap().len();
    assert!(faults >= 3, "{status}");
    assert_eq!(status["config"]["reloads"], json!(0));
    assert_eq!(process.metric("casebook_edge_config_valid").await, 0.0);
    assert!(all_serve(&status, 2) && state(&status, "a") == "serving");
    assert!(process.command(&["status", "--once"]).await.1.contains("is not in force"));
    clients.go_on(&process).await;
    // What only a restart brings is told, and what does not need one counts.
    let status = process.reload(&TWO, "idle_timeout = \"60s\"", "", "").await;
    assert_eq!((&status["config"]["reloads"], &status["config"]["faults"]), (&json!(1), &json!([])));
    assert_eq!(process.metric("casebook_edge_config_valid").await, 1.0);
    let moved = text(&process.devnet, &TWO, "", "", "").replace("log = \"warn\"", "log = \"info\"");
    let status = process.write(&moved).await;
    assert_eq!(status["config"]["awaits_restart"], json!(["edge.log"]));
    clients.go_on(&process).await;
    clients.assert_well(&process).await;
}

#[tokio::test]
async fn pools_and_keys_come_and_go_and_who_is_no_longer_served_is_told_why() {
    let process = Process::start(2, &TWO, "").await;
    let clients = Clients::of(&process).await;
    let node = process.devnet.node(1);
    let other = format!(
        "[pools.other]\nkind = \"execution\"\nchain_id = 1337\n[[pools.other.nodes]]\nname = \"x\"\n\
         http_url = \"{}\"\nws_url = \"{}\"\n",
        node.http_url(),
        node.ws_url()
    );
    assert_eq!(process.http("other").call("eth_chainId", json!([])).await.unwrap().status, 404);
    process.reload(&TWO, "", "", &other).await;
    let guest = process.ws("other").await;
    assert!(guest.call("eth_chainId", json!([])).await.unwrap().result().is_some());
    process.reload(&TWO, "", "", "").await;
    assert!(guest.until(|_| false).await.is_err());
    let last = format!("{:?}", guest.record().entries().last().unwrap().seen);
    assert_eq!(last, r#"Closed { code: Some(1001), reason: "this pool is no longer served" }"#);
    assert_eq!(process.http("other").call("eth_chainId", json!([])).await.unwrap().status, 404);
    // sha256 of "quiet".
    let key = "[[keys]]\nname = \"one\"\nsha256 = \"008f0747f4e27c8462baa991a538025bcc2dd143e78422f1afbdfcd9e757a20f\"\n";
    let other_key = key.replace("\"one\"", "\"two\"").replace("008f", "118f");
    clients.go_on(&process).await;
    clients.assert_well(&process).await;
    process.reload(&TWO, "", "", key).await;
    assert!(process.ws_with("loud").await.is_none());
    let holder = process.ws_with("quiet").await.unwrap();
    assert!(holder.call("eth_chainId", json!([])).await.unwrap().result().is_some());
    process.reload(&TWO, "", "", &other_key).await;
    assert!(holder.until(|_| false).await.is_err());
    let last = format!("{:?}", holder.record().entries().last().unwrap().seen);
    assert_eq!(last, r#"Closed { code: Some(1008), reason: "the key of this connection counts no longer" }"#);
    assert!(process.ws_with("quiet").await.is_none());
}

/// Balancers look every so often: until they have, clients still come, and are served as any others.
#[tokio::test]
async fn before_its_end_it_is_unready_for_a_while_and_serves_whoever_comes() {
    const LEAD: Duration = Duration::from_secs(6);
    let process = Process::start(2, &TWO, "drain_lead = \"0s\"").await;
    process.reload(&TWO, "drain_lead = \"6s\"", "", "").await;
    let (clients, admin) = (Clients::of(&process).await, process.admin());
    assert_eq!(admin.get("/readyz").await.unwrap().status, 200);
    let told = Instant::now();
    process.signal("TERM").await;
    until("it is unready", async || admin.get("/readyz").await.unwrap().status == 503).await;
    assert_eq!(process.status().await["is_draining"], json!(true));
    let late = process.ws("net").await;
    late.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&late, process.head() + 2).await;
    clients.go_on(&process).await;
    clients.assert_well(&process).await;
    assert!(told.elapsed() < LEAD, "too slow to say anything: {:?}", told.elapsed());
    assert!(late.until(|_| false).await.is_err());
    assert!(told.elapsed() >= LEAD, "it ends after {:?}", told.elapsed());
    let goodbye = r#"Closed { code: Some(1001), reason: "the proxy is shutting down" }"#;
    assert_eq!(format!("{:?}", late.record().entries().last().unwrap().seen), goodbye);
    let ended = process.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.text());
}

#[tokio::test]
async fn at_its_end_it_is_unready_first_ends_what_is_in_flight_and_says_goodbye() {
    let process = Process::start(2, &TWO, "drain_lead = \"0s\"\ndrain_grace = \"15s\"").await;
    let follower = process.ws("net").await;
    follower.subscribe(json!(["newHeads"])).await.unwrap();
    until_head(&follower, process.head() + 2).await;
    let (first, admin, late) = (process.ws("net").await, process.admin(), process.http("net"));
    assert_eq!(admin.get("/readyz").await.unwrap().status, 200);
    let call = slow_call(&process, 0).await;
    let over_ws = tokio::spawn(async move { (first.call("eth_gasPrice", json!([])).await, first) });
    until("the node has both", async || process.devnet.node(0).count("eth_gasPrice") == 2).await;
    process.signal("TERM").await;
    until("it is unready", async || admin.get("/readyz").await.unwrap().status != 200).await;
    assert!(!call.is_finished() && !over_ws.is_finished(), "it is unready before what is in flight ended");
    // The listener closes right after.
    until("nothing new is taken", async || late.call("eth_chainId", json!([])).await.is_err()).await;
    assert!(!call.is_finished(), "what is in flight goes on");
    let goodbye = r#"Closed { code: Some(1001), reason: "the proxy is shutting down" }"#;
    assert!(follower.until(|_| false).await.is_err());
    assert_eq!(format!("{:?}", follower.record().entries().last().unwrap().seen), goodbye);
    assert!(call.await.unwrap()["result"].is_string());
    let (answer, first) = over_ws.await.unwrap();
    assert!(answer.unwrap().result().is_some());
    assert!(first.until(|_| false).await.is_err());
    assert_eq!(format!("{:?}", first.record().entries().last().unwrap().seen), goodbye);
    let ended = process.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.text());
}

#[tokio::test]
async fn whoever_is_not_answered_in_time_is_told_goodbye_all_the_same() {
    let process = Process::start(2, &TWO, "drain_lead = \"0s\"\ndrain_grace = \"0s\"").await;
    let client = process.ws("net").await;
    let call = slow_call(&process, 0).await;
    client.send_text(r#"{"jsonrpc":"2.0","id":1,"method":"eth_gasPrice","params":[]}"#).await.unwrap();
    until("the node has both", async || process.devnet.node(0).count("eth_gasPrice") == 2).await;
    process.signal("TERM").await;
    assert!(client.until(|_| false).await.is_err());
    let goodbye = r#"Closed { code: Some(1001), reason: "the proxy is shutting down" }"#;
    assert_eq!(format!("{:?}", client.record().entries().last().unwrap().seen), goodbye);
    call.abort();
    let ended = process.ended().await;
    assert!(ended.code == Some(0) && ended.text().contains("not all clients had gone"), "{}", ended.text());
}
