//! TOML tables as typed values with their places. What is not as its key wants it becomes a finding and counts as
//! absent; it knows no key by itself.

use std::ops::Range;

use model::Nanos;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::document::At;
use crate::finding::{Findings, shown};
use crate::rule::Rule;

/// A closed set of words.
pub(crate) trait Word: Copy + 'static {
    const WORDS: &[(&str, Self)];
}

/// Reads one table, key by key, and tells of the keys that nobody asked for.
#[derive(Debug)]
pub(crate) struct Reader<'r> {
    table: &'r DeTable<'r>,
    /// Where the TOML begins in the document.
    base: usize,
    /// Where the table stands in the document.
    pub(crate) at: usize,
    asked: Vec<&'static str>,
    passed_over: bool,
    /// Such as `reviewers.name`, in messages.
    within: &'static str,
    pub(crate) findings: &'r mut Findings,
}

/// Reads the part of the document as TOML and hands the table on. Only the first fault of its grammar is told: what
/// follows it would be guessed.
pub(crate) fn toml<T>(
    text: &str,
    part: Range<usize>,
    findings: &mut Findings,
    read: impl FnOnce(&mut Reader<'_>) -> T,
) -> Option<T> {
    match DeTable::parse(text.get(part.clone())?) {
        Ok(table) => {
            let (base, table) = (part.start, table.get_ref());
            let mut reader =
                Reader { table, base, at: base, asked: Vec::new(), passed_over: false, within: "", findings };
            let value = read(&mut reader);
            reader.finish();
            Some(value)
        }
        Err(error) => {
            let at = error.span().map_or(part.start, |span| part.start + span.start);
            findings.add(Rule::Toml, at, error.message().lines().collect::<Vec<_>>().join(", "));
            None
        }
    }
}

impl<'r> Reader<'r> {
    pub(crate) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        let (value, at) = self.value(key)?;
        match value {
            DeValue::String(text) => Some(At { value: text.trim().to_owned(), at }),
            other => self.wrong(key, at, "a text", other),
        }
    }

    /// As it is written: in a pattern a blank at an end counts.
    pub(crate) fn raw(&mut self, key: &'static str) -> Option<At<String>> {
        let (value, at) = self.value(key)?;
        match value {
            DeValue::String(text) => Some(At { value: text.clone().into_owned(), at }),
            other => self.wrong(key, at, "a text", other),
        }
    }

    pub(crate) fn number(&mut self, key: &'static str) -> Option<At<u64>> {
        let (value, at) = self.value(key)?;
        let number = match value {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number {
            Some(value) => Some(At { value, at }),
            None => self.wrong(key, at, "a whole number", value),
        }
    }

    /// Not, where nobody says so.
    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        match self.value(key) {
            Some((DeValue::Boolean(value), _)) => *value,
            Some((other, at)) => self.wrong(key, at, "true or false", other).unwrap_or_default(),
            None => false,
        }
    }

    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<At<String>> {
        let mut texts = Vec::new();
        for (item, at) in self.list(key, "a list of texts") {
            match item {
                DeValue::String(text) => texts.push(At { value: text.trim().to_owned(), at }),
                other => drop(self.wrong::<()>(key, at, "a list of texts", other)),
            }
        }
        texts
    }

    pub(crate) fn word<W: Word>(&mut self, key: &'static str) -> Option<At<W>> {
        let At { value: text, at } = self.text(key)?;
        let known = W::WORDS.iter().find(|(word, _)| *word == text);
        if known.is_none() && !text.is_empty() {
            let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
            let message = format!("{} is {}: {}", self.named(key), shown(&text), words.join(", "));
            self.findings.add(Rule::Word, at, message);
        }
        known.map(|(_, value)| At { value: *value, at })
    }

    pub(crate) fn time(&mut self, key: &'static str) -> Option<At<Nanos>> {
        let At { value, at } = self.datetime(key)?;
        let time = Nanos::parse_rfc3339(&value.to_string()).ok();
        if time.is_none() {
            let message = format!("{} is `{value}`, which is no time with an offset", self.named(key));
            self.findings.add(Rule::Time, at, message);
        }
        time.map(|value| At { value, at })
    }

    /// As `2026-12-05`.
    pub(crate) fn date(&mut self, key: &'static str) -> Option<At<String>> {
        let At { value, at } = self.datetime(key)?;
        if value.time.is_some() || value.date.is_none() {
            self.findings.add(
                Rule::Time,
                at,
                format!("{} is `{value}`, which is no date alone", self.named(key)),
            );
            return None;
        }
        Some(At { value: value.to_string(), at })
    }

    fn datetime(&mut self, key: &'static str) -> Option<At<Datetime>> {
        let (value, at) = self.value(key)?;
        match value {
            DeValue::Datetime(time) => Some(At { value: *time, at }),
            other => self.wrong(key, at, "a time or date without quotes", other),
        }
    }

    /// A list of tables, written in either way that TOML has for them.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>) -> T,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for (item, at) in self.list(key, "a list of tables") {
            match item {
                DeValue::Table(table) => values.push(self.inner(key, table, at, &mut read)),
                other => drop(self.wrong::<()>(key, at, "a list of tables", other)),
            }
        }
        values
    }

    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Reader<'_>) -> T,
    ) -> Option<T> {
        let (value, at) = self.value(key)?;
        match value {
            DeValue::Table(table) => Some(self.inner(key, table, at, &mut read)),
            other => self.wrong(key, at, "a table", other),
        }
    }

    /// Asks for every key: what they are for cannot be told here.
    pub(crate) fn pass_over(&mut self) {
        self.passed_over = true;
    }

    /// That the key is there and says something.
    pub(crate) fn need(&mut self, rule: Rule, keys: &[&'static str]) {
        for key in keys {
            let message = match self.entry(key).map(Spanned::get_ref) {
                None => format!("{} is missing", self.named(key)),
                Some(DeValue::String(text)) if text.trim().is_empty() => {
                    format!("{} is empty", self.named(key))
                }
                Some(DeValue::Array(array)) if array.is_empty() => format!("{} is empty", self.named(key)),
                Some(_) => continue,
            };
            let at = self.entry(key).map_or(self.at, |value| self.base + value.span().start);
            self.findings.add(rule, at, message);
        }
    }

    /// What stands in a list, each with its place; nothing where it is none.
    fn list(&mut self, key: &'static str, wanted: &str) -> Vec<(&'r DeValue<'r>, usize)> {
        let Some((value, at)) = self.value(key) else { return Vec::new() };
        let DeValue::Array(array) = value else {
            self.wrong::<()>(key, at, wanted, value);
            return Vec::new();
        };
        array.iter().map(|item| (item.get_ref(), self.base + item.span().start)).collect()
    }

    fn inner<T>(
        &mut self,
        within: &'static str,
        table: &DeTable<'_>,
        at: usize,
        read: &mut impl FnMut(&mut Reader<'_>) -> T,
    ) -> T {
        let mut reader = Reader {
            table,
            base: self.base,
            at,
            asked: Vec::new(),
            passed_over: false,
            within,
            findings: &mut *self.findings,
        };
        let value = read(&mut reader);
        reader.finish();
        value
    }

    fn value(&mut self, key: &'static str) -> Option<(&'r DeValue<'r>, usize)> {
        self.asked.push(key);
        let value = self.entry(key)?;
        Some((value.get_ref(), self.base + value.span().start))
    }

    fn entry(&self, key: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        self.table.get(key)
    }

    fn wrong<T>(&mut self, key: &str, at: usize, wanted: &str, value: &DeValue<'_>) -> Option<T> {
        let message = format!("{} is {}, not {wanted}", self.named(key), kind(value));
        self.findings.add(Rule::KeyType, at, message);
        None
    }

    fn named(&self, key: &str) -> String {
        if self.within.is_empty() { key.to_owned() } else { format!("{}.{key}", self.within) }
    }

    fn finish(self) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !self.passed_over && !self.asked.contains(&name) {
                let at = self.base + key.span().start;
                let of = if self.within.is_empty() { String::new() } else { format!(" of {}", self.within) };
                self.findings.add(Rule::KeyUnknown, at, format!("nothing reads the key {}{of}", shown(name)));
            }
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
