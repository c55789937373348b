//! Origin and propagation of an incident, by vote of its captured traces.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, Event, Nanos, Str, TraceId};

use crate::assembly::{Assembly, Peers, TraceOrigin};
use crate::core::TRACES_MIN;
use crate::summary::Bucket;
use crate::window::{FamilyKey, OperationKey, Sign, Window};

mod behaviour;
mod metric;
mod self_time;
mod slow;
mod upstream;
mod ways;

pub(crate) use metric::by_metrics;
use slow::vote as vote_slow;
use upstream::first as first_upstream;

/// The operation of a service that was called and left no event.
pub(crate) const UNOBSERVED: &str = "(unobserved)";

/// Where the failure first arose, as most traces tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) place: Place,
    /// What it was found by.
    pub(crate) sign: Sign,
    /// Of a latency origin: nanoseconds charged to the place in a request, now and before.
    pub(crate) charged_ns: Option<(u64, u64)>,
    /// Of a failure: a service that goes on was waited for too long.
    pub(crate) gave_up: bool,
    /// From the origin outwards.
    pub(crate) hops: Vec<OperationKey>,
    /// The outermost failing operations over all traces that show them: what the world outside asked for.
    pub(crate) edges: Vec<OperationKey>,
    pub(crate) traces_agreeing: Vec<TraceId>,
    pub(crate) traces_examined: usize,
    /// Services that other traces point at, with the number of those.
    pub(crate) others: BTreeMap<Str, usize>,
    /// A failing event of the origin, for its message.
    pub(crate) reason: Str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) service: Str,
    /// What the service was asked to do.
    pub(crate) operation: Str,
    /// The failing event inside the service.
    pub(crate) step: OperationKey,
    pub(crate) code: Str,
    pub(crate) callee: Callee,
}

/// Operations of one service at which work arrives that are looked at beside a failure that reached none of them.
const ASKED_MAX: usize = 16;
/// What a trace that shows the failure to its end weighs, against one that may have lost the end.
const WHOLE_TRACE: usize = 3;

impl Origin {
    /// The innermost hop that reports: its requests are compared with each other.
    pub(crate) fn operation(&self) -> Option<&OperationKey> {
        self.hops.iter().find(|hop| &*hop.operation != UNOBSERVED)
    }
}

/// What is known of the other end of the failing call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Callee {
    /// The failure is not in a call.
    None,
    /// Nobody of that name has ever reported: a third party, a database.
    Foreign(Str),
    /// A service that reports otherwise left no event in the failing traces: it is the origin.
    Silent(Str),
}

impl Origin {
    /// Where more comes in at `edge` than ever, what stands at its limit or changes its traffic because of that did not
    /// begin it.
    pub(crate) fn under(self, edge: Option<&OperationKey>) -> Self {
        match edge {
            Some(edge) if matches!(self.sign, Sign::Traffic | Sign::Saturation) => Self {
                place: Place {
                    service: edge.service.clone(),
                    operation: edge.operation.clone(),
                    step: edge.clone(),
                    code: "".into(),
                    callee: Callee::None,
                },
                sign: Sign::Traffic,
                hops: vec![edge.clone()],
                edges: vec![edge.clone()],
                ..self
            },
            _ => self,
        }
    }
}

#[derive(Default)]
struct Vote {
    /// Traces that lack spans of a service that otherwise goes on as ever: they tell less.
    cut: usize,
    gave_up: usize,
    traces: Vec<TraceId>,
    first: Option<Nanos>,
    chains: Chains,
    reasons: BTreeMap<Str, usize>,
}

/// How often the failure was seen to take each way outwards.
#[derive(Default)]
struct Chains {
    /// In traces that show the way to its end, and in those whose outer part is missing.
    whole: BTreeMap<Vec<OperationKey>, usize>,
    cut: BTreeMap<Vec<OperationKey>, usize>,
}

