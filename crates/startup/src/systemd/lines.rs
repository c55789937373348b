//! The lines of a unit file: sections, keys and values, continued lines joined, each value with the places of its
//! characters. It knows no key.

use std::sync::Arc;

use crate::Text;
use crate::place::{Faults, Place};

/// `Key=value`, as it is said in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: Value,
}

/// A value without the spaces around it. Lines that continue it are joined by one space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    path: Arc<str>,
    /// Where in `text` each line begins, and where that stands in the file.
    starts: Vec<(usize, u32, u32)>,
}

impl Value {
    /// What a file says by being there.
    pub(super) fn of_file(path: &Arc<str>, text: &str) -> Self {
        Self { text: text.to_owned(), path: path.clone(), starts: vec![(0, 1, 1)] }
    }

    pub(super) fn at(&self, byte: usize) -> Place {
        let last = self.starts.partition_point(|(start, ..)| *start <= byte).saturating_sub(1);
        let (start, line, column) = self.starts.get(last).copied().unwrap_or((0, 1, 1));
        let before = self.text.get(start..byte).map_or(0, |before| before.chars().count());
        Place::new(&self.path, line, column.saturating_add(u32::try_from(before).unwrap_or(u32::MAX)))
    }

    pub(super) fn start(&self) -> Place {
        self.at(0)
    }

    /// Words between spaces, without quotes around them.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, Place)> {
        let starts =
            self.text.split_whitespace().map(|word| word.as_ptr() as usize - self.text.as_ptr() as usize);
        let bare = self.text.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
        bare.zip(starts.map(|start| self.at(start)))
    }
}

pub(super) fn entries(text: &Text, faults: &mut Faults) -> Vec<Entry> {
    let mut reader = Reader { path: &text.path, section: String::new(), open: None, entries: Vec::new() };
    for (index, line) in text.text.lines().enumerate() {
        reader.line(u32::try_from(index + 1).unwrap_or(u32::MAX), line, faults);
    }
    reader.close();
    reader.entries
}

struct Reader<'t> {
    path: &'t Arc<str>,
    section: String,
    /// A value whose last line ended with `\`.
    open: Option<Entry>,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn line(&mut self, number: u32, line: &str, faults: &mut Faults) {
        let trimmed = line.trim();
        // A comment within a continued value is passed over, as systemd does.
        if trimmed.starts_with(['#', ';']) || trimmed.is_empty() && self.open.is_none() {
            return;
        }
        if self.open.is_some() {
            return self.goes_on(number, line);
        }
        let at = Place::new(self.path, number, column_of(line, trimmed));
        if let Some(name) = trimmed.strip_prefix('[') {
            match name.strip_suffix(']') {
                Some(name) => self.section = name.to_owned(),
                None => faults.add(&at, format!("`{}` opens a section: it ends with `]`", short(trimmed))),
            }
            return;
        }
        let Some((key, value)) = trimmed.split_once('=') else {
            return faults
                .add(&at, format!("`{}` is no line of a unit file: write `Key=value`", short(trimmed)));
        };
        if self.section.is_empty() {
            let message =
                format!("`{}=` stands before any section: put `[Unit]` or another before it", short(key));
            return faults.add(&at, message);
        }
        self.begin(number, line, key.trim(), value);
    }

    fn begin(&mut self, number: u32, line: &str, key: &str, value: &str) {
        let (shown, continues) = continued(value);
        let value = Value {
            text: shown.to_owned(),
            path: self.path.clone(),
            starts: vec![(0, number, column_of(line, shown))],
        };
        self.open = Some(Entry { section: self.section.clone(), key: key.to_owned(), value });
        if !continues {
            self.close();
        }
    }

    fn goes_on(&mut self, number: u32, line: &str) {
        let (shown, continues) = continued(line);
        if let Some(entry) = &mut self.open {
            let value = &mut entry.value;
            if !value.text.is_empty() {
                value.text.push(' ');
            }
            value.starts.push((value.text.len(), number, column_of(line, shown)));
            value.text.push_str(shown);
        }
        if !continues {
            self.close();
        }
    }

    fn close(&mut self) {
        self.entries.extend(self.open.take());
    }
}

/// Without the spaces around it and the `\` at its end.
fn continued(text: &str) -> (&str, bool) {
    let trimmed = text.trim();
    trimmed.strip_suffix('\\').map_or((trimmed, false), |more| (more.trim_end(), true))
}

/// In characters, from 1, of a part of the line.
fn column_of(line: &str, part: &str) -> u32 {
    let byte = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let before = line.get(..byte).map_or(0, |before| before.chars().count());
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

const SHOWN_CHARS_MAX: usize = 60;

/// As a message shows it.
pub(super) fn short(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { cut }
}
