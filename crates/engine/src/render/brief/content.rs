//! The report, section by section, in the words that every surface uses.

use std::collections::BTreeMap;

use super::{Block, Brief, Evidence, Item, Said, Section};
use crate::report::{AlertPart, Hop, Hypothesis, Origin, Report, Share, SignalPart};

/// The numbers of the evidence list under which ids are cited.
struct Numbers<'a>(BTreeMap<&'a str, usize>);

impl<'a> Numbers<'a> {
    fn of(report: &'a Report) -> Self {
        Self(report.evidence.iter().zip(1..).map(|(part, number)| (part.id.as_str(), number)).collect())
    }

    fn cite(&self, mut said: Said, ids: &[String]) -> Said {
        said.cites = ids.iter().filter_map(|id| self.0.get(id.as_str()).copied()).collect();
        said.cites.sort_unstable();
        said.cites.dedup();
        said
    }

    fn cite_one(&self, said: Said, id: &String) -> Said {
        self.cite(said, std::slice::from_ref(id))
    }
}

pub(super) fn brief(report: &Report) -> Brief {
    let numbers = &Numbers::of(report);
    let id = report.incident.id.to_string();
    let sections = [
        origin_and_propagation(report, numbers),
        change(report, numbers),
        blast_radius(report, numbers),
        hypotheses(report, numbers),
        alerts(report, numbers),
        signals(report, numbers),
        symptoms(report, numbers),
        next_checks(report, numbers),
        timeline(report, numbers),
        warnings(report),
    ];
    let completeness = &report.completeness;
    Brief {
        title: Said::ours("Incident ").and_outside(id).and(": ").and(report.incident.status.as_str()),
        summary: numbers.cite(Said::outside(&report.summary.text), &report.summary.cites),
        lead: vec![
            ("Root cause", root_cause(report, numbers)),
            ("Critical failure", critical_failure(report, numbers)),
            ("Impact", impact(report, numbers)),
        ],
        facts: facts(report),
        sections: sections.into_iter().flatten().collect(),
        completeness: Said::ours("Traces at opening: ")
            .and_outside(&completeness.opening.status)
            .and("; now: ")
            .and_outside(&completeness.latest.status)
            .and("."),
        evidence: report.evidence.iter().map(evidence).collect(),
        foot: Said::ours("Evidence fingerprint ")
            .and_outside(&report.evidence_fingerprint)
            .and(", engine ")
            .and_outside(&report.engine.version)
            .and("."),
    }
}

fn percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

fn share(share: Share) -> String {
    format!("{} of {}", share.failures, share.requests)
}

fn subject(said: Said, subject: Option<&str>) -> Said {
    match subject {
        Some(subject) => said.and(" (").and_outside(subject).and(")"),
        None => said,
    }
}

fn root_cause(report: &Report, numbers: &Numbers<'_>) -> Said {
    let cause = &report.cause;
    let said = subject(Said::ours(cause.kind.as_str()), cause.subject.as_deref());
    numbers.cite(said.and(format!(", confidence {:.2}", cause.confidence)), &cause.cites)
}

fn critical_failure(report: &Report, numbers: &Numbers<'_>) -> Said {
    match (&report.origin, report.symptoms.first()) {
        (Some(origin), _) => numbers.cite(at_origin(origin), &origin.cites),
        (None, Some(symptom)) => {
            let at = Said::outside(format!("{} {}: {}", symptom.service, symptom.operation, symptom.text));
            numbers.cite_one(at, &symptom.id)
        }
        (None, None) => Said::ours("none could be read"),
    }
}

fn at_origin(origin: &Origin) -> Said {
    let Origin { service, operation, step, code, .. } = origin;
    let at = if step == operation { String::new() } else { format!(", step {step},") };
    Said::outside(format!("{service} {operation}{at} failed with {code}"))
}

fn impact(report: &Report, numbers: &Numbers<'_>) -> Said {
    let blast = &report.blast_radius;
    let requests = &blast.requests;
    let said = Said::ours(format!(
        "{} of {} requests at the edge ({}), {}; services: ",
        requests.affected,
        requests.total,
        percent(requests.share),
        users(report)
    ));
    numbers.cite(said.and_outside(blast.services.join(", ")), &blast.cites)
}

fn users(report: &Report) -> String {
    let users = &report.blast_radius.users;
    let about = if users.exact { "" } else { "about " };
    let noun = if users.affected == 1 { "user" } else { "users" };
    format!("{about}{} {noun}", users.affected)
}

fn facts(report: &Report) -> Vec<(&'static str, Said)> {
    let incident = &report.incident;
    let mut facts = vec![
        ("severity", Said::ours(format!("{} of 5", incident.severity.0))),
        ("environment", Said::outside(&incident.env)),
        ("started", Said::outside(&incident.started_at)),
        ("detected", Said::outside(&incident.detected_at)),
    ];
    if let Some(origin) = &report.origin {
        facts.insert(0, ("origin", Said::outside(&origin.service)));
    }
    if let Some(resolved) = &incident.resolved_at {
        facts.push(("resolved", Said::outside(resolved)));
    }
    if incident.reopened > 0 {
        facts.push(("reopened", Said::ours(format!("{} times", incident.reopened))));
    }
    facts
}

