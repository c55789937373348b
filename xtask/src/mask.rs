//! Rust text with comments and literals masked, so that a textual rule sees code only.
//!
//! A lexer of a few states, not a parser: lengths and line breaks stay as they were, so a byte
//! offset into the masked text is one into the original.

/// `text` with every byte of a comment made a space and every byte of a literal a quote.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (end, fill) = match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'/')) => (line_end(bytes, at), b' '),
            (b'/', Some(b'*')) => (block_comment_end(bytes, at), b' '),
            _ => (literal_end(bytes, at).unwrap_or(at), b'"'),
        };
        blank(&mut out[at..end], fill);
        at = end.max(at + 1);
    }
    String::from_utf8(out).unwrap_or_default()
}

/// `code` without the items that only tests compile (`#[cfg(test)] mod tests { .. }` and the like).
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code.as_bytes(), start + "#[cfg(test)]".len());
        blank(&mut out[start..end], b' ');
        from = end;
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The end of the item that starts at `at` in masked code: past its `;` or its closing brace.
pub(crate) fn item_end(code: &[u8], at: usize) -> usize {
    let mut nested = 0_i32;
    for (offset, byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested -= 1,
            b';' if nested == 0 => return offset + 1,
            b'{' if nested == 0 => return brace_end(code, offset),
            _ => {}
        }
    }
    code.len()
}

/// The 1-based line of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

fn blank(bytes: &mut [u8], fill: u8) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = fill;
    }
}

/// The end of the literal that starts at `at`, if one does.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        b'"' => Some(string_end(bytes, at)),
        b'\'' => char_end(bytes, at),
        _ if word_before(bytes, at) => None,
        b'r' => raw_string_end(bytes, at),
        b'b' | b'c' if bytes.get(at + 1) == Some(&b'r') => raw_string_end(bytes, at + 1),
        _ => None,
    }
}

fn brace_end(code: &[u8], open: usize) -> usize {
    let mut depth = 0_i32;
    for (offset, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return offset + 1;
        }
    }
    code.len()
}

fn word_before(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found)
}

fn block_comment_end(bytes: &[u8], at: usize) -> usize {
    let (mut depth, mut at) = (0_i32, at);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => (depth, at) = (depth + 1, at + 2),
            (b'*', Some(b'/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of `r"..."` or `r#"..."#` starting at the `r`, or `None` if this is not one.
fn raw_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = at + 2 + hashes;
    let found = bytes[body..].windows(close.len()).position(|window| window == close);
    Some(found.map_or(bytes.len(), |found| body + found + close.len()))
}

/// The end of a character literal, or `None` for a lifetime.
fn char_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at + 1) == Some(&b'\\') {
        // The escaped byte may itself be a quote, so the search starts behind it.
        let found = bytes.get(at + 3..)?.iter().position(|byte| *byte == b'\'')?;
        return Some(at + 3 + found + 1);
    }
    let width = match bytes.get(at + 1)? {
        0..=0x7f => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + 2 + width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kept: &str) {
        let masked = code(text);
        assert_eq!(masked.len(), text.len(), "{text}");
        let shown = masked.replace('"', " ");
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>().join(" "), kept, "{text}");
    }

    #[test]
    fn blanks_comments_and_literals_and_nothing_else() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"f("x \" y", 'z', '\'', 'é')"#, "f( , , , )");
        check(r##"f(r#"x " y"#, br"q", b"w")"##, "f( , , b )");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        check("let for_r = ptr; r#type", "let for_r = ptr; r#type");
        check("let a = '\\u{1F600}'; b", "let a = ; b");
    }

    #[test]
    fn tells_comments_from_literals() {
        assert_eq!(code("a \"//b\" // \"c\""), "a \"\"\"\"\"       ");
    }

    #[test]
    fn takes_test_items_away() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { c[1]; } }\nfn d() {}\n#[cfg(test)]\nuse x;\nfn e() {}";
        let kept = without_tests(text);
        assert_eq!(kept.split_whitespace().collect::<Vec<_>>().join(" "), "fn a() {} fn d() {} fn e() {}");
    }

    #[test]
    fn counts_lines_from_one() {
        assert_eq!(line_of("a\nb\nc", 0), 1);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
