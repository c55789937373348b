//! Every sentence of the report. Change how something is said here, and nowhere else.

use model::{CauseKind, Nanos};
use serde::{Deserialize, Serialize};

use super::cite;
pub(crate) use super::findings::*;
use crate::analysis::{self, Analysis, Change, Correlated, Symptom};
use crate::case::What;
use crate::causes::Hypothesis;
use crate::detect::Counts;
use crate::origin::{Callee, Origin};
use crate::summary::Split;
use crate::window::{FamilyKey, Norm, OperationKey, Present, Range, Sign};

/// A statement and the ids of the evidence it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    pub text: String,
    pub cites: Vec<String>,
}

impl Sentence {
    pub(crate) fn new(text: String, cites: impl IntoIterator<Item = String>) -> Self {
        Self { text, cites: cites.into_iter().collect() }
    }
}

pub(crate) fn traces(origin: &Origin) -> impl Iterator<Item = String> {
    origin.traces_agreeing.iter().take(3).map(cite::trace)
}

pub(crate) fn of(counts: Counts) -> String {
    format!("{} of {}", counts.failures, counts.requests)
}

pub(super) fn share(split: Split) -> String {
    format!("{} of {}", split.failures, split.requests)
}

pub(crate) fn duration(ns: u64) -> String {
    let secs = ns / model::SECOND_NS;
    match secs {
        0..=119 => format!("{secs} s"),
        120..=7_199 => format!("{} min", secs / 60),
        _ => format!("{} h", secs / 3_600),
    }
}

/// Time of day for people; the date stands in the fields.
pub(crate) fn clock(at: Nanos) -> String {
    let text = Nanos::from_secs(at.as_secs()).to_rfc3339();
    text.get(11..19).unwrap_or_default().to_owned() + " UTC"
}

/// What happened to the requests that a count speaks of.
fn befell(sign: Sign) -> &'static str {
    match sign {
        Sign::Failure => "failed",
        Sign::Latency | Sign::SelfTime => "were slow",
        Sign::Traffic | Sign::Silence => "did not come",
        Sign::Saturation | Sign::Behaviour | Sign::Metric => "were affected",
    }
}

/// Milliseconds, with a digit after the point where they are few.
pub(crate) fn ms(ns: u64) -> String {
    let tenths = ns / 100_000;
    if tenths >= 1_000 {
        format!("{} ms", tenths / 10)
    } else {
        format!("{}.{} ms", tenths / 10, tenths % 10)
    }
}

/// The one sentence that an incident is known by.
pub(crate) fn summary(analysis: &Analysis<'_>, best: Option<&Hypothesis>) -> Sentence {
    let requests = analysis.blast.requests;
    let sign = analysis.origin.as_ref().map_or(analysis.case.root.sign, |origin| origin.sign);
    let since = clock(analysis.started_at);
    let asked = analysis::edges(analysis.origin.as_ref(), &analysis.symptoms);
    // Something failed, and nothing that anybody had asked for.
    let is_asked = requests.requests > 0 && asked.iter().any(|edge| edge.kind.is_inbound());
    let is_absorbed = sign == Sign::Failure && requests.failures == 0 && is_asked;
    let impact = match requests.failures {
        0 if is_absorbed => format!("no request failed, of {} since {since}", requests.requests),
        0 => format!("since {since}"),
        _ => format!("{} requests {} since {since}", of(requests), befell(sign)),
    };
    let Some(origin) = &analysis.origin else {
        let names: Vec<&str> = analysis.symptoms.iter().map(|s| &*s.family.operation.service).collect();
        let service = names.first().copied().unwrap_or("a service");
        let cites = analysis.symptoms.iter().map(|s| cite::symptom(s.family));
        let what = match sign {
            Sign::Failure => format!("{service} fails; no failing trace could be read"),
            other => format!("{}; no trace of it could be read", what_happens(other, service, "")),
        };
        return Sentence::new(format!("{what}: {impact}"), cites);
    };
    let subject = best.and_then(|h| h.subject.clone()).unwrap_or_default();
    let what = what_happens(origin.sign, &origin.place.service, &origin.place.code);
    let why = match best.map_or(CauseKind::Unknown, |h| h.kind) {
        CauseKind::Deploy => format!("{what} since {subject} was deployed"),
        CauseKind::Config => format!("{what} since {subject} was changed"),
        CauseKind::Dependency => match origin.sign {
            Sign::Failure if is_absorbed => {
                let (service, code) = (&origin.place.service, &origin.place.code);
                format!("{service} goes on while its calls to {subject} fail with {code}")
            }
            Sign::Failure => format!("{what} because its calls to {subject} fail"),
            _ => format!("{what} because it waits for {subject}"),
        },
        CauseKind::Runtime => match &origin.place.callee {
            Callee::Silent(silent) => format!("{silent} stopped answering: {what}"),
            Callee::None | Callee::Foreign(_) => format!("{what} because its runtime gave way"),
        },
        CauseKind::App => match origin.sign {
            Sign::Failure => format!("{what} in its own code"),
            _ => format!("{what} by itself"),
        },
        CauseKind::Traffic => format!("{what} under more load than before"),
        CauseKind::Unknown => format!("{what}, and no cause stands out"),
    };
    let edges = analysis.blast.requests.failures > 0;
    let cites = traces(origin)
        .chain(analysis.root().filter(|_| origin.sign != Sign::Failure).map(|s| cite::symptom(s.family)))
        .chain(analysis.hops.last().filter(|_| edges).map(|hop| cite::operation(&hop.operation)))
        .chain(asked.iter().filter(|_| is_absorbed).map(cite::operation));
    Sentence::new(format!("{why}: {impact}"), cites)
}

