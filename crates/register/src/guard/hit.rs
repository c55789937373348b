//! One place that a guard objects to, with what makes it the same place after other lines moved. It knows no guard.

use sha2::{Digest, Sha256};

use super::text::Lines;

const EXCERPT_CHARS_MAX: usize = 160;
const NOTE_CHARS_MAX: usize = 300;
/// A guard that finds more in one file has the wrong pattern, or the file is no source.
const HITS_MAX: usize = 1000;

/// A place, before it is held against the baseline and the waivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub path: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    /// The first line of it, short.
    pub excerpt: String,
    /// What the guard says of this one place, beside its message.
    pub note: String,
    /// The hash of the lines that it touches, without their layout: not where it stands, but what stands there.
    pub(super) span: [u8; 32],
}

impl Hit {
    /// The bytes from `from` to `to`.
    pub(super) fn at(path: &str, lines: &Lines<'_>, from: usize, to: usize, note: &str) -> Self {
        let (line, column) = lines.place(from);
        // The line end that a pattern may have taken with it belongs to the line before it.
        let (end_line, _) = lines.place(to.saturating_sub(1).max(from));
        let whole = lines.whole(line, end_line);
        Self {
            path: path.to_owned(),
            line,
            column,
            end_line,
            excerpt: cut(whole.trim().lines().next().unwrap_or_default(), EXCERPT_CHARS_MAX),
            note: cut(note, NOTE_CHARS_MAX),
            span: span(whole),
        }
    }

    /// A line that somebody else named. Where there is no such line, what is said of it stands for it.
    pub fn on_line(path: &str, text: Option<&str>, line: usize, column: usize, note: &str) -> Self {
        let lines = Lines::new(text.unwrap_or_default());
        let whole = lines.whole(line, line);
        let what = if whole.trim().is_empty() { note } else { whole };
        Self {
            path: path.to_owned(),
            line,
            column,
            end_line: line,
            excerpt: cut(whole.trim(), EXCERPT_CHARS_MAX),
            note: cut(note, NOTE_CHARS_MAX),
            span: span(what),
        }
    }
}

/// Hits of one guard in one file, no more than the bound; where it is passed the last one says so.
pub(super) fn hits(path: &str, text: &str, places: impl Iterator<Item = (usize, usize, String)>) -> Vec<Hit> {
    let mut places = places.peekable();
    if places.peek().is_none() {
        return Vec::new();
    }
    let lines = Lines::new(text);
    let mut hits: Vec<Hit> = Vec::new();
    for (from, to, note) in places {
        if hits.len() == HITS_MAX {
            let note = format!("and more: a guard tells {HITS_MAX} findings of a file");
            hits.push(Hit::at(path, &lines, from, to, &note));
            break;
        }
        hits.push(Hit::at(path, &lines, from, to, &note));
    }
    hits
}

/// Layout does not count: what a formatter moves is not new.
fn span(text: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for word in text.split_whitespace() {
        hash.update(word.as_bytes());
        hash.update(b" ");
    }
    hash.finalize().into()
}

fn cut(text: &str, chars_max: usize) -> String {
    let cut: String = text.chars().take(chars_max).collect();
    if cut.len() < text.len() { format!("{cut}...") } else { cut }
}
