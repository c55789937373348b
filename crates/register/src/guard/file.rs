//! `guards.toml`, read: what is wrong in it is told with its place, and a guard that cannot be read whole is none. It
//! opens no file that it names.

mod kinds;

use super::guards::{Check, Demotion, Expected, Fixture, Guard, Guards, Mode, Source, Unenforced, Waiver};
use super::paths::{Paths, is_inside};
use super::text::Lines;
use crate::finding::{Finding, Findings, shown};
use crate::rca::At;
use crate::rca::reader::{self, Reader, Word};
use crate::rule::Rule;

/// What is longer is not read.
pub const GUARDS_BYTES_MAX: usize = 1024 * 1024;
const FINGERPRINT_CHARS: usize = 32;

/// What a demotion lowers a guard to.
#[derive(Debug, Clone, Copy)]
struct LoweredTo(Option<Mode>);

impl Word for LoweredTo {
    const WORDS: &[(&str, Self)] =
        &[("gone", Self(None)), ("report", Self(Some(Mode::Report))), ("warn", Self(Some(Mode::Warn)))];
}

impl Word for Mode {
    const WORDS: &[(&str, Self)] = &[("report", Self::Report), ("warn", Self::Warn), ("block", Self::Block)];
}

/// All that `guards.toml` says, and what is wrong in it.
pub fn read(bytes: &[u8]) -> (Guards, Vec<Finding>) {
    let mut findings = Findings::default();
    if bytes.len() > GUARDS_BYTES_MAX {
        findings.add(Rule::TooLarge, 0, format!("more than {GUARDS_BYTES_MAX} bytes"));
        return (Guards::default(), findings.told("", false));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let sound = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            findings.add(Rule::NotText, error.valid_up_to(), "a byte that is no UTF-8");
            return (Guards::default(), findings.told(&sound, false));
        }
    };
    let lines = Lines::new(text);
    let read = |reader: &mut Reader<'_>| all(reader, &lines);
    let guards = reader::toml(text, 0..text.len(), &mut findings, read).unwrap_or_default();
    (guards, findings.told(text, false))
}

fn all(reader: &mut Reader<'_>, lines: &Lines<'_>) -> Guards {
    let mut ids: Vec<String> = Vec::new();
    let guards = reader.tables("guard", |reader| guard(reader, &mut ids, lines));
    let waivers = reader.tables("waiver", |reader| waiver(reader, &ids));
    let demotions = reader.tables("demotion", demotion);
    let unenforced = reader.tables("unenforced", unenforced);
    Guards {
        guards: guards.into_iter().flatten().collect(),
        waivers: waivers.into_iter().flatten().collect(),
        demotions: demotions.into_iter().flatten().collect(),
        unenforced: unenforced.into_iter().flatten().collect(),
    }
}

fn unenforced(reader: &mut Reader<'_>) -> Option<Unenforced> {
    reader.need(Rule::GuardKey, &["rule", "reason"]);
    let (rule, reason) = (id(reader, "rule"), reader.text("reason"));
    Some(Unenforced { rule: rule?.value, reason: reason.filter(|reason| !reason.value.is_empty())?.value })
}

/// The guard need not be there any more.
fn demotion(reader: &mut Reader<'_>) -> Option<Demotion> {
    reader.need(Rule::GuardKey, &["guard", "to", "decision"]);
    let to = reader.word::<LoweredTo>("to");
    let (guard, decision) = (id(reader, "guard"), inside(reader, "decision"));
    Some(Demotion { guard: guard?.value, to: to?.value.0, decision: decision? })
}

