//! A first draft of a document, from a report: each sentence names the evidence it rests on, and what only people know
//! stands there as a question. It decides nothing that a report does not say.

mod text;
mod words;

use model::Nanos;

use self::text::Text;
use super::Inert;
use super::checks::is_layer;
use super::front::STEM_BYTES_MAX;
use super::report::{Moment, Report, Sentence};
use super::required::span;

/// Of each list a report holds, as much is taken over; the report has the rest.
const ITEMS_MAX: usize = 10;
const MOMENTS_MAX: usize = 60;
const LAYERS_MAX: usize = 10;
/// Questions carry the sign that lint takes for something left over: no document is reviewed with one in it.
const QUESTION: &str = "**???**";

/// What no report knows, where somebody has said it already.
#[derive(Debug, Clone, Copy)]
pub struct People<'p> {
    pub authors: &'p [String],
    pub title: Option<&'p str>,
    /// One of the words for severities.
    pub severity: Option<&'p str>,
    pub owner_layer: Option<&'p str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// As `2026-11-card-provider-outage.md`.
    pub file_name: String,
    pub text: String,
    /// What is left for people.
    pub questions: usize,
}

/// `report_hash` is that of the bytes that were read.
pub fn draft(report: &Report, report_hash: &str, people: People<'_>, inert: Inert) -> Draft {
    let title = words::title(report, people, inert);
    let stem = words::stem(report, &title);
    let mut text = Text::new(report.incident(), inert);
    front(&mut text, report, report_hash, people, (&stem, &title));
    summary(&mut text, report);
    impact(&mut text, report);
    symptoms(&mut text, report);
    root_cause(&mut text, report, people);
    detection(&mut text, report);
    recovery(&mut text, report);
    follow_ups(&mut text);
    timeline(&mut text, report);
    let (text, questions) = text.done();
    Draft { file_name: format!("{stem}.md"), text, questions }
}

fn front(text: &mut Text, report: &Report, hash: &str, people: People<'_>, (stem, title): (&str, &str)) {
    let incident = report.incident();
    text.line("+++");
    text.key("id", stem);
    text.key("title", title);
    text.line("status = \"draft\"");
    match people.severity {
        Some(severity) => text.key("severity", severity),
        None => {
            text.asks(&format!(
                "severity: proposed, for the report says {} of 5",
                report.said.incident.severity
            ));
            text.key("severity", words::severity(report));
        }
    }
    text.line(&format!("started = {}", second(report.started)));
    text.line(&format!("detected = {}", second(report.detected.max(report.started))));
    text.asks("owner_identified = the time at which the owner of the defect was known");
    text.asks("mitigated = the time at which users were well again");
    match report.resolved {
        Some(at) => text.line(&format!("resolved = {}", second(at.max(report.detected).max(report.started)))),
        None => text.asks("resolved = the time at which all was as before"),
    }
    if people.owner_layer.is_none() {
        text.asks("owner_layer: the part of the system that owns the defect, and no person");
    }
    text.key("owner_layer", people.owner_layer.unwrap_or_default());
    text.asks("layers_crossed: proposed, the services that the failure passed; is each of them a layer?");
    let layers: Vec<&str> = words::services(report).filter(|name| is_layer(name)).take(LAYERS_MAX).collect();
    text.list("layers_crossed", &layers);
    text.asks("domain: what users would call it, such as checkout");
    text.key("domain", "");
    text.key("failure_signature", &words::signature(report));
    text.asks("contributing_factors: what made it worse or likelier");
    text.list("contributing_factors", &[]);
    text.list("authors", &people.authors.iter().map(String::as_str).collect::<Vec<_>>());
    text.line("reviewers = []");
    text.line(&format!("incidents = [{{ id = \"{incident}\", report_hash = \"{hash}\" }}]"));
    text.line("fixes = []");
    text.line("permanent_rules = []");
    text.line("+++");
}

fn summary(text: &mut Text, report: &Report) {
    text.heading("Summary");
    text.short(&report.said.summary.text, &report.said.summary.cites);
    text.line(&format!("{QUESTION} In one or two lines: what failed for whom, and why?"));
    text.counted();
}

fn impact(text: &mut Text, report: &Report) {
    let radius = &report.said.blast_radius;
    text.heading("Impact");
    let of = format!("{} of {} requests were affected.", radius.requests.affected, radius.requests.total);
    text.item(&of, &radius.cites);
    let about = if radius.users.exact { "" } else { "about " };
    match radius.users.affected {
        0 => text.item("How many users were affected the report does not know.", &radius.cites),
        count => text.item(&format!("{about}{count} users were affected."), &radius.cites),
    }
    if !radius.services.is_empty() {
        let names: Vec<&str> = radius.services.iter().take(ITEMS_MAX).map(String::as_str).collect();
        text.item(&format!("Services: {}.", names.join(", ")), &radius.cites);
    }
    text.items(&radius.cohorts, ITEMS_MAX);
    let lasted = match report.resolved {
        Some(at) => format!("From {} on, for {}.", second(report.started), span(at.since(report.started))),
        None => {
            format!("From {} on; when the report was made it was not over.", second(report.started))
        }
    };
    text.item(&lasted, &[]);
    text.question("What could users not do, and what did it cost them and us?");
}

