//! Why: candidate causes, each with the findings that speak for and against it. The score is the sum of published
//! weights, the confidence the best score's share of the best two. Nothing is hidden: losers stay in the report.

use model::{CapturedTrace, CauseKind, Nanos, SignalKind, Str};

use crate::analysis::{Analysis, Change, Cohort, Correlated, Symptom, Versions};
use crate::facts;
use crate::origin::Callee;
use crate::report::cite;
use crate::report::wording::{self, Sentence};
use crate::window::Sign;

/// The weights, in points. `doc/reference/triage.md` publishes them; a test compares the two.
pub(crate) mod weights {
    pub(crate) const DEPLOY_WITHIN_5_MIN: i64 = 25;
    pub(crate) const DEPLOY_WITHIN_30_MIN: i64 = 15;
    pub(crate) const DEPLOY_IN_WINDOW: i64 = 5;
    pub(crate) const DEPLOY_ON_ORIGIN: i64 = 15;
    pub(crate) const DEPLOY_NEW_FAILURE: i64 = 10;
    pub(crate) const DEPLOY_NEW_VERSION_FAILS: i64 = 50;
    pub(crate) const DEPLOY_NO_DIFFERENCE: i64 = -50;
    pub(crate) const DEPLOY_AFTER_ONSET: i64 = -100;
    pub(crate) const DEPENDENCY_CALL_FAILS: i64 = 50;
    pub(crate) const DEPENDENCY_TRACES_AGREE: i64 = 10;
    pub(crate) const DEPENDENCY_SIGNAL: i64 = 20;
    pub(crate) const RUNTIME_SIGNAL: i64 = 50;
    pub(crate) const RUNTIME_SIGNAL_ON_INSTANCE: i64 = 10;
    pub(crate) const RUNTIME_SERVICE_SILENT: i64 = 50;
    pub(crate) const APP_OWN_CODE_FAILS: i64 = 30;
    pub(crate) const APP_NEW_CODE: i64 = 5;
    pub(crate) const RUNTIME_SATURATED: i64 = 50;
    pub(crate) const RUNTIME_RESTARTED: i64 = 50;
    pub(crate) const RUNTIME_ONE_INSTANCE: i64 = 45;
    pub(crate) const RUNTIME_STOPPED_REPORTING: i64 = 40;
    pub(crate) const CONFIG_WITHIN_1_MIN: i64 = 25;
    pub(crate) const CONFIG_WITHIN_5_MIN: i64 = 20;
    pub(crate) const CONFIG_IN_WINDOW: i64 = 5;
    pub(crate) const CONFIG_ON_ORIGIN: i64 = 20;
    pub(crate) const CONFIG_AFTER_ONSET: i64 = -100;
    pub(crate) const TRAFFIC_SURGE: i64 = 50;
    pub(crate) const TRAFFIC_REACHES_ORIGIN: i64 = 10;
    pub(crate) const APP_BEHAVIOUR: i64 = 5;
    pub(crate) const UNKNOWN: i64 = 15;

