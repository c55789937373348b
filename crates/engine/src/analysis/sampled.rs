//! What failing requests have in common and others do not: attributes of captured traces, compared. They are samples,
//! chosen by how the requests ended, so they tell how much more often a value stands on a failing request than on
//! another, and never how many requests with it fail. Which attribute means what is not known here.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Event, Str, TraceId};

use super::View;
use super::splits::{Lift, SPLIT_ODDS};
use crate::case::Case;
use crate::detect::{self, Counts};
use crate::fixed::Bits;
use crate::origin::Origin;
use crate::window::{FamilyKey, Limit, OperationKey, Sign};

/// Requests of each side that must carry an attribute before its values are compared.
const CARRIERS_MIN: u32 = 4;
/// An attribute with more values than this in the sample is an id, a time, a free text.
const VALUES_MAX: usize = 8;
/// A value on fewer failing requests tells nothing.
const FAILING_MIN: u32 = 3;
/// Services on the way outwards whose attributes are looked at.
const SERVICES_MAX: usize = 8;
/// Further attributes that a cohort names because they stand on the same requests.
const ALIKE_MAX: usize = 3;
/// Requests of each side: a set of them is a word of bits.
const REQUESTS_MAX: usize = 64;
/// How a request ended and how it was sampled is not where it belongs: words of a key that say so.
const OUTCOMES: [&str; 9] =
    ["error", "errors", "exception", "failure", "outcome", "result", "status", "success", "tracestate"];

/// A value that stands on more of the failing requests than of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sampled {
    pub(crate) service: Str,
    pub(crate) dimension: Str,
    pub(crate) value: Str,
    /// Requests that carry the attribute, and of them those with the value.
    pub(crate) failing: Counts,
    pub(crate) others: Counts,
    pub(crate) lift: Lift,
    /// (attribute, value) of others that stand on exactly the same requests.
    pub(crate) alike: Vec<(Str, Str)>,
    /// A few of the failing requests with the value, and a few of the others.
    pub(crate) traces: Vec<TraceId>,
}

/// Traces of a cohort that are cited, of each side.
const CITED_MAX: usize = 3;

/// An attribute of a service, by the place of the service on the way outwards.
type Key<'a> = (usize, &'a str);

/// Requests by number, of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Requests {
    failing: u64,
    others: u64,
}

impl Requests {
    fn add(&mut self, side: Side, number: usize) {
        match side {
            Side::Failing => self.failing |= 1 << number,
            Side::Others => self.others |= 1 << number,
        }
    }

    /// Of requests on the two sides, how many are these.
    fn of(self, all: Self) -> (Counts, Counts) {
        let counts = |all: u64, part: u64| Counts {
            requests: u64::from(all.count_ones()),
            failures: u64::from((all & part).count_ones()),
        };
        (counts(all.failing, self.failing), counts(all.others, self.others))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Failing,
    Others,
}

/// Values of one attribute, and who carries it.
#[derive(Debug, Default)]
struct Attribute<'a> {
    carriers: Requests,
    values: BTreeMap<&'a Str, Requests>,
}

/// A set of requests that have a value in common, and all the values that are on just these.
struct Candidate<'a> {
    carriers: Requests,
    members: Requests,
    names: Vec<(Key<'a>, &'a Str)>,
    odds: Bits,
}