impl Chains {
    fn add(&mut self, hops: Vec<OperationKey>, outer_part_missing: bool) {
        let chains = if outer_part_missing { &mut self.cut } else { &mut self.whole };
        *chains.entry(hops).or_default() += 1;
    }

    /// Those that can be relied on: a cut one counts only where there is no other.
    fn reliable(&self) -> &BTreeMap<Vec<OperationKey>, usize> {
        if self.whole.is_empty() { &self.cut } else { &self.whole }
    }
}

/// Symptoms with their onsets.
pub(crate) type Members<'a> = BTreeMap<&'a FamilyKey, Bucket>;

/// The origin by the strongest sign there is: behaviour before failures, failures before slowness, slowness before a
/// change in traffic. A caller that gave up waiting failed because of slowness, and failures in fewer traces than open an
/// incident do not outweigh it.
pub(crate) fn locate<'a>(
    members: &Members<'_>,
    traces: &[&'a CapturedTrace],
    before: &[&'a CapturedTrace],
    window: &Window,
    peers: &Peers,
) -> Option<Origin> {
    let is_member =
        |family: &FamilyKey| members.contains_key(family) || members.contains_key(&family.without_code());
    let slow_itself = || self_time::longest(members, traces, window, peers);
    let slow = || {
        slow_itself()
            .or_else(|| vote_slow(traces.iter().copied(), before.iter().copied(), members, window, peers))
    };
    let flows = || {
        let is_flow =
            |family: &FamilyKey| matches!(family.sign, Sign::Traffic | Sign::Silence | Sign::Saturation);
        let flows =
            members.iter().filter(|(family, _)| is_flow(family)).map(|(f, onset)| (*f, *onset)).collect();
        first_upstream(&flows, before.iter().copied())
    };
    let failed = vote(traces.iter().copied(), is_member, false, window, peers);
    let failed_itself = || vote(traces.iter().copied(), is_member, true, window, peers);
    match (failed, behaviour::most(members, traces, window)) {
        // What failed is known more closely; but where it is not what runs otherwise, it fails every day.
        (Some(failed), Some(odd)) if failed.place.service == odd.place.service => Some(failed),
        (_, Some(odd)) => Some(odd),
        (Some(failed), None) if failed.gave_up => slow().or_else(failed_itself).or(Some(failed)),
        (Some(failed), None) if failed.traces_agreeing.len() < TRACES_MIN => slow().or(Some(failed)),
        (failed, None) => failed.or_else(slow).or_else(flows),
    }
}

/// Traces in which no member failed do not vote, nor, where `itself` asks for that, those in which a call was given up.
pub(crate) fn vote<'a>(
    traces: impl Iterator<Item = &'a CapturedTrace>,
    is_member: impl Fn(&FamilyKey) -> bool,
    itself: bool,
    window: &Window,
    peers: &Peers,
) -> Option<Origin> {
    let mut votes: BTreeMap<Place, Vote> = BTreeMap::new();
    let mut all = Chains::default();
    let mut examined = 0;
    let mut failing: BTreeSet<OperationKey> = BTreeSet::new();
    for trace in traces.filter(|trace| families(trace).any(|family| is_member(&family))) {
        let called = |call: &Event| known_service(call, window, peers);
        let Some(found) = Assembly::of(trace).origin_past_gaps(called) else { continue };
        let callee = callee(&found, window, peers);
        let gave_up = found.gave_up && !matches!(callee, Callee::Foreign(_));
        if gave_up && itself {
            continue;
        }
        examined += 1;
        let hops = hops(&found, &callee);
        let outermost = found.hops.last().filter(|event| event.failure().is_some());
        failing.extend(outermost.map(|event| OperationKey::of(event)));
        all.add(hops.clone(), found.outer_part_missing);
        let goes_on = matches!(&callee, Callee::Silent(service) if window.goes_on(&found.event.env, service));
        let lost = goes_on && was_answered(found.event);
        let vote = votes.entry(place(&found, &callee)).or_default();
        vote.cut += usize::from(lost);
        vote.gave_up += usize::from(gave_up);
        vote.traces.push(trace.trace);
        vote.first = [vote.first, Some(found.event.end)].into_iter().flatten().min();
        vote.chains.add(hops, found.outer_part_missing);
        let reason = found.event.failure().map(|failure| failure.reason.clone()).unwrap_or_default();
        *vote.reasons.entry(reason).or_default() += 1;
    }
    // A trace that lacks the callee's spans may have lost them; where nearly all lack them the calls never arrived.
    let weight = |vote: &Vote| WHOLE_TRACE * (vote.traces.len() - vote.cut) + vote.cut;
    join_shallow(&mut votes);
    let best = votes
        .iter()
        .max_by_key(|(place, vote)| (weight(vote), std::cmp::Reverse(vote.first), std::cmp::Reverse(*place)));
    let place = best.map(|(place, _)| place.clone())?;
    let vote = votes.remove(&place)?;
    let mut others: BTreeMap<Str, usize> = BTreeMap::new();
    votes.iter().for_each(|(p, vote)| *others.entry(p.service.clone()).or_default() += vote.traces.len());
    let outermost: BTreeSet<&OperationKey> = all.reliable().keys().filter_map(|hops| hops.last()).collect();
    let edges: BTreeSet<OperationKey> =
        outermost.into_iter().flat_map(|edge| felt_at(edge, failing.contains(edge), window)).collect();
    Some(Origin {
        place,
        sign: Sign::Failure,
        gave_up: 2 * vote.gave_up > vote.traces.len(),
        charged_ns: None,
        hops: most_common(vote.chains.reliable()).cloned().unwrap_or_default(),
        edges: edges.into_iter().collect(),
        traces_agreeing: vote.traces,
        traces_examined: examined,
        others,
        reason: most_common(&vote.reasons).cloned().unwrap_or_default(),
    })
}

