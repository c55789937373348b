//! What is written down of frames as servers send them.

use serde_json::json;

use super::*;

fn names(record: &Record) -> Vec<&'static str> {
    let name = |entry: &Entry| match entry.seen {
        Seen::Sent { .. } => "sent",
        Seen::Answered { .. } => "answered",
        Seen::Subscribed { .. } => "subscribed",
        Seen::Unsubscribed { .. } => "unsubscribed",
        Seen::Head(_) => "head",
        Seen::Log(_) => "log",
        Seen::Notified { .. } => "notified",
        Seen::Unsolicited { .. } => "unsolicited",
        Seen::Unreadable { .. } => "unreadable",
        Seen::Closed { .. } => "closed",
        Seen::Lost { .. } => "lost",
    };
    record.entries().iter().map(name).collect()
}

fn notification(subscription: &str, result: Value) -> String {
    json!({ "method": "eth_subscription", "params": { "subscription": subscription, "result": result } })
        .to_string()
}

#[test]
fn answers_are_matched_by_the_bytes_of_their_id() {
    let mut record = Record::default();
    record.sent(1, r#"{"id":1,"method":"a"}"#);
    record.sent(1, r#"[{"id":"1","method":"b"},{"id":1,"method":"c"},{"method":"no answer"}]"#);
    assert_eq!(record.unanswered().collect::<Vec<_>>(), [("\"1\"", "b"), ("1", "a"), ("1", "c")]);
    let answers = record.came(2, r#"[{"id":1,"result":0},{"id":"1","error":{"code":-3,"message":"m"}}]"#);
    assert_eq!(answers.len(), 2);
    assert_eq!(record.unanswered().collect::<Vec<_>>(), [("1", "c")]);
    let error =
        |seen: &Seen| matches!(seen, Seen::Answered { method, error: Some((-3, _)), .. } if method == "b");
    assert!(record.entries().iter().any(|entry| error(&entry.seen)));
    record.came(3, r#"{"id":1,"result":0}"#);
    record.came(3, r#"{"id":1,"result":0}"#);
    assert_eq!(names(&record)[3..], ["answered", "answered", "answered", "unsolicited"]);
}

#[test]
fn notifications_belong_to_subscriptions_that_were_given_out() {
    let mut record = Record::default();
    record.sent(0, r#"{"id":1,"method":"eth_subscribe","params":["newHeads"]}"#);
    record.came(1, r#"{"id":1,"result":"0xa"}"#);
    let hash = Hash::ZERO;
    record.came(2, &notification("0xa", json!({ "number": "0x5", "hash": hash, "parentHash": hash })));
    record.came(2, &notification("0xb", json!({ "number": "0x5", "hash": hash, "parentHash": hash })));
    record.came(2, &notification("0xa", json!("0x12")));
    let log = json!({
        "blockNumber": "0x5", "blockHash": hash, "logIndex": "0x1", "address": Address::ZERO, "topics": [hash],
        "removed": true
    });
    record.came(3, &notification("0xa", log));
    record.came(3, "{\"id\":");
    record.sent(4, r#"{"id":2,"method":"eth_unsubscribe","params":["0xa"]}"#);
    record.came(5, r#"{"id":2,"result":true}"#);
    record.came(6, &notification("0xa", json!("0x13")));
    assert_eq!(
        names(&record).join(" "),
        "sent answered subscribed head unsolicited notified log unreadable sent answered unsubscribed unsolicited"
    );
    assert_eq!(record.heads().next().map(|head| head.number), Some(5));
    assert!(record.logs().next().is_some_and(|log| log.removed && log.index == 1));
}
