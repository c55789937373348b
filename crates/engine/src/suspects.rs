//! Which services could be the root, best first: what points at each of them, with published points. The origin is the
//! first of them by construction of its votes; the others are where to look when it is not.

use std::collections::BTreeMap;

use model::{CauseKind, Str};

use crate::analysis::{Analysis, Versions};
use crate::causes::{Finding, Hypothesis};
use crate::report::wording;
use crate::window::Sign;

/// Suspects that a report names.
const SUSPECTS_MAX: usize = 20;

/// The points, in `doc/reference/triage.md`; a test compares the two.
pub(crate) mod points {
    pub(crate) const ORIGIN: i64 = 30;
    pub(crate) const TRACES: i64 = 30;
    pub(crate) const BEHAVIOUR: i64 = 25;
    pub(crate) const SATURATION: i64 = 20;
    pub(crate) const VERSION: i64 = 15;
    pub(crate) const RUNTIME: i64 = 10;
    pub(crate) const SELF_TIME: i64 = 15;
    pub(crate) const METRIC: i64 = 30;
    pub(crate) const FAILURE: i64 = 4;
    pub(crate) const LATENCY: i64 = 4;
    pub(crate) const FLOW: i64 = 2;
    pub(crate) const CHAIN: i64 = 6;
    /// In hundredths of its points there.
    pub(crate) const CONCURRENT: i64 = 50;

    /// What each is given for.
    pub const TABLE: [(&str, i64); 13] = [
        ("the origin", ORIGIN),
        ("the share of the examined traces that point at it, up to", TRACES),
        ("its requests run otherwise, once consequences are set aside", BEHAVIOUR),
        ("a resource of it stands at its limit as never before", SATURATION),
        ("its own share of the excess by what services count of themselves, up to", METRIC),
        ("a new version of it does worse than the others in the same minutes", VERSION),
        ("a runtime signal says bad news of it", RUNTIME),
        ("its requests take longer by themselves", SELF_TIME),
        ("it fails", FAILURE),
        ("it is slow", LATENCY),
        ("its traffic changed", FLOW),
        ("the failure passes it, less for each hop from the origin", CHAIN),
        ("another incident of the time points at it: of its points there, percent", CONCURRENT),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) service: Str,
    pub(crate) operation: Str,
    pub(crate) instance: Str,
    pub(crate) change: Option<String>,
    pub(crate) cause: CauseKind,
    pub(crate) findings: Vec<Finding>,
}

impl Suspect {
    pub(crate) fn score(&self) -> i64 {
        self.findings.iter().map(|finding| finding.points).sum()
    }
}

#[derive(Default)]
struct Ranking {
    by_service: BTreeMap<Str, Suspect>,
}

impl Ranking {
    fn of(&mut self, service: &Str) -> &mut Suspect {
        self.by_service.entry(service.clone()).or_insert_with(|| Suspect {
            service: service.clone(),
            operation: "".into(),
            instance: "".into(),
            change: None,
            cause: CauseKind::Unknown,
            findings: Vec::new(),
        })
    }

    fn in_order(self) -> Vec<Suspect> {
        let mut all: Vec<Suspect> = self.by_service.into_values().collect();
        all.sort_by(|a, b| (b.score(), &a.service).cmp(&(a.score(), &b.service)));
        all.truncate(SUSPECTS_MAX);
        all
    }

    fn add(&mut self, service: &Str, points: i64, said: wording::Sentence) -> &mut Suspect {
        let suspect = self.of(service);
        if points > 0 {
            suspect.findings.push(Finding { points, said });
        }
        suspect
    }
}

/// Best first; ties go by name.
pub(crate) fn rank(analysis: &Analysis<'_>, hypotheses: &[Hypothesis]) -> Vec<Suspect> {
    let mut ranking = by_own_evidence(analysis, hypotheses);
    by_concurrent(analysis, &mut ranking);
    ranking.in_order()
}

/// Without what other incidents point at.
pub(crate) fn own(analysis: &Analysis<'_>, hypotheses: &[Hypothesis]) -> Vec<Suspect> {
    by_own_evidence(analysis, hypotheses).in_order()
}

fn by_own_evidence(analysis: &Analysis<'_>, hypotheses: &[Hypothesis]) -> Ranking {
    let mut ranking = Ranking::default();
    by_origin(analysis, hypotheses, &mut ranking);
    by_symptoms(analysis, &mut ranking);
    by_metrics(analysis, &mut ranking);
    by_facts(analysis, &mut ranking);
    ranking
}

