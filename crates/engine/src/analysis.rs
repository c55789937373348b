//! What is known of an incident at a tick, gathered in one place: symptoms, origin, propagation, blast radius,
//! changes and signals. Facts only; which cause they speak for is weighed in `causes`, and how it is said in `report`.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    CapturedTrace, Deployment, EventKind, IncidentId, Nanos, Severity, Signal, SignalKind, Str, TraceId,
};

use crate::alerts::{self, Alerts, CorrelatedAlert};
use crate::assembly::Peers;
use crate::case::{Case, Member};
use crate::concurrent::{self, Named};
use crate::config::Config;
use crate::detect::{self, Counts};
use crate::evidence::Traces;
use crate::facts::{self, Facts};
use crate::fixed::Bits;
use crate::metrics::{Level, SeriesKey};
use crate::origin::{self, Callee, Origin};
use crate::service_metrics::Shift;
use crate::sketch::{Merge, Users};
use crate::summary::{Bucket, Digest, Split};
use crate::window::{self, FamilyKey, Norm, OperationKey, Sign, Window};

mod sampled;
mod splits;

pub(crate) use sampled::Sampled;
pub(crate) use splits::{Lift, SplitBy, Versions, is_concentrated, is_slower};
use splits::{changes, cohorts};

/// A change this shortly after the first failure still counts as before it, for clocks differ.
pub(crate) const CLOCK_SLACK_NS: u64 = 2 * model::SECOND_NS;
/// Different signals that a report names; the earliest ones.
const SIGNALS_MAX: usize = 50;

/// What the analysis may look at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) cases: &'a BTreeMap<IncidentId, Case>,
    pub(crate) window: &'a Window,
    pub(crate) traces: &'a Traces,
    pub(crate) facts: &'a Facts,
    pub(crate) alerts: &'a Alerts,
    pub(crate) peers: &'a Peers,
    pub(crate) config: &'a Config,
    pub(crate) now: Nanos,
}

pub(crate) struct Analysis<'a> {
    pub(crate) case: &'a Case,
    /// What each tracked operation did since the onset.
    pub(crate) totals: BTreeMap<&'a OperationKey, Digest>,
    pub(crate) started_at: Nanos,
    pub(crate) symptoms: Vec<Symptom<'a>>,
    pub(crate) origin: Option<Origin>,
    pub(crate) hops: Vec<Hop>,
    pub(crate) blast: Blast,
    /// Parts of the traffic that are counted, and what the captured requests have in common.
    pub(crate) cohorts: Vec<Cohort>,
    pub(crate) sampled: Vec<Sampled>,
    pub(crate) changes: Vec<Change<'a>>,
    pub(crate) signals: Vec<Correlated<'a>>,
    /// Of the origin: what stands at its limit, and what was started again.
    pub(crate) saturated: Vec<(&'a SeriesKey, Level)>,
    pub(crate) restarts: Vec<(&'a SeriesKey, i64)>,
    pub(crate) alerts: Vec<CorrelatedAlert<'a>>,
    /// What other incidents of the time point at.
    pub(crate) concurrent: Vec<(IncidentId, &'a [Named])>,
    pub(crate) opening: Part,
    pub(crate) latest: Part,
    pub(crate) exemplars: Vec<&'a CapturedTrace>,
}

pub(crate) struct Symptom<'a> {
    pub(crate) family: &'a FamilyKey,
    pub(crate) onset: Nanos,
    pub(crate) detected_at: Nanos,
    pub(crate) norm: Norm,
    /// Requests since the onset, and of them those that show the symptom.
    pub(crate) since: Counts,
    /// Median duration since the onset, of a latency symptom.
    pub(crate) p50_ns: Option<u64>,
    /// Of behaviour: where most of it happened.
    pub(crate) instance: Option<Str>,
    /// Of saturation.
    pub(crate) level: Option<Level>,
    /// Of a service's own numbers.
    pub(crate) shift: Option<Shift>,
    pub(crate) odds: Bits,
    pub(crate) first_failure: Option<Nanos>,
}

/// One service on the way from the origin to the edge.
pub(crate) struct Hop {
    pub(crate) operation: OperationKey,
    pub(crate) counts: Counts,
    pub(crate) first_failure: Option<Nanos>,
    /// Median duration since the onset and in the hour before it.
    pub(crate) p50_ns: (Option<u64>, Option<u64>),
}

pub(crate) struct Blast {
    pub(crate) requests: Counts,
    pub(crate) users: u64,
    pub(crate) users_exact: bool,
    pub(crate) services: BTreeSet<Str>,
    pub(crate) edge_reached: bool,
}

/// A part of the origin's traffic that fails more than the rest.
pub(crate) struct Cohort {
    pub(crate) dimension: &'static str,
    pub(crate) value: Str,
    pub(crate) inside: Split,
    pub(crate) outside: Split,
    pub(crate) lift: Lift,
}

pub(crate) struct Change<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) before_onset: bool,
    /// Distance from the deployment to the first failure.
    pub(crate) gap_ns: u64,
    pub(crate) on_origin: bool,
    /// The new version and all others, since the onset, on the operation that the chain passes.
    pub(crate) split: Option<(Split, Split)>,
    pub(crate) rate_before: Counts,
    /// What the split is measured by.
    pub(crate) norm: Counts,
    /// The failures of the split are slow requests.
    pub(crate) slow: bool,
    /// Durations are all that is known, and what is slow is slow as a whole.
    pub(crate) slow_alike: bool,
}

