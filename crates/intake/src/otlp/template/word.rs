//! One word of a log line: which of its parts are variable.

use super::{MASK, is_random, uuid_length};

/// From this length on a part with a digit in it is an identifier.
const ID_BYTES_MIN: usize = 16;
/// A hexadecimal number has at least so many digits.
const HEX_BYTES_MIN: usize = 8;
/// Longer parts of a URL's path are identifiers.
const SEGMENT_BYTES_MAX: usize = 24;

/// What ends a word, beside blanks.
pub(super) fn is_delimiter(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '[' | ']' | '(' | ')' | '{' | '}' | ',' | ';' | '=' | '|' | '<' | '>')
}

/// Of the word at the beginning, which is not empty.
pub(super) fn length(rest: &str) -> usize {
    let plain = rest.find(ends_word).unwrap_or(rest.len());
    let is_url = rest[..plain].find("://").is_some_and(|at| is_scheme(&rest[..at]));
    let length = if is_url { rest.find(ends_url).unwrap_or(rest.len()) } else { plain };
    match rest[..length].trim_end_matches(['.', ':', '!', '?']).len() {
        // A word of nothing but such characters.
        0 => rest.chars().next().map_or(length, char::len_utf8),
        length => length,
    }
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_delimiter(c)
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ')' | ']' | '}')
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'))
}

pub(super) fn mask(word: &str, out: &mut String) {
    match word.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => url(scheme, rest, out),
        _ if is_address(word) => out.push_str(MASK),
        _ => parts(word, out),
    }
}

/// The scheme, the host and the fixed parts of the path.
fn url(scheme: &str, rest: &str, out: &mut String) {
    out.push_str(scheme);
    out.push_str("://");
    let (path, query) = match rest.find(['?', '#']) {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, ""),
    };
    for (at, segment) in path.split('/').enumerate() {
        out.push_str(if at == 0 { "" } else { "/" });
        // Whoever stands before an @ is nobody's business.
        match segment.split_once('@') {
            Some((_, host)) if at == 0 => {
                out.push_str(MASK);
                out.push('@');
                parts(host, out);
            }
            _ if at > 0 && segment.len() > SEGMENT_BYTES_MAX => out.push_str(MASK),
            _ => parts(segment, out),
        }
    }
    if query.len() > 1 {
        out.push_str(&query[..1]);
        out.push_str(MASK);
    } else {
        out.push_str(query);
    }
}

/// An IPv6 or MAC address, or a time of day.
fn is_address(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.' | b'%');
    word.bytes().filter(|byte| *byte == b':').count() >= 2
        && word.bytes().all(fits)
        && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Letters and digits, and what stands between them. Variable parts next to each other are one.
fn parts(word: &str, out: &mut String) {
    let mut rest = word;
    // Of the last mask, if nothing but one such character came after it.
    let mut after_mask: Option<usize> = None;
    while let Some(first) = rest.chars().next() {
        if !first.is_alphanumeric() {
            after_mask = after_mask.filter(|end| *end == out.len() && joins(first));
            if !(rest.len() == word.len() && is_signed(word)) {
                out.push(first);
            }
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let length = uuid_length(rest)
            .unwrap_or_else(|| rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()));
        let (part, tail) = rest.split_at(length);
        rest = tail;
        let is_pod = part.len() == 5 && is_random(part) && after_mask.is_some();
        match (kept(part).filter(|_| !is_pod), after_mask) {
            (Some(head), _) if head.len() == part.len() => {
                out.push_str(part);
                after_mask = None;
                continue;
            }
            (None, Some(end)) => out.truncate(end),
            (Some(head), _) => {
                out.push_str(head);
                out.push_str(MASK);
            }
            (None, None) => out.push_str(MASK),
        }
        after_mask = Some(out.len());
    }
}

/// A number with its sign.
fn is_signed(word: &str) -> bool {
    let mut bytes = word.bytes();
    matches!(bytes.next(), Some(b'-' | b'+')) && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
}

fn joins(c: char) -> bool {
    matches!(c, '-' | ':' | '.' | '_' | '+' | '/' | '%')
}

/// How much of the beginning of a part stays: all of it, a head that is followed by a number, or nothing (`None`).
fn kept(part: &str) -> Option<&str> {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return Some(part);
    }
    let is_hex = part.len() >= HEX_BYTES_MIN && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let head = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let has_digits_inside = head.bytes().any(|byte| byte.is_ascii_digit());
    let begins_with_digit = part.starts_with(|c: char| c.is_ascii_digit());
    if begins_with_digit || is_hex || part.len() >= ID_BYTES_MIN || (has_digits_inside && digits >= 2) {
        return None;
    }
    // `v1`, `http2`, `s3` are names.
    Some(if digits == 1 { part } else { head })
}