/// Work that a service began by itself, and that went well although something in it failed, affects nobody: what the service
/// was asked for in the meantime says whether anybody was.
fn felt_at(edge: &OperationKey, has_failed: bool, window: &Window) -> Vec<OperationKey> {
    let asked = || window.arriving(edge.service_key()).take(ASKED_MAX).cloned().collect::<Vec<_>>();
    let asked = if has_failed || edge.kind.is_inbound() { Vec::new() } else { asked() };
    if asked.is_empty() { vec![edge.clone()] } else { asked }
}

/// The callee said how it ended, so its spans are lost; who is not reached or breaks off says nothing.
fn was_answered(call: &Event) -> bool {
    let code = call.failure().map(|failure| &*failure.code).unwrap_or_default();
    code.starts_with("HTTP_") && !matches!(code, "HTTP_502" | "HTTP_503" | "HTTP_504")
}

/// A trace that lost spans points at a service as a whole: it agrees with those that kept them.
fn join_shallow(votes: &mut BTreeMap<Place, Vote>) {
    // Silent ones last: by then those that kept some spans agree among themselves.
    let mut shallow: Vec<Place> = votes.keys().cloned().collect();
    shallow.sort_by_key(Place::is_silent);
    for place in shallow {
        let Some(own) = votes.get(&place) else { continue };
        let count = own.traces.len();
        let says_more = |other: &Place| match &place.callee {
            // The span of the call in which it fails.
            Callee::None => other.callee != Callee::None && other.step.service == place.service,
            // All spans of the callee.
            Callee::Silent(callee) => other.service == *callee && !other.is_silent(),
            Callee::Foreign(_) => false,
        };
        let deeper = votes.iter().filter(|(other, vote)| says_more(other) && 3 * vote.traces.len() >= count);
        let deeper = deeper.max_by_key(|(_, vote)| vote.traces.len()).map(|(place, _)| place.clone());
        if let Some(deeper) = deeper
            && let Some(gone) = votes.remove(&place)
        {
            let vote = votes.entry(deeper).or_default();
            vote.first = [vote.first, gone.first].into_iter().flatten().min();
            vote.gave_up += gone.gave_up;
            vote.traces.extend(gone.traces);
            vote.cut += gone.cut;
        }
    }
}