/// A signal that belongs to the incident; one that says the same again is counted, not repeated.
pub(crate) struct Correlated<'a> {
    /// The first that said it.
    pub(crate) signal: &'a Signal,
    pub(crate) rule: &'static str,
    pub(crate) times: u64,
    pub(crate) last_at: Nanos,
}

/// How much of a set of traces could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) traces: usize,
    pub(crate) complete: usize,
    pub(crate) wanted: usize,
}

impl<'a> Analysis<'a> {
    pub(crate) fn of(case: &'a Case, view: View<'a>) -> Self {
        let wanted = case.wanted(view.window);
        let totals: Totals<'_> = case.tracked().map(|key| (key, case.total(key, view.window))).collect();
        let held = |ids: &[TraceId]| ids.iter().filter_map(|id| view.traces.get(id)).collect::<Vec<_>>();
        let (opening, latest) = (held(&case.opening), held(&wanted));
        let symptoms = symptoms(case, &totals, view);
        let started_at = symptoms.iter().filter_map(|s| s.first_failure).min();
        let started_at = started_at.unwrap_or(Nanos(case.onset * view.config.tick_ns()));
        // The newest traces first of all; where they are gone the opening ones still speak.
        let voters = latest.iter().chain(opening.iter().filter(|t| !wanted.contains(&t.trace))).copied();
        let before = held(&case.before);
        let voters: Vec<&CapturedTrace> = voters.collect();
        let origin = origin::locate(&case.onsets(), &voters, &before, view.window, view.peers)
            .map(|origin| origin.under(case.surge.as_ref().map(|(edge, ..)| edge)));
        let origin = origin::by_metrics(case, origin, view.window);
        let hops = hops(case, origin.as_ref(), &totals);
        let blast = blast(case, origin.as_ref(), &symptoms, &totals, view);
        let (cohorts, changes) = match &origin {
            Some(origin) => {
                (cohorts(origin, &totals, view), changes(case, origin, &hops, started_at, &totals, view))
            }
            None => (Vec::new(), Vec::new()),
        };
        let sampled = origin.as_ref().map(|origin| sampled::sampled(case, origin, view)).unwrap_or_default();
        let signals = correlated(case, origin.as_ref(), &hops, started_at, view);
        let place = |origin: &Origin| origin.place.service.clone();
        let alerts = alerts::correlated(case, origin.as_ref().map(place), &hops, started_at, view);
        let lately = started_at.saturating_sub(60 * model::SECOND_NS);
        let (saturated, restarts) = match &origin {
            Some(origin) => {
                let metrics = &view.window.metrics;
                let service = &origin.place.service;
                let hosts = hosts(&latest, service);
                (
                    metrics.saturated(&case.env, service, &hosts, lately),
                    metrics.restarts(&case.env, service, lately),
                )
            }
            None => (Vec::new(), Vec::new()),
        };
        Self {
            saturated,
            restarts,
            concurrent: concurrent::others(case, view.cases, view.config),
            case,
            started_at,
            symptoms,
            alerts,
            hops,
            blast,
            cohorts,
            sampled,
            changes,
            signals,
            opening: part(&opening, case.opening.len(), view),
            latest: part(&latest, wanted.len(), view),
            exemplars: latest,
            origin,
            totals,
        }
    }