/// The origin and what it does, as the beginning of a sentence.
fn what_happens(sign: Sign, service: &str, code: &str) -> String {
    match sign {
        Sign::Failure => format!("{service} fails with {code}"),
        Sign::Latency | Sign::SelfTime => format!("{service} is slow"),
        Sign::Traffic => format!("{service} gets another number of requests than ever"),
        Sign::Silence => format!("{service} fell silent"),
        Sign::Saturation => format!("{service} stands at the limit of what it has"),
        Sign::Behaviour => format!("requests in {service} run otherwise than ever"),
        Sign::Metric => format!("{service} does worse than ever by its own numbers"),
    }
}

pub(crate) fn symptom(symptom: &Symptom<'_>, now: Nanos) -> String {
    let elapsed = duration(now.since(symptom.onset));
    let odds = format!("odds 1 in 10^{} under the baseline", symptom.odds.log10_floor());
    let before = |baseline: Counts| match baseline {
        Counts { requests: 0, .. } => "there is no baseline yet".to_owned(),
        baseline => format!("the baseline before: {}", of(baseline)),
    };
    let since = symptom.since;
    match symptom.norm {
        Norm::Failure(baseline) => {
            format!("{} requests failed in {elapsed}; {}; {odds}", of(since), before(baseline))
        }
        Norm::Latency(baseline, limit) => {
            let now = symptom.p50_ns.map(ms).unwrap_or_else(|| "unknown".to_owned());
            format!(
                "{} requests took {} or longer in {elapsed}; {}; median {now}, {} before; {odds}",
                of(since),
                ms(limit.above_ns),
                before(baseline),
                ms(limit.p50_ns)
            )
        }
        Norm::SelfTime(baseline, limit) => {
            let now = symptom.p50_ns.map(ms).unwrap_or_else(|| "unknown".to_owned());
            format!(
                "{} requests took {} or longer by themselves, callees apart, in {elapsed}; {}; median {now}, {} \
                 before; {odds}",
                of(since),
                ms(limit.above_ns),
                before(baseline),
                ms(limit.p50_ns)
            )
        }
        Norm::Behaviour(baseline) => format!(
            "{} requests ended early or logged an error that nobody logged before, in {elapsed}; {}; {odds}",
            of(since),
            before(baseline)
        ),
        Norm::Level(level) => {
            let level = symptom.level.unwrap_or(level);
            let percent = |millionths: i64| millionths / 10_000;
            format!(
                "{} on {} is at up to {} %; in the hour before at most {} %",
                symptom.family.operation.operation,
                symptom.family.code,
                percent(level.now_max),
                percent(level.before_max)
            )
        }
        Norm::Metric(then) => shifted(&symptom.shift.unwrap_or(then), elapsed),
        Norm::Flow(Range { low, high, .. }) => {
            format!("{} requests in {elapsed}; from {low} to {high} a minute before; {odds}", since.requests)
        }
    }
}

