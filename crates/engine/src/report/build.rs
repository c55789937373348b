//! Fills the report's document from an analysis.

use std::collections::{BTreeMap, BTreeSet};

use model::{CapturedTrace, IncidentState, Nanos, SignalKind};

use super::alerts;
use super::cite;
use super::cohorts;
use super::document::*;
use super::wording::{self, Sentence};
use crate::analysis::{self, Analysis, Correlated, Part, View};
use crate::assembly::Assembly;
use crate::canonical::digest;
use crate::causes;
use crate::detect::Counts;
use crate::hash;
use crate::origin::{self, Callee};
use crate::summary::Split;
use crate::suspects;
use crate::window::Norm;

/// What happened to the telemetry as a whole since the incident was opened.
pub(crate) struct Ambient<'a> {
    pub(crate) config_digest: &'a str,
    pub(crate) overflowed: u64,
    pub(crate) late: u64,
    /// From the beginning of the incident to its end, or to now.
    pub(crate) shed: model::Shed,
}

/// The report, and what must stay the same for its evidence to be the same.
pub(crate) fn report(analysis: &Analysis<'_>, view: View<'_>, ambient: &Ambient<'_>) -> Report {
    let hypotheses = causes::weigh(analysis);
    let evidence = evidence(analysis, view);
    let signals = |wanted: fn(SignalKind) -> bool| {
        analysis.signals.iter().filter(|c| wanted(c.signal.kind)).map(signal).collect::<Vec<_>>()
    };
    Report {
        schema: SCHEMA.to_owned(),
        incident: incident(analysis, view.now),
        summary: wording::summary(analysis, hypotheses.first()),
        cause: cause(&hypotheses),
        origin: analysis.origin.as_ref().map(origin_part),
        propagation: analysis.hops.iter().map(hop).collect(),
        blast_radius: blast_radius(analysis),
        symptoms: symptoms(analysis, view.now),
        change: change(analysis, &hypotheses),
        alerts: analysis.alerts.iter().map(alerts::part).collect(),
        runtime: signals(|kind| kind == SignalKind::Runtime),
        signals: signals(|kind| kind != SignalKind::Runtime),
        exemplars: analysis
            .exemplars
            .iter()
            .filter(|t| !t.events.is_empty())
            .map(|t| exemplar(t, view))
            .collect(),
        timeline: timeline(analysis),
        next_checks: next_checks(analysis, &hypotheses, view),
        instrumentation_warnings: warnings(analysis, ambient, view),
        completeness: Completeness {
            opening: completeness(analysis.opening),
            latest: completeness(analysis.latest),
        },
        evidence,
        evidence_fingerprint: fingerprint(analysis),
        tick: TickPart { at: view.now.to_rfc3339() },
        engine: EnginePart {
            version: crate::VERSION.to_owned(),
            config_digest: ambient.config_digest.to_owned(),
        },
        suspects: suspects::rank(analysis, &hypotheses).into_iter().map(suspect).collect(),
        hypotheses: hypotheses.into_iter().map(hypothesis).collect(),
    }
}

/// Four decimals of a number in millionths.
fn millionths(value: i64) -> f64 {
    (value / 100) as f64 / 10_000.0
}

