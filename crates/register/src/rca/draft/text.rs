//! The draft as it is written: text of a report becomes Markdown or TOML in which nothing of it acts, holds no secret, and
//! stays short. It knows no section.

use super::QUESTION;
use crate::rca::entry::WITHHELD;
use crate::rca::{Inert, holds_secret, markdown};

const SENTENCE_BYTES_MAX: usize = 400;
/// So much of a text is looked through for secrets: what is shown lies well within it.
const SEEN_BYTES_MAX: usize = 2_048;
const CITES_MAX: usize = 4;
const CITE_BYTES_MAX: usize = 80;
/// The index shows a summary, and lint bounds it; a question stands in it too.
const SHORT_CHARS_MAX: usize = 320;
const SHORT_TEXT_CHARS_MAX: usize = 230;

#[derive(Debug)]
pub(super) struct Text {
    out: String,
    questions: usize,
    /// Cited where a sentence has nothing else: it stands in the report of this incident.
    incident: String,
    inert: Inert,
}

impl Text {
    pub(super) fn new(incident: String, inert: Inert) -> Self {
        Self { out: String::new(), questions: 0, incident, inert }
    }

    pub(super) fn done(self) -> (String, usize) {
        (self.out, self.questions)
    }

    /// As it is: no text from outside.
    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    pub(super) fn heading(&mut self, name: &str) {
        self.line(&format!("\n## {name}\n"));
    }

    /// A question in the front matter.
    pub(super) fn asks(&mut self, what: &str) {
        self.line(&format!("# ??? {what}"));
        self.questions += 1;
    }

    pub(super) fn question(&mut self, what: &str) {
        self.gap();
        self.line(&format!("{QUESTION} {}", markdown::inline(what, self.inert)));
        self.questions += 1;
    }

    /// One empty line.
    fn gap(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A question that was written as a line.
    pub(super) fn counted(&mut self) {
        self.questions += 1;
    }

    pub(super) fn key(&mut self, key: &str, value: &str) {
        let value = self.toml(value);
        self.line(&format!("{key} = {value}"));
    }

    pub(super) fn list(&mut self, key: &str, values: &[&str]) {
        let values: Vec<String> = values.iter().map(|value| self.toml(value)).collect();
        self.line(&format!("{key} = [{}]", values.join(", ")));
    }

    pub(super) fn items(&mut self, sentences: &[crate::rca::report::Sentence], most: usize) {
        sentences.iter().take(most).for_each(|said| self.item(&said.text, &said.cites));
    }

    pub(super) fn item(&mut self, text: &str, cites: &[String]) {
        let text = markdown::inline(self.bounded(text), self.inert);
        let cited = self.cited(cites).join(", ");
        self.line(&format!("- {text} ({cited})"));
    }

    /// A sentence with as many citations as fit.
    pub(super) fn short(&mut self, text: &str, cites: &[String]) {
        let text = self.bounded(text);
        // Signs that are escaped make it longer.
        let mut cuts =
            (0..=SENTENCE_BYTES_MAX).rev().map(|bytes| markdown::inline(cut(text, bytes), self.inert));
        let mut line = cuts.find(|line| line.chars().count() <= SHORT_TEXT_CHARS_MAX).unwrap_or_default();
        let mut cited: Vec<String> = Vec::new();
        for cite in self.cited(cites) {
            let length = line.chars().count() + cited.join(", ").chars().count() + cite.chars().count();
            if cited.is_empty() || length < SHORT_CHARS_MAX - " (, )".len() {
                cited.push(cite);
            }
        }
        line.push_str(&format!(" ({})", cited.join(", ")));
        self.line(&line);
    }

    /// A line of a code block.
    pub(super) fn literal(&self, text: &str, cites: &[String]) -> String {
        let cites: Vec<String> = cites.iter().take(CITES_MAX).map(|cite| self.cite(cite)).collect();
        let text = (self.inert)(self.bounded(text));
        format!(
            "{} [{}]",
            text.trim(),
            if cites.is_empty() { self.incident.clone() } else { cites.join(", ") }
        )
    }

    /// Its fence is longer than any that stands in it.
    pub(super) fn block(&mut self, mark: &str, lines: &[String]) {
        let longest = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len).max();
        let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
        self.gap();
        self.line(&format!("{fence}{mark}\n{}\n{fence}", lines.join("\n")));
    }

    fn cited(&self, cites: &[String]) -> Vec<String> {
        let cited = cites.iter().take(CITES_MAX).map(|cite| format!("`{}`", self.cite(cite)));
        let cited: Vec<String> = cited.collect();
        if cited.is_empty() { vec![format!("`{}`", self.incident)] } else { cited }
    }

    /// Between backticks nothing can be escaped, so what could end them is taken out.
    fn cite(&self, cite: &str) -> String {
        let cite = safe(cite, CITE_BYTES_MAX).unwrap_or(WITHHELD);
        let cite = (self.inert)(cite).replace(['`', '[', ']', '(', ')'], "'");
        if cite.trim().is_empty() { self.incident.clone() } else { cite.trim().to_owned() }
    }

    fn bounded<'t>(&self, text: &'t str) -> &'t str {
        safe(text, SENTENCE_BYTES_MAX).unwrap_or(WITHHELD)
    }

    /// A basic string of TOML.
    fn toml(&self, text: &str) -> String {
        let mut out = String::from("\"");
        for c in (self.inert)(text).chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                c if c.is_control() => out.push(' '),
                c => out.push(c),
            }
        }
        out.push('"');
        out
    }
}

/// At most so many bytes of it; none where it holds what looks like a secret.
pub(super) fn safe(text: &str, bytes_max: usize) -> Option<&str> {
    let seen = cut(text, SEEN_BYTES_MAX);
    (!holds_secret(seen)).then(|| cut(seen, bytes_max))
}

/// At most so many bytes of it, and no part of a letter.
fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}
