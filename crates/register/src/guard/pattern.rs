//! Guards of the kind `regex`: a pattern over the text of a file, in time that grows with the text alone. It knows no
//! guard.

use regex::{Regex, RegexBuilder};

use super::hit::{self, Hit};
use crate::finding::{Findings, shown};
use crate::rca::At;
use crate::rule::Rule;

/// What a pattern may grow to when it is compiled.
const PATTERN_BYTES_MAX: usize = 2 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// None where it cannot be read: the findings say why.
    pub(super) fn new(pattern: &At<String>, findings: &mut Findings) -> Option<Self> {
        let At { value, at } = pattern;
        let why = match Self::compiled(value) {
            Ok(pattern) => return Some(pattern),
            Err(why) => why,
        };
        findings.add(Rule::GuardPattern, *at, format!("the pattern {}: {why}", shown(value)));
        None
    }

    pub(super) fn compiled(pattern: &str) -> Result<Self, String> {
        let built =
            RegexBuilder::new(pattern).multi_line(true).crlf(true).size_limit(PATTERN_BYTES_MAX).build();
        let regex = built.map_err(|error| told(&error))?;
        if regex.is_match("") {
            return Err("it matches the empty text, and so stands everywhere".to_owned());
        }
        Ok(Self { regex })
    }

    pub(super) fn source(&self) -> &str {
        self.regex.as_str()
    }

    pub(super) fn find(&self, path: &str, text: &str) -> Vec<Hit> {
        let places = self.regex.find_iter(text).map(|found| (found.start(), found.end(), String::new()));
        hit::hits(path, text, places)
    }
}

/// The last line says what is wrong; those before draw the pattern.
fn told(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