/// A fraction with four decimals.
fn fraction(part: u64, whole: u64) -> f64 {
    let scaled =
        (u128::from(part) * 10_000 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    scaled as f64 / 10_000.0
}

impl From<Counts> for Share {
    fn from(counts: Counts) -> Self {
        Self { failures: counts.failures, requests: counts.requests }
    }
}

impl From<Split> for Share {
    fn from(split: Split) -> Self {
        Self { failures: split.failures, requests: split.requests }
    }
}

fn incident(analysis: &Analysis<'_>, now: Nanos) -> IncidentPart {
    let case = analysis.case;
    IncidentPart {
        id: case.id,
        env: case.env.to_string(),
        status: case.state,
        severity: analysis.severity(),
        started_at: analysis.started_at.to_rfc3339(),
        detected_at: case.detected_at.to_rfc3339(),
        updated_at: now.to_rfc3339(),
        resolved_at: case
            .resolved_at
            .filter(|_| case.state == IncidentState::Resolved)
            .map(Nanos::to_rfc3339),
        reopened: case.reopened,
    }
}

fn cause(hypotheses: &[causes::Hypothesis]) -> Cause {
    let best = hypotheses.first();
    let cites: BTreeSet<String> =
        best.into_iter().flat_map(|h| &h.findings).flat_map(|finding| finding.said.cites.clone()).collect();
    Cause {
        kind: best.map_or(model::CauseKind::Unknown, |h| h.kind),
        subject: best.and_then(|h| h.subject.clone()),
        confidence: fraction(causes::confidence(hypotheses), 100),
        cites: cites.into_iter().collect(),
    }
}

fn suspect(suspect: suspects::Suspect) -> Suspect {
    let score = suspect.score();
    let finding = |f: causes::Finding| Finding { points: f.points, text: f.said.text, cites: f.said.cites };
    Suspect {
        service: suspect.service.to_string(),
        operation: suspect.operation.to_string(),
        instance: suspect.instance.to_string(),
        change: suspect.change,
        cause: suspect.cause,
        score,
        findings: suspect.findings.into_iter().map(finding).collect(),
    }
}

fn hypothesis(hypothesis: causes::Hypothesis) -> Hypothesis {
    let score = hypothesis.score();
    let finding = |f: causes::Finding| Finding { points: f.points, text: f.said.text, cites: f.said.cites };
    let (in_favour, against) = hypothesis.findings.into_iter().partition::<Vec<_>, _>(|f| f.points >= 0);
    Hypothesis {
        kind: hypothesis.kind,
        subject: hypothesis.subject,
        score,
        in_favour: in_favour.into_iter().map(finding).collect(),
        against: against.into_iter().map(finding).collect(),
    }
}

fn origin_part(origin: &origin::Origin) -> Origin {
    let place = &origin.place;
    let (callee, callee_reports) = match &place.callee {
        Callee::None => (None, None),
        Callee::Foreign(name) => (Some(name.to_string()), Some(false)),
        Callee::Silent(name) => (Some(name.to_string()), Some(true)),
    };
    Origin {
        sign: origin.sign.as_str().to_owned(),
        charged_us: origin.charged_ns.map(|(now, _)| now / 1_000),
        charged_before_us: origin.charged_ns.map(|(_, before)| before / 1_000),
        service: place.service.to_string(),
        operation: place.operation.to_string(),
        step: place.step.operation.to_string(),
        step_kind: place.step.kind,
        code: place.code.to_string(),
        reason: origin.reason.to_string(),
        callee,
        callee_reports,
        traces_agreeing: origin.traces_agreeing.len() as u64,
        traces_examined: origin.traces_examined as u64,
        cites: origin.traces_agreeing.iter().map(cite::trace).collect(),
    }
}

fn hop(hop: &analysis::Hop) -> Hop {
    let ms = |ns: u64| i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX);
    Hop {
        service: hop.operation.service.to_string(),
        operation: hop.operation.operation.to_string(),
        kind: hop.operation.kind,
        failures: hop.counts.failures,
        requests: hop.counts.requests,
        share: fraction(hop.counts.failures, hop.counts.requests),
        first_failure_at: hop.first_failure.map(Nanos::to_rfc3339),
        added_latency_ms: hop.p50_ns.0.zip(hop.p50_ns.1).map(|(after, before)| ms(after) - ms(before)),
        cites: vec![cite::operation(&hop.operation)],
    }
}

fn blast_radius(analysis: &Analysis<'_>) -> BlastRadius {
    let Counts { requests, failures } = analysis.blast.requests;
    let operation = |key: &crate::window::OperationKey| {
        let total = analysis.total(key);
        OperationPart {
            service: key.service.to_string(),
            operation: key.operation.to_string(),
            kind: key.kind,
            failures: total.failures(),
            requests: total.requests,
        }
    };
    BlastRadius {
        requests: Affected { affected: failures, total: requests, share: fraction(failures, requests) },
        users: Users { affected: analysis.blast.users, exact: analysis.blast.users_exact },
        services: analysis.blast.services.iter().map(ToString::to_string).collect(),
        operations: analysis.case.tracked().map(operation).collect(),
        cohorts: cohorts::parts(analysis),
        cites: analysis::edges(analysis.origin.as_ref(), &analysis.symptoms)
            .iter()
            .map(cite::operation)
            .collect(),
    }
}