    /// What each weight is given for.
    pub const TABLE: [(&str, i64); 29] = [
        ("deploy: at most 5 min before the onset", DEPLOY_WITHIN_5_MIN),
        ("deploy: at most 30 min before the onset", DEPLOY_WITHIN_30_MIN),
        ("deploy: within the change window", DEPLOY_IN_WINDOW),
        ("deploy: on the origin service", DEPLOY_ON_ORIGIN),
        ("deploy: the origin fails in a way that is new, as its code is", DEPLOY_NEW_FAILURE),
        ("deploy: the new version fails, the old does not", DEPLOY_NEW_VERSION_FAILS),
        ("deploy: versions fail alike", DEPLOY_NO_DIFFERENCE),
        ("deploy: after the onset", DEPLOY_AFTER_ONSET),
        (
            "dependency: the failure enters through a call to something that reports nothing",
            DEPENDENCY_CALL_FAILS,
        ),
        ("dependency: at least 4 of 5 traces agree", DEPENDENCY_TRACES_AGREE),
        ("dependency: a signal says that it does not work", DEPENDENCY_SIGNAL),
        ("runtime: a runtime signal on the origin service", RUNTIME_SIGNAL),
        ("runtime: the signal names an instance that fails", RUNTIME_SIGNAL_ON_INSTANCE),
        ("runtime: a service that reports otherwise left no event", RUNTIME_SERVICE_SILENT),
        ("runtime: a resource of the origin stands at its limit as never before", RUNTIME_SATURATED),
        ("runtime: an instance of the origin was started again", RUNTIME_RESTARTED),
        ("runtime: one instance does worse than the others of its version", RUNTIME_ONE_INSTANCE),
        ("runtime: the origin stopped reporting, and its callers go on", RUNTIME_STOPPED_REPORTING),
        ("config: at most 1 min before the onset", CONFIG_WITHIN_1_MIN),
        ("config: at most 5 min before the onset", CONFIG_WITHIN_5_MIN),
        ("config: within the signal window", CONFIG_IN_WINDOW),
        ("config: of the origin service", CONFIG_ON_ORIGIN),
        ("config: after the onset", CONFIG_AFTER_ONSET),
        ("traffic: at least twice as much as ever arrives at the edge", TRAFFIC_SURGE),
        ("traffic: it reaches the origin", TRAFFIC_REACHES_ORIGIN),
        ("app: the origin's own code fails", APP_OWN_CODE_FAILS),
        ("app: the error code is new", APP_NEW_CODE),
        ("app: requests end early there, or log a new error", APP_BEHAVIOUR),
        ("unknown: always a candidate", UNKNOWN),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hypothesis {
    pub(crate) kind: CauseKind,
    pub(crate) subject: Option<String>,
    /// Id of the deployment or signal that it speaks of.
    pub(crate) change: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) points: i64,
    pub(crate) said: Sentence,
}

impl Hypothesis {
    fn new(kind: CauseKind, subject: Option<String>) -> Self {
        Self { kind, subject, change: None, findings: Vec::new() }
    }

    fn finding(mut self, points: i64, said: Sentence) -> Self {
        self.findings.push(Finding { points, said });
        self
    }

    fn finding_if(self, condition: bool, points: i64, said: impl FnOnce() -> Sentence) -> Self {
        if condition { self.finding(points, said()) } else { self }
    }

    pub(crate) fn score(&self) -> i64 {
        self.findings.iter().map(|finding| finding.points).sum()
    }
}

/// All candidates, best first; ties go by kind and subject.
pub(crate) fn weigh(analysis: &Analysis<'_>) -> Vec<Hypothesis> {
    let mut all: Vec<Hypothesis> = analysis.changes.iter().map(|change| deploy(analysis, change)).collect();
    all.extend(configs(analysis));
    all.extend(dependency(analysis));
    all.extend(runtime(analysis));
    all.extend(traffic(analysis));
    all.extend(app(analysis));
    all.push(
        Hypothesis::new(CauseKind::Unknown, None).finding(weights::UNKNOWN, wording::unknown_is_an_answer()),
    );
    all.sort_by(|a, b| (b.score(), a.kind, &a.subject).cmp(&(a.score(), b.kind, &b.subject)));
    all
}

/// In hundredths: the best score's share of the two best; zero where the answer is `unknown`, or where even the best
/// speaks against itself.
pub(crate) fn confidence(hypotheses: &[Hypothesis]) -> u64 {
    if hypotheses.first().is_none_or(|best| best.kind == CauseKind::Unknown) {
        return 0;
    }
    let score = |i: usize| hypotheses.get(i).map_or(0, |h| h.score().max(0));
    let (best, second) = (score(0), score(1));
    if best == 0 { 0 } else { u64::try_from(best * 100 / (best + second)).unwrap_or(0) }
}

fn deploy(analysis: &Analysis<'_>, change: &Change<'_>) -> Hypothesis {
    const MINUTE_NS: u64 = 60 * model::SECOND_NS;
    let deployment = change.deployment;
    let subject = format!("{} {}", deployment.service, deployment.version);
    let mut hypothesis = Hypothesis::new(CauseKind::Deploy, Some(subject));
    hypothesis.change = Some(deployment.id.to_string());
    if !change.before_onset {
        return hypothesis.finding(weights::DEPLOY_AFTER_ONSET, wording::deployed_after_onset(change));
    }
    let closeness = match change.gap_ns {
        gap if gap <= 5 * MINUTE_NS => weights::DEPLOY_WITHIN_5_MIN,
        gap if gap <= 30 * MINUTE_NS => weights::DEPLOY_WITHIN_30_MIN,
        _ => weights::DEPLOY_IN_WINDOW,
    };
    let versions = change.versions();
    let own = analysis.origin.as_ref().is_some_and(|origin| origin.place.callee == Callee::None);
    let new = new_failure(analysis).filter(|_| own && change.on_origin && versions != Versions::Alike);
    hypothesis
        .finding(closeness, wording::deployed_before_onset(change))
        .finding_if(change.on_origin, weights::DEPLOY_ON_ORIGIN, || wording::deployed_on_origin(change))
        .finding_if(new.is_some(), weights::DEPLOY_NEW_FAILURE, || wording::new_as_its_code(change, new))
        .finding_if(versions == Versions::Differ, weights::DEPLOY_NEW_VERSION_FAILS, || {
            wording::version_split(change)
        })
        .finding_if(versions == Versions::Alike, weights::DEPLOY_NO_DIFFERENCE, || {
            wording::version_split(change)
        })
}

/// A symptom of the origin that shows something that was never seen before.
fn new_failure<'a>(analysis: &'a Analysis<'_>) -> Option<&'a Symptom<'a>> {
    new_code(analysis).or_else(|| odd(analysis))
}

