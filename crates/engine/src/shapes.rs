//! How requests run, as their log records tell: the set of templates that a span logs is its shape. A request that ends
//! early lacks templates that always followed; one that fails in a new way logs an error that nobody ever logged. Both
//! are charged to the deepest place that shows them, for whoever called it shows the consequences.

use std::collections::{BTreeMap, BTreeSet};

use model::{Nanos, SECOND_NS, SpanId, Str, TraceId};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::detect::{BEHAVIOUR, Counts, Detector, Excess};
use crate::join::{Joined, SpanFacts};
use crate::recent::Recent;
use crate::sketch::{OTHER, Smallest};
use crate::summary::Bucket;
use crate::window::{Alarm, FamilyKey, Norm, OperationKey, Scope, Sign};

/// Operations, by version, whose shapes are known; shapes of one; errors of all services.
const OPERATIONS_MAX: usize = 20_000;
const SHAPES_MAX: usize = 64;
const ERRORS_MAX: usize = 4_096;
/// What is younger is not known yet, unless somebody says that it is normal.
const LEARN_NS: u64 = 600 * SECOND_NS;
/// Clean requests that an operation must have shown: where records are sampled, a few may all have been logged.
const CLEAN_MIN: u64 = 20;
/// The same where somebody vouched for them.
const CLEAN_ACCEPTED_MIN: u64 = 3;
/// Baselines that are accepted within `LEARN_NS`; of more, the oldest are forgotten.
const ACCEPTED_MAX: usize = 64;
const KEEP_NS: u64 = 24 * 3_600 * SECOND_NS;
const TRACES_MAX: usize = 8;
const INSTANCES_MAX: usize = 32;
const RECENT_NS: u64 = 120 * SECOND_NS;