    /// What an operation did since the onset.
    pub(crate) fn total(&self, key: &OperationKey) -> std::borrow::Cow<'_, Digest> {
        total(&self.totals, key)
    }

    pub(crate) fn root(&self) -> Option<&Symptom<'a>> {
        let origin = self.origin.as_ref()?;
        let place = &origin.place;
        let of_sign = |s: &&Symptom<'_>| s.family.sign == origin.sign && s.family.code == place.code;
        let at_step = |s: &&Symptom<'_>| of_sign(s) && s.family.operation == place.step;
        // A slow step shows itself in the operation that waits for it.
        let at_hop = |s: &&Symptom<'_>| of_sign(s) && origin.hops.contains(&s.family.operation);
        self.symptoms.iter().find(at_step).or_else(|| self.symptoms.iter().find(at_hop))
    }

    /// From the share of the edge's requests that fail, the users, the services, and whether the edge is reached.
    pub(crate) fn severity(&self) -> Severity {
        let Counts { requests, failures } = self.blast.requests;
        let share = match failures * 100 / requests.max(1) {
            50.. => 3,
            10..=49 => 2,
            1..=9 => 1,
            _ => 0,
        };
        let users = match self.blast.users {
            1_000.. => 2,
            10..=999 => 1,
            _ => 0,
        };
        let points =
            share + users + u8::from(self.blast.services.len() >= 3) + u8::from(self.blast.edge_reached);
        Severity(match points {
            6.. => 1,
            4..=5 => 2,
            3 => 3,
            2 => 4,
            _ => 5,
        })
    }
}

/// Hosts and nodes on which failing events of a service ran.
fn hosts<'a>(traces: &[&'a CapturedTrace], service: &Str) -> BTreeSet<&'a Str> {
    let events = traces.iter().flat_map(|trace| &trace.events).filter(|e| e.service == *service);
    let named = |key: &Str| matches!(&**key, "host.name" | "k8s.node.name" | "host.id");
    events.flat_map(|event| &event.attributes).filter(|(key, _)| named(key)).map(|(_, value)| value).collect()
}

type Totals<'a> = BTreeMap<&'a OperationKey, Digest>;

/// An operation that nobody tracks did nothing that is known.
fn total<'t>(totals: &'t Totals<'_>, key: &OperationKey) -> std::borrow::Cow<'t, Digest> {
    totals.get(key).map_or_else(|| std::borrow::Cow::Owned(Digest::default()), std::borrow::Cow::Borrowed)
}

