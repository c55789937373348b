//! What was found, and where: collected by byte, told by line and column. It judges nothing, and holds no more than its
//! bound.

use crate::rule::{Level, Rule};

/// More are counted and not kept: whoever mends these has enough to do.
const FINDINGS_MAX: usize = 200;
/// As much of a value is shown in a message.
const SHOWN_CHARS_MAX: usize = 60;

/// One thing that is not as a rule wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    pub level: Level,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong here. It may hold text of the document: whoever shows it escapes it.
    pub message: String,
}

#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<(usize, Rule, String)>,
    left_out: usize,
}

impl Findings {
    /// `at` is the byte at which it begins.
    pub(crate) fn add(&mut self, rule: Rule, at: usize, message: impl Into<String>) {
        match self.found.len() < FINDINGS_MAX {
            true => self.found.push((at, rule, message.into())),
            false => self.left_out += 1,
        }
    }

    /// In the order of the text.
    pub(crate) fn told(mut self, text: &str, is_draft: bool) -> Vec<Finding> {
        if self.left_out > 0 {
            let message = format!("{} more were found", self.left_out);
            self.found.push((text.len(), Rule::TooMany, message));
        }
        self.found.sort();
        self.found.dedup();
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let tell = |(at, rule, message): (usize, Rule, String)| {
            let (line, column) = place(text, &starts, at);
            Finding { rule, level: rule.severity().level(is_draft), line, column, message }
        };
        self.found.into_iter().map(tell).collect()
    }
}

fn place(text: &str, starts: &[usize], at: usize) -> (usize, usize) {
    let line = starts.partition_point(|start| *start <= at).max(1);
    let start = starts.get(line - 1).copied().unwrap_or(0);
    let before = text.get(start..at.min(text.len())).unwrap_or_default();
    (line, before.chars().count() + 1)
}

/// A value of the document as a message shows it: quoted, short, and never a secret.
pub(crate) fn shown(text: &str) -> String {
    if crate::rca::holds_secret(text) {
        return "a secret".to_owned();
    }
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let rest = if cut.len() < text.len() { "..." } else { "" };
    format!("`{cut}{rest}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_characters() {
        let text = "ab\nä漢c\n\nd";
        let mut findings = Findings::default();
        for at in [0, 3, 8, 10, 11, 12, 99] {
            findings.add(Rule::Toml, at, at.to_string());
        }
        let places: Vec<_> =
            findings.told(text, false).iter().map(|found| (found.line, found.column)).collect();
        // The last is past the end.
        assert_eq!(places, [(1, 1), (2, 1), (2, 3), (3, 1), (4, 1), (4, 2), (4, 2)]);
    }

    #[test]
    fn findings_are_bounded_and_the_rest_is_counted() {
        let mut findings = Findings::default();
        (0..FINDINGS_MAX + 5).for_each(|at| findings.add(Rule::Toml, at, ""));
        let told = findings.told("", false);
        assert_eq!(told.len(), FINDINGS_MAX + 1);
        let last = told.iter().find(|found| found.rule == Rule::TooMany).unwrap();
        assert_eq!(last.message, "5 more were found");
    }

    #[test]
    fn a_value_is_shown_short_and_a_secret_never() {
        assert_eq!(shown("x"), "`x`");
        assert_eq!(shown(&"y".repeat(70)), format!("`{}...`", "y".repeat(60)));
        assert_eq!(shown(&format!("AKIA{}", "A1B2C3D4E5F6G7H8")), "a secret");
    }
}
