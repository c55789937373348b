//! Proofs: that a guard was seen to fail on the defect, and to be silent once it was mended. They are kept, and run again
//! whenever somebody asks. It runs nothing.

use std::fmt::Write;

use super::beside::{Fault, entries, one_line};
use super::file::{is_fingerprint, is_id};
use super::outcome::Finding;

/// What is longer is not read.
pub const PROOFS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// As many findings of a defect are kept as its reason.
const REASONS_MAX: usize = 20;
const HEADER: &str = "casebook.guard-proofs/v1";
const NOTE: &str =
    "# Guards that were seen to fail. Written by `casebook guard prove`, run again by its --check.";

/// A guard was seen to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub guard: String,
    pub on: On,
}

/// What it was seen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// On the tree before this commit it found these, after it none of them.
    Fix { commit: String, reasons: Vec<Reason> },
    /// On the fixtures that `guards.toml` keeps.
    Fixtures,
}

/// One finding that the fix took away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub fingerprint: String,
    /// For people.
    pub path: String,
}

/// Why a commit proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproved {
    /// Nothing is found before the commit.
    NotRed,
    /// What is found before it is found after it, as this.
    NotMended(String),
    /// After it something is found that was not there before.
    NotGreen(String),
    /// Recorded, and not found before the commit any more.
    Lost(String),
}

/// What a fix took away, if it took something and brought nothing.
pub fn weigh(before: &[Finding], after: &[Finding]) -> Result<Vec<Reason>, Unproved> {
    let is_in = |all: &[Finding], print: &str| all.iter().any(|found| found.fingerprint == print);
    let Some(first) = before.first() else { return Err(Unproved::NotRed) };
    if let Some(new) = after.iter().find(|found| !is_in(before, &found.fingerprint)) {
        return Err(Unproved::NotGreen(place(new)));
    }
    let gone = before.iter().filter(|found| !is_in(after, &found.fingerprint)).take(REASONS_MAX);
    let reasons: Vec<Reason> = gone
        .map(|found| Reason { fingerprint: found.fingerprint.clone(), path: one_line(&found.path) })
        .collect();
    if reasons.is_empty() { Err(Unproved::NotMended(place(first))) } else { Ok(reasons) }
}

/// Whether the recorded reasons are still what the fix took away.
pub fn still(reasons: &[Reason], before: &[Finding], after: &[Finding]) -> Result<(), Unproved> {
    let is_in = |all: &[Finding], print: &str| all.iter().any(|found| found.fingerprint == print);
    for reason in reasons {
        if !is_in(before, &reason.fingerprint) {
            return Err(Unproved::Lost(reason.path.clone()));
        }
        if is_in(after, &reason.fingerprint) {
            return Err(Unproved::NotMended(reason.path.clone()));
        }
    }
    weigh(before, after).map(|_| ())
}

fn place(found: &Finding) -> String {
    format!("{}:{}", found.path, found.line)
}

impl std::fmt::Display for Unproved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRed => f.write_str("nothing is found before this commit"),
            Self::NotMended(place) => write!(f, "{place} is found before this commit and after it"),
            Self::NotGreen(place) => write!(f, "{place} is found after this commit and not before it"),
            Self::Lost(path) => write!(f, "what was found in {path} is not found any more"),
        }
    }
}

pub fn read(bytes: &[u8]) -> Result<Vec<Proof>, Fault> {
    let mut proofs: Vec<Proof> = Vec::new();
    for (number, line) in entries(bytes, HEADER)? {
        let said = "a line is `fix GUARD COMMIT`, `fixtures GUARD`, or `found FINGERPRINT PATH` below a fix";
        take(line, &mut proofs).ok_or_else(|| Fault::new(number, said))?;
    }
    Ok(proofs)
}

