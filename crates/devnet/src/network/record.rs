//! What a node was asked, and what became of it: the last requests, and a count for every method. It must never know what
//! was in an answer.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::node::Reply;

/// Requests that are kept; the oldest are forgotten first, and counted still.
const REQUESTS_MAX: usize = 10_000;
/// Methods that are counted by their name; the others together.
const METHODS_MAX: usize = 256;
/// Of a method's name; the rest is cut off.
const NAME_BYTES_MAX: usize = 120;
const OTHERS: &str = "(others)";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    Http,
    Socket,
    Beacon,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Answered,
    /// With a status that is no answer.
    Refused(u16),
    /// Began, and ended before its end.
    Cut,
    Silent,
    Reset,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    pub at_ms: u64,
    pub via: Via,
    pub method: String,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    pub received: u64,
    pub answered: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Requests {
    last: VecDeque<Received>,
    counts: BTreeMap<String, Count>,
}

impl Outcome {
    pub(super) fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Silent => Self::Silent,
            Reply::Reset { .. } => Self::Reset,
            Reply::Answer(answer) if answer.cut.is_some() => Self::Cut,
            Reply::Answer(answer) if answer.status >= 400 => Self::Refused(answer.status),
            Reply::Answer(_) => Self::Answered,
        }
    }
}

impl Requests {
    /// Oldest first.
    pub fn last(&self) -> impl Iterator<Item = &Received> {
        self.last.iter()
    }

    pub fn counts(&self) -> &BTreeMap<String, Count> {
        &self.counts
    }

    pub fn count(&self, method: &str) -> Count {
        self.counts.get(method).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, at_ms: u64, via: Via, method: &str, outcome: Outcome) {
        let cut = method.char_indices().map(|(at, _)| at).find(|at| *at >= NAME_BYTES_MAX);
        let method = method.get(..cut.unwrap_or(method.len())).unwrap_or_default();
        let known = self.counts.contains_key(method) || self.counts.len() < METHODS_MAX;
        let count = self.counts.entry(if known { method } else { OTHERS }.to_owned()).or_default();
        count.received += 1;
        count.answered += u64::from(outcome == Outcome::Answered);
        self.last.push_back(Received { at_ms, via, method: method.to_owned(), outcome });
        if self.last.len() > REQUESTS_MAX {
            self.last.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_bound_and_what_is_counted_too() {
        let mut requests = Requests::default();
        for at in 0..REQUESTS_MAX as u64 + 5 {
            requests.add(at, Via::Http, &format!("m{at}"), Outcome::Answered);
        }
        requests.add(0, Via::Http, &"é".repeat(200), Outcome::Reset);
        assert_eq!((requests.last().count(), requests.counts().len()), (REQUESTS_MAX, METHODS_MAX + 1));
        assert_eq!(requests.count(OTHERS).received, REQUESTS_MAX as u64 + 6 - METHODS_MAX as u64);
        assert_eq!(requests.last().last().map(|last| last.method.len()), Some(NAME_BYTES_MAX));
    }
}