/// The first entry of the timeline.
pub(crate) fn first_seen(symptom: &Symptom<'_>) -> Sentence {
    let FamilyKey { operation: OperationKey { service, operation, .. }, sign, code } = symptom.family;
    let text = match sign {
        Sign::Failure => format!("First failure: {service} {operation} with {code}."),
        Sign::Latency | Sign::SelfTime => format!("{service} {operation} turned slow."),
        Sign::Traffic => format!("The traffic of {service} {operation} changed."),
        Sign::Silence => format!("{service} {operation} fell silent."),
        Sign::Saturation => format!("{service} reached its limit: {operation} on {code}."),
        Sign::Behaviour => format!("Requests of {service} {operation} began to run otherwise."),
        Sign::Metric => format!("The {code} that {service} counts itself left what it was."),
    };
    Sentence::new(text, [cite::symptom(symptom.family)])
}

pub(crate) fn deployed_before_onset(change: &Change<'_>) -> Sentence {
    let d = change.deployment;
    let text = format!(
        "{} {} was deployed {} before the first failure.",
        d.service,
        d.version,
        duration(change.gap_ns)
    );
    Sentence::new(text, [cite::deployment(d)])
}

pub(crate) fn deployed_after_onset(change: &Change<'_>) -> Sentence {
    let d = change.deployment;
    let after = duration(change.gap_ns);
    let text = format!(
        "{} {} was deployed {after} after the first failure and cannot have caused it.",
        d.service, d.version
    );
    Sentence::new(text, [cite::deployment(d)])
}

pub(crate) fn deployed_on_origin(change: &Change<'_>) -> Sentence {
    let d = change.deployment;
    Sentence::new(format!("{} is where the failure arises.", d.service), [cite::deployment(d)])
}

pub(crate) fn new_as_its_code(change: &Change<'_>, symptom: Option<&Symptom<'_>>) -> Sentence {
    let d = change.deployment;
    let text = format!("What {} shows was never seen before, and its code is new.", d.service);
    let of_symptom = symptom.map(|symptom| cite::symptom(symptom.family));
    Sentence::new(text, [cite::deployment(d)].into_iter().chain(of_symptom))
}

pub(crate) fn callee_reports_nothing(analysis: &Analysis<'_>, origin: &Origin, name: &str) -> Sentence {
    let service = &origin.place.service;
    let calls = analysis.root().map(|symptom| format!("{} calls", of(symptom.since)));
    let calls = calls.unwrap_or_else(|| "The calls".to_owned());
    let text = match (origin.sign, origin.charged_ns) {
        (Sign::Failure, _) | (_, None) => format!(
            "{calls} of {service} to {name} failed with {}, and {name} reports nothing itself.",
            origin.place.code
        ),
        (_, Some((now, before))) => format!(
            "{service} waits {} of a request for {name}, {} before, and {name} reports nothing itself.",
            ms(now),
            ms(before)
        ),
    };
    Sentence::new(text, traces(origin).chain(analysis.root().map(|symptom| cite::symptom(symptom.family))))
}

pub(crate) fn traces_agree(origin: &Origin) -> Sentence {
    let (agree, all) = (origin.traces_agreeing.len(), origin.traces_examined);
    Sentence::new(format!("{agree} of {all} failing traces examined end there."), traces(origin))
}

pub(crate) fn signal_about(signal: Option<&Correlated<'_>>) -> Sentence {
    let Some(Correlated { signal, .. }) = signal else { return Sentence::new(String::new(), []) };
    let what = if signal.subtype.is_empty() { signal.kind.as_str() } else { &signal.subtype };
    let whom =
        signal.subject.as_ref().or(signal.service.as_ref()).map(|s| format!(" on {s}")).unwrap_or_default();
    let instance = signal.instance.as_ref().map(|i| format!(" ({i})")).unwrap_or_default();
    Sentence::new(
        format!("{what} was reported{whom}{instance} at {}.", clock(signal.at)),
        [cite::signal(signal)],
    )
}

pub(crate) fn instance_fails(signal: Option<&Correlated<'_>>) -> Sentence {
    let Some(Correlated { signal, .. }) = signal else { return Sentence::new(String::new(), []) };
    let instance = signal.instance.as_deref().unwrap_or_default();
    Sentence::new(format!("Failing events ran on that instance, {instance}."), [cite::signal(signal)])
}

pub(crate) fn service_silent(origin: &Origin) -> Sentence {
    let service = &origin.place.service;
    let traces_are = if matches!(origin.sign, Sign::Latency | Sign::SelfTime) { "slow" } else { "failing" };
    let text = format!("{service} reports otherwise, but left no event in the {traces_are} traces.");
    Sentence::new(text, traces(origin))
}

