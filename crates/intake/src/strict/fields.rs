//! The fields of a JSON object, each asked for by name and type. A wrong one becomes a `Problem` and reads as absent,
//! so that one pass finds everything that is wrong.

use std::borrow::Cow;

use model::{Nanos, Str};

use super::node::{Node, quoted};
use crate::{Problem, RejectReason};

/// Milliseconds beyond this are no duration: a hundred years.
const MILLIS_MAX: f64 = 3.2e12;

/// Everything wrong with one item, up to a bound.
#[derive(Debug)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    max: usize,
    pub(crate) found: usize,
}

impl Problems {
    pub(crate) fn new(max: usize) -> Self {
        Self { list: Vec::new(), max, found: 0 }
    }

    pub(crate) fn add(
        &mut self,
        path: String,
        reason: RejectReason,
        found: String,
        expected: impl Into<String>,
    ) {
        self.found += 1;
        if self.list.len() < self.max {
            self.list.push(Problem { path, reason, found, expected: expected.into() });
        }
    }

    pub(crate) fn into_list(self) -> Vec<Problem> {
        self.list
    }
}

/// The fields of one object at `path`.
#[derive(Debug)]
pub(crate) struct Fields<'n, 'p> {
    entries: &'n [(Cow<'n, str>, Node<'n>)],
    path: String,
    pub(crate) problems: &'p mut Problems,
}

impl<'n, 'p> Fields<'n, 'p> {
    /// `None`, with a problem, where `node` is no object.
    pub(crate) fn of(node: &'n Node<'n>, path: String, problems: &'p mut Problems) -> Option<Self> {
        match node {
            Node::Object(entries) => Some(Self { entries, path, problems }),
            other => {
                problems.add(path, RejectReason::InvalidField, other.describe(), "an object");
                None
            }
        }
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a field; null is as good as absent. A field that stands twice is a problem.
    pub(crate) fn get(&mut self, name: &str) -> Option<&'n Node<'n>> {
        let mut all = self.entries.iter().filter(|(key, _)| key == name).map(|(_, node)| node);
        let first = all.next();
        if all.next().is_some() {
            self.problem(name, RejectReason::InvalidField, "a field that stands twice".to_owned(), "it once");
        }
        first.filter(|node| **node != Node::Null)
    }

    pub(crate) fn problem(
        &mut self,
        name: &str,
        reason: RejectReason,
        found: String,
        expected: impl Into<String>,
    ) {
        let path = self.path_of(name);
        self.problems.add(path, reason, found, expected);
    }

    pub(crate) fn invalid(&mut self, name: &str, node: &Node<'_>, expected: impl Into<String>) {
        self.problem(name, RejectReason::InvalidField, node.describe(), expected);
    }

    pub(crate) fn missing(&mut self, name: &str, expected: impl Into<String>) {
        self.problem(name, RejectReason::MissingField, "missing".to_owned(), expected);
    }

    /// Fields that are not among `known`.
    pub(crate) fn unknown(&self, known: &[&str]) -> Vec<&'n str> {
        self.entries.iter().map(|(name, _)| &**name).filter(|name| !known.contains(name)).collect()
    }

    pub(crate) fn refuse_unknown(&mut self, known: &[&str]) {
        for name in self.unknown(known) {
            let (found, expected) =
                (format!("unknown field {}", quoted(name)), format!("one of {}", known.join(", ")));
            self.problems.add(self.path.clone(), RejectReason::UnknownField, found, expected);
        }
    }

    /// A text of 1 to `max` bytes, without surrounding blanks; an empty one is absent.
    pub(crate) fn text(&mut self, name: &str, max: usize) -> Option<&'n str> {
        match self.get(name)? {
            Node::Text(text) => {
                let text = text.trim();
                if text.len() > max {
                    let found = format!("a text of {} bytes", text.len());
                    self.problem(name, RejectReason::TooLarge, found, format!("at most {max} bytes"));
                    return None;
                }
                Some(text).filter(|text| !text.is_empty())
            }
            other => {
                self.invalid(name, other, "a string");
                None
            }
        }
    }

    pub(crate) fn name(&mut self, name: &str, max: usize) -> Option<Str> {
        self.text(name, max).map(Str::from)
    }

    /// Such a text, and a problem where there is none. `expected` says what it is.
    pub(crate) fn required(&mut self, name: &str, max: usize, expected: &str) -> Option<&'n str> {
        let before = self.problems.found;
        let text = self.text(name, max);
        if text.is_none() && self.problems.found == before {
            self.missing(name, expected);
        }
        text
    }

    pub(crate) fn time(&mut self, name: &str) -> Option<Nanos> {
        const EXPECTED: &str = "an RFC 3339 time such as 2026-01-31T12:00:00Z";
        match self.get(name)? {
            Node::Text(text) => match Nanos::parse_rfc3339(text) {
                Ok(time) => Some(time),
                Err(_) => {
                    self.problem(name, RejectReason::InvalidField, quoted(text), EXPECTED);
                    None
                }
            },
            other => {
                self.invalid(name, other, EXPECTED);
                None
            }
        }
    }

    /// Milliseconds, with a fraction or not, as nanoseconds.
    pub(crate) fn millis(&mut self, name: &str) -> Option<u64> {
        let node = self.get(name)?;
        let millis = match node {
            Node::Int(number) => *number as f64,
            Node::Float(number) => *number,
            _ => f64::NAN,
        };
        if (0.0..=MILLIS_MAX).contains(&millis) {
            Some((millis * 1e6).round() as u64)
        } else {
            self.invalid(name, node, "milliseconds as a number of at least 0");
            None
        }
    }

    /// One of a closed set of words.
    pub(crate) fn one_of<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let node = self.get(name)?;
        let known = match node {
            Node::Text(text) => words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value),
            _ => None,
        };
        if known.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.invalid(name, node, format!("one of {}", words.join(", ")));
        }
        known
    }
}
