//! What happened: where it arose and which way it went, what shows it, and who is affected.

use super::{Numbers, list, percent, section, users};
use crate::render::brief::{Block, Said, Section};
use crate::report::{Hop, Origin, Report, Symptom, wording};

pub(super) fn at_origin(origin: &Origin) -> Said {
    let Origin { service, operation, step, code, .. } = origin;
    let at = if step == operation { String::new() } else { format!(", step {step},") };
    let said = Said::outside(format!("{service} {operation}{at}"));
    match (origin.sign.as_str(), origin.charged_us, origin.charged_before_us) {
        ("latency" | "self_time", Some(now), Some(before)) => {
            said.and(format!(" takes {} of a request, {} before", ms(now), ms(before)))
        }
        ("latency" | "self_time", ..) => said.and(" is slow"),
        ("traffic", ..) => said.and(" gets another number of requests than ever"),
        ("silence", ..) => said.and(" fell silent"),
        ("saturation", ..) => said.and(" is at its limit on ").and_outside(code),
        ("behaviour", ..) => said.and(" runs otherwise than ever"),
        ("metric", ..) => said.and(" does worse than ever by its own numbers"),
        _ => said.and(" failed with ").and_outside(code),
    }
}

pub(super) fn origin_and_propagation(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
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

pub(super) fn blast_radius(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
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

pub(super) fn symptoms(report: &Report, numbers: &Numbers<'_>) -> Option<Section> {
    let items: Vec<Said> = report.symptoms.iter().map(|part| symptom(part, numbers)).collect();
    if items.is_empty() {
        return None;
    }
    let mut blocks = vec![Block::list(items)];
    let rows: Vec<Vec<Said>> =
        report.symptoms.iter().flat_map(|symptom| measures(symptom, numbers)).collect();
    if !rows.is_empty() {
        let head = ["service", "what", "before", "since the onset"];
        blocks.push(Block::Table { head: head.to_vec(), rows });
    }
    section("Symptoms", 3, blocks)
}

fn symptom(symptom: &Symptom, numbers: &Numbers<'_>) -> Said {
    let said = Said::outside(format!("{} {}", symptom.service, symptom.operation))
        .and(format!(" ({}), ", symptom.operation_kind.as_str()))
        .and_outside(&symptom.kind);
    let said = if symptom.code.is_empty() { said } else { said.and(" ").and_outside(&symptom.code) };
    numbers.cite_one(said.and(", ").and_outside(format!("{}: {}", symptom.role, symptom.text)), &symptom.id)
}

/// What a symptom is measured by, beside the requests that show it.
fn measures(symptom: &Symptom, numbers: &Numbers<'_>) -> Vec<Vec<Said>> {
    let row = |what: Said, before: String, since: String| {
        vec![
            Said::outside(&symptom.service),
            numbers.cite_one(what, &symptom.id),
            Said::ours(before),
            Said::ours(since),
        ]
    };
    let of_operation = |what: &str| Said::ours(format!("{what} of ")).and_outside(&symptom.operation);
    let mut rows = Vec::new();
    if let Some(latency) = symptom.latency {
        let now = latency.p50_us.map_or_else(|| "unknown".to_owned(), ms);
        rows.push(row(of_operation("median duration"), ms(latency.p50_before_us), now));
    }
    if let Some(traffic) = symptom.traffic {
        let before = format!("{} to {} a minute", traffic.low_per_minute, traffic.high_per_minute);
        rows.push(row(of_operation("requests"), before, format!("{} in all", traffic.requests)));
    }
    if let Some(saturation) = &symptom.saturation {
        let what = Said::ours("most of ").and_outside(&saturation.metric);
        let what = match saturation.instance.as_str() {
            "" => what,
            instance => what.and(" on ").and_outside(instance),
        };
        rows.push(row(what, percent(saturation.max_before), percent(saturation.max)));
    }
    rows
}

/// Microseconds, as the report's sentences say them.
pub(super) fn ms(us: u64) -> String {
    wording::ms(us.saturating_mul(1_000))
}