/// The requests that show where it arises, beside others of the same operation that went well since the onset.
pub(super) fn sampled(case: &Case, origin: &Origin, view: View<'_>) -> Vec<Sampled> {
    if matches!(origin.sign, Sign::Traffic | Sign::Silence | Sign::Saturation | Sign::Metric) {
        return Vec::new();
    }
    let Some(operation) = origin.operation() else { return Vec::new() };
    let failing: BTreeSet<TraceId> = origin.traces_agreeing.iter().copied().collect();
    let mut beside: BTreeSet<TraceId> = case.beside(view.window).into_iter().collect();
    let shown = view.window.traces_of(&FamilyKey::of(origin.place.step.clone(), origin.sign));
    beside.retain(|trace| !failing.contains(trace) && !shown.contains(trace));
    let held = |ids: &BTreeSet<TraceId>| -> Vec<&CapturedTrace> {
        ids.iter().filter_map(|id| view.traces.get(id)).collect()
    };
    // What is slow by itself takes at least as long as that.
    let (slow, limit) = match origin.sign {
        Sign::Latency => (operation, view.window.limit(operation)),
        Sign::SelfTime => (&origin.place.step, view.window.self_times.limit(&origin.place.step)),
        _ => (operation, None),
    };
    let is_slow = |trace: &CapturedTrace| {
        let took = |limit: Limit| move |event: &Event| event.duration_ns() >= limit.above_ns;
        limit.is_some_and(|limit| trace.events.iter().filter(|event| is_of(event, slow)).any(took(limit)))
    };
    let went_well = |trace: &&CapturedTrace| {
        let mut events = trace.events.iter().filter(|event| is_of(event, operation)).peekable();
        !is_slow(trace) && events.peek().is_some() && events.all(|event| event.failure().is_none())
    };
    let others: Vec<&CapturedTrace> = held(&beside).into_iter().filter(went_well).collect();
    let failing = held(&failing).into_iter().filter(|trace| origin.sign != Sign::SelfTime || is_slow(trace));
    compare(origin, &failing.collect::<Vec<_>>(), &others)
}

/// Best first; the order of the traces and of their events does not matter.
fn compare(origin: &Origin, failing: &[&CapturedTrace], others: &[&CapturedTrace]) -> Vec<Sampled> {
    let (failing, others) = (numbered(failing), numbered(others));
    let way = way(origin);
    let mut attributes: BTreeMap<Key<'_>, Attribute<'_>> = BTreeMap::new();
    for (side, traces) in [(Side::Failing, &failing), (Side::Others, &others)] {
        for (number, trace) in traces.iter().enumerate() {
            for (key, value) in described(trace, &way) {
                let attribute = attributes.entry(key).or_default();
                attribute.carriers.add(side, number);
                attribute.values.entry(value).or_default().add(side, number);
            }
        }
    }
    let chosen = chosen(candidates(attributes, failing.len()));
    let cited = |traces: &[&CapturedTrace], set: u64| -> Vec<TraceId> {
        let of_set = traces.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
        of_set.map(|(_, trace)| trace.trace).take(CITED_MAX).collect()
    };
    let mut found: Vec<Sampled> = chosen
        .into_iter()
        .filter_map(|candidate| {
            let (first, alike) = candidate.names.split_first()?;
            let ((distance, dimension), value) = first;
            let (in_failing, in_others) = candidate.members.of(candidate.carriers);
            let mut traces = cited(&failing, candidate.members.failing);
            traces.extend(cited(&others, candidate.carriers.others));
            Some(Sampled {
                service: way.get(*distance).map(|(service, _)| (*service).clone())?,
                dimension: (*dimension).into(),
                value: (*value).clone(),
                failing: in_failing,
                others: in_others,
                lift: Lift::of(in_failing, in_others),
                alike: alike
                    .iter()
                    .filter(|((d, _), _)| d == distance)
                    .map(|((_, key), value)| ((*key).into(), (*value).clone()))
                    .take(ALIKE_MAX)
                    .collect(),
                traces,
            })
        })
        .collect();
    found.sort_by(|a, b| {
        let name = |s: &Sampled| (s.service.clone(), s.dimension.clone(), s.value.clone());
        b.lift.cmp(&a.lift).then_with(|| name(a).cmp(&name(b)))
    });
    found
}

/// In order of id, as many as there are numbers.
fn numbered<'a>(traces: &[&'a CapturedTrace]) -> Vec<&'a CapturedTrace> {
    let mut traces = traces.to_vec();
    traces.sort_by_key(|trace| trace.trace);
    traces.truncate(REQUESTS_MAX);
    traces
}