/// Versions are kept apart: other code logs other things.
type Place = (OperationKey, Str);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shapes {
    places: BTreeMap<Place, Known>,
    tests: BTreeMap<OperationKey, Tested>,
    /// Patterns of errors of all services, and when they were first and last seen.
    errors: BTreeMap<Str, (Nanos, Nanos)>,
    first: Option<Nanos>,
    /// The last tick.
    now: Nanos,
    /// Up to when what was seen was said to be normal, and of what.
    accepted: Vec<(Nanos, Scope)>,
    /// When what is too old was last let go of.
    forgot: Nanos,
    /// Spans whose place, shape or error there was no room to learn.
    pub(crate) cut: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Known {
    first: Nanos,
    last: Nanos,
    clean: u64,
    /// Somebody said that what it does is normal.
    is_accepted: bool,
    shapes: BTreeMap<BTreeSet<u64>, Shape>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Shape {
    first: Nanos,
    /// Clean requests of its place that came before it.
    behind: u64,
    /// A request without any error showed it.
    clean: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tested {
    detector: Detector,
    /// Since when it is in an incident: what was no normal by then does not become one by lasting.
    in_incident: Option<Nanos>,
    /// By the tick at which the traces were whole.
    recent: Recent<Counts>,
    traces: Recent<Smallest<TraceId, TRACES_MAX>>,
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

/// Since when something is nothing new.
#[derive(Debug, Clone, Copy)]
struct Past {
    accepted: Nanos,
    now: Nanos,
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
        self.now = now;
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
        let pasts: Vec<Past> = nodes.iter().map(|node| self.past_of(&node.facts.operation, now)).collect();
        let logs_known = |(node, past): (&Node<'_>, &Past)| {
            node.errors.iter().any(|error| self.is_known_error(error, *past)).then_some(node.unit)
        };
        let background: BTreeSet<usize> = nodes.iter().zip(&pasts).filter_map(logs_known).collect();
        let odd: Vec<Option<Option<Odd>>> = nodes
            .iter()
            .zip(&pasts)
            .map(|(node, past)| {
                let is_new = |error: &Str| !self.is_known_error(error, *past);
                if past.knows(first) && node.errors.iter().any(is_new) {
                    return Some(Some(Odd::NewError));
                }
                let place = (node.facts.operation.clone(), node.facts.version.clone());
                self.places.get(&place)?.judge(node.shape, *past)
            })
            .collect();
        let consequences = Consequences::of(nodes, &odd, &background);
        let explained = |i: usize| {
            let own = odd[i].flatten() != Some(Odd::NewError) && background.contains(&nodes[i].unit);
            own || consequences.contains(i)
        };
        let counted = |i: usize| odd[i].map(|odd| odd.filter(|_| !explained(i)));
        (0..nodes.len()).map(counted).collect()
    }

    /// What counts as known where an operation is judged.
    fn past_of(&self, key: &OperationKey, now: Nanos) -> Past {
        let of_key = self.accepted.iter().filter(|(_, scope)| scope.covers(key));
        let entered = self.tests.get(key).and_then(|tested| tested.in_incident);
        let now = entered.map_or(now, |entered| entered.min(now));
        Past { accepted: of_key.map(|(until, _)| *until).max().unwrap_or_default(), now }
    }

    /// An error that there was no room to learn is nothing new.
    fn is_known_error(&self, error: &Str, past: Past) -> bool {
        let seen = self.errors.get(error);
        seen.map_or(self.errors.len() >= ERRORS_MAX, |(first, _)| past.knows(*first))
    }

    fn learn(&mut self, nodes: &[Node<'_>], now: Nanos) {
        let dirty: BTreeSet<usize> = nodes
            .iter()
            .filter(|node| node.facts.failed || !node.errors.is_empty())
            .map(|node| node.unit)
            .collect();
        for node in nodes {
            for error in &node.errors {
                if let Some((_, last)) = self.errors.get_mut(error) {
                    *last = now;
                } else if self.errors.len() < ERRORS_MAX {
                    self.errors.insert(error.clone(), (now, now));
                } else {
                    self.cut += 1;
                }
            }
            let place = (node.facts.operation.clone(), node.facts.version.clone());
            if self.tests.get(&place.0).is_some_and(|tested| tested.in_incident.is_some()) {
                continue;
            }
            if self.places.len() >= OPERATIONS_MAX && !self.places.contains_key(&place) {
                self.cut += 1;
                continue;
            }
            let known = self.places.entry(place).or_insert_with(|| Known { first: now, ..Known::default() });
            self.cut += u64::from(!known.learn(node.shape, !dirty.contains(&node.unit), now));
        }
    }

    fn note(&mut self, node: &Node<'_>, trace: TraceId, bucket: Bucket) {
        if self.tests.len() >= OPERATIONS_MAX && !self.tests.contains_key(&node.facts.operation) {
            return;
        }
        let tested = self.tests.entry(node.facts.operation.clone()).or_default();
        tested.traces.entry(bucket, Smallest::default).add(&trace);
        let instance = &node.facts.instance;
        let room = tested.instances.len() < INSTANCES_MAX || tested.instances.contains_key(instance);
        if !instance.is_empty() && room {
            *tested.instances.entry(instance.clone()).or_default() += 1;
        }
    }

    fn observe(&mut self, shown: BTreeMap<OperationKey, Counts>, bucket: Bucket, config: &Config) {
        for (operation, counts) in shown {
            if !self.tests.contains_key(&operation) && self.tests.len() >= OPERATIONS_MAX {
                continue;
            }
            let tested = self.tests.entry(operation).or_default();
            if tested.in_incident.is_some() {
                tested.since.add(counts);
            } else {
                tested.detector.observe(BEHAVIOUR, bucket, counts, u64::MAX, config);
            }
            // Two ticks can fall into one bucket.
            tested.recent.entry(bucket, Counts::default).add(counts);
        }
        let edge = bucket.saturating_sub(RECENT_NS / config.tick_ns());
        for tested in self.tests.values_mut() {
            tested.recent.forget_before(edge);
            tested.traces.forget_before(edge);
        }
    }

    fn forget(&mut self, now: Nanos) {
        // Once an hour is enough for what lasts a day.
        if now.since(self.forgot) < 3_600 * SECOND_NS {
            return;
        }
        self.forgot = now;
        self.places.retain(|_, known| now.since(known.last) < KEEP_NS);
        self.errors.retain(|_, (_, last)| now.since(*last) < KEEP_NS);
        let known: BTreeSet<&OperationKey> = self.places.keys().map(|(operation, _)| operation).collect();
        self.tests.retain(|key, tested| tested.in_incident.is_some() || known.contains(key));
    }

    /// Whether an error of an operation's service was logged by any long enough ago to be nothing new.
    pub(crate) fn is_background(
        &self,
        family: &FamilyKey,
        is_service: impl Fn(&str) -> bool,
        now: Nanos,
    ) -> bool {
        let pattern = without_services(&family.code, &is_service);
        self.errors.contains_key(&pattern)
            && self.is_known_error(&pattern, self.past_of(&family.operation, now))
    }

    /// Everything of a scope that came before `until` is normal.
    pub(crate) fn accept(&mut self, scope: &Scope, until: Nanos) {
        let same = self.accepted.iter().filter(|(_, other)| other == scope);
        let until = same.map(|(known, _)| *known).fold(until, Nanos::max);
        // What is older is known by its age.
        self.accepted.retain(|(known, other)| until.since(*known) < LEARN_NS && other != scope);
        self.accepted.push((until, scope.clone()));
        if self.accepted.len() > ACCEPTED_MAX {
            self.accepted.remove(0);
        }
        let places = self.places.iter_mut().filter(|((operation, _), _)| scope.covers(operation));
        places.for_each(|(_, known)| known.is_accepted = true);
        let tests = self.tests.iter_mut().filter(|(operation, _)| scope.covers(operation));
        tests.for_each(|(_, tested)| tested.detector.restart());
    }

    /// What an operation does now is normal.
    pub(crate) fn accept_present(&mut self, key: &OperationKey) {
        for (_, known) in self.places.iter_mut().filter(|((operation, _), _)| operation == key) {
            known.shapes.values_mut().for_each(|shape| shape.first = Nanos(0));
        }
    }

    pub(crate) fn tests(&self) -> usize {
        self.tests.len()
    }

    pub(crate) fn alarms(&self, threshold: crate::fixed::Bits) -> impl Iterator<Item = Alarm> {
        self.tests.iter().filter(|(_, tested)| tested.in_incident.is_none()).filter_map(
            move |(key, tested)| {
                let Excess { bits, onset, baseline } = tested.detector.excess();
                (bits >= threshold).then(|| Alarm {
                    family: FamilyKey::of(key.clone(), Sign::Behaviour),
                    onset,
                    norm: Norm::Behaviour(baseline),
                })
            },
        )
    }

    pub(crate) fn enter_incident(&mut self, family: &FamilyKey, onset: Bucket) {
        let now = self.now;
        if let Some(tested) = self.tested_mut(family) {
            tested.in_incident = Some(now);
            tested.since = Counts::default();
            tested.recent.range(onset..).for_each(|(_, counts)| tested.since.add(*counts));
        }
    }

    pub(crate) fn leave_incident(&mut self, family: &FamilyKey) {
        if let Some(tested) = self.tested_mut(family) {
            tested.in_incident = None;
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
        let latest = tested.into_iter().flat_map(|tested| tested.traces.range(..).rev());
        let all = latest.flat_map(|(_, traces)| traces.iter());
        all.copied().take(TRACES_MAX).collect()
    }

    /// The instance on which most of it happened.
    pub(crate) fn instance(&self, key: &OperationKey) -> Option<&Str> {
        let instances = &self.tests.get(key)?.instances;
        instances.iter().max_by_key(|(name, n)| (**n, std::cmp::Reverse(*name))).map(|(name, _)| name)
    }
}

impl Known {
    /// Whether there was room.
    fn learn(&mut self, shape: &BTreeSet<u64>, clean: bool, now: Nanos) -> bool {
        self.last = now;
        let behind = self.clean;
        self.clean += u64::from(clean);
        let room = self.shapes.len() < SHAPES_MAX || self.shapes.contains_key(shape);
        if room {
            let known = self.shapes.entry(shape.clone()).or_insert(Shape { first: now, behind, clean });
            known.clean |= clean;
        }
        room
    }

    /// `None` where nothing can be said, else what is odd.
    fn judge(&self, shape: &BTreeSet<u64>, past: Past) -> Option<Option<Odd>> {
        let clean_min = if self.is_accepted { CLEAN_ACCEPTED_MIN } else { CLEAN_MIN };
        if self.clean < clean_min || !past.knows(self.first) {
            return None;
        }
        // What came among the first requests is as normal as those: too few had come to tell what always follows.
        let is_normal = |known: &Shape| past.knows(known.first) || known.behind < clean_min;
        if self.shapes.get(shape).is_some_and(is_normal) {
            return Some(None);
        }
        let mut known = self.shapes.iter().filter(|(_, known)| past.knows(known.first));
        let short =
            known.any(|(other, known)| known.clean && shape.len() < other.len() && shape.is_subset(other));
        Some(short.then_some(Odd::Short))
    }
}

impl Past {
    /// Whether what was first seen then is nothing new.
    fn knows(self, seen: Nanos) -> bool {
        seen < self.accepted || self.now.since(seen) >= LEARN_NS
    }
}

/// Which spans of a trace may only show what happened elsewhere in it.
struct Consequences {
    /// Something below them is odd, or in another unit below them something failed or failed as ever.
    above: Vec<bool>,
    /// The top of each span's tree.
    tops: Vec<usize>,
    /// Trees with such spans whose own place is not known, for the span above them is lost: they may be below any other.
    adrift: BTreeSet<usize>,
}

impl Consequences {
    fn of(nodes: &[Node<'_>], odd: &[Option<Option<Odd>>], background: &BTreeSet<usize>) -> Self {
        let called: BTreeSet<usize> = nodes.iter().filter_map(|node| node.parent).collect();
        let tops: Vec<usize> = (0..nodes.len()).map(|i| ancestors(nodes, i).last().unwrap_or(i)).collect();
        let (mut above, mut adrift) = (vec![false; nodes.len()], BTreeSet::new());
        for (j, node) in nodes.iter().enumerate() {
            let is_background = background.contains(&node.unit);
            let has_failed = node.facts.failed && !is_background;
            // Whoever was called left no span, so the call stands for it.
            let is_unanswered = node.facts.operation.kind.is_outbound() && !called.contains(&j);
            let of_unit = odd[j].flatten().is_some() || has_failed && is_unanswered;
            if !of_unit && !has_failed && !is_background {
                continue;
            }
            for i in ancestors(nodes, j).filter(|i| *i != j && (of_unit || nodes[*i].unit != node.unit)) {
                // What is a consequence here is one for all above.
                if std::mem::replace(&mut above[i], true) {
                    break;
                }
            }
            if nodes[tops[j]].facts.parent.is_some() {
                adrift.insert(tops[j]);
            }
        }
        Self { above, tops, adrift }
    }

    fn contains(&self, i: usize) -> bool {
        self.above[i] || self.adrift.iter().any(|top| *top != self.tops[i])
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
