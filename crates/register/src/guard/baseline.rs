//! The baseline: old findings that a guard met when it was started. Lines are only ever taken out of it; a new finding
//! needs a waiver. It knows no guard's pattern and compares fingerprints alone.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::beside::{Fault, entries, one_line};
use super::file::{is_fingerprint, is_id};
use super::outcome::{Finding, Standing};

/// What is longer is not read.
pub const BASELINE_BYTES_MAX: usize = 16 * 1024 * 1024;
const HEADER: &str = "casebook.guard-baseline/v1";
const NOTE: &str =
    "# Old findings of guards. Lines are only taken out, by `casebook guard baseline --shrink`.";
const STARTED: &str = "started";

/// One old finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub guard: String,
    /// For people: what is compared is the fingerprint.
    pub path: String,
    pub fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// Guards whose old findings were taken in, once.
    pub started: BTreeSet<String>,
    pub entries: BTreeSet<Entry>,
}

/// Why a guard cannot be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its old findings were taken in before: what is new since needs a waiver.
    StartedBefore,
}

/// What somebody wrote into a baseline by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grown<'b> {
    /// A finding of a guard that was started before.
    Entry(&'b Entry),
    /// A guard of which nothing says any more that it was started: it could be started again.
    Forgotten(&'b str),
}

impl Baseline {
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut baseline = Self::default();
        for (number, line) in entries(bytes, HEADER)? {
            let said = "a line is `started GUARD`, or a fingerprint, a guard and a path";
            baseline.take(line).ok_or_else(|| Fault::new(number, said))?;
        }
        match baseline.entries.iter().find(|entry| !baseline.started.contains(&entry.guard)) {
            Some(entry) => {
                Err(Fault::new(1, format!("it holds findings of {}, which is not started", entry.guard)))
            }
            None => Ok(baseline),
        }
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (first, rest) = line.split_once(' ')?;
        if first == STARTED && is_id(rest) {
            self.started.insert(rest.to_owned());
            return Some(());
        }
        let (guard, path) = rest.split_once(' ')?;
        if !is_fingerprint(first) || !is_id(guard) || path.is_empty() {
            return None;
        }
        let (guard, path, fingerprint) = (guard.to_owned(), path.to_owned(), first.to_owned());
        self.entries.insert(Entry { guard, path, fingerprint });
        Some(())
    }

    /// The file's text: the same baseline is the same text.
    pub fn text(&self) -> String {
        let mut text = format!("{HEADER}\n{NOTE}\n");
        for guard in &self.started {
            let _ = writeln!(text, "{STARTED} {guard}");
        }
        for Entry { guard, path, fingerprint } in &self.entries {
            let _ = writeln!(text, "{fingerprint} {guard} {path}");
        }
        text
    }

    /// Guards and fingerprints, to look up.
    pub(super) fn known(&self) -> BTreeSet<(&str, &str)> {
        self.entries.iter().map(|entry| (entry.guard.as_str(), entry.fingerprint.as_str())).collect()
    }

    /// Takes in what a guard finds when it is new.
    pub fn start(&mut self, guard: &str, findings: &[Finding]) -> Result<usize, Refused> {
        if !self.started.insert(guard.to_owned()) {
            return Err(Refused::StartedBefore);
        }
        let before = self.entries.len();
        let new = findings.iter().filter(|found| found.guard == guard && found.standing == Standing::New);
        self.entries.extend(new.map(|found| Entry {
            guard: guard.to_owned(),
            path: one_line(&found.path),
            fingerprint: found.fingerprint.clone(),
        }));
        Ok(self.entries.len() - before)
    }

    /// What no command takes in: the file only shrinks, but for guards that were started since.
    pub fn grown_since<'b>(&'b self, before: &'b Self) -> Vec<Grown<'b>> {
        let known = before.known();
        let is_new = |entry: &&Entry| {
            before.started.contains(&entry.guard)
                && !known.contains(&(entry.guard.as_str(), entry.fingerprint.as_str()))
        };
        let forgotten = before.started.difference(&self.started).map(|guard| Grown::Forgotten(guard));
        self.entries.iter().filter(is_new).map(Grown::Entry).chain(forgotten).collect()
    }

    /// Takes out what is mended.
    pub fn shrink(&mut self, mended: &[Entry]) {
        self.entries.retain(|entry| !mended.contains(entry));
    }
}
