//! What an RCA document is made of: words, front matter, sections, follow-ups, each with the byte at which it stands.
//! It judges none of it.

use model::Nanos;

use super::reader::Word;
use super::sections::{FOLLOW_UPS, Section, Sections};
use super::{follow_ups, front, sections};
use crate::finding::Findings;
use crate::rule::Rule;

/// A value and the byte at which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(super) struct Document<'t> {
    /// The file's name without `.md`, where it is one of an RCA.
    pub(super) stem: Option<&'t str>,
    pub(super) front: Front,
    pub(super) sections: Vec<Section<'t>>,
    pub(super) follow_ups: Vec<FollowUp>,
    /// Names of Markdown files in the same folder that it leads to.
    pub(super) links: Vec<At<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Draft,
    InReview,
    Published,
    FollowUpsOpen,
    Closed,
    Reopened,
    Superseded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Open,
    Done,
    Declined,
}

/// How bad an incident was, by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Severity(pub(super) &'static str);

/// What kind of change a follow-up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(pub(super) &'static str);

/// What a follow-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Intent(pub(super) &'static str);

/// What a permanent rule is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleKind {
    CodingStandard,
    TestPattern,
    Runbook,
    Observability,
    ArchitectureDecision,
}

impl RuleKind {
    /// As it is written everywhere.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| *word)
    }
}

/// The front matter. What is absent or could not be read is `None` or empty.
#[derive(Debug, Default)]
pub(super) struct Front {
    pub(super) id: Option<At<String>>,
    pub(super) title: Option<At<String>>,
    pub(super) status: Option<At<Status>>,
    pub(super) severity: Option<At<Severity>>,
    /// Times with their keys, in the order in which they have to come.
    pub(super) times: Vec<(&'static str, At<Nanos>)>,
    pub(super) owner_layer: Option<At<String>>,
    pub(super) layers_crossed: Vec<At<String>>,
    pub(super) failure_signature: Option<At<String>>,
    pub(super) authors: Vec<At<String>>,
    pub(super) reviewers: Vec<Reviewer>,
    /// Ids of incidents.
    pub(super) incidents: Vec<At<String>>,
    pub(super) permanent_rules: Vec<PermanentRule>,
    pub(super) fixes: Vec<Fix>,
    pub(super) supersedes: Option<At<String>>,
    pub(super) superseded_by: Option<At<String>>,
    /// All texts that people read, to be looked through for what a template left.
    pub(super) prose: Vec<At<String>>,
}

#[derive(Debug)]
pub(super) struct Reviewer {
    pub(super) name: Option<At<String>>,
    pub(super) layer: Option<At<String>>,
}

#[derive(Debug)]
pub(super) struct PermanentRule {
    pub(super) id: Option<At<String>>,
    pub(super) kind: Option<At<RuleKind>>,
    pub(super) rule: Option<At<String>>,
}

#[derive(Debug)]
pub(super) struct Fix {
    pub(super) commit: Option<At<String>>,
    /// When it was in production.
    pub(super) at: Option<At<Nanos>>,
}

#[derive(Debug)]
pub(super) struct FollowUp {
    /// Where its table begins.
    pub(super) at: usize,
    pub(super) id: Option<At<String>>,
    pub(super) what: Option<At<String>>,
    pub(super) class: Option<At<Class>>,
    pub(super) intent: Option<At<Intent>>,
    pub(super) owner: Option<At<String>>,
    /// A date, as it is written: such texts compare as the dates do.
    pub(super) due: Option<At<String>>,
    pub(super) status: Option<At<Progress>>,
    pub(super) has_evidence: bool,
    pub(super) evidence_at: Option<At<Nanos>>,
    pub(super) reason: Option<At<String>>,
    pub(super) approver: Option<At<String>>,
    pub(super) prose: Vec<At<String>>,
}

impl Front {
    pub(super) fn time(&self, key: &str) -> Option<&At<Nanos>> {
        self.times.iter().find(|(known, _)| *known == key).map(|(_, time)| time)
    }

    pub(super) fn is_superseded(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.value == Status::Superseded)
    }

    pub(super) fn is_draft(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.value == Status::Draft)
    }
}

impl Document<'_> {
    /// What stands in it; nothing where it is not there.
    pub(super) fn section(&self, name: &str) -> &str {
        let section = self.sections.iter().find(|section| section.name == name);
        section.map_or("", |section| section.source.trim())
    }
}

impl FollowUp {
    pub(super) fn is_open(&self) -> bool {
        matches!(&self.status, Some(status) if status.value == Progress::Open)
    }

    /// As a message names it.
    pub(super) fn name(&self) -> &str {
        self.id.as_ref().map_or("without id", |id| &id.value)
    }
}

/// Words that stand for nothing but themselves.
macro_rules! words {
    ($($word:literal),*) => {
        [$(($word, Self($word))),*]
    };
}

impl Word for Status {
    const WORDS: &[(&str, Self)] = &[
        ("draft", Self::Draft),
        ("in_review", Self::InReview),
        ("published", Self::Published),
        ("follow_ups_open", Self::FollowUpsOpen),
        ("closed", Self::Closed),
        ("reopened", Self::Reopened),
        ("superseded", Self::Superseded),
    ];
}

impl Word for Progress {
    const WORDS: &[(&str, Self)] =
        &[("open", Self::Open), ("done", Self::Done), ("declined", Self::Declined)];
}

impl Word for Severity {
    const WORDS: &[(&str, Self)] = &words!["SEV-1", "SEV-2", "SEV-3", "SEV-4"];
}

impl Word for RuleKind {
    const WORDS: &[(&str, Self)] = &[
        ("coding-standard", Self::CodingStandard),
        ("test-pattern", Self::TestPattern),
        ("runbook", Self::Runbook),
        ("observability", Self::Observability),
        ("architecture-decision", Self::ArchitectureDecision),
    ];
}

impl Word for Class {
    const WORDS: &[(&str, Self)] = &words!["test", "observability", "design", "runbook", "backlog"];
}

impl Word for Intent {
    const WORDS: &[(&str, Self)] = &words!["prevent", "detect", "mitigate"];
}

pub(super) fn read<'t>(name: &'t str, text: &'t str, findings: &mut Findings) -> Document<'t> {
    let stem = front::stem(name, findings);
    let (front, body) = front::read(text, findings);
    // Where the sections begin is not known then: to miss all seven would be noise.
    let Some(body) = body else {
        return Document { stem, front, sections: Vec::new(), follow_ups: Vec::new(), links: Vec::new() };
    };
    let Sections { sections, block, has_stray, links } = sections::read(text, body, findings);
    let heading = sections.iter().find(|section| section.name == FOLLOW_UPS).map(|section| section.at);
    let follow_ups = match block {
        Some(block) => follow_ups::read(text, block, findings),
        None => Some(Vec::new()),
    };
    // What cannot be read is a finding already, and so is a section that is not there, or a follow-up that stands elsewhere.
    if let (Some(at), Some([]), false) = (heading, follow_ups.as_deref(), has_stray) {
        findings.add(Rule::FollowUpsNone, at, "there is no follow-up");
    }
    Document { stem, front, sections, follow_ups: follow_ups.unwrap_or_default(), links }
}