fn symptoms<'a>(case: &'a Case, totals: &Totals<'_>, view: View<'a>) -> Vec<Symptom<'a>> {
    let symptom = |(family, member): (&'a FamilyKey, &'a Member)| {
        let total = total(totals, &family.operation);
        let since = match member.norm {
            Norm::Flow(_) | Norm::Level(_) | Norm::Behaviour(_) | Norm::SelfTime(..) | Norm::Metric(_) => {
                member.since
            }
            Norm::Failure(_) | Norm::Latency(..) => total.showing(family, member.norm),
        };
        let tick = view.now.0 / view.config.tick_ns();
        Symptom {
            family,
            onset: Nanos(member.onset * view.config.tick_ns()),
            detected_at: member.detected_at,
            norm: member.norm,
            since,
            p50_ns: match member.norm {
                Norm::SelfTime(..) => {
                    let seen = view.window.self_times.since(&family.operation);
                    seen.and_then(|stretch| stretch.times.quantile_ns(500))
                }
                _ => total.latency.quantile_ns(500),
            },
            instance: view.window.shapes.instance(&family.operation).cloned(),
            shift: match member.norm {
                Norm::Metric(then) => {
                    Some(view.window.metrics.services.shift_since(&family.operation.service_key(), &then))
                }
                _ => None,
            },
            level: view.window.metrics.level(family, Nanos(member.onset * view.config.tick_ns())),
            odds: match member.norm {
                Norm::Flow(range) => {
                    let ticks = tick.saturating_sub(member.onset);
                    window::flow_odds(member.since.requests, ticks, range, view.config)
                }
                Norm::Level(_) | Norm::Metric(_) => Bits::ZERO,
                Norm::Failure(_) | Norm::Latency(..) | Norm::Behaviour(_) | Norm::SelfTime(..) => {
                    detect::odds(since, member.norm.counts())
                }
            },
            first_failure: total.failures_of(&family.code).and_then(|failures| failures.first),
        }
    };
    case.members.iter().map(symptom).collect()
}

fn hops(case: &Case, origin: Option<&Origin>, totals: &Totals<'_>) -> Vec<Hop> {
    let Some(origin) = origin else { return Vec::new() };
    let hop = |operation: &OperationKey| {
        let total = total(totals, operation);
        Hop {
            counts: Counts { requests: total.requests, failures: total.failures() },
            first_failure: total.by_code().filter_map(|(_, failures)| failures.first).min(),
            p50_ns: (total.latency.quantile_ns(500), case.past(operation).p50_ns),
            operation: operation.clone(),
        }
    };
    origin.hops.iter().map(hop).collect()
}

/// Requests of an operation that the incident affects: failures of its members, or all where none is one; slow ones
/// where it is slow; those that did not come where they stayed away.
fn affected(case: &Case, key: &OperationKey, total: &Digest, view: View<'_>) -> (Counts, Users) {
    let is_member = |code: &Str| case.members.contains_key(&FamilyKey::failure(key.clone(), code.clone()));
    let any_member = total.by_code().any(|(code, _)| is_member(&code));
    let mut users = Users::default();
    let mut failures = 0;
    for (_, of_code) in total.by_code().filter(|(code, _)| !any_member || is_member(code)) {
        failures += of_code.count;
        users.merge(&of_code.users);
    }
    let of = |sign: Sign| case.members.get(&FamilyKey::of(key.clone(), sign));
    if let Some(slow) = of(Sign::Latency) {
        let slow = total.showing(&FamilyKey::of(key.clone(), Sign::Latency), slow.norm);
        failures = failures.max(slow.failures);
    }
    for member in [of(Sign::Behaviour), of(Sign::SelfTime)].into_iter().flatten() {
        failures = failures.max(member.since.failures);
    }
    let mut counts = Counts { requests: total.requests, failures };
    // What the service counts itself is no sample.
    let counted = case.members.iter().find(|(family, _)| {
        family.sign == Sign::Metric && family.operation.service_key() == key.service_key()
    });
    if let Some((_, own)) = counted.filter(|(_, own)| own.since.failures > failures) {
        counts = own.since;
    }
    let flow = of(Sign::Silence).or_else(|| of(Sign::Traffic));
    if let Some(Member { norm: Norm::Flow(range), since, onset, .. }) = flow {
        let expected = range.low * minutes(*onset, view);
        let missing = expected.saturating_sub(since.requests);
        counts = Counts {
            requests: counts.requests.max(since.requests + missing),
            failures: failures.max(missing),
        };
    }
    (counts, users)
}

/// Whole minutes since a bucket.
fn minutes(onset: Bucket, view: View<'_>) -> u64 {
    view.now.since(Nanos(onset * view.config.tick_ns())) / (60 * model::SECOND_NS)
}

