//! The judge sees what is wrong, and nothing where all is well.

use serde_json::json;

use super::*;
use crate::chain::json as shown;
use crate::network::{Network, Plan};

/// A chain with a reorganisation, and what a perfect server would send of it from block 11 on.
struct Story {
    network: Network,
    /// Notifications of heads and of logs.
    frames: Vec<(&'static str, Value)>,
}

const FINISHED: Expected = Expected { from_block: Some(11), finished: true, may_close: false, aside_max: 0 };

fn story() -> Story {
    let mut network = Network::new(Plan::default()).unwrap();
    let mut frames = Vec::new();
    let told = |block: &Block, removed: bool, frames: &mut Vec<(&'static str, Value)>| {
        frames.extend(block.logs.iter().map(|log| ("0xb", shown::log(log, block, removed))));
    };
    for at in 1..=6 {
        let (block, _) = network.mine(at * 1_000);
        frames.push(("0xa", json!(shown::header(&block.hash, &block.header))));
        told(&block, false, &mut frames);
    }
    let (path, _) = network.reorganise(2, 3, 7_000).unwrap();
    path.removed.iter().for_each(|block| told(block, true, &mut frames));
    for block in &path.added {
        frames.push(("0xa", json!(shown::header(&block.hash, &block.header))));
        told(block, false, &mut frames);
    }
    Story { network, frames }
}

fn subscribed() -> Record {
    let mut record = Record::default();
    let ask = |id: u64, params: Value| json!({ "id": id, "method": "eth_subscribe", "params": params });
    record.sent(0, &json!([ask(1, json!(["newHeads"])), ask(2, json!(["logs", {}]))]).to_string());
    record.came(1, r#"{"id":1,"result":"0xa"}"#);
    record.came(1, r#"{"id":2,"result":"0xb"}"#);
    record
}

fn record(frames: &[(&'static str, Value)]) -> Record {
    let mut record = subscribed();
    for (at, (id, result)) in frames.iter().enumerate() {
        let params = json!({ "subscription": id, "result": result });
        record.came(at as u64, &json!({ "method": "eth_subscription", "params": params }).to_string());
    }
    record
}

fn judged(story: &Story, change: impl FnOnce(&mut Vec<(&'static str, Value)>)) -> Vec<String> {
    let mut frames = story.frames.clone();
    change(&mut frames);
    check(&record(&frames), story.network.history(), FINISHED)
}

fn nth(frames: &[(&'static str, Value)], id: &str, removed: bool, n: usize) -> usize {
    let wanted = |(_, (held, result)): &(usize, &(&str, Value))| {
        *held == id && result.get("removed").is_none_or(|flag| *flag == removed)
    };
    frames.iter().enumerate().filter(wanted).nth(n).unwrap().0
}

#[test]
fn a_perfect_record_has_no_violation() {
    let story = story();
    assert_eq!(judged(&story, |_| ()), [""; 0]);
    assert!(story.frames.iter().any(|(_, result)| result["removed"] == true), "the story has retractions");
}

#[test]
fn what_is_wrong_with_heads_is_seen() {
    let story = story();
    let has = |violations: Vec<String>, what: &str| {
        assert!(violations.iter().any(|violation| violation.contains(what)), "{what}: {violations:?}");
    };
    let head = |n| nth(&story.frames, "0xa", false, n);
    has(judged(&story, |frames| _ = frames.remove(head(2))), "is not linked");
    has(judged(&story, |frames| _ = frames.remove(head(0))), "is the first");
    has(judged(&story, |frames| _ = frames.remove(head(8))), "the last head is");
    has(judged(&story, |frames| frames.insert(head(3), frames[head(2)].clone())), "came twice");
    has(judged(&story, |frames| frames.swap(head(2), head(3))), "is not linked");
    has(judged(&story, |frames| frames[head(4)].1["hash"] = json!(Hash::ZERO)), "never on the main");
    has(judged(&story, |frames| frames[head(4)].1["number"] = json!("0x1")), "has not the number");
    has(judged(&story, |frames| frames.retain(|(id, _)| *id != "0xa")), "no head ever came");
}

#[test]
fn what_is_wrong_with_logs_is_seen() {
    let story = story();
    let has = |violations: Vec<String>, what: &str| {
        assert!(violations.iter().any(|violation| violation.contains(what)), "{what}: {violations:?}");
    };
    let (told, taken) = (|n| nth(&story.frames, "0xb", false, n), |n| nth(&story.frames, "0xb", true, n));
    has(judged(&story, |frames| _ = frames.remove(told(1))), "is missing");
    has(judged(&story, |frames| frames.insert(told(1), frames[told(0)].clone())), "came twice");
    has(judged(&story, |frames| frames.swap(told(0), told(1))), "is out of order");
    has(judged(&story, |frames| _ = frames.remove(taken(0))), "was left and never taken back");
    has(
        judged(&story, |frames| frames.insert(taken(0), frames[taken(0)].clone())),
        "taken back and never told",
    );
    has(judged(&story, |frames| frames[told(0)].1["topics"] = json!([])), "changed on the way");
    has(judged(&story, |frames| frames[told(0)].1["logIndex"] = json!("0x99")), "no such log");
}

#[test]
fn what_is_wrong_with_frames_is_seen() {
    let story = story();
    let judged = |frame: &str, expected: Expected| {
        let mut record = record(&story.frames);
        record.came(99, frame);
        check(&record, story.network.history(), expected)
    };
    assert_eq!(
        judged(r#"{"id":7,"result":1}"#, FINISHED),
        [r#"99 ms: nobody asked for {"id":7,"result":1}"#]
    );
    assert_eq!(judged("{", FINISHED), ["99 ms: unreadable: {"]);
    let mut asked = record(&story.frames);
    asked.sent(5, r#"{"id":7,"method":"eth_call"}"#);
    let said = check(&asked, story.network.history(), FINISHED);
    assert_eq!(said, ["eth_call with id 7 was never answered"]);
    asked.note(6, Seen::Closed { code: Some(1012), reason: String::new() });
    let open = Expected { finished: false, ..FINISHED };
    assert_eq!(check(&asked, story.network.history(), open).len(), 1);
    assert_eq!(check(&asked, story.network.history(), Expected { may_close: true, ..open }), [""; 0]);
    let mut twice = subscribed();
    twice.sent(9, r#"{"id":3,"method":"eth_subscribe","params":["newHeads"]}"#);
    twice.came(9, r#"{"id":3,"result":"0xa"}"#);
    let said = check(&twice, story.network.history(), Expected::default());
    assert_eq!(said, ["9 ms: the subscription id 0xa was given out twice"]);
}

#[test]
fn what_was_unsubscribed_need_not_come_to_the_end() {
    let story = story();
    let cut = story.frames.len() - 3;
    let mut record = record(&story.frames[..cut]);
    assert_ne!(check(&record, story.network.history(), FINISHED), [""; 0]);
    for (id, subscription) in [(7, "0xa"), (8, "0xb")] {
        record.sent(
            98,
            &json!({ "id": id, "method": "eth_unsubscribe", "params": [subscription] }).to_string(),
        );
        record.came(99, &json!({ "id": id, "result": true }).to_string());
    }
    assert_eq!(check(&record, story.network.history(), FINISHED), [""; 0]);
}

#[test]
fn an_unfinished_record_may_lack_its_end() {
    let story = story();
    let open = Expected { finished: false, ..FINISHED };
    for length in 0..story.frames.len() {
        let record = record(&story.frames[..length]);
        let said = check(&record, story.network.history(), open);
        assert_eq!(said, [""; 0], "{length}");
    }
    let before: Vec<Arc<Block>> = story.network.history().main();
    assert_eq!(before.last().map(|block| block.number()), Some(17));
}

/// What was told of a node's own branch, one block or two, and taken back.
#[test]
fn a_branch_of_one_node_may_be_told_as_far_as_expected_and_has_to_be_taken_back() {
    let Story { mut network, mut frames } = story();
    let head = Arc::clone(network.chain().head());
    let branch = network.fork(head.number(), 2, 8_000).unwrap();
    let second = Arc::clone(network.chain().tip(branch));
    let first = Arc::clone(network.chain().block(&second.parent()).unwrap());
    let logs = |block: &Block, removed: bool| {
        block.logs.iter().map(|log| ("0xb", shown::log(log, block, removed))).collect::<Vec<_>>()
    };
    let told =
        |block: &Block| [vec![("0xa", json!(shown::header(&block.hash, &block.header)))], logs(block, false)];
    frames.extend([&first, &second].into_iter().flat_map(|block| told(block)).flatten());
    let ahead = frames.clone();
    frames.extend([&second, &first].into_iter().flat_map(|block| logs(block, true).into_iter().rev()));
    for at in 9..=10 {
        let (block, _) = network.mine(at * 1_000);
        frames.extend(told(&block).into_iter().flatten());
    }
    let judged = |frames: &[_], aside_max| {
        check(&record(frames), network.history(), Expected { aside_max, ..FINISHED })
    };
    assert_eq!(judged(&frames, 2), [""; 0]);
    for aside_max in [0, 1] {
        let said = judged(&frames, aside_max);
        assert!(said.iter().all(|said| said.contains("never on the main branch")), "{said:?}");
        assert_eq!(said.iter().filter(|said| said.contains(": head")).count(), 2 - aside_max);
    }
    let said = judged(&ahead, 2);
    assert!(said.iter().any(|said| said.contains("left and never taken back")), "{said:?}");
}
