//! What a run shows: hits become findings with fingerprints, and each is new, old or waived. It reads nothing.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::baseline::{Baseline, Entry};
use super::guards::{Guard, Guards, Mode, Waiver};
use super::hit::Hit;

const FINGERPRINT_BYTES: usize = 16;
/// So far ahead a waiver may end: one that never does is no waiver.
const WAIVER_YEARS_MAX: u32 = 1;

/// One thing that a guard found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub guard: String,
    pub rule: String,
    pub mode: Mode,
    pub path: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    pub excerpt: String,
    /// The guard's message, and what it says of this place.
    pub message: String,
    pub mend: String,
    /// Of rule, path and what stands there: the same after lines before it moved.
    pub fingerprint: String,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    New,
    /// The baseline has it.
    Old,
    /// Somebody answers for it until a day.
    Waived {
        owner: String,
        reason: String,
        expires: String,
    },
}

/// A guard that could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub guard: String,
    pub mode: Mode,
    pub why: String,
}

#[derive(Debug, Default)]
pub struct Outcome {
    /// By path, line, column and guard.
    pub findings: Vec<Finding>,
    pub crashes: Vec<Crash>,
    /// Entries of the baseline that nothing is found for any more.
    pub mended: Vec<Entry>,
    /// Waivers that are over, as `guard: path`.
    pub lapsed: Vec<String>,
    /// Waivers that let nothing through.
    pub idle: Vec<String>,
    /// Waivers for longer than one may be: they count for nothing.
    pub endless: Vec<String>,
}

/// What one guard of a run came to: its place among the guards, and its hits or why it crashed.
pub type Looked = (usize, Result<Vec<Hit>, String>);

impl Outcome {
    /// New findings of this mode.
    pub fn new_of(&self, mode: Mode) -> usize {
        self.findings.iter().filter(|found| found.mode == mode && found.standing == Standing::New).count()
    }

    /// Whether the run fails: something new that blocks, or a blocking guard that did not look.
    pub fn fails(&self) -> bool {
        self.new_of(Mode::Block) > 0 || self.crashes.iter().any(|crash| crash.mode == Mode::Block)
    }
}

/// Holds what was found against the baseline and the waivers. `today` is a date as `2026-12-05`.
pub fn judge(guards: &Guards, looked: Vec<Looked>, baseline: &Baseline, today: &str) -> Outcome {
    let mut outcome = Outcome::default();
    let mut used = vec![false; guards.waivers.len()];
    let mut ran: Vec<&str> = Vec::new();
    for (index, hits) in looked {
        let Some(guard) = guards.guards.get(index) else { continue };
        match hits {
            Ok(hits) => {
                ran.push(&guard.id);
                let found = findings(guard, hits);
                outcome.findings.extend(found);
            }
            Err(why) => outcome.crashes.push(Crash { guard: guard.id.clone(), mode: guard.mode, why }),
        }
    }
    outcome.findings.sort_by(|a, b| {
        let key = |found: &Finding| (found.line, found.column);
        (a.path.as_str(), key(a), a.guard.as_str()).cmp(&(b.path.as_str(), key(b), b.guard.as_str()))
    });
    outcome.crashes.sort_by(|a, b| a.guard.cmp(&b.guard));
    let known = baseline.known();
    for found in &mut outcome.findings {
        found.standing = standing(found, &guards.waivers, &mut used, &known, today);
    }
    waivers_told(&mut outcome, guards, &used, &ran, today);
    outcome.mended = mended(&outcome.findings, baseline, guards, &ran);
    outcome
}