fn blast(
    case: &Case,
    origin: Option<&Origin>,
    symptoms: &[Symptom<'_>],
    totals: &Totals<'_>,
    view: View<'_>,
) -> Blast {
    let mut users = Users::default();
    let mut requests = Counts::default();
    for key in edges(origin, symptoms) {
        let (counts, of_edge) = affected(case, &key, &total(totals, &key), view);
        requests.add(counts);
        users.merge(&of_edge);
    }
    let hops = origin.map(|origin| origin.hops.as_slice()).unwrap_or_default();
    let services: BTreeSet<Str> = symptoms
        .iter()
        .map(|symptom| &symptom.family.operation.service)
        .chain(hops.iter().map(|hop| &hop.service))
        .cloned()
        .collect();
    let (users, users_exact) = users.distinct();
    let edge_reached = edges(origin, symptoms).iter().any(|edge| edge.kind == EventKind::Server);
    Blast { requests, users, users_exact, services, edge_reached }
}

/// The operations at which the failure left the system. Without an origin the order of the symptoms is not known, so
/// the one with the most failures stands for all: adding them up would count a request once for each service.
pub(crate) fn edges(origin: Option<&Origin>, symptoms: &[Symptom<'_>]) -> BTreeSet<OperationKey> {
    match origin {
        Some(origin) => origin.edges.iter().cloned().collect(),
        None => {
            let most =
                symptoms.iter().max_by_key(|s| (s.since.failures, s.since.requests, &s.family.operation));
            most.map(|symptom| symptom.family.operation.clone()).into_iter().collect()
        }
    }
}

fn correlated<'a>(
    case: &Case,
    origin: Option<&Origin>,
    hops: &[Hop],
    started_at: Nanos,
    view: View<'a>,
) -> Vec<Correlated<'a>> {
    let from = started_at.saturating_sub(view.config.signal_window_ms * 1_000_000);
    let foreign = origin.and_then(|origin| match &origin.place.callee {
        Callee::Foreign(name) => Some(name),
        Callee::None | Callee::Silent(_) => None,
    });
    let on_chain = |service: &Str| {
        hops.iter().any(|hop| hop.operation.service == *service)
            || case.members.keys().any(|family| family.operation.service == *service)
    };
    let rule = |signal: &Signal| {
        let of_origin = origin.is_some_and(|o| signal.service.as_ref() == Some(&o.place.service));
        let about_callee =
            foreign.is_some() && (signal.subject.as_ref() == foreign || signal.service.as_ref() == foreign);
        match signal.kind {
            _ if about_callee => Some("about the failing callee"),
            SignalKind::Runtime if of_origin => Some("runtime of the origin service"),
            _ if of_origin => Some("of the origin service"),
            _ if signal.service.as_ref().is_some_and(on_chain) => Some("of a service on the chain"),
            _ => None,
        }
    };
    let mut found: Vec<Correlated<'_>> = Vec::new();
    for signal in view.facts.signals(&case.env, from, view.now) {
        let Some(rule) = rule(signal) else { continue };
        if let Some(known) = found.iter_mut().find(|known| says_the_same(known.signal, signal)) {
            known.times += 1;
            known.last_at = known.last_at.max(signal.at);
        } else if found.len() < SIGNALS_MAX {
            found.push(Correlated { signal, rule, times: 1, last_at: signal.at });
        }
    }
    found
}

/// Alike in all but time and words.
fn says_the_same(a: &Signal, b: &Signal) -> bool {
    let said = |s: &Signal| {
        let place = (s.env.clone(), s.service.clone(), s.instance.clone(), s.subject.clone());
        (s.kind, s.subtype.clone(), s.status.clone(), place)
    };
    said(a) == said(b)
}

impl Correlated<'_> {
    pub(crate) fn is_breakdown_of(&self, service: &Str) -> bool {
        self.signal.kind == SignalKind::Runtime
            && self.signal.service.as_ref() == Some(service)
            && facts::is_bad_news(self.signal)
    }
}

fn part(traces: &[&CapturedTrace], wanted: usize, view: View<'_>) -> Part {
    let complete = traces.iter().filter(|trace| !origin::is_partial(trace, view.window, view.peers)).count();
    Part { traces: traces.iter().filter(|trace| !trace.events.is_empty()).count(), complete, wanted }
}