/// Services from the origin outwards, each with its operations there: what it was asked to do, and the failing step.
fn way(origin: &Origin) -> Vec<(&Str, Vec<&OperationKey>)> {
    let mut way: Vec<(&Str, Vec<&OperationKey>)> = Vec::new();
    for key in origin.hops.iter().chain([&origin.place.step]) {
        match way.iter().position(|(service, _)| **service == key.service) {
            Some(at) => way[at].1.push(key),
            None if way.len() < SERVICES_MAX => way.push((&key.service, vec![key])),
            None => {}
        }
    }
    way
}

fn is_of(event: &Event, key: &OperationKey) -> bool {
    event.kind == key.kind
        && event.operation == key.operation
        && event.service == key.service
        && event.env == key.env
}

/// What a request says of itself at each service: of several events of one operation the first counts, for who fails
/// tries again.
fn described<'a>(trace: &'a CapturedTrace, way: &[(&Str, Vec<&OperationKey>)]) -> BTreeMap<Key<'a>, &'a Str> {
    let mut said = BTreeMap::new();
    for (distance, (_, operations)) in way.iter().enumerate() {
        for operation in operations {
            let first = trace.events.iter().filter(|event| is_of(event, operation));
            let Some(event) = first.min_by_key(|event| (event.start, event.span)) else { continue };
            for (key, value) in event.attributes.iter().filter(|(key, _)| !tells_the_outcome(key)) {
                said.entry((distance, &**key)).or_insert(value);
            }
            for (key, value) in [("instance", &event.instance), ("version", &event.version)] {
                // At the origin these are counted, and need no sample.
                if distance > 0 && !value.is_empty() {
                    said.entry((distance, key)).or_insert(value);
                }
            }
        }
    }
    said
}

fn tells_the_outcome(key: &str) -> bool {
    key.split(['.', '_', '-']).any(|word| OUTCOMES.contains(&word))
}

/// Values that could mean something: few of them, on enough requests of both sides, more often on failing ones. Values
/// that stand on the same requests are one.
fn candidates<'a>(attributes: BTreeMap<Key<'a>, Attribute<'a>>, failing: usize) -> Vec<Candidate<'a>> {
    let mut by_requests: BTreeMap<(Requests, Requests), Vec<(Key<'a>, &'a Str)>> = BTreeMap::new();
    for (key, Attribute { carriers, values }) in attributes {
        let (mine, theirs) = (carriers.failing.count_ones(), carriers.others.count_ones());
        let known = mine >= CARRIERS_MIN && theirs >= CARRIERS_MIN && 2 * mine as usize >= failing;
        if !known || values.len() > VALUES_MAX {
            continue;
        }
        for (value, members) in values.into_iter().filter(|(_, set)| set.failing.count_ones() >= FAILING_MIN)
        {
            let (in_failing, in_others) = members.of(carriers);
            if in_failing.exceeds(in_others) {
                by_requests.entry((members, carriers)).or_default().push((key, value));
            }
        }
    }
    let candidate = |((members, carriers), names)| {
        let (in_failing, in_others) = Requests::of(members, carriers);
        Candidate { carriers, members, names, odds: detect::odds_beside(in_failing, in_others) }
    };
    by_requests.into_iter().map(candidate).collect()
}

/// Those at odds that chance does not give, however many were compared. One that is part of a better one must also
/// stand out within it.
fn chosen(mut candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    let threshold = Bits::log2(SPLIT_ODDS).plus(Bits::log2(candidates.len() as u64));
    candidates.retain(|candidate| candidate.odds >= threshold);
    candidates.sort_by(|a, b| b.odds.cmp(&a.odds).then_with(|| a.names.cmp(&b.names)));
    let mut chosen: Vec<Candidate<'_>> = Vec::new();
    for candidate in candidates {
        let members = candidate.members;
        let explained = |better: &Candidate<'_>| {
            let (in_failing, in_others) = members.of(better.members);
            let part = members.failing & !better.members.failing == 0;
            part && detect::odds_beside(in_failing, in_others) < threshold
        };
        if !chosen.iter().any(explained) {
            chosen.push(candidate);
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
