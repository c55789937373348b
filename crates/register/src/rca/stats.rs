//! How long it took: to detect, to find the owner, to mitigate; median and worst, by owner layer. It counts what documents
//! say, and says of how many it does not know.

use std::collections::BTreeMap;

use super::entry::{Entry, Times};

/// What was measured, for one layer or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerStats {
    /// `None`: all documents, those without an owner layer too.
    pub layer: Option<String>,
    pub documents: usize,
    /// From the start until somebody knew.
    pub detect: Spread,
    /// From then until the owner was known.
    pub owner: Spread,
    /// From the start until it was mitigated.
    pub mitigate: Spread,
}

/// In nanoseconds. The median of an even number is half-way between the middle two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    /// Of so many documents it is known.
    pub known: usize,
    pub median_ns: Option<u64>,
    pub worst_ns: Option<u64>,
    /// The document in which it was worst.
    pub worst_in: Option<String>,
}

/// All together first, then each layer by its name. Drafts do not count, for their times are not reviewed; neither do
/// documents whose place another one took.
pub fn stats(register: &[Entry]) -> Vec<LayerStats> {
    let counted: Vec<&Entry> =
        register.iter().filter(|entry| entry.status != "draft" && !entry.is_superseded()).collect();
    let mut layers: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in counted.iter().filter(|entry| !entry.owner_layer.is_empty()) {
        layers.entry(entry.owner_layer.as_str()).or_default().push(entry);
    }
    let mut all = vec![of(None, &counted)];
    all.extend(layers.into_iter().map(|(layer, entries)| of(Some(layer), &entries)));
    all
}

fn of(layer: Option<&str>, entries: &[&Entry]) -> LayerStats {
    let took = |from: fn(&Times) -> Option<u64>| {
        let known = entries.iter().filter_map(|entry| Some((from(&entry.times)?, entry.id.as_str())));
        spread(known.collect())
    };
    LayerStats {
        layer: layer.map(str::to_owned),
        documents: entries.len(),
        detect: took(to_detect),
        owner: took(|times| Some(times.owner_identified?.since(times.detected?))),
        mitigate: took(|times| Some(times.mitigated?.since(times.started?))),
    }
}

pub(super) fn to_detect(times: &Times) -> Option<u64> {
    Some(times.detected?.since(times.started?))
}

fn spread(mut known: Vec<(u64, &str)>) -> Spread {
    known.sort_unstable();
    let half = known.len() / 2;
    let at = |index: usize| known.get(index).map(|(took, _)| *took);
    let median_ns = match known.len() % 2 {
        1 => at(half),
        // The sum of two could be too large to hold.
        _ => half.checked_sub(1).and_then(at).zip(at(half)).map(|(low, high)| low + (high - low) / 2),
    };
    let worst = known.last();
    Spread {
        known: known.len(),
        median_ns,
        worst_ns: worst.map(|(took, _)| *took),
        worst_in: worst.map(|(_, id)| (*id).to_owned()),
    }
}

#[cfg(test)]
mod tests;