fn section(title: &'static str, short: usize, blocks: Vec<Block>) -> Option<Section> {
    Some(Section { title, short, blocks })
}

fn list(title: &'static str, short: usize, items: Vec<Said>) -> Option<Section> {
    if items.is_empty() { None } else { section(title, short, vec![Block::list(items)]) }
}

fn origin_and_propagation(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let Some(origin) = &report.origin else {
        let unknown = Said::ours("Unknown: no failing trace could be read.");
        return section("Origin", 1, vec![Block::Text(unknown)]);
    };
    let agree = format!(" ({} of {} traces agree).", origin.traces_agreeing, origin.traces_examined);
    let mut blocks = vec![Block::Text(numbers.cite(at_origin(origin).and(agree), &origin.cites))];
    if !origin.reason.is_empty() {
        let message = Said::ours("Its message: ").and_quote(&origin.reason).and(".");
        blocks.push(Block::Text(numbers.cite(message, &origin.cites)));
    }
    if !report.propagation.is_empty() {
        let head = ["hop", "service", "operation", "failed", "of", "share", "first failure", "added latency"];
        let rows = report.propagation.iter().zip(1..).map(|(hop, number)| row(hop, number, numbers));
        blocks.push(Block::Table { head: head.to_vec(), rows: rows.collect() });
    }
    section("Origin and propagation", 4, blocks)
}

fn row(hop: &Hop, number: usize, numbers: &Numbers<'_>) -> Vec<Said> {
    let latency = hop.added_latency_ms.map_or("unknown".to_owned(), |ms| format!("{ms:+} ms"));
    vec![
        Said::ours(number.to_string()),
        Said::outside(&hop.service),
        numbers.cite(Said::outside(&hop.operation), &hop.cites),
        Said::ours(hop.failures.to_string()),
        Said::ours(hop.requests.to_string()),
        Said::ours(percent(hop.share)),
        Said::outside(hop.first_failure_at.as_deref().unwrap_or("unknown")),
        Said::ours(latency),
    ]
}

fn change(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
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
    if let Some(split) = change.version_split {
        items.push(Said::ours(format!(
            "in the same minutes on the new version: {}; on the others: {}",
            share(split.new),
            share(split.others)
        )));
    }
    list("Change", 6, items.into_iter().map(|item| numbers.cite_one(item, &change.id)).collect())
}

fn blast_radius(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let blast = &report.blast_radius;
    let requests = format!("{} of {} requests at the edge", blast.requests.affected, blast.requests.total);
    let mut items = vec![
        Said::ours(requests),
        Said::ours(users(report)),
        Said::ours("services: ").and_outside(blast.services.join(", ")),
    ];
    items = items.into_iter().map(|item| numbers.cite(item, &blast.cites)).collect();
    items.extend(blast.cohorts.iter().map(|c| numbers.cite(Said::outside(&c.text), &c.cites)));
    // The lead says the first three already; what a short surface adds is the cohorts.
    list("Blast radius", 6, items)
}

fn hypotheses(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let item = |hypothesis: &Hypothesis| {
        let Hypothesis { kind, subject: about, score, in_favour, against } = hypothesis;
        let said = subject(Said::ours(kind.as_str()), about.as_deref()).and(format!(", score {score}"));
        let findings = in_favour.iter().chain(against);
        let cites: Vec<String> = findings.clone().flat_map(|finding| finding.cites.iter().cloned()).collect();
        let parts = findings.map(|finding| {
            let said = Said::ours(format!("{:+}: ", finding.points)).and_outside(&finding.text);
            numbers.cite(said, &finding.cites)
        });
        Item { said: numbers.cite(said, &cites), parts: parts.collect() }
    };
    let items: Vec<Item> = report.hypotheses.iter().map(item).collect();
    section("Hypotheses", 3, vec![Block::List { numbered: true, items }])
}

fn alerts(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
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

fn signals(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
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

fn symptoms(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items = report.symptoms.iter().map(|symptom| {
        let said = Said::outside(format!("{} {}", symptom.service, symptom.operation))
            .and(format!(" ({}), ", symptom.operation_kind.as_str()))
            .and_outside(format!("{}, {}: {}", symptom.code, symptom.role, symptom.text));
        numbers.cite_one(said, &symptom.id)
    });
    list("Symptoms", 3, items.collect())
}

fn timeline(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items = report
        .timeline
        .iter()
        .map(|entry| numbers.cite(Said::outside(&entry.at).and(" ").and_outside(&entry.text), &entry.cites));
    list("Timeline", 0, items.collect())
}

fn next_checks(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items = report.next_checks.iter().map(|check| numbers.cite(Said::outside(&check.text), &check.cites));
    list("Next checks", 3, items.collect())
}

fn warnings(report: &Report) -> Option<Section> {
    let items = report.instrumentation_warnings.iter().map(|warning| Said::outside(&warning.text));
    list("Instrumentation warnings", 2, items.collect())
}

fn evidence(part: &crate::report::EvidencePart) -> Evidence {
    Evidence { id: part.id.clone(), digest: part.digest.chars().take(12).collect(), at: part.at.clone() }
}
