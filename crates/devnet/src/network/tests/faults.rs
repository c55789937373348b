//! Every fault over the pure door: what it does while it is set, and that nothing is left of it afterwards.

use super::*;
use crate::chain::hex::{data, parse_quantity};
use crate::chain::signed;
use crate::node::IdScheme;

fn height(net: &mut Net, node: usize) -> u64 {
    let said = net.result(node, "eth_blockNumber", json!([]));
    parse_quantity(said.as_str().unwrap()).unwrap()
}

fn reply(net: &mut Net, method: &str) -> Reply {
    let body = json!({ "id": 1, "method": method }).to_string();
    net.network.post(0, body.as_bytes(), net.now_ms).0
}

fn answered(net: &mut Net, method: &str) -> Answer {
    match reply(net, method) {
        Reply::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn killing_resets_and_forgets_everything() {
    let mut net = Net::new(vec![NodePlan { ids: IdScheme::Counter, ..NodePlan::default() }]);
    let socket = net.socket(0);
    net.subscribe(0, socket, json!(["newHeads"]));
    let filter = net.result(0, "eth_newBlockFilter", json!([]));
    let pushed = net.set(0, Fault::Kill);
    let reset = Push { face: Face::Execution, connection: socket, at_ms: net.now_ms, action: Action::Reset };
    assert_eq!(pushed, [Pushed { node: 0, push: reset }]);
    assert_eq!(net.network.gate(0, Face::Execution), Gate::Closed);
    assert_eq!(reply(&mut net, "eth_chainId"), Reply::Reset { at_ms: 0 });
    assert!(net.mine().1.is_empty());
    assert!(net.clear(0).is_empty());
    assert_eq!(height(&mut net, 0), 11, "it caught up");
    assert_eq!(net.error(0, "eth_getFilterChanges", json!([filter])).1, "filter not found");
    let socket = net.socket(0);
    assert_eq!(net.subscribe(0, socket, json!(["newHeads"])), "0x1", "a new process counts anew");
}

#[test]
fn stopping_says_goodbye() {
    let mut net = Net::plain();
    net.socket(0);
    let pushed = net.set(0, Fault::Stop);
    assert!(matches!(&pushed[0].push.action, Action::Close { code: 1001, .. }));
    assert_eq!(net.network.gate(0, Face::Consensus), Gate::Closed);
}

#[test]
fn a_frozen_node_tells_what_it_missed_when_it_thaws() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let id = net.subscribe(0, socket, json!(["newHeads"]));
    net.set(0, Fault::Freeze);
    let silent: Vec<Pushed> = (0..3).flat_map(|_| net.mine().1).collect();
    assert!(silent.is_empty() && reply(&mut net, "eth_chainId") == Reply::Silent);
    assert_eq!(notified(&net.clear(0), &id).len(), 3);
}

#[test]
fn a_hanging_dial_leaves_what_is_open() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let id = net.subscribe(0, socket, json!(["newHeads"]));
    net.set(0, Switch::from(Fault::HangDial).on(Face::Execution));
    assert_eq!(net.network.gate(0, Face::Execution), Gate::Hanging);
    assert_eq!(net.network.gate(0, Face::Consensus), Gate::Open);
    assert_eq!(notified(&net.mine().1, &id).len(), 1);
}

#[test]
fn answers_late_wrong_cut_or_none() {
    let mut net = Net::plain();
    type Expected = fn(Reply) -> bool;
    let cases: Vec<(Fault, Expected)> = vec![
        (Fault::Slow { ms: 70 }, |reply| {
            matches!(reply, Reply::Answer(Answer { at_ms: 70, status: 200, .. }))
        }),
        (Fault::Silent, |reply| reply == Reply::Silent),
        (Fault::Reset, |reply| reply == Reply::Reset { at_ms: 0 }),
        (Fault::Status { status: 429, retry_after_s: Some(2) }, |reply| {
            matches!(reply, Reply::Answer(Answer { status: 429, retry_after_s: Some(2), .. }))
        }),
        (
            Fault::Truncate { bytes: 10 },
            |reply| matches!(reply, Reply::Answer(Answer { cut: Some(10), ref body, .. }) if body.len() > 10),
        ),
        (Fault::Malformed, |reply| {
            let Reply::Answer(answer) = reply else { return false };
            serde_json::from_slice::<Value>(&answer.body).is_err()
        }),
    ];
    for (fault, expected) in cases {
        net.set(0, Switch::from(fault.clone()).for_methods(&["eth_chainId"]).for_requests(1));
        assert_eq!(answered(&mut net, "eth_blockNumber").status, 200);
        let reply = reply(&mut net, "eth_chainId");
        assert!(expected(reply.clone()), "{fault:?}: {reply:?}");
        assert_eq!(net.result(0, "eth_chainId", json!([])), json!("0x539"), "{fault:?} is over");
    }
}