fn symptoms(analysis: &Analysis<'_>, now: Nanos) -> Vec<Symptom> {
    let root = analysis.root().map(|symptom| symptom.family);
    let symptom = |s: &analysis::Symptom<'_>| Symptom {
        id: cite::symptom(s.family),
        kind: s.family.sign.as_str().to_owned(),
        service: s.family.operation.service.to_string(),
        operation: s.family.operation.operation.to_string(),
        operation_kind: s.family.operation.kind,
        code: s.family.code.to_string(),
        role: if root == Some(s.family) { "root" } else { "follower" }.to_owned(),
        since_onset: s.since.into(),
        baseline: s.norm.counts().into(),
        latency: match s.norm {
            Norm::Latency(_, limit) | Norm::SelfTime(_, limit) => Some(LatencyPart {
                limit_us: limit.above_ns / 1_000,
                p50_before_us: limit.p50_ns / 1_000,
                p50_us: s.p50_ns.map(|ns| ns / 1_000),
            }),
            _ => None,
        },
        traffic: match s.norm {
            Norm::Flow(range) => Some(TrafficPart {
                low_per_minute: range.low,
                high_per_minute: range.high,
                requests: s.since.requests,
            }),
            _ => None,
        },
        saturation: s.level.map(|level| SaturationPart {
            metric: s.family.operation.operation.to_string(),
            instance: s.family.code.to_string(),
            max_before: millionths(level.before_max),
            max: millionths(level.now_max),
        }),
        metric: s.shift.map(|shift| MetricPart {
            measure: shift.measure.as_str().to_owned(),
            median_before: shift.normal.median,
            limit: shift.normal.limit,
            worst: shift.worst,
        }),
        odds_log10: s.odds.log10_floor(),
        onset_at: s.onset.to_rfc3339(),
        detected_at: s.detected_at.to_rfc3339(),
        text: wording::symptom(s, now),
    };
    let mut symptoms: Vec<Symptom> = analysis.symptoms.iter().map(symptom).collect();
    // The root first; the others stay in order of their family.
    symptoms.sort_by_key(|symptom| symptom.role != "root");
    symptoms
}

/// The change that the best deploy hypothesis speaks of, whether or not it wins.
fn change(analysis: &Analysis<'_>, hypotheses: &[causes::Hypothesis]) -> Option<Change> {
    let best = hypotheses.iter().find(|h| h.kind == model::CauseKind::Deploy && h.score() > 0)?;
    let change = analysis.changes.iter().find(|c| {
        best.subject.as_deref() == Some(format!("{} {}", c.deployment.service, c.deployment.version).as_str())
    })?;
    let d = change.deployment;
    let hop = analysis.hops.iter().find(|hop| hop.operation.service == d.service);
    let text = |s: &Option<model::Str>| s.as_ref().map(ToString::to_string);
    Some(Change {
        id: cite::deployment(d),
        service: d.service.to_string(),
        version: d.version.to_string(),
        previous_version: text(&d.previous_version),
        at: d.at.to_rfc3339(),
        commit: text(&d.commit),
        pull_request: text(&d.pull_request),
        author: text(&d.author),
        before: change.rate_before.into(),
        after: hop.map(|hop| hop.counts).unwrap_or_default().into(),
        version_split: change.split.map(|(new, others)| VersionSplit {
            measure: change.split_by().as_str().to_owned(),
            new: new.into(),
            others: others.into(),
            new_mean_us: new.mean_us(),
            others_mean_us: others.mean_us(),
        }),
    })
}