fn guard(reader: &mut Reader<'_>, ids: &mut Vec<String>, lines: &Lines<'_>) -> Option<Guard> {
    reader.need(Rule::GuardKey, &["id", "rule", "kind", "mode", "message", "mend"]);
    let id = id(reader, "id");
    if let Some(At { value, at }) = &id {
        if ids.contains(value) {
            reader.findings.add(Rule::GuardId, *at, format!("there is a guard {} already", shown(value)));
        }
        // A guard that is wrong elsewhere is no reason to call its waivers wrong too.
        ids.push(value.clone());
    }
    let rule = self::id(reader, "rule");
    let mode = reader.word::<Mode>("mode");
    let (message, mend) = (reader.text("message"), reader.text("mend"));
    let fixtures = reader.table("fixtures", fixtures).unwrap_or_default();
    let check = kinds::read(reader);
    let is_read = check.as_ref().is_none_or(Check::is_silent_without_files);
    let awaits_files = is_read && reader.flag("awaits_files");
    let (line, _) = lines.place(reader.at);
    Some(Guard {
        line,
        id: id?.value,
        rule: rule?.value,
        mode: mode?.value,
        message: message?.value,
        mend: mend?.value,
        fixtures,
        awaits_files,
        check: check?,
    })
}

fn fixtures(reader: &mut Reader<'_>) -> Vec<Fixture> {
    let mut all = Vec::new();
    for (key, expected) in [("must_fail", Expected::Fail), ("must_pass", Expected::Pass)] {
        let sources = reader.tables(key, source);
        all.extend(sources.into_iter().flatten().map(|source| Fixture { expected, source }));
    }
    all
}

fn source(reader: &mut Reader<'_>) -> Option<Source> {
    let (path, folder) = (inside(reader, "path"), inside(reader, "folder"));
    let (file, text) = (inside(reader, "file"), reader.raw("text"));
    match (path, text, file, folder) {
        (Some(path), Some(text), None, None) => Some(Source::Text { path, text: text.value }),
        (Some(path), None, Some(file), None) => Some(Source::File { path, file }),
        (None, None, None, Some(folder)) => Some(Source::Folder(folder)),
        _ => {
            reader.findings.add(
                Rule::GuardFixture,
                reader.at,
                "it has neither path and text, nor path and file, nor a folder alone",
            );
            None
        }
    }
}

fn waiver(reader: &mut Reader<'_>, ids: &[String]) -> Option<Waiver> {
    reader.need(Rule::GuardKey, &["guard", "path", "owner", "reason", "expires"]);
    let guard = id(reader, "guard");
    if let Some(At { value, at }) = guard.as_ref().filter(|guard| !ids.contains(&guard.value)) {
        reader.findings.add(Rule::GuardWaiver, *at, format!("there is no guard {}", shown(value)));
    }
    let path = reader.text("path");
    let (owner, reason, expires) = (reader.text("owner"), reader.text("reason"), reader.date("expires"));
    let fingerprint = reader.text("fingerprint");
    if let Some(At { value, at }) = fingerprint.as_ref().filter(|print| !is_fingerprint(&print.value)) {
        let message = format!("{} is no fingerprint: {FINGERPRINT_CHARS} hexadecimal digits", shown(value));
        reader.findings.add(Rule::GuardWaiver, *at, message);
    }
    let path = path?;
    let paths = Paths::new(std::slice::from_ref(&path), &[], reader.findings);
    Some(Waiver {
        guard: guard?.value,
        path: path.value,
        paths: paths?,
        fingerprint: fingerprint.map(|print| print.value),
        owner: owner.filter(|owner| !owner.value.is_empty())?.value,
        reason: reason.filter(|reason| !reason.value.is_empty())?.value,
        expires: expires?.value,
    })
}

pub(super) fn is_fingerprint(text: &str) -> bool {
    text.len() == FINGERPRINT_CHARS
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn id(reader: &mut Reader<'_>, key: &'static str) -> Option<At<String>> {
    let id = reader.text(key).filter(|id| !id.value.is_empty())?;
    if is_id(&id.value) {
        return Some(id);
    }
    reader.findings.add(Rule::GuardId, id.at, format!("{key} is {}", shown(&id.value)));
    None
}

pub(super) fn is_id(text: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.split('-').all(is_word)
}

fn inside(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let At { value, at } = reader.text(key)?;
    if !is_inside(&value) {
        let message = format!("{key} is {}, which does not stay within the folder", shown(&value));
        reader.findings.add(Rule::GuardPath, at, message);
    }
    Some(value)
}
