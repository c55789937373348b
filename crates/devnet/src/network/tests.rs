//! A whole devnet on virtual time.

mod beacon;
mod faults;
mod methods;
mod subscriptions;

use serde_json::{Value, json};

use super::*;
use crate::node::NodePlan;

/// A devnet with its clock.
struct Net {
    network: Network,
    now_ms: u64,
}

impl Net {
    fn new(nodes: Vec<NodePlan>) -> Self {
        let plan = Plan { nodes, gossip_ms: 0, ..Plan::default() };
        Self { network: Network::new(plan).unwrap(), now_ms: 0 }
    }

    fn plain() -> Self {
        Self::new(vec![NodePlan::default(); 2])
    }

    /// A second later there is a block.
    fn mine(&mut self) -> (Arc<Block>, Vec<Pushed>) {
        self.now_ms += 1_000;
        self.network.mine(self.now_ms)
    }

    fn reorganise(&mut self, depth: u64, length: u64) -> Vec<Pushed> {
        self.now_ms += 1_000;
        self.network.reorganise(depth, length, self.now_ms).unwrap().1
    }

    fn set(&mut self, node: usize, fault: impl Into<Switch>) -> Vec<Pushed> {
        self.network.set(node, fault.into(), self.now_ms).unwrap()
    }

    fn clear(&mut self, node: usize) -> Vec<Pushed> {
        self.network.clear(node, None, self.now_ms).unwrap()
    }

    fn raw(&mut self, node: usize, body: &str) -> String {
        let (reply, _) = self.network.post(node, body.as_bytes(), self.now_ms);
        let Reply::Answer(answer) = reply else { panic!("{reply:?}") };
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    fn answer(&mut self, node: usize, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        serde_json::from_str(&self.raw(node, &body)).unwrap()
    }

    fn result(&mut self, node: usize, method: &str, params: Value) -> Value {
        let answer = self.answer(node, method, params);
        answer.get("result").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
    }

    /// Code and message.
    fn error(&mut self, node: usize, method: &str, params: Value) -> (i64, String) {
        let answer = self.answer(node, method, params);
        let error = answer.get("error").unwrap_or_else(|| panic!("{method}: {answer}"));
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }

    fn socket(&mut self, node: usize) -> ConnectionId {
        self.network.open(node).unwrap()
    }

    fn frame(&mut self, node: usize, connection: ConnectionId, method: &str, params: Value) -> Vec<Pushed> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        self.network.frame(node, connection, body.as_bytes(), self.now_ms)
    }

    /// The id of a new subscription.
    fn subscribe(&mut self, node: usize, connection: ConnectionId, params: Value) -> String {
        let pushed = self.frame(node, connection, "eth_subscribe", params);
        let answer = sent(&pushed).remove(0);
        answer["result"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

/// What is sent, as JSON.
fn sent(pushed: &[Pushed]) -> Vec<Value> {
    let text = |pushed: &Pushed| match &pushed.push.action {
        Action::Send(bytes) => Some(serde_json::from_slice(bytes).unwrap()),
        Action::Close { .. } | Action::Reset => None,
    };
    pushed.iter().filter_map(text).collect()
}

/// The results of the notifications of a subscription.
fn notified(pushed: &[Pushed], id: &str) -> Vec<Value> {
    let of =
        |value: Value| (value["params"]["subscription"] == id).then(|| value["params"]["result"].clone());
    sent(pushed).into_iter().filter_map(of).collect()
}

#[test]
fn plans_that_cannot_be_are_refused() {
    let said = |plan: Plan| Network::new(plan).unwrap_err().to_string();
    assert_eq!(said(Plan { nodes: vec![], ..Plan::default() }), "a devnet has 1 to 32 nodes, not 0");
    assert_eq!(said(Plan { block_ms: 0, ..Plan::default() }), "the time between blocks is at least 1 ms");
    assert!(said(Plan { blocks_at_start: 99_999, ..Plan::default() }).starts_with("at most 4096 blocks"));
}

#[test]
fn the_history_is_the_main_branch_and_how_it_came_about() {
    let mut net = Net::plain();
    net.mine();
    let old = Arc::clone(net.network.chain().head());
    net.reorganise(3, 5);
    let history = net.network.history();
    let numbers: Vec<u64> = history.main().iter().map(|block| block.number()).collect();
    assert_eq!(numbers, (0..=13).collect::<Vec<_>>());
    assert!(history.main().windows(2).all(|two| two[1].parent() == two[0].hash));
    assert_eq!(history.find(&old.hash), Some(&old));
    assert!(!history.main().contains(&old));
    let shown = history.to_json(5);
    assert_eq!((shown["steps"].as_array().unwrap().len(), &shown["steps"][4]["number"]), (5, &json!(13)));
}

#[test]
fn the_same_plan_and_steps_give_the_same_bytes() {
    let run = || {
        let mut net = Net::plain();
        let socket = net.socket(1);
        net.subscribe(1, socket, json!(["newHeads"]));
        net.subscribe(1, socket, json!(["logs", {}]));
        (0..5).flat_map(|at| if at == 3 { net.reorganise(2, 3) } else { net.mine().1 }).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