#[test]
fn errors_and_nulls_are_for_single_calls_of_a_batch() {
    let mut net = Net::plain();
    let error = Fault::Error { code: -32_603, message: "internal error".to_owned(), data: Some(json!("x")) };
    net.set(0, Switch::from(error).for_methods(&["eth_chainId"]));
    net.set(0, Switch::from(Fault::Null).for_methods(&["eth_getB*"]));
    let batch = r#"[{"id":1,"method":"eth_chainId"},{"id":2,"method":"net_version"},
        {"id":3,"method":"eth_getBlockByNumber","params":["latest",false]}]"#;
    let answers: Value = serde_json::from_str(&net.raw(0, batch)).unwrap();
    assert_eq!(answers[0]["error"], json!({ "code": -32_603, "message": "internal error", "data": "x" }));
    assert_eq!((&answers[1]["result"], &answers[2]["result"]), (&json!("1337"), &Value::Null));
}

#[test]
fn a_reset_request_took_effect() {
    let mut net = Net::plain();
    net.set(0, Switch::from(Fault::Reset).for_requests(1));
    let body = json!({ "id": 1, "method": "eth_sendRawTransaction", "params": [data(&signed(1, 0, 1_337))] });
    let (reply, _) = net.network.post(0, body.to_string().as_bytes(), 0);
    assert_eq!(reply, Reply::Reset { at_ms: 0 });
    assert!(net.raw(0, &body.to_string()).contains("already known"));
}

#[test]
fn a_request_that_is_reset_before_took_no_effect_and_one_with_a_status_after_did() {
    let mut net = Net::plain();
    let send = |nonce| {
        let raw = data(&signed(1, nonce, 1_337));
        json!({ "id": 1, "method": "eth_sendRawTransaction", "params": [raw] }).to_string()
    };
    net.set(0, Switch::from(Fault::ResetBefore).for_requests(1));
    assert_eq!(net.network.post(0, send(0).as_bytes(), 0).0, Reply::Reset { at_ms: 0 });
    assert!(net.raw(0, &send(0)).contains("\"result\""));
    net.set(0, Switch::from(Fault::StatusAfter { status: 500 }).for_requests(1));
    let (reply, _) = net.network.post(0, send(1).as_bytes(), 0);
    assert!(matches!(reply, Reply::Answer(Answer { status: 500, .. })), "{reply:?}");
    assert!(net.raw(0, &send(1)).contains("already known"));
    let socket = net.socket(0);
    net.set(0, Switch::from(Fault::StatusAfter { status: 500 }).for_requests(1));
    let answer = sent(&net.frame(0, socket, "eth_chainId", json!([])));
    assert_eq!(answer[0]["error"]["code"], -32_603);
}

#[test]
fn a_socket_has_no_status_and_ends_with_what_is_cut() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    net.set(0, Switch::from(Fault::Status { status: 429, retry_after_s: None }).for_requests(1));
    let answer = sent(&net.frame(0, socket, "eth_chainId", json!([])));
    assert_eq!(answer[0]["error"]["code"], -32_005);
    net.set(0, Switch::from(Fault::Status { status: 500, retry_after_s: None }).for_requests(1));
    assert_eq!(net.network.open(0), Err(500), "the upgrade is a request of HTTP");
    net.set(0, Fault::Truncate { bytes: 12 });
    let pushed = net.frame(0, socket, "eth_chainId", json!([]));
    let actions: Vec<&Action> = pushed.iter().map(|pushed| &pushed.push.action).collect();
    assert!(matches!(actions[..], [Action::Send(bytes), Action::Reset] if bytes.len() == 12), "{actions:?}");
}

#[test]
fn lies_about_the_chain() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let id = net.subscribe(0, socket, json!(["newHeads"]));
    net.set(0, Fault::WrongChain { chain_id: 5 });
    net.set(0, Fault::LieHead { ahead: 9_000_000 });
    assert_eq!(net.result(0, "eth_chainId", json!([])), json!("0x5"));
    assert_eq!(height(&mut net, 0), 9_000_010);
    let latest = net.result(0, "eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(latest["number"], "0x89544a");
    assert_eq!(net.result(0, "eth_getBlockByHash", json!([latest["hash"], false])), Value::Null);
    let (_, pushed) = net.mine();
    assert_eq!(notified(&pushed, &id)[0]["number"], "0x89544b");
    net.clear(0);
    assert_eq!((height(&mut net, 0), net.result(0, "net_version", json!([]))), (11, json!("1337")));
}

#[test]
fn a_fork_of_its_own_grows_and_is_left_again() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let id = net.subscribe(0, socket, json!(["newHeads"]));
    let pushed = net.set(0, Fault::OwnFork { depth: 2 });
    assert_eq!(notified(&pushed, &id).len(), 3);
    net.mine();
    let head = |net: &mut Net, node| net.result(node, "eth_getBlockByNumber", json!(["latest", false]));
    let (own, main) = (head(&mut net, 0), head(&mut net, 1));
    assert_ne!(own["hash"], main["hash"]);
    assert_eq!((&own["number"], &main["number"]), (&json!("0xc"), &json!("0xb")));
    assert_eq!(net.result(1, "eth_getBlockByHash", json!([own["hash"], false])), Value::Null);
    let back = notified(&net.clear(0), &id);
    assert_eq!((back.len(), &back[2]["hash"]), (3, &main["hash"]));
    assert_eq!(head(&mut net, 0), main);
    let branches = net.network.nodes()[0].branches();
    assert_eq!(branches, [BranchId::MAIN; 2]);
}