/// Whoever is the root of an incident of the same time may be that of this one.
fn by_concurrent(analysis: &Analysis<'_>, ranking: &mut Ranking) {
    for (incident, named) in &analysis.concurrent {
        for named in *named {
            let points = named.score * points::CONCURRENT / 100;
            let suspect =
                ranking.add(&named.service, points, wording::points_elsewhere(analysis, *incident, named));
            if suspect.operation.is_empty() {
                suspect.operation = named.operation.clone();
            }
            if suspect.instance.is_empty() {
                suspect.instance = named.instance.clone();
            }
            if suspect.cause == CauseKind::Unknown {
                suspect.cause = named.cause;
            }
        }
    }
}

fn by_origin(analysis: &Analysis<'_>, hypotheses: &[Hypothesis], ranking: &mut Ranking) {
    let Some(origin) = &analysis.origin else { return };
    let place = &origin.place;
    let share = |traces: usize| points::TRACES * traces as i64 / (origin.traces_examined as i64).max(1);
    let suspect = ranking.add(&place.service, points::ORIGIN, wording::is_origin(origin));
    suspect.operation = place.operation.clone();
    let worst = analysis.cohorts.iter().find(|cohort| cohort.dimension == "instance");
    suspect.instance = worst.map(|cohort| cohort.value.clone()).unwrap_or_default();
    if let Some(best) = hypotheses.first() {
        suspect.cause = best.kind;
        suspect.change = best.change.clone();
    }
    ranking.add(&place.service, share(origin.traces_agreeing.len()), wording::traces_agree(origin));
    for (service, traces) in &origin.others {
        ranking.add(service, share(*traces), wording::traces_point(service, *traces, origin));
    }
    for (distance, hop) in analysis.hops.iter().enumerate().skip(1) {
        let points = (points::CHAIN - distance as i64).max(1);
        ranking.add(&hop.operation.service, points, wording::on_the_way(hop));
    }
}

/// The strongest symptom of each sign counts once for a service.
fn by_symptoms(analysis: &Analysis<'_>, ranking: &mut Ranking) {
    let mut seen: BTreeMap<(Str, Sign), &crate::analysis::Symptom<'_>> = BTreeMap::new();
    for symptom in &analysis.symptoms {
        let key = (symptom.family.operation.service.clone(), symptom.family.sign);
        let known = seen.entry(key).or_insert(symptom);
        if symptom.odds > known.odds {
            *known = symptom;
        }
    }
    for ((service, sign), symptom) in seen {
        let points = match sign {
            Sign::Behaviour => points::BEHAVIOUR,
            Sign::Saturation => points::SATURATION,
            Sign::Failure => points::FAILURE,
            Sign::Latency => points::LATENCY,
            Sign::SelfTime => points::SELF_TIME,
            Sign::Traffic | Sign::Silence => points::FLOW,
            Sign::Metric => points::LATENCY,
        };
        let suspect = ranking.add(&service, points, wording::shows(symptom));
        if suspect.operation.is_empty() && sign != Sign::Saturation {
            suspect.operation = symptom.family.operation.operation.clone();
        }
        if sign == Sign::Behaviour && suspect.instance.is_empty() {
            suspect.instance = symptom.instance.clone().unwrap_or_default();
        }
        if sign == Sign::Saturation {
            suspect.instance = symptom.family.code.clone();
            if suspect.cause == CauseKind::Unknown {
                suspect.cause = CauseKind::Runtime;
            }
        }
    }
}

/// Whose excess it is by the services' own numbers.
fn by_metrics(analysis: &Analysis<'_>, ranking: &mut Ranking) {
    let Some(charge) = &analysis.case.charge else { return };
    for charged in &charge.charged {
        let share = i64::try_from(charged.share.min(1_000)).unwrap_or(1_000);
        ranking.add(
            &charged.service,
            points::METRIC * share / 1_000,
            wording::charged(analysis, charge, charged),
        );
    }
}

fn by_facts(analysis: &Analysis<'_>, ranking: &mut Ranking) {
    for change in analysis.changes.iter().filter(|change| change.before_onset) {
        if change.versions() == Versions::Differ {
            let service = &change.deployment.service;
            let suspect = ranking.add(service, points::VERSION, wording::version_split(change));
            suspect.change.get_or_insert_with(|| change.deployment.id.to_string());
        }
    }
    let services: Vec<Str> = ranking.by_service.keys().cloned().collect();
    for service in services {
        let breakdown = analysis.signals.iter().find(|signal| signal.is_breakdown_of(&service));
        if breakdown.is_some() {
            ranking.add(&service, points::RUNTIME, wording::signal_about(breakdown));
        }
    }
}
