//! The string literals of Rust source, each with the byte at which its text begins. Escapes and placeholders are replaced
//! by as many bytes, so that every place stays where it is. It knows no SQL.

/// The texts of all literals, in order.
pub(super) fn strings(source: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < source.len() {
            let (next, literal) = step(source, at);
            at = next;
            if let Some((from, to, is_raw)) = literal {
                let text = source.get(from..to).unwrap_or_default();
                return Some((
                    from,
                    if is_raw { placeholders(text) } else { placeholders(&unescaped(text)) },
                ));
            }
        }
        None
    })
}

/// The source with blanks for the text of its literals and of its comments in blocks. Lines stay where they are.
pub(in super::super) fn without_text(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code: Vec<u8> = Vec::with_capacity(source.len());
    let mut at = 0;
    while at < source.len() {
        let (next, literal) = step(source, at);
        let is_block = bytes.get(at..).is_some_and(|rest| rest.starts_with(b"/*"));
        let (from, to) = match literal {
            Some((from, to, _)) => (from, to),
            None if is_block => (at, next),
            None => (next, next),
        };
        code.extend(bytes.get(at..from).unwrap_or_default());
        let text = bytes.get(from..to).unwrap_or_default();
        code.extend(text.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        code.extend(bytes.get(to..next).unwrap_or_default());
        at = next;
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// From one byte to the next that begins something, and the literal that was passed.
fn step(source: &str, at: usize) -> (usize, Option<(usize, usize, bool)>) {
    let rest = source.as_bytes().get(at..).unwrap_or_default();
    let end = source.len();
    match rest {
        [b'/', b'/', ..] => (find(source, at, "\n").unwrap_or(end), None),
        [b'/', b'*', ..] => (block_comment(rest) + at, None),
        [b'"', ..] => {
            let to = quoted(rest) + at;
            ((to + 1).min(end), Some((at + 1, to, false)))
        }
        [b'r', ..] if !is_word_before(source, at) => raw(source, at, 1),
        [b'b' | b'c', b'r', ..] if !is_word_before(source, at) => raw(source, at, 2),
        [b'\'', ..] => (at + character(rest), None),
        _ => (at + 1, None),
    }
}

/// Raw strings begin with a word; an identifier that ends like it does not.
fn is_word_before(source: &str, at: usize) -> bool {
    let before = source.as_bytes().get(..at).and_then(<[u8]>::last);
    before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii())
}

fn raw(source: &str, at: usize, prefix: usize) -> (usize, Option<(usize, usize, bool)>) {
    let from = at + prefix;
    let hashes = source.as_bytes().iter().skip(from).take_while(|byte| **byte == b'#').count();
    if source.as_bytes().get(from + hashes) != Some(&b'"') {
        return (at + 1, None);
    }
    let text = from + hashes + 1;
    let close = format!("\"{}", "#".repeat(hashes));
    match find(source, text, &close) {
        Some(to) => (to + close.len(), Some((text, to, true))),
        None => (source.len(), None),
    }
}

fn find(source: &str, at: usize, what: &str) -> Option<usize> {
    source.get(at..)?.find(what).map(|found| at + found)
}

/// Such comments stand within each other.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match rest.get(at..) {
            Some([b'/', b'*', ..]) => (depth, at) = (depth + 1, at + 2),
            Some([b'*', b'/', ..]) => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the literal that begins here has its closing quote.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a character literal, or one for the quote of a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest {
        [_, b'\\', _, ..] => {
            let close = rest.iter().skip(3).position(|byte| *byte == b'\'');
            close.map_or(1, |close| close + 4)
        }
        [_, first, ..] => {
            let length = match first {
                0..0x80 => 1,
                0x80..0xe0 => 2,
                0xe0..0xf0 => 3,
                _ => 4,
            };
            if rest.get(1 + length) == Some(&b'\'') { length + 2 } else { 1 }
        }
        _ => 1,
    }
}

/// Escapes as blanks; an escaped quote stays one, and the end of a line stays where it is.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(' ');
        match chars.next() {
            Some(kept @ ('"' | '\'' | '\n')) => out.push(kept),
            Some(other) => out.push_str(&" ".repeat(other.len_utf8())),
            None => {}
        }
    }
    out
}

/// What a format puts into its braces is taken for a name.
fn placeholders(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_within = false;
    for c in text.chars() {
        match c {
            '{' => is_within = true,
            '}' if is_within => {
                is_within = false;
                out.push('_');
                continue;
            }
            '\n' => is_within = false,
            _ => {}
        }
        match c {
            '{' | '}' => out.push('_'),
            c if is_within && c.is_ascii() && !c.is_ascii_alphanumeric() => out.push('_'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_where_they_stand() {
        for (source, expected) in [
            ("let a = \"x\";", vec![(9, "x")]),
            ("f(\"a\\\"b\", r\"c\\\", r#\"d\"e\"#)", vec![(3, "a \"b"), (12, "c\\"), (20, "d\"e")]),
            ("// \"no\"\n\"yes\"", vec![(9, "yes")]),
            ("/* \"no\" /* \"no\" */ \"no\" */ \"yes\"", vec![(28, "yes")]),
            ("'\"' \"a\"", vec![(5, "a")]),
            ("'\\'' \"a\"", vec![(6, "a")]),
            ("'ä' \"a\"", vec![(6, "a")]),
            ("fn f<'a>(x: &'a str) { \"b\" }", vec![(24, "b")]),
            ("br\"a\" c\"b\" for\"c\"", vec![(3, "a"), (8, "b"), (15, "c")]),
            ("format!(\"a {} {x:?} {{}}\")", vec![(9, "a __ _x___ ____")]),
            ("\"a\\\n  b\"", vec![(1, "a \n  b")]),
            ("\"no end", vec![(1, "no end")]),
            ("r#\"no end\"", vec![]),
            ("'\\", vec![]),
        ] {
            let found: Vec<_> = strings(source).collect();
            let expected: Vec<_> = expected.iter().map(|(at, text)| (*at, (*text).to_owned())).collect();
            assert_eq!(found, expected, "{source}");
        }
    }

    #[test]
    fn every_text_has_as_many_bytes_as_its_literal() {
        let source = "\"é\\n{ä} \\u{e9}\\\"\" + \"{a\nb}\"";
        for (from, text) in strings(source) {
            assert_eq!(source.as_bytes().get(from + text.len()), Some(&b'"'), "{text}");
        }
    }
}
