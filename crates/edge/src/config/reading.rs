//! First step: what was said, and where. Reads the tables of the file against the register and collects everything that
//! is wrong. It must never repeat a value in an error: the place is told, and what would be right.

use std::collections::BTreeMap;

use runtime::config::{ConfigError, ConfigErrors, near_miss};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expand::expand;
use super::register::{self, Absent, Kind, REGISTER_ROOT, Setting, Table};
use super::{Shape, Surroundings};

/// More are not shown; the first ones are work enough.
const FAULTS_SHOWN_MAX: usize = 100;
/// Longer keys are nobody's names and are not repeated.
const KEY_BYTES_SHOWN_MAX: usize = 64;

pub(super) struct Reading<'a> {
    place: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    pub(super) surroundings: &'a Surroundings<'a>,
    faults: Vec<Fault>,
}

struct Fault {
    at: usize,
    error: ConfigError,
}

/// A value of the file, and where its key stands.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) at: usize,
    pub(super) value: &'a DeValue<'a>,
}

pub(super) type SaidKeys<'a> = BTreeMap<&'static str, Said<'a>>;

/// One table of the file: its keys are all in the register.
pub(super) struct Section<'a> {
    pub(super) table: Table,
    /// As in `pools.mainnet.nodes[0]`.
    pub(super) path: String,
    at: usize,
    said: SaidKeys<'a>,
}

impl<'a> Section<'a> {
    /// One that the file does not have.
    pub(super) fn absent(table: Table, path: &str) -> Self {
        Self { table, path: path.to_owned(), at: 0, said: SaidKeys::new() }
    }

    pub(super) fn get(&self, key: &str) -> Option<Said<'a>> {
        self.said.get(key).copied()
    }
}

impl<'a> Reading<'a> {
    pub(super) fn new(text: &str, place: &'a str, surroundings: &'a Surroundings<'a>) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { place, lines, surroundings, faults: Vec::new() }
    }

