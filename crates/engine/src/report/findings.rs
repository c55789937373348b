//! Sentences of the findings that speak for and against causes and suspects.

use model::{IncidentId, Nanos};

use super::cite;
use super::wording::{Sentence, clock, duration, ms, of, share, traces};
use crate::analysis::{Analysis, Change, Cohort, Correlated, Hop, SplitBy, Symptom};
use crate::concurrent::Named;
use crate::origin::Origin;
use crate::report::wording;
use crate::service_metrics::{Charge, Charged, Measure, Shift};
use crate::summary::Split;
use crate::window::{OperationKey, Sign};

pub(crate) fn saturated(analysis: &Analysis<'_>) -> Sentence {
    let Some((key, level)) = analysis.saturated.first() else { return Sentence::new(String::new(), []) };
    let percent = |millionths: i64| millionths / 10_000;
    let text = format!(
        "{} of {} reached {} %; it was never above {} % before.",
        key.name,
        if key.instance.is_empty() { &key.service } else { &key.instance },
        percent(level.now_max),
        percent(level.before_max)
    );
    Sentence::new(text, symptom_at(analysis, &key.service))
}

pub(crate) fn points_elsewhere(analysis: &Analysis<'_>, incident: IncidentId, named: &Named) -> Sentence {
    let text = format!(
        "Incident {incident}, which began at about the same time, points at {} with {}.",
        named.service, named.score
    );
    let symptom = analysis.root().or_else(|| analysis.symptoms.first());
    Sentence::new(text, symptom.map(|s| cite::symptom(s.family)))
}

/// A number of a service, in its own unit.
fn measured(measure: Measure, value: i64) -> String {
    match measure {
        Measure::Failures => format!("{}.{:02} % failed", value / 10_000, value % 10_000 / 100),
        Measure::Latency(_) => ms(value.unsigned_abs().saturating_mul(1_000)),
    }
}

pub(crate) fn shifted(shift: &Shift, elapsed: String) -> String {
    let Shift { measure, normal, worst, requests, .. } = shift;
    format!(
        "{}: up to {} in {elapsed}, by the service's own numbers of {requests} requests; {} before",
        measure.as_str(),
        measured(*measure, *worst),
        measured(*measure, normal.median)
    )
}

pub(crate) fn charged(analysis: &Analysis<'_>, charge: &Charge, charged: &Charged) -> Sentence {
    let text = format!(
        "Of the excess of {} in {}, {} % is its own by the services' numbers: what it calls does not explain it.",
        charge.measure.as_str(),
        charge.target,
        charged.share / 10
    );
    let symptom = analysis.symptoms.iter().find(|s| s.family.sign == Sign::Metric);
    Sentence::new(text, symptom.map(|s| cite::symptom(s.family)))
}

pub(crate) fn restarted(analysis: &Analysis<'_>) -> Sentence {
    let Some((key, rise)) = analysis.restarts.first() else { return Sentence::new(String::new(), []) };
    let whom = if key.instance.is_empty() { &key.service } else { &key.instance };
    let text = format!("{whom} was started again {} times, as {} tells.", rise / 1_000_000, key.name);
    Sentence::new(text, symptom_at(analysis, &key.service))
}

fn symptom_at(analysis: &Analysis<'_>, service: &str) -> Option<String> {
    let of_service = |s: &&Symptom<'_>| &*s.family.operation.service == service;
    let root = analysis.root().or_else(|| analysis.symptoms.first());
    analysis.symptoms.iter().find(of_service).or(root).map(|s| cite::symptom(s.family))
}

pub(crate) fn one_instance(origin: &Origin, cohort: Option<&Cohort>) -> Sentence {
    let Some(cohort) = cohort else { return Sentence::new(String::new(), []) };
    let text = format!(
        "It is {} of {} alone; other instances run the same and do better.",
        cohort.value, origin.place.service
    );
    Sentence::new(text, traces(origin))
}

