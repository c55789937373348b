//! How requests run, as their log records tell: the set of templates that a span logs is its shape. A request that ends
//! early lacks templates that always followed; one that fails in a new way logs an error that nobody ever logged. Both
//! are charged to the deepest place that shows them, for whoever called it shows the consequences.

use std::collections::{BTreeMap, BTreeSet};

use model::{Nanos, SECOND_NS, SpanId, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detect::{BEHAVIOUR, Counts, Detector, Excess};
use crate::join::{Joined, SpanFacts};
use crate::sketch::{OTHER, Smallest};
use crate::summary::Bucket;
use crate::window::{Alarm, FamilyKey, Norm, OperationKey, Sign};

/// Operations, by version, whose shapes are known; shapes of one; errors of all services.
const OPERATIONS_MAX: usize = 20_000;
const SHAPES_MAX: usize = 64;
const ERRORS_MAX: usize = 4_096;
/// What is younger is not known yet, unless somebody says that it is normal.
const LEARN_NS: u64 = 600 * SECOND_NS;
/// Clean requests that an operation must have shown.
const CLEAN_MIN: u64 = 3;
const KEEP_NS: u64 = 24 * 3_600 * SECOND_NS;
const TRACES_MAX: usize = 8;
const RECENT_NS: u64 = 120 * SECOND_NS;

/// Versions are kept apart: other code logs other things.
type Place = (OperationKey, Str);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shapes {
    places: BTreeMap<Place, Known>,
    tests: BTreeMap<OperationKey, Tested>,
    /// Patterns of errors of all services, and when they were first seen.
    errors: BTreeMap<Str, Nanos>,
    first: Option<Nanos>,
    /// What came before it was said to be normal.
    accepted: Nanos,
    /// When what is too old was last let go of.
    forgot: Nanos,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Known {
    first: Nanos,
    last: Nanos,
    clean: u64,
    /// When the shape was first seen, and whether a request without any error showed it.
    shapes: BTreeMap<BTreeSet<u64>, (Nanos, bool)>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tested {
    detector: Detector,
    in_incident: bool,
    /// By the tick at which the traces were whole.
    recent: BTreeMap<Bucket, Counts>,
    traces: BTreeMap<Bucket, Smallest<TraceId, TRACES_MAX>>,
    since: Counts,
    instances: BTreeMap<Str, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// It logs an error that no service logged before.
    NewError,
    /// It logs less than it always did.
    Short,
}

/// A span of a trace, with its place in the tree.
struct Node<'a> {
    facts: &'a SpanFacts,
    shape: &'a BTreeSet<u64>,
    errors: BTreeSet<Str>,
    parent: Option<usize>,
    /// The span by which the request arrived at the service.
    unit: usize,
}

impl Shapes {
    /// Takes in the traces that became whole by `now`.
    pub(crate) fn absorb(
        &mut self,
        traces: &[Joined],
        is_service: impl Fn(&str) -> bool,
        now: Nanos,
        config: &Config,
    ) {
        let bucket = now.0 / config.tick_ns();
        let mut shown: BTreeMap<OperationKey, Counts> = BTreeMap::new();
        for trace in traces.iter().filter(|trace| trace.correlated) {
            let nodes = nodes(trace, &is_service);
            let first = *self.first.get_or_insert(now);
            let counted = self.judge(&nodes, first, now);
            for (node, odd) in nodes.iter().zip(&counted) {
                let Some(odd) = odd else { continue };
                let counts = shown.entry(node.facts.operation.clone()).or_default();
                counts.add(Counts { requests: 1, failures: u64::from(odd.is_some()) });
                if odd.is_some() {
                    self.note(node, trace.trace, bucket);
                }
            }
            self.learn(&nodes, now);
        }
        self.observe(shown, bucket, config);
        self.forget(now);
    }

    /// For each span that can be judged, what is odd about it and not the consequence of something deeper.
    fn judge(&self, nodes: &[Node<'_>], first: Nanos, now: Nanos) -> Vec<Option<Option<Odd>>> {
        let is_known = |seen: Nanos| seen < self.accepted || now.since(seen) >= LEARN_NS;
        let has_past = is_known(first);
        let is_background = |error: &Str| self.errors.get(error).is_some_and(|seen| is_known(*seen));
        let background: BTreeSet<usize> =
            nodes.iter().filter(|node| node.errors.iter().any(is_background)).map(|node| node.unit).collect();
        let odd: Vec<Option<Option<Odd>>> = nodes
            .iter()
            .map(|node| {
                if has_past && node.errors.iter().any(|error| !is_background(error)) {
                    return Some(Some(Odd::NewError));
                }
                let place = (node.facts.operation.clone(), node.facts.version.clone());
                let known = self.places.get(&place)?;
                known.judge(node.shape, is_known)
            })
            .collect();
        let explained = |i: usize| {
            let below = |j: &usize| *j != i && ancestors(nodes, *j).any(|a| a == i);
            let odd_below = || (0..nodes.len()).filter(below).any(|j| odd[j].flatten().is_some());
            let failed_below = || {
                let fresh = |j: &usize| {
                    nodes[*j].facts.failed
                        && nodes[*j].unit != nodes[i].unit
                        && !background.contains(&nodes[*j].unit)
                };
                (0..nodes.len()).filter(below).any(|j| fresh(&j))
            };
            let background_below = || {
                let other = |j: &usize| nodes[*j].unit != nodes[i].unit;
                (0..nodes.len()).filter(below).filter(other).any(|j| background.contains(&nodes[j].unit))
            };
            let own = odd[i].flatten() != Some(Odd::NewError) && background.contains(&nodes[i].unit);
            own || odd_below() || failed_below() || background_below()
        };
        let counted = |i: usize| odd[i].map(|odd| odd.filter(|_| !explained(i)));
        (0..nodes.len()).map(counted).collect()
    }

    fn learn(&mut self, nodes: &[Node<'_>], now: Nanos) {
        let dirty: BTreeSet<usize> = nodes
            .iter()
            .filter(|node| node.facts.failed || !node.errors.is_empty())
            .map(|node| node.unit)
            .collect();
        for node in nodes {
            for error in &node.errors {
                if self.errors.len() < ERRORS_MAX {
                    self.errors.entry(error.clone()).or_insert(now);
                }
            }
            let place = (node.facts.operation.clone(), node.facts.version.clone());
            if self.tests.get(&place.0).is_some_and(|tested| tested.in_incident) {
                continue;
            }
            if self.places.len() >= OPERATIONS_MAX && !self.places.contains_key(&place) {
                continue;
            }
            let known = self.places.entry(place).or_insert_with(|| Known { first: now, ..Known::default() });
            known.learn(node.shape, !dirty.contains(&node.unit), now);
        }
    }

    fn note(&mut self, node: &Node<'_>, trace: TraceId, bucket: Bucket) {
        let tested = self.tests.entry(node.facts.operation.clone()).or_default();
        tested.traces.entry(bucket).or_default().add(&trace);
        if !node.facts.instance.is_empty() && (tested.instances.len() < 32) {
            *tested.instances.entry(node.facts.instance.clone()).or_default() += 1;
        }
    }

    fn observe(&mut self, shown: BTreeMap<OperationKey, Counts>, bucket: Bucket, config: &Config) {
        for (operation, counts) in shown {
            if !self.tests.contains_key(&operation) && self.tests.len() >= OPERATIONS_MAX {
                continue;
            }
            let tested = self.tests.entry(operation).or_default();
            if tested.in_incident {
                tested.since.add(counts);
            } else {
                tested.detector.observe(BEHAVIOUR, bucket, counts, u64::MAX, config);
            }
            tested.recent.insert(bucket, counts);
        }
        let edge = bucket.saturating_sub(RECENT_NS / config.tick_ns());
        for tested in self.tests.values_mut() {
            tested.recent = tested.recent.split_off(&edge);
            tested.traces = tested.traces.split_off(&edge);
        }
    }

    fn forget(&mut self, now: Nanos) {
        // Once an hour is enough for what lasts a day.
        if now.since(self.forgot) < 3_600 * SECOND_NS {
            return;
        }
        self.forgot = now;
        self.places.retain(|_, known| now.since(known.last) < KEEP_NS);
        let known: BTreeSet<&OperationKey> = self.places.keys().map(|(operation, _)| operation).collect();
        self.tests.retain(|key, tested| tested.in_incident || known.contains(key));
    }

    pub(crate) fn is_background(&self, pattern: &Str, is_service: impl Fn(&str) -> bool, now: Nanos) -> bool {
        let seen = self.errors.get(&without_services(pattern, &is_service));
        seen.is_some_and(|seen| *seen < self.accepted || now.since(*seen) >= LEARN_NS)
    }

    /// Everything that came before `until` is normal.
    pub(crate) fn accept(&mut self, until: Nanos) {
        self.accepted = self.accepted.max(until);
        self.tests.values_mut().for_each(|tested| tested.detector.restart());
    }

    /// What an operation does now is normal.
    pub(crate) fn accept_present(&mut self, key: &OperationKey) {
        for (_, known) in self.places.iter_mut().filter(|((operation, _), _)| operation == key) {
            known.shapes.values_mut().for_each(|(seen, clean)| (*seen, *clean) = (Nanos(0), *clean));
        }
    }

    pub(crate) fn tests(&self) -> usize {
        self.tests.len()
    }

    pub(crate) fn alarms(&self, threshold: crate::fixed::Bits) -> impl Iterator<Item = Alarm> {
        self.tests.iter().filter(|(_, tested)| !tested.in_incident).filter_map(move |(key, tested)| {
            let Excess { bits, onset, baseline } = tested.detector.excess();
            (bits >= threshold).then(|| Alarm {
                family: FamilyKey::of(key.clone(), Sign::Behaviour),
                onset,
                norm: Norm::Behaviour(baseline),
            })
        })
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey, onset: Bucket) {
        if let Some(tested) = self.tested_mut(family) {
            tested.in_incident = true;
            tested.since = Counts::default();
            tested.recent.range(onset..).for_each(|(_, counts)| tested.since.add(*counts));
        }
    }

    pub(crate) fn leave_incident(&mut self, family: &FamilyKey) {
        if let Some(tested) = self.tested_mut(family) {
            tested.in_incident = false;
            tested.detector.restart();
            tested.instances.clear();
        }
    }

    fn tested_mut(&mut self, family: &FamilyKey) -> Option<&mut Tested> {
        (family.sign == Sign::Behaviour).then(|| self.tests.get_mut(&family.operation)).flatten()
    }

    /// Requests since the onset of an incident, and the odd ones of them.
    pub(crate) fn since(&self, key: &OperationKey) -> Counts {
        self.tests.get(key).map(|tested| tested.since).unwrap_or_default()
    }

    pub(crate) fn counts(&self, key: &OperationKey, since: Bucket) -> Counts {
        let mut sum = Counts::default();
        if let Some(tested) = self.tests.get(key) {
            tested.recent.range(since..).for_each(|(_, counts)| sum.add(*counts));
        }
        sum
    }

    /// Traces that show it, the latest.
    pub(crate) fn traces(&self, key: &OperationKey) -> Vec<TraceId> {
        let tested = self.tests.get(key);
        let all = tested.into_iter().flat_map(|t| t.traces.values().rev()).flat_map(|traces| traces.iter());
        all.copied().take(TRACES_MAX).collect()
    }

    /// The instance on which most of it happened.
    pub(crate) fn instance(&self, key: &OperationKey) -> Option<&Str> {
        let instances = &self.tests.get(key)?.instances;
        instances.iter().max_by_key(|(name, n)| (**n, std::cmp::Reverse(*name))).map(|(name, _)| name)
    }
}

impl Known {
    fn learn(&mut self, shape: &BTreeSet<u64>, clean: bool, now: Nanos) {
        self.last = now;
        self.clean += u64::from(clean);
        if self.shapes.len() < SHAPES_MAX || self.shapes.contains_key(shape) {
            let known = self.shapes.entry(shape.clone()).or_insert((now, clean));
            known.1 |= clean;
        }
    }

    /// `None` where nothing can be said, else what is odd.
    fn judge(&self, shape: &BTreeSet<u64>, is_known: impl Fn(Nanos) -> bool) -> Option<Option<Odd>> {
        if self.clean < CLEAN_MIN || !is_known(self.first) {
            return None;
        }
        let mut known = self.shapes.iter().filter(|(_, (seen, _))| is_known(*seen));
        if self.shapes.get(shape).is_some_and(|(seen, _)| is_known(*seen)) {
            return Some(None);
        }
        let short =
            known.any(|(other, (_, clean))| *clean && shape.len() < other.len() && shape.is_subset(other));
        Some(short.then_some(Odd::Short))
    }
}

fn nodes<'a>(trace: &'a Joined, is_service: &impl Fn(&str) -> bool) -> Vec<Node<'a>> {
    let spans: Vec<(&SpanId, &SpanFacts, _)> =
        trace.spans.iter().filter_map(|(id, joined)| Some((id, joined.span.as_ref()?, joined))).collect();
    let index: BTreeMap<&SpanId, usize> = spans.iter().enumerate().map(|(i, (id, ..))| (*id, i)).collect();
    let parent = |i: usize| {
        let parent = spans[i].1.parent.as_ref()?;
        index.get(parent).copied().filter(|found| *found != i)
    };
    let same_service = |a: usize, b: usize| {
        let (a, b) = (&spans[a].1.operation, &spans[b].1.operation);
        a.service == b.service && a.env == b.env
    };
    let unit = |i: usize| {
        let mut at = i;
        // A cycle cannot be longer than the trace.
        for _ in 0..spans.len() {
            match parent(at).filter(|p| same_service(*p, at)) {
                Some(up) => at = up,
                None => break,
            }
        }
        at
    };
    spans
        .iter()
        .enumerate()
        .map(|(i, (_, facts, joined))| Node {
            facts,
            shape: &joined.shape,
            errors: joined.errors.iter().map(|error| without_services(error, is_service)).collect(),
            parent: parent(i),
            unit: unit(i),
        })
        .collect()
}

fn ancestors(nodes: &[Node<'_>], i: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(nodes[i].parent, |at| nodes[*at].parent).take(nodes.len())
}

/// An error about one service reads like the same error about another.
fn without_services(pattern: &Str, is_service: &impl Fn(&str) -> bool) -> Str {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::new();
    let mut rest = &**pattern;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if word == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (name, tail) = rest.split_at(word);
        out.push_str(if is_service(name) { OTHER } else { name });
        rest = tail;
    }
    out.into()
}

#[cfg(test)]
mod tests;