impl Place {
    fn is_silent(&self) -> bool {
        matches!(self.callee, Callee::Silent(_))
    }
}

/// The most common one; of equally common ones the last in order.
fn most_common<T: Ord>(counts: &BTreeMap<T, usize>) -> Option<&T> {
    counts.iter().max_by_key(|(_, count)| **count).map(|(value, _)| value)
}

/// The families whose symptom a trace shows: what failed in it, and what was slow.
pub(crate) fn shown(trace: &CapturedTrace, window: &Window) -> impl Iterator<Item = FamilyKey> {
    let slow = trace.events.iter().filter_map(|event| {
        let key = OperationKey::of(event);
        let limit = window.limit(&key)?;
        (event.duration_ns() >= limit.above_ns).then(|| FamilyKey::of(key, Sign::Latency))
    });
    families(trace).chain(slow)
}

/// The error families that failed in a trace.
pub(crate) fn families(trace: &CapturedTrace) -> impl Iterator<Item = FamilyKey> {
    trace.events.iter().filter_map(|event| {
        let failure = event.failure()?;
        Some(FamilyKey::failure(OperationKey::of(event), failure.code.clone()))
    })
}

fn callee(found: &TraceOrigin<'_>, window: &Window, peers: &Peers) -> Callee {
    if !found.callee_unobserved {
        return Callee::None;
    }
    let event = found.event;
    if let Some(service) = known_service(event, window, peers) {
        return Callee::Silent(service);
    }
    let name = if event.peer.is_empty() { &event.operation } else { &event.peer };
    Callee::Foreign(name.clone())
}

/// The reporting service that a call goes to, by what was learned of calls or by its name.
pub(crate) fn known_service(call: &Event, window: &Window, peers: &Peers) -> Option<Str> {
    if let Some(service) = peers.callee(call) {
        return Some(service.clone());
    }
    let host = call.peer.split([':', '/']).next().unwrap_or_default();
    let named = [host, host.split('.').next().unwrap_or_default()];
    let named = named.into_iter().find(|name| !name.is_empty() && **name != *call.service);
    named.filter(|name| window.has_service(&call.env, name)).map(Str::from)
}

fn place(found: &TraceOrigin<'_>, callee: &Callee) -> Place {
    let (service, operation) = match callee {
        Callee::Silent(service) => (service.clone(), Str::from(UNOBSERVED)),
        Callee::None | Callee::Foreign(_) => (found.event.service.clone(), found.inbound.operation.clone()),
    };
    Place {
        service,
        operation,
        step: OperationKey::of(found.event),
        code: found.event.failure().map(|failure| failure.code.clone()).unwrap_or_default(),
        callee: callee.clone(),
    }
}

fn hops(found: &TraceOrigin<'_>, callee: &Callee) -> Vec<OperationKey> {
    let hops = found.hops.iter().map(|event| OperationKey::of(event)).collect();
    behind_silent(callee, &found.event.env, hops)
}

/// A silent callee is a hop before those that lead outwards from its caller.
fn behind_silent(callee: &Callee, env: &Str, hops: Vec<OperationKey>) -> Vec<OperationKey> {
    let silent = match callee {
        Callee::Silent(service) => Some(OperationKey {
            env: env.clone(),
            service: service.clone(),
            kind: model::EventKind::Server,
            operation: UNOBSERVED.into(),
        }),
        Callee::None | Callee::Foreign(_) => None,
    };
    silent.into_iter().chain(hops).collect()
}

/// The trace may still grow: a parent is missing, or a service that reports otherwise has not been heard of.
pub(crate) fn is_partial(trace: &CapturedTrace, window: &Window, peers: &Peers) -> bool {
    let assembly = Assembly::of(trace);
    trace.events.is_empty()
        || trace.events_cut > 0
        || assembly.missing_parents > 0
        || assembly.unanswered().any(|call| known_service(call, window, peers).is_some())
}