pub(crate) fn stopped_reporting(analysis: &Analysis<'_>) -> Sentence {
    let silent = analysis.symptoms.iter().find(|s| s.family.sign == Sign::Silence);
    let service = silent.map(|s| s.family.operation.service.to_string()).unwrap_or_default();
    let text = format!("{service} reports nothing any more, and whoever brings it work goes on.");
    Sentence::new(text, silent.map(|s| cite::symptom(s.family)))
}

pub(crate) fn changed(change: &Correlated<'_>, onset: Nanos) -> Sentence {
    let signal = change.signal;
    let what = signal.subject.as_ref().or(signal.service.as_ref()).map(ToString::to_string);
    let when = if signal.at <= onset {
        format!("{} before it began", duration(onset.since(signal.at)))
    } else {
        format!("{} after it began, and cannot have caused it", duration(signal.at.since(onset)))
    };
    Sentence::new(format!("{} was changed {when}.", what.unwrap_or_default()), [cite::signal(signal)])
}

pub(crate) fn changed_on_origin(change: &Correlated<'_>, origin: &str) -> Sentence {
    Sentence::new(format!("It is a setting of {origin}, where it arises."), [cite::signal(change.signal)])
}

pub(crate) fn surge(edge: &OperationKey, high: u64, now: u64) -> Sentence {
    let text = format!(
        "{} {} gets {now} requests a minute; the most before was {high}.",
        edge.service, edge.operation
    );
    Sentence::new(text, [cite::operation(edge)])
}

pub(crate) fn surge_reaches(edge: &OperationKey, origin: &Origin) -> Sentence {
    let text = format!("It reaches {}, where it fails.", origin.place.service);
    Sentence::new(text, [cite::operation(edge)])
}

pub(crate) fn runs_otherwise(symptom: Option<&Symptom<'_>>) -> Sentence {
    let Some(symptom) = symptom else { return Sentence::new(String::new(), []) };
    let text = format!(
        "{} requests of {} ended early or logged an error that nobody logged before.",
        of(symptom.since),
        symptom.family.operation.service
    );
    Sentence::new(text, [cite::symptom(symptom.family)])
}

pub(crate) fn is_origin(origin: &Origin) -> Sentence {
    let place = &origin.place;
    let text = match origin.sign {
        Sign::Failure => format!("The failure arises in {} of {}.", place.step.operation, place.service),
        Sign::Latency => format!("The time goes to {} of {}.", place.step.operation, place.service),
        _ => format!("It begins in {} of {}.", place.step.operation, place.service),
    };
    Sentence::new(text, traces(origin))
}

pub(crate) fn traces_point(service: &str, count: usize, origin: &Origin) -> Sentence {
    let text = format!("{count} of {} traces point at {service} instead.", origin.traces_examined);
    Sentence::new(text, traces(origin))
}

pub(crate) fn on_the_way(hop: &Hop) -> Sentence {
    Sentence::new(format!("It passes {}.", hop.operation.service), [cite::operation(&hop.operation)])
}

pub(crate) fn shows(symptom: &Symptom<'_>) -> Sentence {
    let text = wording::first_seen(symptom).text;
    Sentence::new(format!("{text} ({})", clock(symptom.onset)), [cite::symptom(symptom.family)])
}

pub(crate) fn version_split(change: &Change<'_>) -> Sentence {
    let d = change.deployment;
    let (new, old) = change.split.unwrap_or_default();
    let version = format!("{} {}", d.service, d.version);
    let mean = |split: Split| ms(split.mean_us().saturating_mul(1_000));
    let counted = |shown: &str| {
        let (new, old) = (share(new), share(old));
        format!("In the same minutes {new} requests {shown} on {version}, and {old} on its other versions.")
    };
    let text = match change.split_by() {
        SplitBy::Failed => counted("failed"),
        SplitBy::Slow => counted("were slow"),
        SplitBy::Duration => format!(
            "In the same minutes a request takes {} on average on {version} (of {}), and {} on its other versions (of {}).",
            mean(new),
            new.requests,
            mean(old),
            old.requests
        ),
    };
    Sentence::new(text, [cite::deployment(d)])
}