    /// The tables at the top of the file.
    pub(super) fn root(&mut self, document: &'a DeTable<'a>) -> SaidKeys<'a> {
        self.known("", document, &REGISTER_ROOT)
    }

    /// A table and its keys; those that are not in the register are faults.
    pub(super) fn section(&mut self, table: Table, path: &str, said: Said<'a>) -> Option<Section<'a>> {
        let DeValue::Table(entries) = said.value else {
            self.fault_at(said.at, path, format!("expected a table: {}", table.heading()));
            return None;
        };
        let keys: Vec<_> = table.keys().collect();
        let known = self.known(path, entries, &keys);
        Some(Section { table, path: path.to_owned(), at: said.at, said: known })
    }

    /// The tables of a list such as `[[keys]]`.
    pub(super) fn sections(&mut self, table: Table, path: &str, said: Said<'a>) -> Vec<Section<'a>> {
        let DeValue::Array(items) = said.value else {
            self.fault_at(said.at, path, format!("expected a list of tables: {}", table.heading()));
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| {
                let said = Said { at: item.span().start, value: item.get_ref() };
                self.section(table, &format!("{path}[{index}]"), said)
            })
            .collect()
    }

    fn known(&mut self, path: &str, entries: &'a DeTable<'a>, keys: &[&'static str]) -> SaidKeys<'a> {
        let mut known = SaidKeys::new();
        for (key, value) in entries {
            let said = Said { at: key.span().start, value: value.get_ref() };
            match keys.iter().find(|known| **known == key.get_ref()) {
                Some(name) => _ = known.insert(*name, said),
                None => self.unknown(path, key, keys),
            }
        }
        known
    }

    fn unknown(&mut self, path: &str, key: &Spanned<std::borrow::Cow<'a, str>>, keys: &[&'static str]) {
        let name = key.get_ref();
        let hint = match near_miss(name, keys.iter().copied()) {
            hint if hint.is_empty() => register::tables_of(name),
            hint => hint,
        };
        let path = if is_shown(name) { join(path, name) } else { join(path, "…") };
        self.fault_at(key.span().start, &path, format!("no setting has this name{hint}"));
    }

    /// Settings of a pool or a node that mean nothing in a pool of this kind.
    pub(super) fn check_kind(&mut self, section: &Section<'_>, kind: Kind) {
        for key in section.said.keys() {
            let Some(setting) = register::find(section.table, key) else { continue };
            if !setting.kinds.contains(&kind) {
                let kinds: Vec<_> = setting.kinds.iter().map(|kind| kind.word()).collect();
                let problem = format!(
                    "means nothing in a pool of kind {}, only in {}",
                    kind.word(),
                    kinds.join(" and ")
                );
                self.fault(section, key, problem);
            }
        }
    }

    /// The value of a setting, from what was said or its default. `None` where there is neither, or where what was said is
    /// wrong, which is then on the list.
    pub(super) fn get<T>(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        read: impl FnOnce(Shape, &str) -> Option<T>,
    ) -> Option<T> {
        let setting = self.setting(section, key)?;
        let Some(said) = self.said_or_refused(section, setting) else {
            let Absent::Is(text) = setting.absent else { return None };
            return read(setting.shape, text);
        };
        let text = plain_text(said.value);
        let value = text.as_deref().and_then(|text| read(setting.shape, text));
        if value.is_none() {
            self.expected(section, setting, text.as_deref().unwrap_or_default());
        }
        value
    }

    /// A text with its references replaced. Nothing of it is ever repeated.
    pub(super) fn expanded(&mut self, section: &Section<'_>, key: &'static str) -> Option<String> {
        let setting = self.setting(section, key)?;
        let said = self.said_or_refused(section, setting)?;
        let DeValue::String(text) = said.value else {
            self.expected(section, setting, "");
            return None;
        };
        match expand(text, self.surroundings) {
            Ok(text) => Some(text),
            Err(faults) => {
                faults.into_iter().for_each(|fault| self.fault(section, key, fault));
                None
            }
        }
    }

    pub(super) fn setting(&mut self, section: &Section<'_>, key: &'static str) -> Option<&'static Setting> {
        let setting = register::find(section.table, key);
        if setting.is_none() {
            self.fault(section, key, "is read but not registered");
        }
        setting
    }

    fn said_or_refused<'s>(&mut self, section: &Section<'s>, setting: &Setting) -> Option<Said<'s>> {
        let said = section.get(setting.key);
        if said.is_none() && setting.absent == Absent::Refused {
            self.fault(section, setting.key, format!("has to be given: {}", setting.shape.expected()));
        }
        said
    }

    /// That a value is not what its shape says; `text` is looked at and not repeated.
    pub(super) fn expected(&mut self, section: &Section<'_>, setting: &Setting, text: &str) {
        let hint = match setting.shape {
            Shape::Word(words) => near_miss(text, words.iter().copied()),
            shape if !shape.expands() && text.contains("${") => {
                "; variables stand in URLs, headers and the key of [casebook] only".to_owned()
            }
            _ => String::new(),
        };
        self.fault(section, setting.key, format!("expected {}{hint}", setting.shape.expected()));
    }

    /// Puts something on the list about a key of a table, or about the table where it has no such key.
    pub(super) fn fault(&mut self, section: &Section<'_>, key: &str, problem: impl Into<String>) {
        let at = section.get(key).map_or(section.at, |said| said.at);
        self.fault_at(at, &join(&section.path, key), problem.into());
    }

    pub(super) fn fault_at(&mut self, at: usize, path: &str, problem: String) {
        let line = self.lines.partition_point(|begin| *begin <= at).max(1);
        let place = if path.is_empty() {
            format!("{}:{line}", self.place)
        } else {
            format!("{}:{line} {path}", self.place)
        };
        self.faults.push(Fault { at, error: ConfigError { place, problem } });
    }

    /// What was built, or everything that was wrong, in the order of the file.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, ConfigErrors> {
        match value {
            Some(value) if self.faults.is_empty() => return Ok(value),
            None if self.faults.is_empty() => {
                self.fault_at(
                    0,
                    "",
                    "cannot be read, for a reason that is a defect of this program".to_owned(),
                );
            }
            _ => {}
        }
        self.faults.sort_by_key(|fault| fault.at);
        let more = self.faults.len().saturating_sub(FAULTS_SHOWN_MAX);
        let mut errors: Vec<_> =
            self.faults.into_iter().take(FAULTS_SHOWN_MAX).map(|fault| fault.error).collect();
        if more > 0 {
            errors.push(ConfigError { place: self.place.to_owned(), problem: format!("and {more} more") });
        }
        Err(ConfigErrors(errors))
    }
}

/// What a value is as text, for readers of texts.
fn plain_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}

/// Whether a key is a name that may be repeated: anything else may be a value that went astray.
pub(super) fn is_shown(key: &str) -> bool {
    (1..=KEY_BYTES_SHOWN_MAX).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