pub(crate) fn own_code_fails(origin: &Origin) -> Sentence {
    let place = &origin.place;
    let text = match (origin.sign, origin.charged_ns) {
        (Sign::Latency | Sign::SelfTime, Some((now, before))) => format!(
            "{} in {} takes {} of a request by itself, {} before.",
            place.step.operation,
            place.service,
            ms(now),
            ms(before)
        ),
        (Sign::Failure | Sign::Latency | Sign::SelfTime, _) => format!(
            "{} failed in {} with {}, and nothing that it called failed.",
            place.step.operation, place.service, place.code
        ),
        (Sign::Behaviour, _) => format!(
            "Requests of {} in {} end early or log a new error, and nothing that they called does.",
            place.step.operation, place.service
        ),
        (Sign::Saturation, _) => format!("{} has no more of {}.", place.service, place.step.operation),
        (Sign::Metric, _) => format!("What {} calls does not explain its own numbers.", place.service),
        (Sign::Traffic | Sign::Silence, _) => {
            format!("The traffic of {} changed, and that of whoever calls it did not.", place.service)
        }
    };
    Sentence::new(text, traces(origin))
}

pub(crate) fn code_is_new(symptom: Option<&Symptom<'_>>) -> Sentence {
    let Some(symptom) = symptom else { return Sentence::new(String::new(), []) };
    let text = format!(
        "{} was not seen in {} requests before.",
        symptom.family.code,
        symptom.norm.counts().requests
    );
    Sentence::new(text, [cite::symptom(symptom.family)])
}

pub(crate) fn unknown_is_an_answer() -> Sentence {
    Sentence::new("Something that nobody reported is always possible.".to_owned(), [])
}

pub(crate) fn moment(what: &What) -> String {
    match what {
        What::Opened => "The incident was opened.".to_owned(),
        What::Joined(family) => {
            let OperationKey { service, operation, kind, .. } = &family.operation;
            let with = if family.sign == Sign::Failure { &family.code } else { family.sign.as_str() };
            format!("{service} {operation} ({}) joined with {with}.", kind.as_str())
        }
        What::Recovering => "Back inside the baseline: recovering.".to_owned(),
        What::Relapsed => "It came back while recovering.".to_owned(),
        What::Resolved => "Resolved.".to_owned(),
        What::ResolvedWithoutTraffic => {
            "Resolved because no traffic was seen; nothing shows that it works again.".to_owned()
        }
        What::ResolvedBy(actor) => format!("Resolved by {actor}."),
        What::Reopened => "It came back: reopened.".to_owned(),
        What::Acknowledged(actor) => format!("Acknowledged by {actor}."),
        What::Comment(actor, text) => format!("{actor}: {text}"),
        What::Assigned(actor, Some(to)) => format!("Assigned to {to} by {actor}."),
        What::Assigned(actor, None) => format!("Assigned to nobody by {actor}."),
        What::Silenced(actor, until) => format!("Silenced until {} by {actor}.", until.to_rfc3339()),
        What::Linked(actor, url, title) if url == title => format!("{actor} linked {url}"),
        What::Linked(actor, url, title) => format!("{actor} linked {title}: {url}"),
        What::BaselineAccepted(actor, accepted) => baseline_accepted(actor, accepted),
        What::Absorbed(actor, other) => format!("{actor} merged {other} into this incident."),
        What::MergedInto(actor, other) => format!("{actor} merged this incident into {other}."),
        What::SplitOff(actor, services, other) => {
            format!("{actor} split off {} as {other}.", services.join(", "))
        }
        What::SplitFrom(actor, other) => format!("{actor} split this incident off {other}."),
        What::Of(other, what) => format!("{other}: {}", moment(what)),
    }
}

