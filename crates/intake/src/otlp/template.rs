//! The shape of a log line: what changes from one line to the next becomes `<*>`.
//!
//! Pure and total. Masked are numbers (with their units), identifiers with digits in them, UUIDs, addresses, times,
//! quoted texts, lists and nested brackets, and of URLs what is not host or fixed path. A template is its own
//! template, so that what was masked once can be masked again.

use super::kubernetes::is_random;
use super::mapping::operation::uuid_length;
use crate::names::cut;

mod word;

/// What stands for whatever was there.
pub(crate) const MASK: &str = "<*>";
/// What is inside brackets is masked as a whole where it is longer than this.
const BRACKETS_BYTES_MAX: usize = 32;
/// Brackets within each other that are looked into.
const DEPTH_MAX: usize = 4;
/// A pass over its own result changes it at most a few times, unless the text is made to.
const PASSES_MAX: usize = 6;
/// How often the end of a quoted text or of brackets is looked for in one line; beyond it they are plain characters.
const SEARCHES_MAX: usize = 48;
/// Longer lines are cut before they are looked at.
const LINE_BYTES_MAX: usize = 1_024;

/// The template of a message, at most `max` bytes long.
pub fn template(message: &str, max: usize) -> String {
    let mut line = cut(telling_line(message), LINE_BYTES_MAX).to_owned();
    for _ in 0..PASSES_MAX {
        let masked = cut(&masked(&line), max).to_owned();
        if masked == line {
            return masked;
        }
        line = masked;
    }
    cut(MASK, max).to_owned()
}

/// Messages of several lines say what happened in the first; Python says it in the last.
fn telling_line(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("");
    if first.starts_with("Traceback (most recent call last)") {
        lines.next_back().unwrap_or(first)
    } else {
        first
    }
}

fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    mask_into(line, DEPTH_MAX, &mut { SEARCHES_MAX }, &mut out);
    joined(&out)
}

fn mask_into(line: &str, depth: usize, searches: &mut usize, out: &mut String) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let taken = if let Some(tail) = rest.strip_prefix(MASK) {
            out.push_str(MASK);
            rest.len() - tail.len()
        } else if let Some(length) = colour(rest) {
            length
        } else if first.is_whitespace() || first.is_control() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
            first.len_utf8()
        } else if let Some(length) = search(is_quote(first), searches, || quoted(rest, out)) {
            out.push_str(MASK);
            length
        } else if let Some(inside) = search(closing(first).is_some(), searches, || bracketed(rest)) {
            let length = inside.len() + 2;
            out.push(first);
            brackets(inside, depth, searches, out);
            out.push_str(&rest[length - 1..length]);
            length
        } else if word::is_delimiter(first) {
            out.push(first);
            first.len_utf8()
        } else {
            let length = word::length(rest);
            word::mask(&rest[..length], out);
            length
        };
        rest = &rest[taken..];
    }
}

/// The length of a terminal's escape sequence at the beginning.
fn colour(rest: &str) -> Option<usize> {
    let sequence = rest.strip_prefix("\u{1b}[")?;
    let end = sequence.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    sequence[end..].starts_with(|c: char| c.is_ascii_alphabetic()).then_some(end + 3)
}

/// Looks for the end of what begins here, if anything does and not too often.
fn search<T>(begins: bool, searches: &mut usize, find: impl FnOnce() -> Option<T>) -> Option<T> {
    if !begins {
        return None;
    }
    *searches = searches.checked_sub(1)?;
    find()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}

/// The length of a quoted text at the beginning, with its quotes. An apostrophe inside a word quotes nothing.
fn quoted(rest: &str, before: &str) -> Option<usize> {
    let quote = rest.chars().next()?;
    if before.chars().next_back().is_some_and(char::is_alphanumeric) {
        return None;
    }
    let inside = &rest[1..];
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => {
                let ends = inside[at + 1..].chars().next().is_none_or(|next| !next.is_alphanumeric());
                if ends {
                    return Some(at + 2);
                }
            }
            _ => {}
        }
    }
    None
}

/// What stands between a bracket at the beginning and the one that closes it.
fn bracketed(rest: &str) -> Option<&str> {
    let open = rest.chars().next()?;
    let close = closing(open)?;
    let mut depth = 0usize;
    for (at, c) in rest.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return rest.get(1..at);
            }
        }
    }
    None
}

fn closing(open: char) -> Option<char> {
    Some(match open {
        '[' => ']',
        '(' => ')',
        '{' => '}',
        _ => return None,
    })
}

/// Short and flat: masked as any text. Else it is data.
fn brackets(inside: &str, depth: usize, searches: &mut usize, out: &mut String) {
    if inside.trim().is_empty() {
        return;
    }
    let mut masked = String::new();
    if depth > 0 {
        mask_into(inside, depth - 1, searches, &mut masked);
        masked = joined(&masked);
    }
    let is_data = depth == 0
        || masked.len() > BRACKETS_BYTES_MAX
        || masked.bytes().any(|byte| matches!(byte, b',' | b'[' | b'(' | b'{'));
    out.push_str(if is_data { MASK } else { &masked });
}

/// Masks with only a comma or a colon between them are one: lists have as many members as they have.
fn joined(masked: &str) -> String {
    let mut out = masked.to_owned();
    for between in ["<*>,<*>", "<*>, <*>", "<*>:<*>", "<*><*>"] {
        while out.contains(between) {
            out = out.replace(between, MASK);
        }
    }
    out
}

#[cfg(test)]
mod tests;
