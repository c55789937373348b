//! Texts that look like secrets. It says of what kind and where one is, and never what it is.

use std::sync::LazyLock;

use regex_lite::Regex;

use crate::finding::Findings;
use crate::rule::Rule;

/// What it looks like, its pattern, and whether prose has the same form unless a digit is in it.
const FORMS: &[(&str, &str, bool)] = &[
    ("a private key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY", false),
    ("a key of Casebook", r"\bcasebook_(?:write|read|agent|admin)_[0-9A-Za-z]{20,}", false),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", false),
    ("a GitHub token", r"\b(?:gh[opsur]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22,})", false),
    ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20,}", false),
    (
        "a Slack token",
        r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}|hooks\.slack\.com/services/T[0-9A-Za-z/]{16,}",
        false,
    ),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}", false),
    ("a live key of a payment provider", r"\b[prs]k_live_[0-9A-Za-z]{16,}", false),
    ("a JSON web token", r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}", false),
    ("credentials of a request", r"(?i)\b(?:bearer|basic)\s+[0-9a-z._~+/-]{16,}", true),
    ("a password in an address", r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@\[\]*]*:[^\s/@\[\]*]+@", false),
    (
        "a password, token or key",
        r#"(?i)(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key)["']?\s*[:=]\s*["']?[^\s"'`<>\[\]*]{8,}"#,
        true,
    ),
];

static PATTERNS: LazyLock<Vec<(&str, Regex, bool)>> = LazyLock::new(|| {
    let compile = |(name, pattern, needs_digit): &(&'static str, &str, bool)| {
        (*name, Regex::new(pattern).expect("the patterns are constant, and tested"), *needs_digit)
    };
    FORMS.iter().map(compile).collect()
});

pub(super) fn check(text: &str, findings: &mut Findings) {
    for (at, name) in found(text) {
        findings.add(Rule::Secret, at, format!("what looks like {name}"));
    }
}

pub(crate) fn holds_secret(text: &str) -> bool {
    found(text).next().is_some()
}

fn found(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    PATTERNS.iter().flat_map(move |(name, pattern, needs_digit)| {
        let counts = move |found: &str| !needs_digit || found.bytes().any(|byte| byte.is_ascii_digit());
        let found = pattern.find_iter(text).filter(move |found| counts(found.as_str()));
        found.map(|found| (found.start(), *name))
    })
}
