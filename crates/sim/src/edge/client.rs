//! A client that follows heads and logs, and holds each thing it is told against all it was told before. It must never look
//! at what the edge knows.

use std::collections::BTreeMap;

use devnet::chain::Chain;
use devnet::node::LogFilter;
use edge::core::Hash;
use edge::core::streams::SubscriptionId;
use serde::Deserialize;

/// A head, as `newHeads` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) hash: Hash,
    pub(super) parent: Hash,
    pub(super) number: u64,
}

/// A log, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    number: u64,
    index: u64,
    block: Hash,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) heads: Option<SubscriptionId>,
    pub(super) logs: Option<SubscriptionId>,
    pub(super) filter: LogFilter,
    /// The chain as it was told, without what was taken back.
    chain: Vec<Seen>,
    told_logs: Vec<Place>,
    /// The highest head before the step that is being looked at.
    before: u64,
    pub(super) ended: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFields {
    block_hash: String,
    block_number: String,
    log_index: String,
    #[serde(default)]
    removed: bool,
}

impl Client {
    pub(super) fn new(filter: LogFilter) -> Self {
        Self {
            heads: None,
            logs: None,
            filter,
            chain: Vec::new(),
            told_logs: Vec::new(),
            before: 0,
            ended: false,
        }
    }

    pub(super) fn head(&mut self, seen: Seen, chain: &Chain) -> Result<(), String> {
        if self.chain.iter().any(|told| told.hash == seen.hash) {
            return Err(format!("head {} {} is told twice", seen.number, seen.hash));
        }
        let reaches_back = self.chain.iter().rposition(|told| told.hash == seen.parent);
        match (reaches_back, self.chain.first()) {
            (Some(at), _) => self.chain.truncate(at + 1),
            (None, None) => {}
            // The common ancestor is older than the subscription.
            (None, Some(first)) if is_before(chain, seen, *first) => self.chain.clear(),
            (None, Some(_)) => {
                return Err(format!("head {} {} follows nothing that was told", seen.number, seen.hash));
            }
        }
        self.chain.push(seen);
        Ok(())
    }

    /// All that came of one thing that happened was told.
    pub(super) fn settled(&mut self) -> Result<(), String> {
        let Some(last) = self.chain.last() else { return Ok(()) };
        let before = std::mem::replace(&mut self.before, last.number);
        if last.number < before {
            return Err(format!("the head went back from {before} to {}", last.number));
        }
        Ok(())
    }

    /// Whether it was taken back.
    pub(super) fn log(&mut self, raw: &[u8]) -> Result<bool, String> {
        let fields: LogFields =
            serde_json::from_slice(raw).map_err(|error| format!("a log cannot be read: {error}"))?;
        let place = fields.place().ok_or("a log has no place")?;
        if fields.removed {
            return match self.told_logs.pop() {
                Some(last) if last == place => Ok(true),
                Some(last) => Err(format!("{place:?} is taken back, and {last:?} was told after it")),
                None => Err(format!("{place:?} is taken back and was never told")),
            };
        }
        match self.told_logs.last() {
            Some(last) if (last.number, last.index) >= (place.number, place.index) => {
                Err(format!("{place:?} is told after {last:?}"))
            }
            _ => {
                self.told_logs.push(place);
                Ok(false)
            }
        }
    }

    /// At the end: the logs that stand are those of the blocks that were told and stand, no more and no less.
    pub(super) fn judge(&self, chain: &Chain) -> Result<(), String> {
        let mut expected = BTreeMap::new();
        for seen in &self.chain {
            let block = chain.block(&devnet::chain::Fixed(seen.hash.0)).ok_or("a head is of no chain")?;
            for log in self.filter.of(block) {
                expected.insert(Place { number: block.number(), index: log.index, block: seen.hash }, ());
            }
        }
        let expected: Vec<Place> = expected.into_keys().collect();
        if self.heads.is_some() && self.logs.is_some() && expected != self.told_logs {
            let missing = expected.iter().find(|place| !self.told_logs.contains(place));
            let besides = self.told_logs.iter().find(|place| !expected.contains(place));
            return Err(format!(
                "{} logs stand and {} should: missing {missing:?}, not expected {besides:?}",
                self.told_logs.len(),
                expected.len()
            ));
        }
        Ok(())
    }

    pub(super) fn last(&self) -> Option<Seen> {
        self.chain.last().copied()
    }
}

/// Whether what comes before the one is also before the other: a block that was announced before anybody subscribed.
fn is_before(chain: &Chain, seen: Seen, first: Seen) -> bool {
    let is_invented = chain.block(&devnet::chain::Fixed(first.hash.0)).is_none();
    let (parent, first) = (devnet::chain::Fixed(seen.parent.0), devnet::chain::Fixed(first.parent.0));
    is_invented || chain.is_ancestor(&parent, &first)
}

impl LogFields {
    fn place(&self) -> Option<Place> {
        Some(Place {
            number: edge::core::hex::quantity(&self.block_number)?,
            index: edge::core::hex::quantity(&self.log_index)?,
            block: Hash(edge::core::hex::bytes(&self.block_hash)?),
        })
    }
}
