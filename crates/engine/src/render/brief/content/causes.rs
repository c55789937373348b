//! Why: what changed, what speaks for and against each cause, who is suspected, and what others said.

use model::CauseKind;

use super::happened::ms;
use super::{Numbers, list, section, share, subject};
use crate::render::brief::{Block, Item, Said, Section};
use crate::report::{AlertPart, Finding, Hypothesis, Report, SignalPart, Suspect, VersionSplit};

pub(super) fn change(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let change = report.change.as_ref()?;
    let mut items = Vec::new();
    let what = Said::outside(format!("{} {}", change.service, change.version));
    let what = match &change.previous_version {
        Some(previous) => what.and(" (before: ").and_outside(previous).and(")"),
        None => what,
    };
    items.push(what.and(" deployed at ").and_outside(&change.at));
    let told =
        [("commit", &change.commit), ("pull request", &change.pull_request), ("author", &change.author)];
    for (name, value) in told.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        items.push(Said::ours(format!("{name}: ")).and_outside(value));
    }
    items.push(Said::ours(format!(
        "failed in the hour before: {}; since the onset: {}",
        share(change.before),
        share(change.after)
    )));
    items.extend(change.version_split.as_ref().map(|split| Said::ours(version_split(split))));
    list("Change", 6, items.into_iter().map(|item| numbers.cite_one(item, &change.id)).collect())
}

fn version_split(split: &VersionSplit) -> String {
    let VersionSplit { measure, new, others, new_mean_us, others_mean_us } = split;
    if measure == "duration" {
        return format!(
            "takes on average, in the same minutes, on the new version: {} (of {}); on the others: {} (of {})",
            ms(*new_mean_us),
            new.requests,
            ms(*others_mean_us),
            others.requests
        );
    }
    let counted = if measure == "slow" { "slow" } else { "failed" };
    format!(
        "{counted} in the same minutes on the new version: {}; on the others: {}",
        share(*new),
        share(*others)
    )
}

pub(super) fn hypotheses(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let item = |hypothesis: &Hypothesis| {
        let Hypothesis { kind, subject: about, score, in_favour, against } = hypothesis;
        let said = subject(Said::ours(kind.as_str()), about.as_deref()).and(format!(", score {score}"));
        weighed(said, in_favour.iter().chain(against), numbers)
    };
    let items: Vec<Item> = report.hypotheses.iter().map(item).collect();
    section("Hypotheses", 3, vec![Block::List { numbered: true, items }])
}

pub(super) fn suspects(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items: Vec<Item> = report.suspects.iter().map(|suspect| self::suspect(suspect, numbers)).collect();
    if items.is_empty() {
        return None;
    }
    section("Suspects", 3, vec![Block::List { numbered: true, items }])
}

/// Who, where in it, by which change, and why.
fn suspect(suspect: &Suspect, numbers: &Numbers<'_>) -> Item {
    let Suspect { service, operation, instance, change, cause, score, findings } = suspect;
    let mut said = Said::outside(service);
    for (name, value) in [(" ", operation), (" on ", instance)] {
        if !value.is_empty() {
            said = said.and(name).and_outside(value);
        }
    }
    if let Some(change) = change {
        said = said.and(", changed by ").and_outside(change);
    }
    if *cause != CauseKind::Unknown {
        said = said.and(", ").and(cause.as_str());
    }
    weighed(said.and(format!(", score {score}")), findings.iter(), numbers)
}

/// A statement with the findings that speak for and against it; it cites what they cite.
fn weighed<'a>(
    said: Said,
    findings: impl Iterator<Item = &'a Finding> + Clone,
    numbers: &Numbers<'_>,
) -> Item {
    let cites: Vec<String> = findings.clone().flat_map(|finding| finding.cites.iter().cloned()).collect();
    let parts = findings.map(|finding| {
        let said = Said::ours(format!("{:+}: ", finding.points)).and_outside(&finding.text);
        numbers.cite(said, &finding.cites)
    });
    Item { said: numbers.cite(said, &cites), parts: parts.collect() }
}

pub(super) fn alerts(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    list("Alerts", 4, report.alerts.iter().map(|part| alert(part, numbers)).collect())
}

fn alert(alert: &AlertPart, numbers: &Numbers<'_>) -> Said {
    let mut said = Said::outside(&alert.title).and(format!(
        " ({}, {})",
        alert.provider.as_str(),
        alert.severity.as_str()
    ));
    if !alert.summary.is_empty() {
        said = said.and(": ").and_quote(&alert.summary);
    }
    for (at, change) in alert.history.iter().enumerate() {
        said = said.and(if at == 0 { "; " } else { ", " }).and(change.status.as_str()).and(" ");
        said = said.and_outside(&change.at);
    }
    let times = match alert.times {
        1 => "; told once (".to_owned(),
        times => format!("; told {times} times ("),
    };
    numbers.cite_one(said.and(times).and_outside(&alert.rule).and(")"), &alert.id)
}

pub(super) fn signals(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let all = report.runtime.iter().chain(&report.signals);
    list("Signals", 4, all.map(|part| signal(part, numbers)).collect())
}

fn signal(signal: &SignalPart, numbers: &Numbers<'_>) -> Said {
    let whom = signal.subject.as_ref().or(signal.service.as_ref()).map_or("", String::as_str);
    let what = format!("{} {} {whom} {}", signal.kind.as_str(), signal.subtype, signal.status);
    let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut said = Said::outside(&signal.at).and(" ").and_outside(what);
    if !signal.message.is_empty() {
        said = said.and(": ").and_quote(&signal.message);
    }
    said = said.and(" (").and_outside(&signal.rule);
    if signal.times > 1 {
        said = said.and(format!("; {} times, last at ", signal.times)).and_outside(&signal.last_at);
    }
    numbers.cite_one(said.and(")"), &signal.id)
}
