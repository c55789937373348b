//! What a client saw, with times: a list that only grows. It must never know a socket, or what should have come.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::chain::hex::{Address, Hash, parse_quantity};

/// Entries that are kept. Later ones are only counted, which the judge takes for a violation.
const ENTRIES_MAX: usize = 1_000_000;
/// Of a text that is kept to be shown.
const TEXT_CHARS_MAX: usize = 300;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    pub at_ms: u64,
    pub seen: Seen,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    Sent {
        id: String,
        method: String,
    },
    /// With the code and message of an error, if it was one.
    Answered {
        id: String,
        method: String,
        bytes: usize,
        error: Option<(i64, String)>,
    },
    /// A subscription got its id; the parameters are those of `eth_subscribe`.
    Subscribed {
        subscription: String,
        params: Value,
    },
    /// What comes for it from now on nobody asked for.
    Unsubscribed {
        subscription: String,
    },
    Head(HeadSeen),
    Log(LogSeen),
    /// A notification of another kind.
    Notified {
        subscription: String,
        bytes: usize,
    },
    /// An answer to nothing that was asked, or a notification of nothing that was subscribed to.
    Unsolicited {
        text: String,
    },
    Unreadable {
        text: String,
    },
    Closed {
        code: Option<u16>,
        reason: String,
    },
    /// The connection ended without a close.
    Lost {
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadSeen {
    pub subscription: String,
    pub number: u64,
    pub hash: Hash,
    pub parent: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSeen {
    pub subscription: String,
    pub number: u64,
    pub block: Hash,
    pub index: u64,
    pub address: Address,
    pub topics: Vec<Hash>,
    pub removed: bool,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Record {
    entries: Vec<Entry>,
    dropped: u64,
    /// What was sent and is not answered, oldest first, by the id as it was written.
    #[serde(skip)]
    open: BTreeMap<String, Vec<Request>>,
    /// Ids of subscriptions that were given out.
    #[serde(skip)]
    subscriptions: Vec<String>,
}

#[derive(Debug, Clone)]
struct Request {
    method: String,
    params: Value,
}

/// An answer as a caller wants it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AnswerText {
    pub id: String,
    pub text: String,
}

impl Record {
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Ids and methods of what is not answered.
    pub fn unanswered(&self) -> impl Iterator<Item = (&str, &str)> {
        self.open
            .iter()
            .flat_map(|(id, requests)| requests.iter().map(move |one| (id.as_str(), one.method.as_str())))
    }

    pub fn heads(&self) -> impl Iterator<Item = &HeadSeen> {
        self.entries.iter().filter_map(|entry| match &entry.seen {
            Seen::Head(head) => Some(head),
            _ => None,
        })
    }

    pub fn logs(&self) -> impl Iterator<Item = &LogSeen> {
        self.entries.iter().filter_map(|entry| match &entry.seen {
            Seen::Log(log) => Some(log),
            _ => None,
        })
    }

    pub(super) fn note(&mut self, at_ms: u64, seen: Seen) {
        if self.entries.len() >= ENTRIES_MAX {
            self.dropped += 1;
            return;
        }
        self.entries.push(Entry { at_ms, seen });
    }

    /// A request or a batch goes out.
    pub fn sent(&mut self, at_ms: u64, text: &str) {
        for call in each(text) {
            let Ok(call) = serde_json::from_str::<Object<'_>>(call) else { continue };
            let (Some(id), Some(method)) = (call.id, call.method) else { continue };
            let id = id.get().to_owned();
            let params = call.params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            self.open.entry(id.clone()).or_default().push(Request { method: method.clone(), params });
            self.note(at_ms, Seen::Sent { id, method });
        }
    }

    /// A frame or a body came in. Gives back what of it answers something.
    pub(super) fn came(&mut self, at_ms: u64, text: &str) -> Vec<AnswerText> {
        let mut answers = Vec::new();
        for one in each(text) {
            match serde_json::from_str::<Object<'_>>(one) {
                Err(_) => self.note(at_ms, Seen::Unreadable { text: short(one) }),
                Ok(Object { method: Some(_), params: Some(params), .. }) => self.notified(at_ms, params, one),
                Ok(Object { id: Some(id), error, result, .. }) => {
                    if self.answered(at_ms, id.get(), error, result, one) {
                        answers.push(AnswerText { id: id.get().to_owned(), text: one.to_owned() });
                    }
                }
                Ok(_) => self.note(at_ms, Seen::Unsolicited { text: short(one) }),
            }
        }
        answers
    }

    fn answered(
        &mut self,
        at_ms: u64,
        id: &str,
        error: Option<&RawValue>,
        result: Option<&RawValue>,
        text: &str,
    ) -> bool {
        let request = self.open.get_mut(id).and_then(|requests| {
            let first = !requests.is_empty();
            first.then(|| requests.remove(0))
        });
        let Some(request) = request else {
            self.note(at_ms, Seen::Unsolicited { text: short(text) });
            return false;
        };
        self.open.retain(|_, requests| !requests.is_empty());
        let error = error.map(|raw| {
            let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            (value["code"].as_i64().unwrap_or(0), value["message"].as_str().unwrap_or_default().to_owned())
        });
        let Request { method, params } = request;
        let (id, bytes) = (id.to_owned(), text.len());
        self.note(at_ms, Seen::Answered { id, method: method.clone(), bytes, error });
        let result: Value = result.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        match (method.as_str(), result) {
            ("eth_subscribe", Value::String(subscription)) => {
                self.subscriptions.push(subscription.clone());
                self.note(at_ms, Seen::Subscribed { subscription, params });
            }
            ("eth_unsubscribe", Value::Bool(true)) => {
                let subscription = params[0].as_str().unwrap_or_default().to_owned();
                self.subscriptions.retain(|held| *held != subscription);
                self.note(at_ms, Seen::Unsubscribed { subscription });
            }
            _ => {}
        }
        true
    }

    fn notified(&mut self, at_ms: u64, params: &RawValue, text: &str) {
        let params: Value = serde_json::from_str(params.get()).unwrap_or_default();
        let subscription = params["subscription"].as_str().unwrap_or_default().to_owned();
        if !self.subscriptions.contains(&subscription) {
            return self.note(at_ms, Seen::Unsolicited { text: short(text) });
        }
        let result = &params["result"];
        let seen = match (head(&subscription, result), log(&subscription, result)) {
            (Some(head), _) => Seen::Head(head),
            (_, Some(log)) => Seen::Log(log),
            _ => Seen::Notified { subscription, bytes: text.len() },
        };
        self.note(at_ms, seen);
    }
}

#[derive(serde::Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The elements of a batch, or the whole.
fn each(text: &str) -> Vec<&str> {
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(many) => many.into_iter().map(RawValue::get).collect(),
        Err(_) => vec![text.trim()],
    }
}

fn head(subscription: &str, result: &Value) -> Option<HeadSeen> {
    Some(HeadSeen {
        subscription: subscription.to_owned(),
        number: parse_quantity(result.get("number")?.as_str()?)?,
        hash: result.get("hash")?.as_str()?.parse().ok()?,
        parent: result.get("parentHash")?.as_str()?.parse().ok()?,
    })
}

fn log(subscription: &str, result: &Value) -> Option<LogSeen> {
    let text = |key: &str| result.get(key)?.as_str();
    let topics = result.get("topics")?.as_array()?;
    Some(LogSeen {
        subscription: subscription.to_owned(),
        number: parse_quantity(text("blockNumber")?)?,
        block: text("blockHash")?.parse().ok()?,
        index: parse_quantity(text("logIndex")?)?,
        address: text("address")?.parse().ok()?,
        topics: topics.iter().map(|topic| topic.as_str()?.parse().ok()).collect::<Option<_>>()?,
        removed: result.get("removed").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