/// The root's error code, where no request failed with it before.
fn new_code<'a>(analysis: &'a Analysis<'_>) -> Option<&'a Symptom<'a>> {
    analysis.root().filter(|symptom| {
        let baseline = symptom.norm.counts();
        symptom.family.sign == Sign::Failure && baseline.failures == 0 && baseline.requests > 0
    })
}

fn odd<'a>(analysis: &'a Analysis<'_>) -> Option<&'a Symptom<'a>> {
    let service = &analysis.origin.as_ref()?.place.service;
    analysis.symptoms.iter().find(|symptom| {
        symptom.family.sign == Sign::Behaviour && symptom.family.operation.service == *service
    })
}

fn dependency(analysis: &Analysis<'_>) -> Option<Hypothesis> {
    let origin = analysis.origin.as_ref()?;
    let Callee::Foreign(name) = &origin.place.callee else { return None };
    let agree = origin.traces_agreeing.len() * 5 >= origin.traces_examined * 4;
    let news = analysis
        .signals
        .iter()
        .find(|c| c.rule == "about the failing callee" && facts::is_bad_news(c.signal));
    Some(
        Hypothesis::new(CauseKind::Dependency, Some(name.to_string()))
            .finding(weights::DEPENDENCY_CALL_FAILS, wording::callee_reports_nothing(analysis, origin, name))
            .finding_if(agree, weights::DEPENDENCY_TRACES_AGREE, || wording::traces_agree(origin))
            .finding_if(news.is_some(), weights::DEPENDENCY_SIGNAL, || wording::signal_about(news)),
    )
}

fn runtime(analysis: &Analysis<'_>) -> Option<Hypothesis> {
    let origin = analysis.origin.as_ref()?;
    let service = &origin.place.service;
    let silent = matches!(origin.place.callee, Callee::Silent(_));
    let stopped = origin.sign == Sign::Silence;
    let breakdown = analysis.signals.iter().find(|c| c.is_breakdown_of(service));
    let alone = one_instance(analysis);
    let (saturated, restarted) = (analysis.saturated.first(), analysis.restarts.first());
    // A machine at its limit is the matter, not what happens to run on it.
    let machine = saturated.map(|(key, _)| key).filter(|key| key.service != *service);
    let subject = machine.map_or(service, |key| &key.instance);
    let any = silent || stopped || breakdown.is_some() || alone.is_some();
    if !any && saturated.is_none() && restarted.is_none() {
        return None;
    }
    let instance = breakdown.and_then(|c| c.signal.instance.as_ref());
    let fails = instance.is_some_and(|i| {
        analysis.exemplars.iter().flat_map(|t| &t.events).any(|e| e.failure().is_some() && e.instance == *i)
    });
    Some(
        Hypothesis::new(CauseKind::Runtime, Some(subject.to_string()))
            .finding_if(breakdown.is_some(), weights::RUNTIME_SIGNAL, || wording::signal_about(breakdown))
            .finding_if(fails, weights::RUNTIME_SIGNAL_ON_INSTANCE, || wording::instance_fails(breakdown))
            .finding_if(saturated.is_some(), weights::RUNTIME_SATURATED, || wording::saturated(analysis))
            .finding_if(restarted.is_some(), weights::RUNTIME_RESTARTED, || wording::restarted(analysis))
            .finding_if(alone.is_some(), weights::RUNTIME_ONE_INSTANCE, || {
                wording::one_instance(origin, alone)
            })
            .finding_if(stopped, weights::RUNTIME_STOPPED_REPORTING, || wording::stopped_reporting(analysis))
            .finding_if(silent, weights::RUNTIME_SERVICE_SILENT, || wording::service_silent(origin)),
    )
}