fn signal(correlated: &Correlated<'_>) -> SignalPart {
    let s = correlated.signal;
    let text = |s: &Option<model::Str>| s.as_ref().map(ToString::to_string);
    SignalPart {
        id: cite::signal(s),
        kind: s.kind,
        subtype: s.subtype.to_string(),
        at: s.at.to_rfc3339(),
        times: correlated.times,
        last_at: correlated.last_at.to_rfc3339(),
        service: text(&s.service),
        instance: text(&s.instance),
        subject: text(&s.subject),
        status: s.status.to_string(),
        message: s.message.to_string(),
        rule: correlated.rule.to_owned(),
        attributes: s.attributes.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
    }
}

fn exemplar(trace: &CapturedTrace, view: View<'_>) -> Exemplar {
    let assembly = Assembly::of(trace);
    let path = assembly.origin().map(|o| o.hops.iter().map(|event| event.service.to_string()).collect());
    Exemplar {
        trace_id: trace.trace,
        at: trace.events.iter().map(|event| event.start).min().unwrap_or_default().to_rfc3339(),
        events: trace.events.len() as u64 + u64::from(trace.events_cut),
        path: path.unwrap_or_default(),
        complete: !origin::is_partial(trace, view.window, view.peers),
    }
}

fn timeline(analysis: &Analysis<'_>) -> Vec<TimelineEntry> {
    let mut entries: Vec<(Nanos, u8, String, Vec<String>)> = Vec::new();
    let first = analysis.symptoms.iter().min_by_key(|s| (s.first_failure.unwrap_or(s.onset), s.family));
    if let Some(symptom) = first {
        let said = wording::first_seen(symptom);
        entries.push((analysis.started_at, 1, said.text, said.cites));
    }
    for change in &analysis.changes {
        let text = format!("{} {} was deployed.", change.deployment.service, change.deployment.version);
        entries.push((change.deployment.at, 0, text, vec![cite::deployment(change.deployment)]));
    }
    for correlated in &analysis.signals {
        let said = wording::signal_about(Some(correlated));
        entries.push((correlated.signal.at, 2, said.text, said.cites));
    }
    entries.extend(alerts::moments(&analysis.alerts));
    for moment in &analysis.case.timeline {
        entries.push((moment.at, 3, wording::moment(&moment.what), Vec::new()));
    }
    entries.sort();
    entries
        .into_iter()
        .map(|(at, _, text, cites)| TimelineEntry { at: at.to_rfc3339(), text, cites })
        .collect()
}

fn next_checks(analysis: &Analysis<'_>, hypotheses: &[causes::Hypothesis], view: View<'_>) -> Vec<Sentence> {
    let Some(origin) = &analysis.origin else { return Vec::new() };
    let plausible =
        hypotheses.iter().filter(|h| h.score() > 0 && h.kind != model::CauseKind::Unknown).take(4);
    let mut checks: Vec<Sentence> = plausible.filter_map(|h| wording::check(h, origin)).collect();
    checks.extend(wording::check_trace(origin));
    if analysis.changes.is_empty() {
        let text = wording::check_no_deployments(view.config.change_window_ms);
        checks.push(Sentence {
            text,
            cites: analysis.root().map(|s| cite::symptom(s.family)).into_iter().collect(),
        });
    }
    checks
}

fn warnings(analysis: &Analysis<'_>, ambient: &Ambient<'_>, view: View<'_>) -> Vec<Warning> {
    let partial = analysis.latest.traces - analysis.latest.complete.min(analysis.latest.traces);
    let unnamed = analysis.blast.services.iter().any(|service| &**service == model::Event::UNKNOWN_SERVICE);
    let cut = analysis.case.beyond.len() as u64;
    // Of a silence nothing tells but what came before.
    let before = analysis.case.before.iter().filter_map(|trace| view.traces.get(trace));
    let events = analysis.exemplars.iter().copied().chain(before).flat_map(|trace| &trace.events);
    let sampled = events.flat_map(|event| &event.attributes).any(is_head_sampled);
    [
        (sampled, "sampled", wording::warn_sampled()),
        (ambient.overflowed > 0, "cardinality_overflow", wording::warn_overflow(ambient.overflowed)),
        (ambient.late > 0, "late_events", wording::warn_late(ambient.late)),
        (!ambient.shed.is_nothing(), "shed", wording::warn_shed(ambient.shed)),
        (unnamed, "missing_service_name", wording::warn_unnamed()),
        (partial > 0, "partial_traces", wording::warn_partial(partial)),
        (cut > 0, "symptoms_cut", wording::warn_members(cut)),
    ]
    .into_iter()
    .filter(|(applies, _, _)| *applies)
    .map(|(_, code, text)| Warning { code: code.to_owned(), text })
    .collect()
}