/// Hits in the order of the text, each with its fingerprint; the same text twice in a file has two.
fn findings(guard: &Guard, mut hits: Vec<Hit>) -> Vec<Finding> {
    hits.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    let mut seen: BTreeMap<(String, [u8; 32]), u64> = BTreeMap::new();
    let mut found = Vec::new();
    for hit in hits {
        let ordinal = seen.entry((hit.path.clone(), hit.span)).or_default();
        let fingerprint = fingerprint(&guard.rule, &hit, *ordinal);
        *ordinal += 1;
        let message = match hit.note.as_str() {
            "" => guard.message.clone(),
            note => format!("{}: {note}", guard.message),
        };
        found.push(Finding {
            guard: guard.id.clone(),
            rule: guard.rule.clone(),
            mode: guard.mode,
            path: hit.path,
            line: hit.line,
            column: hit.column,
            end_line: hit.end_line,
            excerpt: hit.excerpt,
            message,
            mend: guard.mend.clone(),
            fingerprint,
            standing: Standing::New,
        });
    }
    found
}

fn fingerprint(rule: &str, hit: &Hit, ordinal: u64) -> String {
    let mut hash = Sha256::new();
    for part in [rule.as_bytes(), hit.path.as_bytes(), &hit.span, &ordinal.to_be_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// A waiver comes before the baseline: whoever took a finding on is named.
fn standing(
    found: &Finding,
    waivers: &[Waiver],
    used: &mut [bool],
    known: &BTreeSet<(&str, &str)>,
    today: &str,
) -> Standing {
    for (waiver, used) in waivers.iter().zip(used) {
        let is_meant = waiver.guard == found.guard
            && waiver.paths.hold(&found.path)
            && waiver.fingerprint.as_ref().is_none_or(|print| *print == found.fingerprint);
        if !is_meant {
            continue;
        }
        *used = true;
        if waiver.expires.as_str() >= today && !is_endless(waiver, today) {
            let Waiver { owner, reason, expires, .. } = waiver;
            return Standing::Waived {
                owner: owner.clone(),
                reason: reason.clone(),
                expires: expires.clone(),
            };
        }
    }
    let is_known = known.contains(&(found.guard.as_str(), found.fingerprint.as_str()));
    if is_known { Standing::Old } else { Standing::New }
}

/// Dates as texts compare as dates do, those of the same day of another year too. Where it is no date nobody looks at it.
fn is_endless(waiver: &Waiver, today: &str) -> bool {
    let (Some(Ok(year)), Some(day)) = (today.get(..4).map(str::parse::<u32>), today.get(4..)) else {
        return false;
    };
    waiver.expires > format!("{:04}{day}", year + WAIVER_YEARS_MAX)
}

fn waivers_told(outcome: &mut Outcome, guards: &Guards, used: &[bool], ran: &[&str], today: &str) {
    for (waiver, used) in guards.waivers.iter().zip(used) {
        if !ran.contains(&waiver.guard.as_str()) {
            continue;
        }
        let Waiver { guard, path, owner, expires, .. } = waiver;
        if is_endless(waiver, today) {
            outcome.endless.push(format!("{guard}: {path}, until {expires}, by {owner}"));
        } else if expires.as_str() < today {
            outcome.lapsed.push(format!("{guard}: {path}, until {expires}, by {owner}"));
        } else if !used {
            outcome.idle.push(format!("{guard}: {path}, until {expires}, by {owner}"));
        }
    }
}

/// Of guards that ran or are gone: one that crashed has mended nothing.
fn mended(findings: &[Finding], baseline: &Baseline, guards: &Guards, ran: &[&str]) -> Vec<Entry> {
    let found: BTreeSet<(&str, &str)> =
        findings.iter().map(|found| (found.guard.as_str(), found.fingerprint.as_str())).collect();
    let is_gone = |id: &str| guards.guards.iter().all(|guard| guard.id != id);
    let entries = baseline.entries.iter();
    entries
        .filter(|entry| {
            let is_found = found.contains(&(entry.guard.as_str(), entry.fingerprint.as_str()));
            !is_found && (ran.contains(&entry.guard.as_str()) || is_gone(&entry.guard))
        })
        .cloned()
        .collect()
}