#[test]
fn lagging_syncing_and_lonely() {
    let mut net = Net::plain();
    net.set(0, Fault::Lag { blocks: 3 });
    (0..5).for_each(|_| _ = net.mine());
    assert_eq!((height(&mut net, 0), height(&mut net, 1)), (12, 15));
    net.set(0, Fault::Syncing);
    net.set(0, Fault::Peers { count: 0 });
    assert_eq!(net.result(0, "eth_syncing", json!([]))["highestBlock"], "0xf");
    assert_eq!(net.result(0, "net_peerCount", json!([])), "0x0");
    net.clear(0);
    assert_eq!((height(&mut net, 0), net.result(0, "eth_syncing", json!([]))), (15, json!(false)));
}

#[test]
fn subscriptions_stalled_doubled_late_or_refused() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    let heads = net.subscribe(0, socket, json!(["newHeads"]));
    let pending = net.subscribe(0, socket, json!(["newPendingTransactions"]));
    net.set(0, Fault::Stall { kind: Some("newHeads".to_owned()) });
    let pushed: Vec<Pushed> = (0..6).flat_map(|_| net.mine().1).collect();
    assert!(notified(&pushed, &heads).is_empty() && !notified(&pushed, &pending).is_empty());
    net.clear(0);
    net.set(0, Fault::Stall { kind: None });
    assert!((0..6).all(|_| net.mine().1.is_empty()));
    net.clear(0);
    net.set(0, Fault::Duplicate);
    assert_eq!(notified(&net.mine().1, &heads).len(), 2);
    net.clear(0);
    net.set(0, Fault::Late { ms: 250 });
    let pushed = net.mine().1;
    assert!(pushed.iter().all(|pushed| pushed.push.at_ms == net.now_ms + 250));
    net.set(0, Fault::RefuseSubscriptions);
    let answer = sent(&net.frame(0, socket, "eth_subscribe", json!(["newHeads"])));
    assert_eq!(answer[0]["error"]["message"], "notifications not supported");
}

#[test]
fn a_slow_subscription_is_told_nothing_before_its_id() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    net.set(0, Switch::from(Fault::Slow { ms: 1_500 }).for_requests(1));
    let answer = net.frame(0, socket, "eth_subscribe", json!(["newHeads"]));
    let pushed = net.mine().1;
    assert_eq!((answer[0].push.at_ms, pushed[0].push.at_ms), (1_500, 1_500));
}

#[test]
fn sockets_closed_or_dropped_while_http_works() {
    let mut net = Net::plain();
    net.socket(0);
    let close = Fault::CloseSockets { code: 1012, reason: "service restart".to_owned() };
    let pushed = net.set(0, close);
    let action = Action::Close { code: 1012, reason: "service restart".to_owned() };
    assert_eq!(pushed[0].push.action, action);
    net.socket(0);
    let pushed = net.set(0, Fault::DropSockets);
    assert_eq!(pushed[0].push.action, Action::Reset);
    assert_eq!(net.network.open(0), Err(503));
    assert_eq!(height(&mut net, 0), 10);
    net.clear(0);
    assert!(net.network.open(0).is_ok());
}

#[test]
fn answers_that_nobody_asked_for() {
    let mut net = Net::plain();
    let socket = net.socket(0);
    net.set(0, Fault::Unsolicited);
    let answers = sent(&net.frame(0, socket, "eth_chainId", json!([])));
    assert_eq!((&answers[0]["id"], &answers[1]["id"]), (&json!(1), &json!(987_654_321_987_u64)));
    assert_eq!(sent(&net.mine().1).len(), 1);
}

#[test]
fn faults_are_cleared_by_name_and_bad_ones_refused() {
    let mut net = Net::plain();
    net.set(0, Fault::Syncing);
    net.set(0, Fault::Peers { count: 1 });
    net.network.clear(0, Some("syncing"), 0).unwrap();
    let set: Vec<String> =
        net.network.nodes()[0].switches().all().iter().map(|switch| switch.fault.name()).collect();
    assert_eq!(set, ["peers"]);
    let said = net.network.set(7, Fault::Null.into(), 0).unwrap_err().to_string();
    assert_eq!(said, "there is no node 7: they are 0 to 1");
    let bad = Switch::from(Fault::Kill).for_requests(1);
    assert!(net.network.set(0, bad, 0).is_err());
    let deep = net.network.set(0, Fault::OwnFork { depth: 99_999 }.into(), 0);
    assert!(deep.is_err() && net.network.nodes()[0].switches().all().len() == 1);
}
