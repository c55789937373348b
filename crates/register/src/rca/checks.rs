//! What a document has to say, whatever its state: the rules that need no more than its text.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::document::{At, Document};
use super::front::is_hex;
use super::sections::{ROOT_CAUSE, SUMMARY, SYMPTOMS, Section};
use crate::finding::{Findings, shown};
use crate::rule::Rule;

const SUMMARY_LINES_MAX: usize = 2;
const SUMMARY_CHARS_MAX: usize = 400;
const LAYER_BYTES_MAX: usize = 64;
const RULE_ID_BYTES_MAX: usize = 64;
const RULE_CHARS_MAX: usize = 200;
/// Of SHA-1 and of SHA-256.
const COMMIT_DIGITS: [usize; 2] = [40, 64];

pub(super) fn check(document: &Document<'_>, findings: &mut Findings) {
    names(document, findings);
    times(document, findings);
    layers(document, findings);
    commits(document, findings);
    rules(document, findings);
    for section in &document.sections {
        check_section(document, section, findings);
    }
    let texts = document.front.prose.iter();
    for text in texts.chain(document.follow_ups.iter().flat_map(|follow_up| &follow_up.prose)) {
        if let Some(left) = placeholders(&text.value).next() {
            findings.add(Rule::Placeholder, text.at, format!("{} is left over", shown(left.1)));
        }
    }
    follow_ups(document, findings);
}

fn names(document: &Document<'_>, findings: &mut Findings) {
    let Some(stem) = document.stem else { return };
    if let Some(id) = document.front.id.as_ref().filter(|id| id.value != stem && !id.value.is_empty()) {
        findings.add(
            Rule::IdFile,
            id.at,
            format!("the id is {}, the file {}", shown(&id.value), shown(stem)),
        );
    }
    let Some(started) = document.front.time("started") else { return };
    let begun = started.value.to_rfc3339();
    if begun.get(..7) != stem.get(..7) {
        findings.add(
            Rule::StartMonth,
            started.at,
            format!("it started on {}", begun.get(..10).unwrap_or_default()),
        );
    }
}

fn times(document: &Document<'_>, findings: &mut Findings) {
    let front = &document.front;
    for pair in front.times.windows(2) {
        let [(before, earlier), (key, later)] = pair else { continue };
        if later.value < earlier.value {
            let message = format!("{key}, {}, comes before {before}, {}", later.value, earlier.value);
            findings.add(Rule::TimesOrder, later.at, message);
        }
    }
    let Some(started) = front.time("started") else { return };
    for at in front.fixes.iter().filter_map(|fix| fix.at.as_ref()).filter(|at| at.value < started.value) {
        findings.add(Rule::FixEarly, at.at, format!("a fix at {}, before {}", at.value, started.value));
    }
}

fn layers(document: &Document<'_>, findings: &mut Findings) {
    let front = &document.front;
    let names: Vec<String> = front
        .authors
        .iter()
        .chain(front.reviewers.iter().filter_map(|reviewer| reviewer.name.as_ref()))
        .map(|name| name.value.to_lowercase())
        .collect();
    let reviewers = front.reviewers.iter().filter_map(|reviewer| reviewer.layer.as_ref());
    for layer in front.owner_layer.iter().chain(&front.layers_crossed).chain(reviewers) {
        let name = &layer.value;
        if name.is_empty() {
            continue;
        }
        if !is_layer(name) {
            findings.add(Rule::LayerPerson, layer.at, format!("{} has not the form of a layer", shown(name)));
        } else if names.contains(&name.to_lowercase()) {
            let message = format!("{} is an author or a reviewer", shown(name));
            findings.add(Rule::LayerPerson, layer.at, message);
        }
    }
}

/// Whether the name has the form of a layer.
pub fn is_layer(name: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= LAYER_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split(['-', '_', '/', '.']).all(is_word)
}

fn commits(document: &Document<'_>, findings: &mut Findings) {
    for commit in document.front.fixes.iter().filter_map(|fix| fix.commit.as_ref()) {
        let text = &commit.value;
        let is_whole = COMMIT_DIGITS.contains(&text.len()) && is_hex(text);
        if !is_whole && !text.is_empty() {
            findings.add(Rule::CommitForm, commit.at, format!("the commit is {}", shown(text)));
        }
    }
}

