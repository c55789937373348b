//! What a document says, as other parts read it: words and values without their places. A document is read as far as it
//! can be read; whether it is sound is for lint and doctor to say.

use model::Nanos;

use super::document::{At, Document, FollowUp, Front, RuleKind};
use super::folder::{File, name_of};
use super::sections::{ROOT_CAUSE, SUMMARY};
use super::{examine, holds_secret};

/// Stands where a text that is shown elsewhere held what looks like a secret.
pub(super) const WITHHELD: &str = "(holds a secret)";

/// One document of the register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The file's name without `.md`.
    pub id: String,
    pub title: String,
    /// One of the words for states; empty where it has none. So are the other words.
    pub status: &'static str,
    pub severity: &'static str,
    pub owner_layer: String,
    pub layers_crossed: Vec<String>,
    pub failure_signature: String,
    pub times: Times,
    /// Ids of the incidents that it is about.
    pub incidents: Vec<String>,
    /// Hashes of the commits that mended it.
    pub fixes: Vec<String>,
    pub supersedes: Option<String>,
    pub superseded_by: Option<String>,
    pub rules: Vec<PermanentRule>,
    pub follow_ups: Vec<FollowUpEntry>,
    /// Sections, as they are written.
    pub summary: String,
    pub root_cause: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    pub started: Option<Nanos>,
    pub detected: Option<Nanos>,
    pub owner_identified: Option<Nanos>,
    pub mitigated: Option<Nanos>,
    pub resolved: Option<Nanos>,
}

/// One testable sentence that holds from now on. A guard points to it by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermanentRule {
    pub id: String,
    /// `None` where it is none of the five.
    pub kind: Option<RuleKind>,
    pub rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUpEntry {
    pub id: String,
    pub what: String,
    /// What kind of change it is, and what for; empty where the word is none of those that there are.
    pub class: &'static str,
    pub intent: &'static str,
    pub owner: String,
    /// As `2026-12-05`: such texts compare as the dates do.
    pub due: Option<String>,
    pub is_open: bool,
}

impl Entry {
    /// Another document took its place: what it says no longer counts, and its rules hold only where that one has them.
    pub fn is_superseded(&self) -> bool {
        self.status == "superseded"
    }

    /// None of a document whose place another one took: what is still to be done stands there.
    pub fn open_follow_ups(&self) -> impl Iterator<Item = &FollowUpEntry> {
        let counts = !self.is_superseded();
        self.follow_ups.iter().filter(move |follow_up| counts && follow_up.is_open)
    }
}

/// Every document that has a name and front matter, the newest first.
pub fn entries(files: &[File<'_>]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = files
        .iter()
        .filter_map(|file| {
            let examined = examine(file.name, file.bytes);
            let document = examined.document.as_ref()?;
            Some(entry(document.stem?, document))
        })
        .collect();
    entries.sort_by(|one, other| other.id.cmp(&one.id));
    entries
}

pub(super) fn entry(stem: &str, document: &Document<'_>) -> Entry {
    let front = &document.front;
    Entry {
        id: stem.to_owned(),
        title: text(&front.title),
        status: front.status.as_ref().map_or("", |status| name_of(status.value)),
        severity: front.severity.as_ref().map_or("", |severity| severity.value.0),
        owner_layer: text(&front.owner_layer),
        layers_crossed: texts(&front.layers_crossed),
        failure_signature: text(&front.failure_signature),
        times: times(front),
        incidents: texts(&front.incidents),
        fixes: front.fixes.iter().filter_map(|fix| Some(fix.commit.as_ref()?.value.clone())).collect(),
        supersedes: front.supersedes.as_ref().map(|other| other.value.clone()),
        superseded_by: front.superseded_by.as_ref().map(|other| other.value.clone()),
        rules: front.permanent_rules.iter().filter_map(rule).collect(),
        follow_ups: document.follow_ups.iter().map(follow_up).collect(),
        summary: safe(document.section(SUMMARY)),
        root_cause: safe(document.section(ROOT_CAUSE)),
    }
}

fn times(front: &Front) -> Times {
    let time = |key| front.time(key).map(|time| time.value);
    Times {
        started: time("started"),
        detected: time("detected"),
        owner_identified: time("owner_identified"),
        mitigated: time("mitigated"),
        resolved: time("resolved"),
    }
}

fn rule(rule: &super::document::PermanentRule) -> Option<PermanentRule> {
    Some(PermanentRule {
        id: rule.id.as_ref()?.value.clone(),
        kind: rule.kind.as_ref().map(|kind| kind.value),
        rule: text(&rule.rule),
    })
}

fn follow_up(follow_up: &FollowUp) -> FollowUpEntry {
    FollowUpEntry {
        id: text(&follow_up.id),
        what: text(&follow_up.what),
        class: follow_up.class.as_ref().map_or("", |class| class.value.0),
        intent: follow_up.intent.as_ref().map_or("", |intent| intent.value.0),
        owner: text(&follow_up.owner),
        due: follow_up.due.as_ref().map(|due| due.value.clone()),
        is_open: follow_up.is_open(),
    }
}

fn text(text: &Option<At<String>>) -> String {
    text.as_ref().map_or(String::new(), |text| safe(&text.value))
}

fn texts(texts: &[At<String>]) -> Vec<String> {
    texts.iter().map(|text| safe(&text.value)).collect()
}

fn safe(text: &str) -> String {
    if holds_secret(text) { WITHHELD.to_owned() } else { text.trim().to_owned() }
}

#[cfg(test)]
mod tests;
