//! Names that a draft makes of a report: its title, its file, its signature. Each is bounded and holds no secret.

use std::collections::BTreeSet;

use super::text::safe;
use super::{Inert, People, Report, STEM_BYTES_MAX};

const TITLE_BYTES_MAX: usize = 120;
const SIGNATURE_BYTES_MAX: usize = 200;
/// `2026-11-`
const MONTH_BYTES: usize = 8;

pub(super) fn title(report: &Report, people: People<'_>, inert: Inert) -> String {
    let said = match (people.title, &report.said.origin) {
        (Some(title), _) => title.to_owned(),
        (None, Some(origin)) => {
            format!("{} failed in {} with {}", origin.operation, origin.service, origin.code)
        }
        (None, None) => report.said.summary.text.clone(),
    };
    let said = safe(&said, TITLE_BYTES_MAX).map(|said| inert(said).trim().to_owned());
    said.filter(|said| !said.is_empty()).unwrap_or_else(|| format!("Incident {}", report.incident()))
}

/// The file's name without `.md`: the month in which it started, and the title's words.
pub(super) fn stem(report: &Report, title: &str) -> String {
    let started = report.started.to_rfc3339();
    let month = started.get(..MONTH_BYTES - 1).unwrap_or_default();
    let lower = title.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        let more = if slug.is_empty() { word.to_owned() } else { format!("-{word}") };
        if MONTH_BYTES + slug.len() + more.len() > STEM_BYTES_MAX {
            break;
        }
        slug.push_str(&more);
    }
    if slug.is_empty() {
        slug = report.incident().replace('_', "-");
    }
    format!("{month}-{slug}")
}

/// What it would look like if it came again: the same failure at the same place, in any environment.
pub(super) fn signature(report: &Report) -> String {
    let first = report.said.symptoms.first();
    let parts = match (&report.said.origin, first) {
        (Some(origin), _) => [&origin.service, &origin.step, &origin.code],
        (None, Some(symptom)) => [&symptom.service, &symptom.operation, &symptom.code],
        (None, None) => return String::new(),
    };
    let said = parts.map(String::as_str).join("/");
    safe(&said, SIGNATURE_BYTES_MAX).unwrap_or_default().to_owned()
}

/// From the origin outwards, each once.
pub(super) fn services(report: &Report) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    let names = report.said.propagation.iter().map(|hop| hop.service.as_str());
    names.filter(move |name| seen.insert(*name))
}

pub(super) fn severity(report: &Report) -> &'static str {
    match report.said.incident.severity {
        0 | 1 => "SEV-1",
        2 => "SEV-2",
        3 => "SEV-3",
        _ => "SEV-4",
    }
}