fn take(line: &str, proofs: &mut Vec<Proof>) -> Option<()> {
    let (word, rest) = line.split_once(' ')?;
    match word {
        "fix" => {
            let (guard, commit) =
                rest.split_once(' ').filter(|(guard, commit)| is_id(guard) && is_commit(commit))?;
            let on = On::Fix { commit: commit.to_owned(), reasons: Vec::new() };
            proofs.push(Proof { guard: guard.to_owned(), on });
        }
        "fixtures" if is_id(rest) => proofs.push(Proof { guard: rest.to_owned(), on: On::Fixtures }),
        "found" => {
            let (fingerprint, path) = rest.split_once(' ').filter(|(print, _)| is_fingerprint(print))?;
            let On::Fix { reasons, .. } = &mut proofs.last_mut()?.on else { return None };
            reasons.push(Reason { fingerprint: fingerprint.to_owned(), path: path.to_owned() });
        }
        _ => return None,
    }
    Some(())
}

/// A whole hash of SHA-1 or SHA-256.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub fn text(proofs: &[Proof]) -> String {
    let mut text = format!("{HEADER}\n{NOTE}\n");
    for Proof { guard, on } in proofs {
        match on {
            On::Fixtures => {
                let _ = writeln!(text, "fixtures {guard}");
            }
            On::Fix { commit, reasons } => {
                let _ = writeln!(text, "fix {guard} {commit}");
                for Reason { fingerprint, path } in reasons {
                    let _ = writeln!(text, "found {fingerprint} {path}");
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Mode, Standing};

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn finding(print: char) -> Finding {
        Finding {
            guard: "a".to_owned(),
            rule: "a".to_owned(),
            mode: Mode::Block,
            path: format!("{print}.rs"),
            line: 1,
            column: 1,
            end_line: 1,
            excerpt: String::new(),
            message: String::new(),
            mend: String::new(),
            fingerprint: print.to_string().repeat(32),
            standing: Standing::New,
        }
    }

    fn findings(prints: &str) -> Vec<Finding> {
        prints.chars().map(finding).collect()
    }

    #[test]
    fn a_fix_proves_a_guard_by_what_it_takes_away() {
        let place = |print: char| format!("{print}.rs:1");
        for (before, after, expected) in [
            ("a", "", Ok("a")),
            ("ab", "b", Ok("a")),
            ("", "", Err(Unproved::NotRed)),
            ("", "a", Err(Unproved::NotRed)),
            ("ab", "ab", Err(Unproved::NotMended(place('a')))),
            ("a", "b", Err(Unproved::NotGreen(place('b')))),
        ] {
            let gone = weigh(&findings(before), &findings(after)).map(|reasons| {
                reasons.iter().filter_map(|reason| reason.path.chars().next()).collect::<String>()
            });
            assert_eq!(gone, expected.map(str::to_owned), "{before} {after}");
        }
    }

    #[test]
    fn a_proof_holds_for_the_recorded_reason_alone() {
        let reasons = weigh(&findings("a"), &[]).unwrap();
        assert_eq!(still(&reasons, &findings("ab"), &findings("b")), Ok(()));
        assert_eq!(still(&reasons, &findings("b"), &[]), Err(Unproved::Lost("a.rs".to_owned())));
        assert_eq!(
            still(&reasons, &findings("ab"), &findings("a")),
            Err(Unproved::NotMended("a.rs".to_owned()))
        );
    }

    #[test]
    fn proofs_are_read_as_they_are_written_and_nothing_else_is() {
        let on = On::Fix { commit: COMMIT.to_owned(), reasons: weigh(&findings("ab"), &[]).unwrap() };
        let proofs = [Proof { guard: "a".to_owned(), on }, Proof { guard: "b".to_owned(), on: On::Fixtures }];
        assert_eq!(read(text(&proofs).as_bytes()).unwrap(), proofs);
        for line in [
            "fix a 0123",
            "fix A",
            "found x a.rs",
            "fixtures",
            "proof a",
            &format!("found {} a.rs", "a".repeat(32)),
        ] {
            assert_eq!(read(format!("{HEADER}\n{line}\n").as_bytes()).unwrap_err().line, 2, "{line}");
        }
        assert_eq!(read(b"x").unwrap_err().line, 1);
    }
}