/// An instance does worse than the others, and no version does: its code is that of the others.
fn one_instance<'a>(analysis: &'a Analysis<'_>) -> Option<&'a Cohort> {
    let of = |dimension: &str| analysis.cohorts.iter().find(|cohort| cohort.dimension == dimension);
    of("instance").filter(|_| of("version").is_none())
}

/// Settings and flags that were changed on the chain.
fn configs(analysis: &Analysis<'_>) -> Vec<Hypothesis> {
    let Some(origin) = &analysis.origin else { return Vec::new() };
    let changed = analysis.signals.iter().filter(|c| c.signal.kind == SignalKind::Config);
    changed.map(|change| config(analysis, change, &origin.place.service)).collect()
}

fn config(analysis: &Analysis<'_>, change: &Correlated<'_>, origin: &Str) -> Hypothesis {
    const MINUTE_NS: u64 = 60 * model::SECOND_NS;
    let signal = change.signal;
    let subject = signal.subject.as_ref().or(signal.service.as_ref()).map(ToString::to_string);
    let mut hypothesis = Hypothesis::new(CauseKind::Config, subject);
    hypothesis.change = Some(signal.id.to_string());
    if signal.at > analysis.started_at.saturating_add(crate::analysis::CLOCK_SLACK_NS) {
        return hypothesis
            .finding(weights::CONFIG_AFTER_ONSET, wording::changed(change, analysis.started_at));
    }
    let closeness = match analysis.started_at.since(signal.at) {
        gap if gap <= MINUTE_NS => weights::CONFIG_WITHIN_1_MIN,
        gap if gap <= 5 * MINUTE_NS => weights::CONFIG_WITHIN_5_MIN,
        _ => weights::CONFIG_IN_WINDOW,
    };
    hypothesis.finding(closeness, wording::changed(change, analysis.started_at)).finding_if(
        signal.service.as_ref() == Some(origin),
        weights::CONFIG_ON_ORIGIN,
        || wording::changed_on_origin(change, origin),
    )
}

/// More arrives at the edge than ever.
fn traffic(analysis: &Analysis<'_>) -> Option<Hypothesis> {
    let (edge, high, now) = analysis.case.surge.as_ref()?;
    let origin = analysis.origin.as_ref()?;
    let passes = |trace: &CapturedTrace, service: &Str| trace.events.iter().any(|e| e.service == *service);
    let from_there = analysis.exemplars.iter().filter(|trace| passes(trace, &edge.service));
    let reaches = origin.place.service == edge.service
        || from_there.into_iter().any(|trace| passes(trace, &origin.place.service));
    Some(
        Hypothesis::new(CauseKind::Traffic, Some(edge.service.to_string()))
            .finding(weights::TRAFFIC_SURGE, wording::surge(edge, *high, *now))
            .finding_if(reaches, weights::TRAFFIC_REACHES_ORIGIN, || wording::surge_reaches(edge, origin)),
    )
}

fn app(analysis: &Analysis<'_>) -> Option<Hypothesis> {
    let origin = analysis.origin.as_ref()?;
    let other = matches!(origin.sign, Sign::Traffic | Sign::Silence | Sign::Saturation);
    if origin.place.callee != Callee::None || other {
        return None;
    }
    let (odd, new_code) = (odd(analysis), new_code(analysis));
    Some(
        Hypothesis::new(CauseKind::App, Some(origin.place.service.to_string()))
            .finding(weights::APP_OWN_CODE_FAILS, wording::own_code_fails(origin))
            .finding_if(new_code.is_some(), weights::APP_NEW_CODE, || wording::code_is_new(new_code))
            .finding_if(odd.is_some(), weights::APP_BEHAVIOUR, || wording::runs_otherwise(odd)),
    )
}

/// Ids of the outside facts that belong to the incident: changes on its chain, also those after the onset, and signals.
pub(crate) fn material_facts(analysis: &Analysis<'_>) -> impl Iterator<Item = (String, Nanos)> {
    let changes =
        analysis.changes.iter().map(|change| (cite::deployment(change.deployment), change.deployment.at));
    let signals = analysis.signals.iter().map(|c| (cite::signal(c.signal), c.signal.at));
    changes.chain(signals)
}
