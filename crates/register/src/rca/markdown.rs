//! Text from outside in a line of Markdown: it is shown, and nothing in it acts. It knows no document.

use super::Inert;

/// On one line, with nothing in it that Markdown or HTML would act on.
pub(super) fn inline(text: &str, inert: Inert) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = inert(&words.join(" "));
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek();
        let acts = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '~' | '&' | '@' | '$' => true,
            // Between letters it emphasizes nothing, and names are full of them.
            '_' => !(out.ends_with(char::is_alphanumeric) && next.is_some_and(|c| c.is_alphanumeric())),
            // At the start of a line only.
            '-' | '+' | '=' => out.is_empty(),
            ')' => is_number(&out),
            // Where bare addresses become links, these are what they are known by.
            ':' => next == Some(&'/'),
            '.' => is_number(&out) || out.ends_with("www") || out.ends_with("WWW"),
            _ => false,
        };
        if acts {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() < 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