fn symptoms(text: &mut Text, report: &Report) {
    text.heading("Symptoms");
    let mut lines = Vec::new();
    if let Some(origin) = report.said.origin.as_ref().filter(|origin| !origin.reason.is_empty()) {
        let said = format!("{}: {}: {}", origin.service, origin.code, origin.reason);
        lines.push(text.literal(&said, &origin.cites));
    }
    for alert in report.said.alerts.iter().take(ITEMS_MAX) {
        let said = format!("{} alert {}: {}", to_the_second(&alert.first_at), alert.title, alert.summary);
        lines.push(text.literal(&said, std::slice::from_ref(&alert.id)));
    }
    for symptom in report.said.symptoms.iter().take(ITEMS_MAX) {
        let at = to_the_second(&symptom.detected_at);
        let names = [&at, &symptom.service, &symptom.operation, &symptom.code].map(String::as_str);
        let named: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let said = format!("{}: {}", named.join(" "), symptom.text);
        lines.push(text.literal(&said, std::slice::from_ref(&symptom.id)));
    }
    text.block("text", &lines);
    text.question("Which alert, log line or answer did operators see first, word for word?");
}

fn root_cause(text: &mut Text, report: &Report, people: People<'_>) {
    text.heading("Root Cause");
    let cause = &report.said.cause;
    let percent = (cause.confidence.clamp(0.0, 1.0) * 100.0).round() as u64;
    let subject = cause.subject.as_deref().map(|subject| format!(", {subject}")).unwrap_or_default();
    let held = format!("The report takes this for the cause: {}{subject} ({percent} %).", cause.kind);
    text.item(&held, &cause.cites);
    if let Some(origin) = &report.said.origin {
        let arose =
            format!("The failure arose in {}, {}, with {}.", origin.service, origin.step, origin.code);
        text.item(&arose, &origin.cites);
    }
    if let Some(best) = report.said.hypotheses.first() {
        text.items(&best.in_favour, ITEMS_MAX);
        let against = |said: &Sentence| Sentence {
            text: format!("Against it: {}", said.text),
            cites: said.cites.clone(),
        };
        text.items(&best.against.iter().map(against).collect::<Vec<_>>(), ITEMS_MAX);
    }
    match people.owner_layer {
        Some(owner) => text.question(&format!("Which defects of {owner} broke?")),
        None => {
            text.question("Which layer owns the defect, and which of its defects broke? Name the layer here.")
        }
    }
}

fn detection(text: &mut Text, report: &Report) {
    text.heading("Why Detection Was Weak");
    let first = report.said.symptoms.first().map(|symptom| symptom.id.clone());
    let took =
        format!("Casebook knew of it {} after it had started.", span(report.detected.since(report.started)));
    text.item(&took, first.as_slice());
    for warning in report.said.instrumentation_warnings.iter().take(ITEMS_MAX) {
        text.item(&format!("Of the evidence: {}.", warning.text.trim_end_matches('.')), &[]);
    }
    text.question("Which evidence was missing or misled, and who was told how late?");
}

fn recovery(text: &mut Text, report: &Report) {
    text.heading("Recovery");
    match report.resolved {
        Some(at) => text.item(&format!("It was over at {}.", second(at)), &[]),
        None => text.item("When the report was made it was not over.", &[]),
    }
    for check in report.said.next_checks.iter().take(ITEMS_MAX) {
        text.item(&format!("The report proposed: {}", check.text), &check.cites);
    }
    text.question("What was repaired by hand, in which layers, apart from the fix?");
}

fn follow_ups(text: &mut Text) {
    text.heading("Follow-ups");
    text.question("What prevents, detects or mitigates it next time? Uncomment and fill in what follows.");
    let lines = [
        "# [[follow_up]]",
        "# id = \"F1\"",
        "# what = \"\"",
        "# class = \"test\"       # or observability, design, runbook, backlog",
        "# intent = \"prevent\"   # or detect, mitigate",
        "# owner = \"\"",
        "# due = 2026-12-05",
        "# verify = \"\"          # the command that shows it",
        "# status = \"open\"",
    ];
    text.block("toml", &lines.map(str::to_owned));
}

fn timeline(text: &mut Text, report: &Report) {
    text.heading("Timeline");
    let moments = &report.said.timeline;
    for Moment { at, text: said, cites } in moments.iter().take(MOMENTS_MAX) {
        text.item(&format!("{} {said}", to_the_second(at)), cites);
    }
    match moments.len() {
        0 => text.item("The report holds no moments.", &[]),
        count if count > MOMENTS_MAX => {
            text.item(&format!("{} later moments stand in the report.", count - MOMENTS_MAX), &[]);
        }
        _ => {}
    }
}

fn second(at: Nanos) -> String {
    Nanos::from_secs(at.as_secs()).to_rfc3339()
}

fn to_the_second(text: &str) -> String {
    Nanos::parse_rfc3339(text).map_or_else(|_| text.to_owned(), second)
}

#[cfg(test)]
mod tests;