fn baseline_accepted(actor: &str, accepted: &[(FamilyKey, Present)]) -> String {
    let families = accepted.iter().map(|(family, present)| {
        let OperationKey { service, operation, .. } = &family.operation;
        match (family.sign, present) {
            (Sign::Latency | Sign::SelfTime, Present::Share(counts)) => {
                format!("{service} {operation}, {} slow", of(*counts))
            }
            (_, Present::Level(level)) => format!("{service} {operation} at {} %", level / 10_000),
            (Sign::Behaviour, Present::Share(counts)) => {
                format!("{service} {operation}, {} run otherwise", of(*counts))
            }
            (_, Present::Share(counts)) => {
                format!("{service} {operation} with {}, {} failed", family.code, of(*counts))
            }
            (_, Present::PerMinute(0)) => format!("{service} {operation}, no requests"),
            (_, Present::PerMinute(requests)) => {
                format!("{service} {operation}, {requests} requests a minute")
            }
        }
    });
    let families: Vec<String> = families.collect();
    format!(
        "Resolved by {actor}, who accepted as the baseline what the symptoms do now: {}.",
        families.join("; ")
    )
}

pub(crate) fn check_trace(origin: &Origin) -> Option<Sentence> {
    let trace = origin.traces_agreeing.first()?;
    let text = format!("Read a failing trace from end to end: casebook explain {trace}");
    Some(Sentence::new(text, [cite::trace(trace)]))
}

/// What to do about a hypothesis: act on the best, rule out the others.
pub(crate) fn check(hypothesis: &Hypothesis, origin: &Origin) -> Option<Sentence> {
    let service = &origin.place.service;
    let subject = hypothesis.subject.clone().unwrap_or_default();
    let text = match hypothesis.kind {
        CauseKind::Deploy => format!("Roll back or halt {subject}, and see whether the failures stop."),
        CauseKind::Dependency => format!(
            "Ask {subject} for its status, and call it from a host of {service}: it reports nothing here."
        ),
        CauseKind::Runtime => {
            format!("Look at the processes and hosts of {subject}: restarts, memory, connections.")
        }
        CauseKind::App => match origin.sign {
            Sign::Failure => format!(
                "Look at {} in {service} for what raises {}.",
                origin.place.step.operation, origin.place.code
            ),
            Sign::Behaviour => {
                format!("Look at what {} in {service} logs now, and no longer.", origin.place.step.operation)
            }
            Sign::Latency | Sign::SelfTime => {
                format!("Look at what {} in {service} spends its time on.", origin.place.step.operation)
            }
            Sign::Metric => format!("Look at what {service} does by itself, and what was changed there."),
            Sign::Traffic | Sign::Silence | Sign::Saturation => {
                format!("Look at whether {service} runs, and at what brings its work to it.")
            }
        },
        CauseKind::Config => format!("Set {subject} back, and see whether the failures stop."),
        CauseKind::Traffic => format!("Compare the load of {service} with what it handled before."),
        CauseKind::Unknown => return None,
    };
    let cites = hypothesis.findings.iter().flat_map(|finding| finding.said.cites.clone());
    let mut cites: Vec<String> = cites.collect();
    cites.sort();
    cites.dedup();
    Some(Sentence { text, cites })
}

pub(crate) fn check_no_deployments(window_ms: u64) -> String {
    let window = duration(window_ms * 1_000_000);
    format!(
        "No deployment of a service on the way is known since {window} before the onset: \
         if there was one, report it to /v1/deployments."
    )
}

pub(crate) fn warn_overflow(events: u64) -> String {
    format!(
        "{events} events since the opening had more distinct services or operations than are kept apart; \
         they stand under __other__"
    )
}

pub(crate) fn warn_unnamed() -> String {
    "some events came without service.name and stand under unknown_service".to_owned()
}

pub(crate) fn warn_partial(partial: usize) -> String {
    format!(
        "{partial} of the traces looked at are incomplete: spans are missing, sampled away or still to come"
    )
}

pub(crate) fn warn_sampled() -> String {
    "traces are sampled at their head: requests, failures and users are those that were recorded, and what was not \
     cannot be known"
        .to_owned()
}

pub(crate) fn warn_late(events: u64) -> String {
    format!("{events} events since the opening came later than the allowed lateness and are not counted")
}

pub(crate) fn warn_shed(shed: model::Shed) -> String {
    let kinds = [(shed.traces, "traces"), (shed.logs, "logs"), (shed.metrics, "metrics")];
    let mut parts: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, of)| format!("{count} with {of}"))
        .collect();
    parts.extend((shed.vital > 0).then(|| format!("{} others", shed.vital)));
    let parts = parts.join(", ");
    format!(
        "Casebook had no room for some requests during the incident ({parts}): it counts less than there was"
    )
}

pub(crate) fn warn_members(cut: u64) -> String {
    format!("{cut} more symptoms belong to this incident than are shown")
}
