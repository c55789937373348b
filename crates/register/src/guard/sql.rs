//! Guards of the kind `sql`: clocks that stand still within a transaction, where a column is written or compared that has
//! to hold the time at which something happened. It parses what is SQL and passes over the rest.

mod clocks;
mod literals;
mod statements;

use std::sync::LazyLock;

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

use self::clocks::Found;
pub(super) use self::literals::without_text;
use self::statements::Part;
use super::hit::{self, Hit};
use crate::finding::{Findings, shown};
use crate::rca::At;
use crate::rule::Rule;

const COLUMNS_MAX: usize = 200;
const COLUMN_BYTES_MAX: usize = 200;

/// Of a statement that names a clock: whether it reaches a column is not known.
const TOO_DEEP: &str = "a statement with a clock is too deep to be read";

/// Text in which none of these stands holds no such clock, and need not be parsed.
static CLOCK_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)now|current_(?:timestamp|time|date)|localtime|transaction_timestamp|\bage\b|today|tomorrow|yesterday";
    Regex::new(words).expect("it is a pattern")
});

/// Which columns are watched.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// As they are written: those that are listed, and those that are allowed.
    written: (Vec<String>, Vec<String>),
    listed: Vec<GlobMatcher>,
    allowed: Vec<GlobMatcher>,
}

/// A place in a text, by byte, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Clock {
    from: usize,
    to: usize,
    said: String,
}

impl Columns {
    /// None where a name cannot be read: the findings say which.
    pub(super) fn new(
        columns: &[At<String>],
        allowed: &[At<String>],
        findings: &mut Findings,
    ) -> Option<Self> {
        let texts = |names: &[At<String>]| names.iter().map(|name| name.value.clone()).collect();
        let written = (texts(columns), texts(allowed));
        let listed = names(columns, findings);
        let allowed = names(allowed, findings);
        Some(Self { written, listed: listed?, allowed: allowed? })
    }

    pub(super) fn written(&self) -> String {
        self.written.0.join(", ")
    }

    /// With one column less, or one more, and what was changed.
    pub(super) fn changed(&self) -> Vec<(String, Self)> {
        let (listed, allowed) = &self.written;
        let mut changed = Vec::new();
        for (index, name) in listed.iter().enumerate() {
            let mut fewer = self.clone();
            fewer.listed.remove(index);
            let what = if listed.len() > 1 { "without the column" } else { "with another column for" };
            changed.push((format!("{what} {name}"), fewer));
        }
        for (index, name) in allowed.iter().enumerate() {
            let mut more = self.clone();
            more.allowed.remove(index);
            changed.push((format!("with {name} not allowed"), more));
        }
        changed
    }

    fn watch(&self, column: &str) -> bool {
        let column = column.to_ascii_lowercase();
        let is_one = |names: &[GlobMatcher]| names.iter().any(|name| name.is_match(&column));
        is_one(&self.listed) && !is_one(&self.allowed)
    }

    /// In SQL, or in the string literals of Rust.
    pub(super) fn find(&self, path: &str, text: &str) -> Vec<Hit> {
        if !CLOCK_WORDS.is_match(text) {
            return Vec::new();
        }
        let mut clocks: Vec<Clock> = match path.ends_with(".rs") {
            true => literals::strings(text).flat_map(|(from, sql)| in_sql(&sql, from, self)).collect(),
            false => in_sql(text, 0, self),
        };
        clocks.sort();
        clocks.dedup();
        hit::hits(path, text, clocks.into_iter().map(|clock| (clock.from, clock.to, clock.said)))
    }
}

/// `base` is the byte of the file at which the text begins.
fn in_sql(text: &str, base: usize, columns: &Columns) -> Vec<Clock> {
    if !CLOCK_WORDS.is_match(text) {
        return Vec::new();
    }
    let mut clocks = Vec::new();
    statements::each(text, &mut |part, to_byte| {
        let found = match part {
            Part::Statement(statement) => clocks::find(statement, columns),
            Part::Set(field, value) => clocks::set(field, value, columns),
            Part::TooDeep(at) => vec![Found { from: *at, to: *at, said: TOO_DEEP.to_owned() }],
        };
        for found in found {
            let (from, to) = (to_byte(found.from), to_byte(found.to));
            clocks.push(Clock { from: base + from, to: base + to.max(from + 1), said: found.said });
        }
    });
    clocks
}

fn names(names: &[At<String>], findings: &mut Findings) -> Option<Vec<GlobMatcher>> {
    let mut read = Vec::new();
    for (index, At { value, at }) in names.iter().enumerate() {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '*' | '?' | '$');
        let is_sound = index < COLUMNS_MAX
            && !value.is_empty()
            && value.len() <= COLUMN_BYTES_MAX
            && value.chars().all(is_name);
        let glob = GlobBuilder::new(&value.to_ascii_lowercase()).build().ok().filter(|_| is_sound);
        match glob {
            Some(glob) => read.push(glob.compile_matcher()),
            None => {
                let message = format!("{} is no name of a column: letters, digits, _ and *", shown(value));
                findings.add(Rule::GuardPattern, *at, message);
                return None;
            }
        }
    }
    Some(read)
}

#[cfg(test)]
mod deep_tests;
#[cfg(test)]
mod tests;