/// OpenTelemetry's part of the trace state names a rejection threshold: of the traces, some were never recorded.
fn is_head_sampled((key, value): &(model::Str, model::Str)) -> bool {
    let threshold = value.split(';').find_map(|member| member.strip_prefix("th:"));
    &**key == "tracestate.ot" && threshold.is_some_and(|th| th.chars().any(|digit| digit != '0'))
}

fn completeness(part: Part) -> CompletenessPart {
    let status = match part {
        Part { traces: 0, .. } => "missing",
        Part { complete, wanted, .. } if complete < wanted => "partial",
        Part { .. } => "ok",
    };
    CompletenessPart {
        status: status.to_owned(),
        traces_wanted: part.wanted as u64,
        traces_held: part.traces as u64,
        traces_complete: part.complete as u64,
    }
}

/// Everything that is cited anywhere, once, in order of id.
fn evidence(analysis: &Analysis<'_>, view: View<'_>) -> Vec<EvidencePart> {
    let mut parts: BTreeMap<String, (&str, Nanos, String)> = BTreeMap::new();
    let opening = analysis.case.opening.iter().filter_map(|id| view.traces.get(id));
    let compared = analysis.sampled.iter().flat_map(|cohort| &cohort.traces);
    let compared = compared.filter_map(|id| view.traces.get(id));
    let traces = analysis.exemplars.iter().copied().chain(opening).chain(compared);
    for trace in traces.filter(|t| !t.events.is_empty()) {
        let at = trace.events.iter().map(|event| event.start).min().unwrap_or_default();
        parts.insert(
            cite::trace(&trace.trace),
            ("trace", at, view.traces.digest(&trace.trace).unwrap_or_default().to_owned()),
        );
    }
    for symptom in &analysis.symptoms {
        let digest = digest(&(Share::from(symptom.since), Share::from(symptom.norm.counts())));
        parts.insert(cite::symptom(symptom.family), ("symptom", symptom.onset, digest));
    }
    for key in analysis::edges(analysis.origin.as_ref(), &analysis.symptoms)
        .iter()
        .chain(analysis.hops.iter().map(|hop| &hop.operation))
    {
        let total = analysis.total(key);
        let digest = digest(&Share { failures: total.failures(), requests: total.requests });
        parts.insert(cite::operation(key), ("operation", analysis.started_at, digest));
    }
    for change in &analysis.changes {
        parts.insert(
            cite::deployment(change.deployment),
            ("deployment", change.deployment.at, digest(change.deployment)),
        );
    }
    for correlated in &analysis.signals {
        parts.insert(
            cite::signal(correlated.signal),
            ("signal", correlated.signal.at, digest(correlated.signal)),
        );
    }
    for correlated in &analysis.alerts {
        let alert = correlated.alert;
        parts.insert(cite::alert(alert), ("alert", alert.started_at, digest(alert)));
    }
    let part = |(id, (kind, at, digest)): (String, (&str, Nanos, String))| EvidencePart {
        id,
        kind: kind.to_owned(),
        at: at.to_rfc3339(),
        digest,
    };
    parts.into_iter().map(part).collect()
}

/// SHA-256 over the sorted ids of material evidence: opening exemplars, root family, changes and signals.
fn fingerprint(analysis: &Analysis<'_>) -> String {
    let ids: BTreeSet<String> = analysis
        .case
        .opening
        .iter()
        .map(cite::trace)
        .chain([cite::symptom(&analysis.case.root)])
        .chain(causes::material_facts(analysis).map(|(id, _)| id))
        .collect();
    let text: String = ids.into_iter().map(|id| id + "\n").collect();
    hash::sha256_hex(text.as_bytes())
}