fn rules(document: &Document<'_>, findings: &mut Findings) {
    let mut ids: Vec<&str> = Vec::new();
    for rule in &document.front.permanent_rules {
        if let Some(At { value: id, at }) = rule.id.as_ref().filter(|id| !id.value.is_empty()) {
            if !is_rule_id(id) {
                findings.add(Rule::PermanentRuleId, *at, format!("{} has not the form of an id", shown(id)));
            } else if ids.contains(&id.as_str()) {
                findings.add(Rule::PermanentRuleTwice, *at, format!("{} is there twice", shown(id)));
            }
            ids.push(id);
        }
        let Some(At { value: said, at }) = rule.rule.as_ref().filter(|said| !said.value.is_empty()) else {
            continue;
        };
        let is_sentence = said.ends_with('.')
            && !said.contains(". ")
            && !said.contains('\n')
            && said.chars().count() <= RULE_CHARS_MAX;
        if !is_sentence {
            findings.add(Rule::PermanentRuleSentence, *at, format!("{} is not one sentence", shown(said)));
        }
    }
}

fn is_rule_id(id: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    id.len() <= RULE_ID_BYTES_MAX
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.split('-').all(is_word)
}

fn check_section(document: &Document<'_>, section: &Section<'_>, findings: &mut Findings) {
    for (at, left) in placeholders(&section.prose) {
        findings.add(Rule::Placeholder, section.start + at, format!("{} is left over", shown(left)));
    }
    if !section.has_text {
        findings.add(Rule::SectionEmpty, section.at, format!("{} says nothing", section.name));
        return;
    }
    match section.name {
        SUMMARY => {
            let lines = section.source.lines().filter(|line| !line.trim().is_empty()).count();
            let chars = section.source.trim().chars().count();
            if lines > SUMMARY_LINES_MAX || chars > SUMMARY_CHARS_MAX {
                let message = format!("the summary has {lines} lines and {chars} characters");
                findings.add(Rule::SummaryLong, section.at, message);
            }
        }
        SYMPTOMS if !section.has_literal => {
            findings.add(Rule::SymptomsLiteral, section.at, "nothing in Symptoms is quoted");
        }
        ROOT_CAUSE => {
            let owner = document.front.owner_layer.as_ref().filter(|owner| !owner.value.is_empty());
            if let Some(owner) = owner.filter(|owner| !names_word(section.source, &owner.value)) {
                let message = format!("Root Cause does not name {}", shown(&owner.value));
                findings.add(Rule::RootCauseOwner, section.at, message);
            }
        }
        _ => {}
    }
}

/// Whether the word stands in the text by itself, in small letters or large ones.
fn names_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let ends = |next: Option<char>| next.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(&word).any(|(at, found)| {
        let (before, after) = (text.get(..at), text.get(at + found.len()..));
        ends(before.and_then(|before| before.chars().next_back()))
            && ends(after.and_then(|after| after.chars().next()))
    })
}

/// What a template left: words for it, and hints in angle brackets (but no tag and no address).
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    static LEFT: LazyLock<Regex> = LazyLock::new(|| {
        // From halves, so that nobody who looks for such words finds this file.
        let words = concat!(r"\b(?:TO", r"DO|TBD|FIX", r"ME|XX", r"X)\b|\?\?\?");
        let hints = r"<[A-Za-z!][^<>\n=/:@]* [^<>\n=/:@]*>|<[A-Z][A-Z_]{2,}>";
        Regex::new(&format!("{words}|{hints}")).expect("the pattern is constant, and tested")
    });
    LEFT.find_iter(text).map(|found| (found.start(), found.as_str()))
}

fn follow_ups(document: &Document<'_>, findings: &mut Findings) {
    let mut ids: Vec<&str> = Vec::new();
    let started = document.front.time("started").map(|started| started.value.to_rfc3339());
    for follow_up in &document.follow_ups {
        if let Some(At { value: id, at }) = follow_up.id.as_ref().filter(|id| !id.value.is_empty()) {
            if ids.contains(&id.as_str()) {
                findings.add(Rule::FollowUpTwice, *at, format!("{} is there twice", shown(id)));
            }
            ids.push(id);
        }
        let Some((due, day)) = follow_up.due.as_ref().zip(started.as_deref().and_then(|text| text.get(..10)))
        else {
            continue;
        };
        if due.value.as_str() < day {
            let message = format!("{} is due on {}, before {day}", shown(follow_up.name()), due.value);
            findings.add(Rule::FollowUpDue, due.at, message);
        }
    }
}
