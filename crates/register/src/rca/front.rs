//! The front matter: where it stands, and its keys. It compares nothing with anything.

use model::IncidentId;

use super::document::{At, Fix, Front, PermanentRule, Reviewer};
use super::reader::{self, Reader};
use crate::finding::{Findings, shown};
use crate::rule::Rule;

const FENCE: &str = "+++";
pub(super) const STEM_BYTES_MAX: usize = 100;
/// In the order in which they have to come.
const TIMES: [&str; 5] = ["started", "detected", "owner_identified", "mitigated", "resolved"];
const REPORT_HASH_CHARS: usize = 64;

/// The name of the file without `.md`, if it is one of an RCA.
pub(super) fn stem<'t>(name: &'t str, findings: &mut Findings) -> Option<&'t str> {
    let stem = name.strip_suffix(".md").filter(|stem| is_stem(stem));
    if stem.is_none() {
        findings.add(Rule::FileName, 0, format!("the file is called {}", shown(name)));
    }
    stem
}

fn is_stem(stem: &str) -> bool {
    let mut parts = stem.split('-');
    let is_number = |part: Option<&str>, digits: usize| {
        part.filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|part| part.parse::<u16>().ok())
    };
    let has_month = is_number(parts.next(), 4).is_some()
        && is_number(parts.next(), 2).is_some_and(|month| (1..=12).contains(&month));
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let slug: Vec<&str> = parts.collect();
    stem.len() <= STEM_BYTES_MAX && has_month && !slug.is_empty() && slug.into_iter().all(is_word)
}

/// The front matter, and the byte at which the sections begin; none where it has no end.
pub(super) fn read(text: &str, findings: &mut Findings) -> (Front, Option<usize>) {
    let is_fence = |line: &str| line.trim_end() == FENCE;
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if !is_fence(first) {
        findings.add(Rule::FrontMatter, 0, "the first line is not +++");
        return (Front::default(), None);
    }
    let (from, mut to) = (first.len(), first.len());
    for line in lines {
        if is_fence(line) {
            let front = reader::toml(text, from..to, findings, keys).unwrap_or_default();
            return (front, Some(to + line.len()));
        }
        to += line.len();
    }
    findings.add(Rule::FrontMatter, 0, "the front matter does not end: there is no second line +++");
    (Front::default(), None)
}

fn keys(reader: &mut Reader<'_>) -> Front {
    reader.need(Rule::KeyMissing, &["id", "title", "status", "severity", "started", "authors"]);
    reader.need(
        Rule::KeyMissingLater,
        &[
            "detected",
            "owner_identified",
            "mitigated",
            "resolved",
            "owner_layer",
            "layers_crossed",
            "domain",
            "failure_signature",
            "contributing_factors",
        ],
    );
    let mut front = Front {
        id: reader.text("id"),
        title: reader.text("title"),
        status: reader.word("status"),
        severity: reader.word("severity"),
        times: TIMES.into_iter().filter_map(|key| Some((key, reader.time(key)?))).collect(),
        owner_layer: reader.text("owner_layer"),
        layers_crossed: reader.texts("layers_crossed"),
        failure_signature: reader.text("failure_signature"),
        authors: reader.texts("authors"),
        reviewers: reader.tables("reviewers", |reader| {
            reader.need(Rule::KeyMissing, &["name", "layer"]);
            Reviewer { name: reader.text("name"), layer: reader.text("layer") }
        }),
        incidents: reader.tables("incidents", incident).into_iter().flatten().collect(),
        permanent_rules: reader.tables("permanent_rules", |reader| {
            reader.need(Rule::KeyMissing, &["id", "kind", "rule"]);
            PermanentRule { id: reader.text("id"), kind: reader.word("kind"), rule: reader.text("rule") }
        }),
        fixes: reader.tables("fixes", |reader| {
            reader.need(Rule::KeyMissing, &["commit", "at"]);
            Fix { commit: reader.text("commit"), at: reader.time("at") }
        }),
        supersedes: reader.text("supersedes"),
        superseded_by: reader.text("superseded_by"),
        prose: Vec::new(),
    };
    let texts = [reader.text("domain"), front.failure_signature.clone(), front.title.clone()];
    let factors = reader.texts("contributing_factors");
    let rules = front.permanent_rules.iter().filter_map(|rule| rule.rule.clone());
    front.prose = texts.into_iter().flatten().chain(factors).chain(rules).collect();
    front.prose.extend(front.authors.iter().cloned());
    front
}

fn incident(reader: &mut Reader<'_>) -> Option<At<String>> {
    reader.need(Rule::KeyMissing, &["id", "report_hash"]);
    let is_id = |text: &str| text.parse::<IncidentId>().is_ok();
    let is_hash = |text: &str| text.len() == REPORT_HASH_CHARS && is_hex(text);
    form(reader, "report_hash", is_hash);
    form(reader, "id", is_id)
}

fn form(reader: &mut Reader<'_>, key: &'static str, holds: impl Fn(&str) -> bool) -> Option<At<String>> {
    let text = reader.text(key)?;
    if !text.value.is_empty() && !holds(&text.value) {
        let message = format!("incidents.{key} is {}", shown(&text.value));
        reader.findings.add(Rule::IncidentForm, text.at, message);
    }
    Some(text)
}

pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
