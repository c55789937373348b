//! The report in Markdown (CommonMark). Text from outside is shown as text: nothing in it can become markup.

use std::fmt::Write;

use super::brief::{Block, Brief, Item, Said, Section, runs};
use super::inert::inert;
use crate::report::Report;

/// Writing to a string cannot fail, so its result says nothing.
macro_rules! line {
    ($out:expr, $($text:tt)*) => { { let _ = writeln!($out, $($text)*); } };
}

pub fn markdown(report: &Report) -> String {
    let brief = Brief::of(report);
    let mut out = String::new();
    line!(out, "# {}\n", write(&brief.title));
    line!(out, "**{}**{}\n", brief.summary.write(escape), marks(&brief.summary));
    brief.lead.iter().for_each(|(name, said)| line!(out, "- **{name}**: {}", write(said)));
    line!(out, "\n| | |\n|---|---|");
    brief.facts.iter().for_each(|(name, said)| line!(out, "| {name} | {} |", write(said)));
    line!(out, "");
    brief.sections.iter().for_each(|part| section(part, &mut out));
    line!(out, "## Evidence\n\n{}\n", write(&brief.completeness));
    for (number, part) in (1..).zip(&brief.evidence) {
        line!(out, "{number}. {} `{}` {}", escape(&part.id), code(&part.digest), escape(&part.at));
    }
    line!(out, "\n{}", write(&brief.foot));
    out
}

fn section(section: &Section, out: &mut String) {
    line!(out, "## {}\n", section.title);
    for (at, block) in section.blocks.iter().enumerate() {
        match block {
            Block::Text(said) => line!(out, "{}", write(said)),
            Block::List { numbered, items } => list(*numbered, items, out),
            Block::Table { head, rows } => {
                // A table begins behind an empty line.
                let lead = if at > 0 { "\n" } else { "" };
                line!(out, "{lead}| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
                let cells = |row: &Vec<Said>| row.iter().map(write).collect::<Vec<_>>().join(" | ");
                rows.iter().for_each(|row| line!(out, "| {} |", cells(row)));
            }
        }
    }
    line!(out, "");
}

fn list(numbered: bool, items: &[Item], out: &mut String) {
    for (number, item) in (1..).zip(items) {
        let mark = if numbered { format!("{number}.") } else { "-".to_owned() };
        line!(out, "{mark} {}", write(&item.said));
        let indent = " ".repeat(mark.len() + 1);
        item.parts.iter().for_each(|part| line!(out, "{indent}- {}", write(part)));
    }
}

fn write(said: &Said) -> String {
    said.write(escape) + &marks(said)
}

/// ` [3, 7-9]`, as text.
fn marks(said: &Said) -> String {
    if said.cites.is_empty() { String::new() } else { format!(" \\[{}\\]", runs(&said.cites)) }
}

/// Between backticks nothing can be escaped, so what could end them is taken out.
fn code(text: &str) -> String {
    inert(text).replace('`', "'")
}

/// Text from outside inside a line of Markdown: nothing in it can become markup or a link, and what needs no
/// escape stays as it is, for the same text is read in terminals.
fn escape(text: &str) -> String {
    let text = inert(text);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (i, c) in chars.iter().enumerate() {
        let (before, after) = (i.checked_sub(1).and_then(|i| chars.get(i)), chars.get(i + 1));
        let inside_word = [before, after].iter().all(|c| c.is_some_and(|c| c.is_alphanumeric()));
        match c {
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '@' | '$' => out.extend(['\\', *c]),
            '_' if !inside_word => out.extend(['\\', '_']),
            // These are markup at the start of a line only, and a text may stand there.
            '#' | '+' | '-' | '=' if i == 0 => out.extend(['\\', *c]),
            '.' | ')'
                if after.is_none_or(|c| c.is_whitespace()) && chars[..i].iter().all(char::is_ascii_digit) =>
            {
                out.extend(['\\', *c])
            }
            // At the start a blank indents, at the end it keeps emphasis open.
            ' ' if i == 0 || after.is_none() => out.push_str("&#32;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Where addresses are linked by themselves, these are what they are known by.
            ':' if after == Some(&'/') => out.push_str("&#58;"),
            '.' if ends_with_www(&chars[..i]) => out.push_str("&#46;"),
            c => out.push(*c),
        }
    }
    out
}

fn ends_with_www(chars: &[char]) -> bool {
    chars.len() >= 3 && chars[chars.len() - 3..].iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        for (hostile, shown) in [
            ("[click](http://evil.example)", "\\[click\\](http&#58;//evil.example)"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("# heading", "\\# heading"),
            ("1. item", "1\\. item"),
            ("- item", "\\- item"),
            ("a | b", "a \\| b"),
            ("**bold** _it_ `code` ~~gone~~", "\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\~\\~gone\\~\\~"),
            ("www.evil.example", "www&#46;evil.example"),
            ("me@evil.example", "me\\@evil.example"),
            ("\u{1b}[31mred\u{202e}txt\n# next", "\u{fffd}\\[31mred\u{fffd}txt\u{fffd}# next"),
            ("&amp;", "&amp;amp;"),
        ] {
            assert_eq!(escape(hostile), shown, "{hostile:?}");
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        for text in [
            "POST /v1/charges",
            "connection_refused",
            "2.4.1",
            "card-provider:443",
            "12 of 15 (80 %)",
            "a: b",
        ] {
            assert_eq!(escape(text), text);
        }
    }
}
